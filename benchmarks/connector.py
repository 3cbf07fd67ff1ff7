"""Runs `source-mailchimp` against a simulator as a platform does, and tells what it cost."""

from __future__ import annotations

import functools
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from benchmarks.measure import Cost, Json, run
from integration_tests.harness import Installed, configured
from mailchimp_simulator.client import Simulator

SOURCE = Installed("source-mailchimp", Path()).script


class Source:
    """The connector, with its files in ``folder``. ``options``: of its configuration, beside access."""

    def __init__(self, simulator: Simulator, folder: Path, **options: Any) -> None:
        self.simulator = simulator
        self._installed = Installed("source-mailchimp", folder)
        credentials = {"auth_type": "apikey", "apikey": simulator.api_key}
        self._config = {"credentials": credentials, "api_url": simulator.base_url, "num_workers": 10, **options}

    def read(
        self,
        streams: Iterable[str] | None = None,
        *,
        mode: str = "full_refresh",
        state: list[Json] | None = None,
        on_record: Callable[[bytes], None] | None = None,
        stop_after: float | None = None,
    ) -> Cost:
        """Read ``streams`` (default: all) in ``mode``, those that can; the simulator counts from zero."""
        command = self.command(streams, mode=mode, state=state)
        self.simulator.control.reset_stats()
        return run(command, on_record=on_record, keep_states=True, stop_after=stop_after)

    def command(
        self, streams: Iterable[str] | None, *, mode: str = "full_refresh", state: list[Json] | None = None
    ) -> list[str]:
        """The command that reads so, its files in place. Raises KeyError for a stream that isn't there."""
        catalog = configured(discovered(), streams, incremental=mode == "incremental")
        return self._installed.command_line("read", config=self._config, catalog=catalog, state=state)


@functools.cache
def discovered() -> list[Json]:
    """The streams that ``discover`` lists. It asks no server, so any configuration does."""
    with tempfile.TemporaryDirectory() as folder:
        return Installed("source-mailchimp", Path(folder)).streams(
            {"credentials": {"auth_type": "apikey", "apikey": "0-us1"}}
        )
