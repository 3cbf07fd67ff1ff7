"""Runs destination-mailchimp as a process, as Airbyte does, against a simulated account."""

from __future__ import annotations

import logging
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import orjson
import pytest

from destination_mailchimp import DestinationMailchimp
from destination_mailchimp.config import read_config
from destination_mailchimp.failures import failure_of
from destination_mailchimp.input.lines import lines_of
from destination_mailchimp.output import Output, log_to
from destination_mailchimp.sync import run_sync
from integration_tests.harness import Messages
from mailchimp_api.client import RetryPolicy
from mailchimp_api.members import subscriber_hash
from mailchimp_simulator.client import SimulatorProcess

Json = dict[str, Any]

COMMAND = [sys.executable, "-m", "destination_mailchimp.run"]
_ACCOUNTING = re.compile(
    r"Stream (?P<stream>\S+): (?P<received>\d+) received = (?P<created>\d+) created \+ (?P<updated>\d+) updated \+ "
    r"(?P<removed>\d+) removed \+ (?P<deduplicated>\d+) deduplicated \+ (?P<skipped>\d+) skipped \+ "
    r"(?P<rejected>\d+) rejected \+ (?P<not_written>\d+) not written; (?P<tags_failed>\d+) tags could not be set"
)


def record(data: Any, stream: str = "people", **more: Any) -> bytes:
    """A RECORD line."""
    return orjson.dumps(
        {"type": "RECORD", "record": {"stream": stream, "emitted_at": 1_700_000_000_000, "data": data, **more}}
    )


def state(value: Any, stream: str = "people") -> bytes:
    """A STREAM state line."""
    return orjson.dumps(
        {
            "type": "STATE",
            "state": {
                "type": "STREAM",
                "stream": {"stream_descriptor": {"name": stream}, "stream_state": {"at": value}},
                "sourceStats": {"recordCount": 1.0},
            },
        }
    )


def stream_of(name: str = "people", columns: list[str] | None = None, **more: Any) -> Json:
    """One stream of a configured catalog."""
    properties: Json = {column: {} for column in columns or []}
    return {
        "stream": {
            "name": name,
            "json_schema": {"type": "object", "properties": properties},
            "supported_sync_modes": ["full_refresh", "incremental"],
        },
        "sync_mode": "incremental",
        "destination_sync_mode": "append_dedup",
        "primary_key": [["id"]],
        "cursor_field": ["updated_at"],
        **more,
    }


@dataclass
class Ended(Messages):
    """What a run has left behind."""

    code: int
    output: bytes
    errors: bytes

    def printed(self) -> list[bytes]:
        """Standard output, line by line."""
        return self.output.splitlines()

    @property
    def log(self) -> str:
        """All log messages, a line each."""
        return "\n".join(self.logs())

    def accounting(self, stream: str = "people") -> dict[str, int]:
        """The numbers of a stream's accounting, those that are 0 left out."""
        for match in _ACCOUNTING.finditer(self.log):
            if match["stream"] == stream:
                return {key: int(value) for key, value in match.groupdict().items() if key != "stream" and value != "0"}
        raise AssertionError(f"no accounting of {stream} in:\n{self.log}\n{self.errors.decode()}")


