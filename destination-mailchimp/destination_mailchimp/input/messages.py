"""From a line of input to a contact, a STATE or nothing. Whatever the line holds, the sync goes on."""

from __future__ import annotations

import logging
import re
from collections import Counter
from dataclasses import dataclass
from functools import cache
from typing import Any

from connector_cli.catalogs import did_you_mean
from destination_mailchimp.accounting.ledger import Outcome, Receipt, StreamLedger
from destination_mailchimp.accounting.rejects import Rejects
from destination_mailchimp.accounting.states import States, scope_of
from destination_mailchimp.audience.fields import MergeField
from destination_mailchimp.failures import RecordRejected, SyncFailure
from destination_mailchimp.input.lines import decode
from destination_mailchimp.mapping.record import Mapped, RecordMapper, RecordSkipped
from destination_mailchimp.mapping.wanted import NotMappableYet

logger = logging.getLogger("airbyte.destination_mailchimp")

_RECORD = re.compile(rb'"record"\s*:\s*\{|"type"\s*:\s*"RECORD"')
_NAMELESS = "(no name)"
_STREAM = re.compile(rb'"stream"\s*:\s*"([^"\\]+)"')


@dataclass(frozen=True)
class _Record:
    """A record that came in. ``mapper`` is None for a stream not in the catalog; ``streams`` are those that are."""

    mapper: RecordMapper | None
    data: Any
    receipt: Receipt
    streams: tuple[str, ...] = ()


