"""Runs source-mailchimp against a simulated account.

As a process, as Airbyte does, or, where a test needs many runs, in this process through the connector's entry point,
which saves the start-up and nothing else.
"""

from __future__ import annotations

import io
import logging
import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
import pytest

from connector_cli import commands
from connector_cli.output import Output
from integration_tests.harness import Messages
from mailchimp_simulator.client import Simulator, SimulatorProcess
from source_mailchimp.commands import CONNECTOR
from source_mailchimp.streams import STREAMS

Json = dict[str, Any]

COMMAND = str(Path(sys.executable).with_name("source-mailchimp"))


@dataclass
class Run(Messages):
    """What a run of the source has left behind."""

    code: int
    output: bytes
    errors: bytes = b""

    def printed(self) -> list[bytes]:
        """Standard output, line by line."""
        return self.output.splitlines()

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


@dataclass
class SourceRunner:
    """The source, set up for one simulated account. ``folder``: for the files that a command is given."""

    simulator: Simulator
    folder: Path
    _number: int = field(default=0)
    _catalog: list[Json] | None = None

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
        wanted = None if names is None else set(names)
        chosen = [stream for stream in self.streams() if wanted is None or stream["name"] in wanted]
        assert wanted is None or {stream["name"] for stream in chosen} == wanted
        return {
            "streams": [
                {
                    "stream": stream,
                    "sync_mode": mode if mode in stream["supported_sync_modes"] else "full_refresh",
                    "destination_sync_mode": "append",
                }
                for stream in chosen
            ]
        }

    def read(
        self,
        names: Iterable[str] | None = None,
        mode: str = "incremental",
        state: list[Json] | None = None,
        **options: Any,
    ) -> Run:
        """Read in this process. ``options`` go into the configuration."""
        return self.in_process("read", self.config(**options), self.catalog(names, mode), state)

    def in_process(
        self, command: str, config: Json | None = None, catalog: Json | None = None, state: list[Json] | None = None
    ) -> Run:
        """Run a command in this process, with its messages as they would be printed."""
        sink = io.BytesIO()
        root = logging.getLogger()
        handlers, level = root.handlers[:], root.level
        try:
            code = commands.run(CONNECTOR, self._arguments(command, config, catalog, state), Output(sink=sink))
        finally:
            root.handlers[:] = handlers
            root.setLevel(level)
        return Run(code, sink.getvalue())

    def run(
        self,
        command: str,
        config: Json | None = None,
        catalog: Json | None = None,
        state: list[Json] | None = None,
        *,
        arguments: Iterable[str] = (),
        timeout: float = 60,
    ) -> Run:
        """Run a command of the connector as a process, to its end."""
        process = self.start(command, config, catalog, state, arguments=arguments)
        output, errors = process.communicate(timeout=timeout)
        return Run(process.returncode, output, errors)

    def start(
        self,
        command: str,
        config: Json | None = None,
        catalog: Json | None = None,
        state: list[Json] | None = None,
        *,
        arguments: Iterable[str] = (),
    ) -> subprocess.Popen[bytes]:
        """Start a command of the connector as a process."""
        line = [COMMAND, *self._arguments(command, config, catalog, state), *arguments]
        # Compiled once and kept: a process starts in a third of the time.
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        return subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment)

    def _arguments(
        self, command: str, config: Json | None, catalog: Json | None, state: list[Json] | None
    ) -> list[str]:
        arguments = [command]
        if command != "spec":
            arguments += ["--config", self._file(self.config() if config is None else config)]
        if command == "read":
            arguments += ["--catalog", self._file(catalog)]
            if state is not None:
                arguments += ["--state", self._file(state)]
        return arguments

    def _file(self, content: Any) -> str:
        self._number += 1
        path = self.folder / f"{self._number}.json"
        path.write_bytes(orjson.dumps(content))
        return str(path)


@pytest.fixture(scope="session")
def make_source() -> Callable[[Json, Path], AbstractContextManager[SourceRunner]]:
    """Makes a simulated account of its own and a source for it, for as long as a block runs."""

    @contextmanager
    def make(account: Json, folder: Path) -> Iterator[SourceRunner]:
        with SimulatorProcess(**account) as simulator:
            yield SourceRunner(simulator, folder)

    return make


@pytest.fixture(scope="session")
def make_runner() -> type[SourceRunner]:
    """Sets the source up for a simulator that runs."""
    return SourceRunner


@pytest.fixture(scope="module")
def account() -> Json:
    """The options of the module's simulator; a module that needs another account has a fixture of this name."""
    return {"contacts": 240, "campaigns": 8, "recipients": 30, "import_size": 50}


@pytest.fixture(scope="module")
def simulator_process(account: Json) -> Iterator[SimulatorProcess]:
    """One simulator for a module's tests."""
    with SimulatorProcess(**account) as running:
        yield running


@pytest.fixture
def simulator(simulator_process: SimulatorProcess) -> SimulatorProcess:
    """The simulated account as it was seeded, without faults, changes and counts."""
    simulator_process.control.reset()
    return simulator_process


@pytest.fixture
def config(simulator: SimulatorProcess) -> Json:
    """The way into the simulated account."""
    return {"credentials": {"auth_type": "apikey", "apikey": simulator.api_key}, "api_url": simulator.base_url}


@pytest.fixture
def source(simulator: SimulatorProcess, tmp_path: Path) -> SourceRunner:
    """The source, set up for the simulated account."""
    return SourceRunner(simulator, tmp_path)
