"""From a line of input to a contact, a STATE or nothing. Whatever the line holds, the sync goes on."""

from __future__ import annotations

import logging
from typing import Any

from destination_mailchimp.accounting.ledger import Segment, StreamLedger
from destination_mailchimp.accounting.rejects import Rejects
from destination_mailchimp.accounting.states import States, scope_of
from destination_mailchimp.contacts.contact import Contact
from destination_mailchimp.contacts.cursors import Cursor
from destination_mailchimp.failures import RecordRejected
from destination_mailchimp.input.lines import decode
from destination_mailchimp.mapping.record import RecordMapper, RecordSkipped

logger = logging.getLogger("airbyte.destination_mailchimp")

_LOGGED = 10
_UNEXPECTED = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError, RecursionError)


class Intake:
    """Reads lines. ``streams`` maps (namespace, name) to a stream's mapper and ledger."""

    def __init__(
        self,
        streams: dict[tuple[str | None, str], tuple[RecordMapper, StreamLedger]],
        states: States,
        rejects: Rejects,
    ) -> None:
        self._streams = streams
        self._states = states
        self._rejects = rejects
        self._unknown: dict[tuple[str | None, str], StreamLedger] = {}
        self.unreadable = 0

    @property
    def ledgers(self) -> list[StreamLedger]:
        """The ledgers of all streams, of those too that are not in the catalog but came in all the same."""
        ledgers = {id(ledger): ledger for _, ledger in self._streams.values()}
        return [*ledgers.values(), *self._unknown.values()]

    @staticmethod
    def readable(line: bytes) -> bool:
        """Whether a line is JSON at all."""
        try:
            decode(line)
        except ValueError:
            return False
        return True

    def take(self, line: bytes) -> tuple[Contact, Cursor] | None:
        """Deal with a line; returns the contact that it asks for, if it asks for one."""
        if not line or line.isspace():
            return None
        try:
            message = decode(line)
        except ValueError:
            self._ignore("is not JSON")
            return None
        if not isinstance(message, dict):
            self._ignore("is not a message")
            return None
        kind = message.get("type")
        if kind == "RECORD":
            return self._record(message.get("record"))
        if kind == "STATE":
            self._state(line, message.get("state"))
        elif not isinstance(kind, str):
            self._ignore("is a message without a type")
        # Any other message is for the platform, or of a protocol newer than this: not ours.
        return None

    def _record(self, record: Any) -> tuple[Contact, Cursor] | None:
        name = record.get("stream") if isinstance(record, dict) else None
        if not isinstance(name, str):
            self._ignore("is a record without a stream")
            return None
        namespace = record.get("namespace")
        key = (namespace if isinstance(namespace, str) and namespace else None, name)
        known = self._find(key)
        ledger = known[1] if known else self._stranger(key)
        segment = ledger.receive()
        data = record.get("data")
        mapper = known[0] if known else None
        try:
            try:
                return self._mapped(mapper, data, ledger, segment)
            except _UNEXPECTED as error:
                # One odd record must not keep all others from being written, this time and every time after.
                fault = RecordRejected("unreadable", f"The record can't be made sense of ({type(error).__name__}).")
            except RecordRejected as rejected:
                fault = rejected
            self._reject(mapper, data, ledger, segment, fault)
        except RecordSkipped as skipped:
            ledger.finish(segment, "skipped", str(skipped))
        except Exception:
            # It ends the sync; its segment stays open, so that no STATE passes the record.
            ledger.outcomes["not_written"] += 1
            raise
        return None

    def _reject(
        self, mapper: RecordMapper | None, data: Any, ledger: StreamLedger, segment: Segment, fault: RecordRejected
    ) -> None:
        self._rejects.add(
            ledger.label,
            fault,
            address=mapper.address(data) if mapper else "",
            primary_key=mapper.primary_key(data) if mapper else None,
            record=data,
        )
        ledger.finish(segment, "rejected", fault.reason)

    @staticmethod
    def _mapped(
        mapper: RecordMapper | None, data: Any, ledger: StreamLedger, segment: Segment
    ) -> tuple[Contact, Cursor]:
        if mapper is None:
            raise RecordRejected("unknown_stream", "The record's stream is not in the catalog.")
        if not isinstance(data, dict):
            raise RecordRejected("no_data", "The record's data is not an object.")
        return mapper.map(data, ledger, segment)

    def _state(self, line: bytes, state: Any) -> None:
        if not isinstance(state, dict):
            self._ignore("is a STATE without content")
            return
        scope = scope_of(state)
        known = self._find(scope) if scope else None
        # A stream that is not known may be one that is, named in another way: its STATE waits for all of them.
        self._states.arrive(line, known[1] if known else None, self.ledgers)

    def _find(self, key: tuple[str | None, str]) -> tuple[RecordMapper, StreamLedger] | None:
        """The stream that is meant; by its name alone where only one has it and the namespace is missing or new."""
        known = self._streams.get(key)
        if known is None and key not in self._unknown:
            same = [stream for (_, name), stream in self._streams.items() if name == key[1]]
            if len(same) == 1:
                self._streams[key] = known = same[0]
        return known

    def _stranger(self, key: tuple[str | None, str]) -> StreamLedger:
        if key not in self._unknown:
            self._unknown[key] = StreamLedger(key[1], key[0])
        return self._unknown[key]

    def _ignore(self, why: str) -> None:
        self.unreadable += 1
        if self.unreadable <= _LOGGED:
            logger.warning("A line of input %s; it is ignored and counted (its content is not shown)", why)
