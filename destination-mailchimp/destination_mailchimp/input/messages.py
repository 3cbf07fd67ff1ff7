"""From a line of input to a contact, a STATE or nothing. Whatever the line holds, the sync goes on."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from destination_mailchimp.accounting.ledger import Outcome, Receipt, StreamLedger
from destination_mailchimp.accounting.rejects import Rejects
from destination_mailchimp.accounting.states import States, scope_of
from destination_mailchimp.audience.fields import MergeField
from destination_mailchimp.failures import RecordRejected
from destination_mailchimp.input.lines import decode
from destination_mailchimp.mapping.record import FieldsWanted, Mapped, RecordMapper, RecordSkipped, WantedField

logger = logging.getLogger("airbyte.destination_mailchimp")

_LOGGED = 10
_UNEXPECTED = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError, RecursionError)


class MessageReader:
    """Reads messages. ``streams`` maps (namespace, name) to a stream's mapper and ledger."""

    def __init__(
        self,
        streams: dict[tuple[str | None, str], tuple[RecordMapper, StreamLedger]],
        states: States,
        rejects: Rejects,
        make_field: Callable[[WantedField], MergeField | None],
    ) -> None:
        self._streams = streams
        self._states = states
        self._rejects = rejects
        self._make_field = make_field
        self._unknown: dict[tuple[str | None, str], StreamLedger] = {}
        self.unreadable = 0

    @property
    def ledgers(self) -> list[StreamLedger]:
        """The ledgers of all streams, of those too that are not in the catalog but came in anyway."""
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

    def take(self, line: bytes) -> Mapped | None:
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

    def _record(self, record: Any) -> Mapped | None:
        name = record.get("stream") if isinstance(record, dict) else None
        if not isinstance(name, str):
            self._ignore("is a record without a stream")
            return None
        namespace = record.get("namespace")
        key = (namespace if isinstance(namespace, str) and namespace else None, name)
        stream = self._find(key)
        receipt = (stream[1] if stream else self._unknown_stream(key)).receive()
        data = record.get("data")
        mapper = stream[0] if stream else None
        try:
            try:
                mapped = self._map(mapper, data, receipt)
                if mapped.lost:
                    receipt.ledger.fields_lost.update(mapped.lost)
                return mapped  # noqa: TRY300 - what is caught below may come from all of it
            except _UNEXPECTED as error:
                # One odd record must not keep all others from being written, this time and every time after.
                fault = RecordRejected("unreadable", f"The record can't be made sense of ({type(error).__name__}).")
            except RecordRejected as rejected:
                fault = rejected
            self._reject(mapper, data, receipt, fault)
        except RecordSkipped as skipped:
            receipt.record_outcome(Outcome.SKIPPED, str(skipped))
            receipt.mark_durable()
        except Exception:
            # It ends the sync; its segment stays open, so that no STATE passes the record.
            receipt.record_outcome(Outcome.NOT_WRITTEN)
            raise
        return None

    def _reject(self, mapper: RecordMapper | None, data: Any, receipt: Receipt, fault: RecordRejected) -> None:
        self._rejects.add(
            receipt.ledger.label,
            fault,
            address=mapper.address(data) if mapper else "",
            primary_key=mapper.primary_key(data) if mapper else None,
            record=data,
        )
        receipt.record_outcome(Outcome.REJECTED, fault.reason)
        receipt.mark_durable()

    def _map(self, mapper: RecordMapper | None, data: Any, receipt: Receipt) -> Mapped:
        if mapper is None:
            raise RecordRejected("unknown_stream", "The record's stream is not in the catalog.")
        if not isinstance(data, dict):
            raise RecordRejected("no_data", "The record's data is not an object.")
        try:
            return mapper.map(data, receipt)
        except FieldsWanted as wanted:
            for field in wanted.fields:
                mapper.bind_made(field.column, self._make_field(field))
            return mapper.map(data, receipt)

    def _state(self, line: bytes, state: Any) -> None:
        if not isinstance(state, dict):
            self._ignore("is a STATE without content")
            return
        scope = scope_of(state)
        stream = self._find(scope) if scope else None
        # A stream that is not known may be one that is, named in another way: its STATE waits for all of them.
        self._states.arrive(line, stream[1] if stream else None, self.ledgers)

    def _find(self, key: tuple[str | None, str]) -> tuple[RecordMapper, StreamLedger] | None:
        """The stream that is meant; by its name alone where only one has it and the namespace is missing or new."""
        found = self._streams.get(key)
        if found is None and key not in self._unknown:
            same = [stream for (_, name), stream in self._streams.items() if name == key[1]]
            if len(same) == 1:
                self._streams[key] = found = same[0]
        return found

    def _unknown_stream(self, key: tuple[str | None, str]) -> StreamLedger:
        if key not in self._unknown:
            self._unknown[key] = StreamLedger(key[1], key[0])
        return self._unknown[key]

    def _ignore(self, why: str) -> None:
        self.unreadable += 1
        if self.unreadable <= _LOGGED:
            logger.warning("A line of input %s; it is ignored and counted (its content is not shown)", why)
