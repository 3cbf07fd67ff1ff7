"""Turns what happens during a sync into Airbyte messages."""

from __future__ import annotations

import logging
import time
import traceback
from collections.abc import Mapping
from dataclasses import dataclass

from connector_cli import messages
from connector_cli.errors import CommandFailed, FailureType
from connector_cli.memory import return_freed_memory
from connector_cli.output import Output
from mailchimp_api.errors import ConfigError, MailchimpError, TransientError
from mailchimp_api.masking import mask
from source_mailchimp.errors import (
    IncompleteListing,
    ParentFailed,
    ParentRefused,
    ParentsRefused,
    PartlyRefused,
    RowsMissing,
)
from source_mailchimp.reader.output import Checkpoint, Ended, Estimate, Event, ParentsRead, Records, Started

logger = logging.getLogger("airbyte.source_mailchimp")

_REASONS_TOLD = 3
_AT_ONCE = 100  # records: more are a needless copy of a megabyte


class SyncFailed(CommandFailed):
    """Some streams are not complete; each has had a trace of its own."""


def failure_of(error: Exception) -> CommandFailed:
    """What a person is told of ``error``: a text, and whether to change the configuration or to try again."""
    if isinstance(error, CommandFailed):
        return error
    kind: FailureType = "system_error"
    if isinstance(error, (ConfigError, ParentRefused, ParentsRefused, PartlyRefused)):
        kind = "config_error"
    elif isinstance(error, (TransientError, IncompleteListing, ParentFailed, RowsMissing)):
        kind = "transient_error"
    expected = isinstance(error, MailchimpError)
    text = mask(str(error)) if expected else f"Something went wrong in the connector itself ({type(error).__name__})."
    return CommandFailed(text, kind, mask(f"{type(error).__name__}: {error}"))


@dataclass
class StreamCount:
    """How far a stream is. ``estimate``: rows it will have in all, as far as is known; 0 if it isn't.

    ``parents``: under how many it looks, 0 if that isn't known or there are none.
    """

    records: int = 0
    since_state: int = 0
    estimate: int = 0
    parents: int = 0
    parents_done: int = 0
    open: bool = False


class EventWriter:
    """Writes the messages of events to ``output``. ``namespaces``: by stream, as the catalog has them.

    The records of a STATE's ``sourceStats`` are counted here: those of the stream since its last STATE.
    """

    def __init__(self, output: Output, namespaces: Mapping[str, str | None]) -> None:
        self._output = output
        self._namespaces = namespaces
        self._began = time.monotonic()
        self._failures: dict[str, CommandFailed] = {}
        self.counts: dict[str, StreamCount] = {}

    def write(self, event: Event) -> None:
        """Write the messages that tell ``event``. Raises OutputLost."""
        name = event.stream.name
        count = self.counts.setdefault(name, StreamCount())
        match event:
            case Records(_, records):
                if not count.records:
                    self._status(name, "RUNNING")
                count.records += len(records)
                count.since_state += len(records)
                for begin in range(0, len(records), _AT_ONCE):
                    part = records[begin : begin + _AT_ONCE]
                    self._output.add(messages.records(name, self._namespaces.get(name), part))
            case Checkpoint(_, state):
                self._output.emit(messages.state(name, self._namespaces.get(name), state, count.since_state))
                count.since_state = 0
                return_freed_memory()
            case Estimate(_, rows):
                count.estimate = rows
                self._output.emit(messages.estimate(name, self._namespaces.get(name), rows))
            case ParentsRead(_, done, total):
                count.parents_done, count.parents = done, total
            case Started():
                count.open = True
                self._status(name, "STARTED")
            case Ended(_, error):
                self._end(name, count, error)

    def _end(self, name: str, count: StreamCount, error: Exception | None) -> None:
        count.open = False
        # All streams begin at once: which one made the sync long shows in when it ended.
        seconds = time.monotonic() - self._began
        logger.info("%s: %s records, ended after %.1f s", name, f"{count.records:,}", seconds)
        if error:
            self.fail(name, error)
        else:
            self._status(name, "COMPLETE")

    def fail(self, name: str, error: Exception) -> None:
        """Say that stream ``name`` is not complete, and why; ``raise_failures`` will tell again."""
        failure = failure_of(error)
        self._failures[name] = failure
        self._output.emit(
            messages.error(
                failure.message,
                failure.internal,
                failure.failure_type,
                stack_trace=mask("".join(traceback.format_exception(error))),
                stream=messages.descriptor(name, self._namespaces.get(name)),
            )
        )
        self._status(name, "INCOMPLETE")

    def abandon(self) -> None:
        """Say of every stream under way that it is not complete."""
        for name in sorted(name for name, count in self.counts.items() if count.open):
            self.counts[name].open = False
            self._status(name, "INCOMPLETE")

    def raise_failures(self) -> None:
        """Raise SyncFailed if a stream has failed, so that the process exits with 1."""
        if not self._failures:
            return
        kinds = {failure.failure_type for failure in self._failures.values()}
        order: tuple[FailureType, ...] = ("config_error", "system_error", "transient_error")
        told = sorted(self._failures.items())[:_REASONS_TOLD]
        reasons = "; ".join(
            failure.message if f"no stream {name}." in failure.message else f"{name}: {failure.message}"
            for name, failure in told
        )
        # Once each is enough: names stand in front only if some have no reason told.
        names = f"{', '.join(sorted(self._failures))}. " if len(self._failures) > _REASONS_TOLD else ""
        raise SyncFailed(
            f"Not complete: {names}{reasons}", next(kind for kind in order if kind in kinds), internal=reasons
        )

    def _status(self, name: str, status: messages.StreamStatus) -> None:
        self._output.emit(messages.status(name, self._namespaces.get(name), status))
