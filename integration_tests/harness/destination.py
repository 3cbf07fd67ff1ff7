"""Runs destination-mailchimp, as a process or within this one, against an audience of a simulated account."""

from __future__ import annotations

import logging
import re
import signal
from collections.abc import Iterable
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import orjson

from connector_cli import commands
from connector_cli.output import Output
from destination_mailchimp import DestinationMailchimp
from destination_mailchimp.commands import CONNECTOR
from destination_mailchimp.config import read_config
from destination_mailchimp.input.lines import lines_of
from destination_mailchimp.sync import run_sync
from destination_mailchimp.writing.dispatch import Waits
from integration_tests.harness.connectors import Installed, Piped
from integration_tests.harness.runs import Run
from mailchimp_api.client import RetryPolicy
from mailchimp_api.members import subscriber_hash
from mailchimp_simulator.client import SimulatorProcess

Json = dict[str, Any]

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


def new_people(count: int, **more: Any) -> list[bytes]:
    """RECORD lines of people whom the audience doesn't have. ``more``: columns of each."""
    return [record({"id": n, "email": f"new{n}@example.com", "first_name": f"N{n}", **more}) for n in range(count)]


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


class DestinationRun(Run):
    """What a run of the destination has left behind."""

    def accounting(self, stream: str = "people") -> dict[str, int]:
        """The numbers of a stream's accounting, those that are 0 left out."""
        for match in _ACCOUNTING.finditer(self.log):
            if match["stream"] == stream:
                return {key: int(value) for key, value in match.groupdict().items() if key != "stream" and value != "0"}
        raise AssertionError(f"no accounting of {stream} in:\n{self.log}\n{self.stderr}")


class DestinationHarness:
    """One audience of the simulated account, and ways to write to it."""

    attempts = 5
    """How often `write` tries a call."""
    longest_wait = 60.0
    """How many seconds it waits between two tries at most."""
    waits = Waits(put_off_at_the_end=0.1)
    """How long its calls wait for others."""
    record = staticmethod(record)
    new_people = staticmethod(new_people)
    state = staticmethod(state)
    stream_of = staticmethod(stream_of)

    def __init__(self, simulator: SimulatorProcess, folder: Path) -> None:
        self.simulator = simulator
        self.control = simulator.control
        self._installed = Installed("destination-mailchimp", folder)
        self.list_id = self.audiences()[0]

    def audiences(self) -> list[str]:
        """The ids of the account's audiences."""
        return [row["row"]["id"] for row in self.control.ground_truth("/lists", "rows")["rows"]]

    def config(self, **options: Any) -> Json:
        """A configuration for this audience."""
        return {
            "credentials": {"auth_type": "apikey", "apikey": self.simulator.api_key},
            "list_id": self.list_id,
            "api_url": self.simulator.base_url,
            **options,
        }

    def open(self, config: Json | None = None, streams: list[Json] | None = None, *, command: str = "write") -> Piped:
        """Start a command as a process; its pipes are the caller's."""
        return self._installed.open(command, stdin=True, **self._files(command, config, streams))

    def run(
        self,
        lines: list[bytes] | bytes = b"",
        config: Json | None = None,
        streams: list[Json] | None = None,
        *,
        command: str = "write",
        timeout: float = 120,
    ) -> DestinationRun:
        """Run a command as a process, to its end. ``lines``: its input, or the whole of it as bytes."""
        files = self._files(command, config, streams)
        run = self._installed.run(command, stdin=lines, seconds=timeout, **files)
        return DestinationRun(run.exit_code, run.lines, run.stderr, run.seconds)

    def _files(self, command: str, config: Json | None, streams: list[Json] | None) -> dict[str, Json]:
        if command == "spec":
            return {}
        catalog: dict[str, Json] = {"catalog": {"streams": streams or [stream_of()]}} if command == "write" else {}
        return {"config": config or self.config(), **catalog}

    def write(
        self, lines: list[bytes] | list[list[bytes]], config: Json | None = None, streams: list[Json] | None = None
    ) -> DestinationRun:
        """Do the same within this process, with short waits between attempts: for tests of many runs."""
        chunks = [[line] if isinstance(line, bytes) else line for line in lines]
        return self._write([(chunk, True) for chunk in chunks], config, streams)

    def write_from(self, descriptor: int, config: Json | None = None) -> DestinationRun:
        """The same, from a file descriptor."""
        return self._write(lines_of(descriptor), config, None)

    def _write(
        self, source: Iterable[tuple[list[bytes], bool]], config: Json | None, streams: list[Json] | None
    ) -> DestinationRun:
        sink = BytesIO()
        connector = replace(
            CONNECTOR,
            run=lambda _, context: run_sync(
                read_config(config or self.config()),
                {"streams": streams or [stream_of()]},
                source,
                context.output,
                retry=RetryPolicy(first_wait=0.002, longest_wait=self.longest_wait, attempts=self.attempts),
                waits=self.waits,
            ),
        )
        root = logging.getLogger()
        handlers, level = root.handlers[:], root.level
        signals = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
        try:
            code = commands.run(connector, ["spec"], Output(sink=sink))
        finally:
            root.handlers[:] = handlers
            root.setLevel(level)
        assert {number: signal.getsignal(number) for number in signals} == signals, "they are this process's own"
        return DestinationRun(code, sink.getvalue().splitlines())

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
        keys = self.control.ground_truth("/lists/{list_id}/members", "keys", [self.list_id])["keys"]
        by_hash = {key[1]: key[2] for key in keys}
        return {address: by_hash.get(subscriber_hash(address)) for address in addresses}

    def members(self) -> list[Json]:
        """All contacts of the audience, archived ones included."""
        truth = self.control.ground_truth("/lists/{list_id}/members", "rows", [self.list_id])
        return [row["row"] for row in truth["rows"]]

    def one_with(self, status: str) -> str:
        """The address of a contact with that status."""
        keys = self.control.ground_truth("/lists/{list_id}/members", "keys", [self.list_id])["keys"]
        digest = next(digest for _, digest, found, _ in keys if found == status)
        address: str = self.control.contact(self.list_id, digest)["email_address"]
        return address

    def calls(self, operation: str) -> int:
        """How many calls of an operation have been made since the counts began."""
        return int(self.control.stats()["by_operation"].get(operation, 0))
