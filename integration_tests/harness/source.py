"""Runs source-mailchimp against a simulated account.

As a process, as Airbyte does, or, where a test needs many runs, in this process through the connector's entry point,
which saves the start-up and nothing else.
"""

from __future__ import annotations

import io
import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from connector_cli import commands
from connector_cli.output import Output
from integration_tests.harness.catalogs import configured
from integration_tests.harness.connectors import Installed, Piped
from integration_tests.harness.runs import Run
from mailchimp_api.retries import RetryPolicy
from mailchimp_simulator.client import Simulator, SimulatorProcess
from source_mailchimp.commands import connector
from source_mailchimp.streams import STREAMS

Json = dict[str, Any]


class SourceRun(Run):
    """What a run of the source has left behind."""

    def keys(self, stream: str) -> list[tuple[Any, ...]]:
        """The primary keys of a stream's records, in order."""
        names = STREAMS[stream].key
        return [tuple(record.get(name) for name in names) for record in self.records(stream)]

    @property
    def failures(self) -> dict[str | None, Json]:
        """ERROR traces: by stream, and under None that of the whole sync."""
        return {(error.get("stream_descriptor") or {}).get("name"): error for error in self.error_traces}

    @property
    def answer(self) -> Json:
        """The one answer of ``check``, ``discover`` or ``spec``."""
        [answer] = [body for kind in ("CONNECTION_STATUS", "CATALOG", "SPEC") for body in self.of(kind)]
        body: Json = answer
        return body


class SourceHarness:
    """The source, set up for one simulated account. ``folder``: for the files that a command is given."""

    retry: RetryPolicy | None = None
    """How often, and after which waits, a read in this process tries a request; None: as a real one does."""

    def __init__(self, simulator: Simulator, folder: Path) -> None:
        self.simulator = simulator
        self._installed = Installed("source-mailchimp", folder)
        self._catalog: list[Json] | None = None

    def config(self, **options: Any) -> Json:
        """A configuration for this account; an option that is ``...`` is left out."""
        credentials = {"auth_type": "apikey", "apikey": self.simulator.api_key}
        given = {"credentials": credentials, "api_url": self.simulator.base_url, "num_workers": 10, **options}
        return {name: value for name, value in given.items() if value is not ...}

    def streams(self) -> list[Json]:
        """What ``discover`` finds."""
        if self._catalog is None:
            self._catalog = self.in_process("discover").answer["streams"]
        return self._catalog

    def catalog(self, names: Iterable[str] | None = None, mode: str = "incremental") -> Json:
        """A configured catalog of these streams (None: all), in that mode where they have it."""
        return configured(self.streams(), names, incremental=mode == "incremental")

    def read(
        self,
        names: Iterable[str] | None = None,
        mode: str = "incremental",
        state: list[Json] | None = None,
        **options: Any,
    ) -> SourceRun:
        """Read in this process. ``options`` go into the configuration."""
        return self.in_process("read", self.config(**options), self.catalog(names, mode), state)

    def in_process(
        self, command: str, config: Json | None = None, catalog: Json | None = None, state: list[Json] | None = None
    ) -> SourceRun:
        """Run a command in this process, with its messages as they would be printed."""
        sink = io.BytesIO()
        root = logging.getLogger()
        handlers, level = root.handlers[:], root.level
        _, *arguments = self._installed.command_line(command, **self._files(command, config, catalog, state))
        try:
            code = commands.run(connector(self.retry), arguments, Output(sink=sink))
        finally:
            root.handlers[:] = handlers
            root.setLevel(level)
        return SourceRun(code, sink.getvalue().splitlines())

    def run(
        self,
        command: str,
        config: Json | None = None,
        catalog: Json | None = None,
        state: list[Json] | None = None,
        *,
        arguments: Iterable[str] = (),
        timeout: float = 60,
    ) -> SourceRun:
        """Run a command of the connector as a process, to its end. ``arguments``: more of them."""
        files = self._files(command, config, catalog, state)
        run = self._installed.run(command, seconds=timeout, more=arguments, **files)
        return SourceRun(run.exit_code, run.lines, run.stderr, run.seconds)

    def open(
        self, command: str, config: Json | None = None, catalog: Json | None = None, state: list[Json] | None = None
    ) -> Piped:
        """Start a command of the connector as a process; its pipes are the caller's."""
        return self._installed.open(command, **self._files(command, config, catalog, state))

    def _files(
        self, command: str, config: Json | None, catalog: Json | None, state: list[Json] | None
    ) -> dict[str, Any]:
        if command == "spec":
            return {}
        given = self.config() if config is None else config
        return {"config": given, **({"catalog": catalog, "state": state} if command == "read" else {})}


@contextmanager
def simulated_source(account: Json, folder: Path) -> Iterator[SourceHarness]:
    """A simulated account of its own (``account``: the simulator's options) and a source for it, while a block runs."""
    with SimulatorProcess(**account) as simulator:
        yield SourceHarness(simulator, folder)