class Bench:
    """One audience of the simulated account, and ways to write to it."""

    attempts = 5
    """How often `write` tries a call."""
    record = staticmethod(record)
    state = staticmethod(state)
    stream_of = staticmethod(stream_of)

    def __init__(self, simulator: SimulatorProcess, folder: Path) -> None:
        self.simulator = simulator
        self.control = simulator.control
        self.folder = folder
        self.list_id = self.audiences()[0]

    def audiences(self) -> list[str]:
        """The ids of the account's audiences."""
        return [row["row"]["id"] for row in self.control.truth("/lists", "rows")["rows"]]

    def config(self, **options: Any) -> Json:
        """A configuration for this audience."""
        return {
            "credentials": {"auth_type": "apikey", "apikey": self.simulator.api_key},
            "list_id": self.list_id,
            "api_url": self.simulator.base_url,
            **options,
        }

    def start(
        self, config: Json | None = None, streams: list[Json] | None = None, *, command: str = "write"
    ) -> subprocess.Popen[bytes]:
        """Start the command line; whoever calls feeds it."""
        config_path, catalog_path = self.folder / "config.json", self.folder / "catalog.json"
        config_path.write_bytes(orjson.dumps(config or self.config()))
        catalog_path.write_bytes(orjson.dumps({"streams": streams or [stream_of()]}))
        arguments = [*COMMAND, command, "--config", str(config_path)]
        if command == "write":
            arguments += ["--catalog", str(catalog_path)]
        return subprocess.Popen(
            arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={**os.environ}
        )

    def run(
        self,
        lines: list[bytes] | bytes = b"",
        config: Json | None = None,
        streams: list[Json] | None = None,
        *,
        command: str = "write",
        timeout: float = 120,
    ) -> Ended:
        """Run the command line to its end."""
        process = self.start(config, streams, command=command)
        data = lines if isinstance(lines, bytes) else b"".join(line + b"\n" for line in lines)
        output, errors = process.communicate(data, timeout=timeout)
        return Ended(process.returncode, output, errors)

    def write(
        self, lines: list[bytes] | list[list[bytes]], config: Json | None = None, streams: list[Json] | None = None
    ) -> Ended:
        """Do the same within this process, with short waits between attempts: for tests of many runs."""
        chunks = [[line] if isinstance(line, bytes) else line for line in lines]
        return self._write([(chunk, True) for chunk in chunks], config, streams)

    def write_from(self, descriptor: int, config: Json | None = None) -> Ended:
        """The same, from a file descriptor."""
        return self._write(lines_of(descriptor), config, None)

    def _write(
        self, source: Iterable[tuple[list[bytes], bool]], config: Json | None, streams: list[Json] | None
    ) -> Ended:
        produced = BytesIO()
        output = Output(produced)
        handlers, level = logging.getLogger().handlers[:], logging.getLogger().level
        signals = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
        log_to(output)
        try:
            code = run_sync(
                read_config(config or self.config()),
                {"streams": streams or [stream_of()]},
                source,
                output,
                retry=RetryPolicy(first_wait=0.002, attempts=self.attempts),
            )
        except Exception as error:  # noqa: BLE001 - as the command line does
            output.trace(failure_of(error), error)
            code = 1
        finally:
            logging.getLogger().handlers[:] = handlers
            logging.getLogger().setLevel(level)
        assert {number: signal.getsignal(number) for number in signals} == signals, "they are this process's own"
        return Ended(code, produced.getvalue(), b"")

    def check(self, config: Json) -> Json:
        """Run the check command within this process: the connection status."""
        status = DestinationMailchimp().check(logging.getLogger("airbyte"), config)
        return {"status": status.status.value, "message": status.message}

    def contact(self, address: str) -> Json:
        """The contact as it really is."""
        return self.control.contact(self.list_id, subscriber_hash(address))

    def status(self, address: str) -> str | None:
        """Its status; None if it does not exist."""
        status: str | None = self.contact(address).get("status")
        return status

    def statuses(self, addresses: Iterable[str]) -> dict[str, str | None]:
        """The statuses of many contacts; None for those that don't exist or were deleted for good."""
        keys = self.control.truth("/lists/{list_id}/members", "keys", [self.list_id])["keys"]
        by_hash = {key[1]: key[2] for key in keys}
        return {address: by_hash.get(subscriber_hash(address)) for address in addresses}

    def members(self) -> list[Json]:
        """All contacts of the audience, archived ones included."""
        truth = self.control.truth("/lists/{list_id}/members", "rows", [self.list_id])
        return [row["row"] for row in truth["rows"]]

    def one_with(self, status: str) -> str:
        """The address of a contact with that status."""
        address: str = next(row["email_address"] for row in self.members() if row["status"] == status)
        return address

    def calls(self, operation: str) -> int:
        """How many calls of an operation have been made since the counts began."""
        return int(self.control.stats()["by_operation"].get(operation, 0))


@pytest.fixture(scope="module")
def simulator() -> Iterator[SimulatorProcess]:
    """A simulated account, one for each module of tests."""
    with SimulatorProcess(contacts=600, audiences=2, campaigns=2) as running:
        yield running


@pytest.fixture
def bench(simulator: SimulatorProcess, tmp_path: Path) -> Bench:
    """The account as it was seeded, and its first audience."""
    simulator.control.reset()
    return Bench(simulator, tmp_path)