class MessageReader:
    """Reads messages. ``streams`` maps (namespace, name) to a stream's mapper and ledger."""

    def __init__(
        self,
        streams: dict[tuple[str | None, str], tuple[RecordMapper, StreamLedger]],
        states: States,
        rejects: Rejects,
    ) -> None:
        self._streams = streams
        self._names = tuple(sorted({name for _, name in streams}))
        self._states = states
        self._rejects = rejects
        self._parked: _Record | None = None
        self._unknown: dict[tuple[str | None, str], StreamLedger] = {}
        self.unreadable = 0
        self.understood = 0
        """Lines that were messages, whether for us or not."""
        self.internal_errors: Counter[str] = Counter()
        """Records that an error in the connector kept from being mapped, by the kind of error."""

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

    def take(self, line: bytes) -> Mapped | NotMappableYet | None:
        """Deal with a line; returns the contact that it asks for, if it asks for one.

        NotMappableYet: the record is kept until ``resume``, and no other line may be taken before.
        """
        if not line or line.isspace():
            return None
        try:
            message = decode(line)
        except ValueError:
            self._broken(line)
            return None
        if not isinstance(message, dict):
            self._ignore("is not a message")
            return None
        kind = message.get("type")
        if kind == "RECORD":
            return self._record(message.get("record"))
        if kind == "STATE":
            self._state(line, message.get("state"))
        elif isinstance(kind, str):
            # Any other message is for the platform, or of a protocol newer than this: not ours.
            self.understood += 1
        else:
            self._ignore("is JSON, but no Airbyte message: it has no type")
        return None

    def resume(self, made: dict[str, MergeField | None]) -> Mapped | NotMappableYet | None:
        """Go on with the record for which something was wanted; ``made`` as ``RecordMapper.bind_made`` takes them."""
        record, self._parked = self._parked, None
        assert record is not None
        assert record.mapper is not None
        for column, field in made.items():
            record.mapper.bind_made(column, field)
        return self._map(record)

    def abandon(self) -> None:
        """The sync ends before all is there that a record waits for: it is not written."""
        if self._parked:
            self._parked.receipt.record_outcome(Outcome.NOT_WRITTEN)

    def _record(self, record: Any) -> Mapped | NotMappableYet | None:
        name = record.get("stream") if isinstance(record, dict) else None
        if not isinstance(name, str):
            self._reject_unread(None, "The record does not say of which stream it is.")
            return None
        self.understood += 1
        namespace = record.get("namespace")
        key = (namespace if isinstance(namespace, str) and namespace else None, name)
        stream = self._find(key)
        receipt = (stream[1] if stream else self._unknown_stream(key)).receive()
        streams = () if stream else self._names
        return self._map(_Record(stream[0] if stream else None, record.get("data"), receipt, streams))

    def _broken(self, line: bytes) -> None:
        """A line that is not JSON. One that was meant as a record is a rejected record."""
        if not _RECORD.search(line):
            self._ignore("is not JSON")
            return
        stream = _STREAM.search(line)
        text = "The line is cut off or broken, so that the record in it can't be read."
        self._reject_unread(stream[1].decode("utf-8", "replace") if stream else None, text)

    def _reject_unread(self, name: str | None, text: str) -> None:
        """A record that can't be read, of a stream that its line may still name: where there is one only, of that."""
        self.understood += 1
        key = (None, name or (self._names[0] if len(self._names) == 1 else _NAMELESS))
        found = self._find(key)
        receipt = (found[1] if found else self._unknown_stream(key)).receive()
        self._keep(_Record(None, None, receipt), RecordRejected("unreadable", text))
        receipt.record_outcome(Outcome.REJECTED, "unreadable")
        receipt.mark_durable()

    def _map(self, record: _Record) -> Mapped | NotMappableYet | None:
        """Whatever the record holds, the others are written, this time and every time after."""
        receipt = record.receipt
        try:
            mapped = _mapped(record)
        except NotMappableYet as wanted:
            self._parked = record
            return wanted
        except RecordSkipped as skipped:
            receipt.record_outcome(Outcome.SKIPPED, str(skipped))
            receipt.mark_durable()
        except RecordRejected as reject:
            self._keep(record, reject)
            receipt.record_outcome(Outcome.REJECTED, reject.reason)
            receipt.mark_durable()
        except SyncFailure:
            receipt.record_outcome(Outcome.NOT_WRITTEN)
            raise
        except Exception as error:  # noqa: BLE001 - an error in the connector, which fails the sync at its end
            self._note_internal(record, error)
        else:
            if mapped.lost:
                receipt.ledger.fields_lost.update(mapped.lost)
            return mapped
        return None

    def _note_internal(self, record: _Record, error: Exception) -> None:
        """The record's segment stays open, so that no STATE passes it: a mended connector will get it again."""
        kind = type(error).__name__
        self.internal_errors[kind] += 1
        if self.internal_errors[kind] == 1:
            logger.error("Internal error while mapping a record", exc_info=error)
        record.receipt.record_outcome(Outcome.NOT_WRITTEN, "internal error")
        text = f"Internal error while mapping the record ({kind}); see the traceback above."
        self._keep(record, RecordRejected("internal_error", text))

    def _keep(self, record: _Record, reject: RecordRejected) -> None:
        mapper, data = record.mapper, record.data
        try:
            self._rejects.add(
                record.receipt.ledger.label,
                reject,
                number=record.receipt.number,
                address=mapper.address(data) if mapper else "",
                primary_key=mapper.primary_key(data) if mapper else None,
                record=data,
            )
        except SyncFailure:
            record.receipt.record_outcome(Outcome.NOT_WRITTEN)
            raise

    def _state(self, line: bytes, state: Any) -> None:
        if not isinstance(state, dict):
            self._ignore("is a STATE without content")
            return
        self.understood += 1
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
        logger.warning("A line of input %s; it is ignored and counted (its content is not shown)", why)


@cache
def _near(name: str, streams: tuple[str, ...]) -> str:
    return did_you_mean(name, streams)


def _mapped(record: _Record) -> Mapped:
    if record.mapper is None:
        name = record.receipt.ledger.name
        raise RecordRejected("unknown_stream", f"The stream {name} is not in the catalog.{_near(name, record.streams)}")
    if not isinstance(record.data, dict):
        raise RecordRejected("no_data", "The record's data is not an object.")
    return record.mapper.map(record.data, record.receipt)
