"""Runs `source-mailchimp` against a simulator as a platform does: files for config, catalog and state."""

from __future__ import annotations

import functools
import json
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from benchmarks.measure import Cost, Json, run
from mailchimp_simulator.client import Simulator

BIN = Path(sys.executable).parent
SOURCE = BIN / "source-mailchimp"


class Source:
    """The connector, with its files in ``folder``. ``options``: of its configuration, beside access."""

    def __init__(self, simulator: Simulator, folder: Path, **options: Any) -> None:
        self.simulator = simulator
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
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
    ) -> list[str | Path]:
        """The command that reads so, its files in place."""
        command: list[str | Path] = [SOURCE, "read", "--config", self._file("config", self._config)]
        command += ["--catalog", self._file("catalog", {"streams": configured(streams, mode)})]
        if state is not None:
            command += ["--state", self._file("state", state)]
        return command

    def _file(self, name: str, content: object) -> Path:
        path = self.folder / f"{name}.json"
        path.write_text(json.dumps(content), encoding="utf-8")
        return path


def configured(streams: Iterable[str] | None, mode: str) -> list[Json]:
    """The configured catalog's entries for ``streams`` (default: all), in ``mode`` where the stream knows it."""
    wanted = None if streams is None else set(streams)
    known = discovered()
    unknown = (wanted or set()) - {stream["name"] for stream in known}
    if unknown:
        raise ValueError(f"no such streams: {sorted(unknown)}")
    return [
        {
            "stream": stream,
            "sync_mode": mode if mode in stream["supported_sync_modes"] else "full_refresh",
            "destination_sync_mode": "append",
        }
        for stream in known
        if wanted is None or stream["name"] in wanted
    ]


@functools.cache
def discovered() -> list[Json]:
    """The streams that ``discover`` lists. It asks no server, so any configuration does."""
    folder = Path(".tmp")
    folder.mkdir(exist_ok=True)
    config = folder / "discover.json"
    config.write_text(json.dumps({"credentials": {"auth_type": "apikey", "apikey": "0-us1"}}), encoding="utf-8")
    output = subprocess.run([SOURCE, "discover", "--config", config], check=True, capture_output=True, text=True).stdout
    catalogs = [json.loads(line)["catalog"] for line in output.splitlines() if '"CATALOG"' in line]
    streams: list[Json] = catalogs[0]["streams"]
    return streams
