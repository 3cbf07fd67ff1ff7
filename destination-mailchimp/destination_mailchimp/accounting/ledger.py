"""Every record is accounted for: what came of it, per stream, and what a STATE waits for."""

from __future__ import annotations

import logging
from collections import Counter
from enum import Enum
from typing import Any

from destination_mailchimp.failures import SyncFailure

logger = logging.getLogger("airbyte.destination_mailchimp")


class Outcome(Enum):
    """What came of a record, in the words of the accounting. Each record has exactly one."""

    CREATED = "created"
    UPDATED = "updated"
    REMOVED = "removed"
    DEDUPLICATED = "deduplicated"
    SKIPPED = "skipped"
    REJECTED = "rejected"
    NOT_WRITTEN = "not written"


class Segment:
    """The records of one stream between two of its STATEs. ``open`` of them are not durable yet."""

    __slots__ = ("open", "received", "rejected")

    def __init__(self) -> None:
        self.open = 0
        self.received = 0
        self.rejected = 0


class StreamLedger:
    """The accounting of one stream: ``received`` must equal the sum of the outcomes at the end of a sync."""

    def __init__(self, name: str, namespace: str | None = None) -> None:
        self.name = name
        self.namespace = namespace
        self.segment = Segment()
        self.received = 0
        self.outcomes: Counter[Outcome] = Counter()
        self.reasons: Counter[str] = Counter()
        """How often what was the cause, in words: of rejects, of skips, and of what failed beside an outcome."""
        self.tags_failed = 0
        self.fields_lost: Counter[str] = Counter()
        """Values that did not fit their field, by field and cause; the rest of the record was written."""

    @property
    def label(self) -> str:
        """The stream as a person knows it."""
        return f"{self.namespace}.{self.name}" if self.namespace else self.name

    def receive(self) -> Receipt:
        """A record came in."""
        segment = self.segment
        segment.open += 1
        segment.received += 1
        self.received += 1
        return Receipt(self, segment, self.received)

    def balance(self) -> int:
        """How many records are not accounted for: 0, or there is an error in the connector."""
        return self.received - sum(self.outcomes.values())

    def __str__(self) -> str:
        parts = " + ".join(f"{self.outcomes[outcome]} {outcome.value}" for outcome in Outcome)
        return f"Stream {self.label}: {self.received} received = {parts}; {self.tags_failed} tags could not be set"


class Receipt:
    """What is owed for one record: its outcome, and the segments of input whose STATE waits for it.

    ``segments`` are its own first, then those of older versions that it has replaced. ``primary_key`` and
    ``record`` (kept only if rejects go to a file) tell which record it was, ``number`` how many of the stream had come
    with it.
    """

    __slots__ = ("ledger", "number", "outcome", "primary_key", "record", "segments")

    def __init__(self, ledger: StreamLedger, segment: Segment, number: int) -> None:
        self.ledger = ledger
        self.number = number
        self.segments = [segment]
        self.outcome: Outcome | None = None
        self.primary_key: Any = None
        self.record: Any = None

    def record_outcome(self, outcome: Outcome, reason: str = "") -> None:
        """Note what came of the record (once; a later call is ignored, so ``created`` outlasts a later ``updated``).

        ``reason`` says why in words, for rejects and skips.
        """
        if self.outcome is not None:
            return
        self.outcome = outcome
        self.ledger.outcomes[outcome] += 1
        if reason:
            self.ledger.reasons[f"{outcome.value}: {reason}"] += 1
        if outcome is Outcome.REJECTED:
            self.segments[0].rejected += 1

    def mark_durable(self) -> None:
        """It is in Mailchimp, tags included, or rejected or skipped for good: no STATE waits for it any longer."""
        for segment in self.segments:
            segment.open -= 1
        self.segments = []

    def replace(self, older: Receipt) -> None:
        """Take the place of an older version that will not be written: what waited for that one waits for this."""
        older.record_outcome(Outcome.DEDUPLICATED)
        for segment in older.segments:
            if segment in self.segments:
                segment.open -= 1
            else:
                self.segments.append(segment)
        older.segments = []


def report(ledgers: list[StreamLedger], *, unreadable: int = 0) -> None:
    """Log the accounting; raises SyncFailure if it does not add up."""
    for ledger in ledgers:
        logger.info("%s", ledger)
        for reason, count in sorted(ledger.reasons.items()):
            logger.info("Stream %s: %d %s", ledger.label, count, reason)
        for field, count in sorted(ledger.fields_lost.items()):
            logger.warning("Stream %s: %d values lost: %s", ledger.label, count, field)
    if unreadable:
        logger.warning("Lines of input that were no readable messages and were ignored: %d", unreadable)
    wrong = [ledger.label for ledger in ledgers if ledger.balance()]
    if wrong:
        raise SyncFailure(
            f"The accounting of {', '.join(wrong)} does not add up, which is an error in the connector. "
            "Please report it with the log.",
            "system_error",
        )
