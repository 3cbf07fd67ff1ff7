"""Reading the messages of the Airbyte protocol that a connector has printed."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections import Counter
from functools import cached_property
from typing import Any

import orjson

Json = dict[str, Any]

_TYPES = {"RECORD", "STATE", "LOG", "SPEC", "CONNECTION_STATUS", "CATALOG", "TRACE", "CONTROL", "DESTINATION_CATALOG"}
_TYPES |= {"DEBUG"}  # in no protocol: the CDK's way to print a debug log, which the platform passes over


class NotAMessage(AssertionError):
    """Standard output held something that is no message of the protocol."""


class Messages(ABC):
    """What a connector said. Reading a line that is no message raises NotAMessage."""

    @abstractmethod
    def printed(self) -> list[bytes]:
        """Standard output, line by line."""

    @cached_property
    def messages(self) -> list[Json]:
        """Everything on standard output."""
        return [_message(line) for line in self.printed()]

    def of(self, kind: str) -> list[Any]:
        """The bodies of all messages of a type, such as ``STATE``."""
        key = {"CONNECTION_STATUS": "connectionStatus"}.get(kind, kind.lower())
        return [message[key] for message in self.messages if message["type"] == kind]

    @cached_property
    def by_stream(self) -> dict[str, list[Json]]:
        """The data of all records, by stream."""
        found: dict[str, list[Json]] = {}
        for record in self.of("RECORD"):
            found.setdefault(record["stream"], []).append(record["data"])
        return found

    def records(self, stream: str) -> list[Json]:
        """The data of a stream's records, in order."""
        return self.by_stream.get(stream, [])

    @property
    def counts(self) -> Counter[str]:
        """How many records each stream has."""
        return Counter({name: len(records) for name, records in self.by_stream.items()})

    @property
    def states(self) -> list[Json]:
        """All states, in order."""
        return self.of("STATE")

    @property
    def last_states(self) -> list[Json]:
        """The last state of each stream: what the platform keeps and hands to the next run."""
        return list({state["stream"]["stream_descriptor"]["name"]: state for state in self.states}.values())

    def statuses(self, stream: str) -> list[str]:
        """What the traces said of a stream: STARTED, RUNNING, COMPLETE, INCOMPLETE."""
        return [status for name, status in self._statuses() if name == stream]

    @property
    def complete(self) -> set[str]:
        """The streams that ended as complete."""
        return {name for name, status in self._statuses() if status == "COMPLETE"}

    @property
    def incomplete(self) -> set[str]:
        """The streams that ended as incomplete."""
        return {name for name, status in self._statuses() if status == "INCOMPLETE"}

    @property
    def error_traces(self) -> list[Json]:
        """What the ERROR traces hold."""
        return [trace["error"] for trace in self.of("TRACE") if trace["type"] == "ERROR"]

    def logs(self, *levels: str) -> list[str]:
        """Log messages, of these levels or of all."""
        return [log["message"] for log in self.of("LOG") if not levels or log["level"] in levels]

    def _statuses(self) -> list[tuple[str, str]]:
        statuses = [trace["stream_status"] for trace in self.of("TRACE") if trace["type"] == "STREAM_STATUS"]
        return [(status["stream_descriptor"]["name"], status["status"]) for status in statuses]


def _message(line: bytes) -> Json:
    try:
        message: Any = orjson.loads(line)
    except json.JSONDecodeError:
        try:
            # JSON has numbers that are greater than any float; nan and infinity it has not.
            message = json.loads(line, parse_constant=_refused)
        except ValueError:
            raise NotAMessage(f"not JSON: {line[:500]!r}") from None
    if not isinstance(message, dict) or message.get("type") not in _TYPES:
        raise NotAMessage(f"no message of the protocol: {line[:500]!r}")
    return dict(message)


def _refused(constant: str) -> None:
    raise ValueError(constant)
