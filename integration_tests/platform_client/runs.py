"""What a connector said in one run."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import orjson

Json = dict[str, Any]

_TYPES = {"RECORD", "STATE", "LOG", "SPEC", "CONNECTION_STATUS", "CATALOG", "TRACE", "CONTROL", "DESTINATION_CATALOG"}


class NotAMessage(AssertionError):
    """Standard output held something that is no message of the protocol."""


@dataclass
class Run:
    """A finished run. ``lines``: standard output, a message each; reading one that is none raises NotAMessage."""

    exit_code: int
    lines: list[bytes]
    stderr: str = ""
    seconds: float = 0.0

    @cached_property
    def messages(self) -> list[Json]:
        """Everything on standard output."""
        return [_message(line) for line in self.lines]

    def of(self, kind: str) -> list[Any]:
        """The bodies of all messages of a type, such as ``STATE``."""
        key = {"CONNECTION_STATUS": "connectionStatus"}.get(kind, kind.lower())
        return [message[key] for message in self.messages if message["type"] == kind]

    def only(self, kind: str) -> Any:
        """The body of the single message of that type."""
        bodies = self.of(kind)
        assert len(bodies) == 1, f"{len(bodies)} messages of type {kind}\n{self.describe()}"
        return bodies[0]

    def records(self, stream: str | None = None) -> list[Json]:
        """The data of a stream's records, or of all."""
        return [record["data"] for record in self.of("RECORD") if stream in (None, record["stream"])]

    @cached_property
    def counts(self) -> Counter[str]:
        """Records by stream."""
        return Counter(record["stream"] for record in self.of("RECORD"))

    @cached_property
    def state(self) -> list[Json]:
        """The last state of each stream: what the platform keeps and hands to the next run."""
        last: dict[str, Json] = {}
        for state in self.of("STATE"):
            last[state["stream"]["stream_descriptor"]["name"]] = state
        return list(last.values())

    @cached_property
    def errors(self) -> list[Json]:
        """The ERROR traces."""
        return [trace["error"] for trace in self.of("TRACE") if trace["type"] == "ERROR"]

    def statuses(self, stream: str) -> list[str]:
        """The stream's STREAM_STATUS traces, in order."""
        return [
            trace["stream_status"]["status"]
            for trace in self.of("TRACE")
            if trace["type"] == "STREAM_STATUS" and trace["stream_status"]["stream_descriptor"]["name"] == stream
        ]

    @cached_property
    def logs(self) -> str:
        """All log messages, a line each."""
        return "\n".join(f"{log['level']} {log['message']}" for log in self.of("LOG"))

    @cached_property
    def output(self) -> str:
        """Standard output and standard error as text, for searches."""
        return b"\n".join(self.lines).decode(errors="replace") + "\n" + self.stderr

    def describe(self) -> str:
        """What a person needs to see when the run was not as expected: no records."""
        shown = [line for line in self.lines if not line.startswith(b'{"type":"RECORD"')]
        tail = b"\n".join(shown[-20:]).decode(errors="replace")
        return f"exit code {self.exit_code} after {self.seconds:.1f} s\n{tail}\n{self.stderr[-3000:]}"

    def succeeded(self) -> Run:
        """The run itself; AssertionError if it ended with anything but 0."""
        assert self.exit_code == 0, self.describe()
        return self

    def before_last_state(self, stream: str) -> tuple[list[Json], list[Json]]:
        """The stream's records up to its last state, which are safe, and those after it, which may come again."""
        safe: list[Json] = []
        pending: list[Json] = []
        for message in self.messages:
            if message["type"] == "RECORD" and message["record"]["stream"] == stream:
                pending.append(message["record"]["data"])
            elif message["type"] == "STATE" and message["state"]["stream"]["stream_descriptor"]["name"] == stream:
                safe, pending = safe + pending, []
        return safe, pending


def stream_state(name: str, state: Json, namespace: str | None = None) -> Json:
    """A STREAM state message as the platform keeps it."""
    descriptor = {"name": name, **({"namespace": namespace} if namespace else {})}
    return {"type": "STREAM", "stream": {"stream_descriptor": descriptor, "stream_state": state}}


def _message(line: bytes) -> Json:
    try:
        message: Any = orjson.loads(line)
    except json.JSONDecodeError:
        raise NotAMessage(f"not JSON: {line[:500]!r}") from None
    if not isinstance(message, dict) or message.get("type") not in _TYPES:
        raise NotAMessage(f"no message of the protocol: {line[:500]!r}")
    return dict(message)
