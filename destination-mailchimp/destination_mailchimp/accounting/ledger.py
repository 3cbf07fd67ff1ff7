"""Every record is accounted for: what came of it, per stream, and what a STATE waits for."""

from __future__ import annotations

import logging
from collections import Counter

from destination_mailchimp.contacts.contact import Contact
from destination_mailchimp.failures import SyncFailure

logger = logging.getLogger("airbyte.destination_mailchimp")

OUTCOMES = ("created", "updated", "removed", "deduplicated", "skipped", "rejected", "not_written")


class Segment:
    """The records of one stream between two of its STATEs. ``open`` of them are not durable yet."""

    __slots__ = ("open", "received", "rejected")

    def __init__(self) -> None:
        self.open = 0
        self.received = 0
        self.rejected = 0


class StreamLedger:
    """The book of one stream: ``received`` must equal the sum of the outcomes at the end of a run."""

    def __init__(self, name: str, namespace: str | None = None) -> None:
        self.name = name
        self.namespace = namespace
        self.segment = Segment()
        self.received = 0
        self.outcomes: Counter[str] = Counter()
        self.reasons: Counter[str] = Counter()
        """How often what was the cause, in words: of rejects, of skips, and of what failed beside an outcome."""
        self.tags_failed = 0
        self.fields_lost: Counter[str] = Counter()
        """Values that did not fit their field, by field and cause; the rest of the record was written."""

    @property
    def label(self) -> str:
        """The stream as a person knows it."""
        return f"{self.namespace}.{self.name}" if self.namespace else self.name

    def receive(self) -> Segment:
        """A record came in; the segment that it belongs to."""
        segment = self.segment
        segment.open += 1
        segment.received += 1
        self.received += 1
        return segment

    def finish(self, segment: Segment, outcome: str, reason: str = "") -> None:
        """A record that never became a contact is done with: ``rejected`` or ``skipped``, and why, in words."""
        segment.open -= 1
        if outcome == "rejected":
            segment.rejected += 1
        self.outcomes[outcome] += 1
        if reason:
            self.reasons[f"{outcome}: {reason}"] += 1

    def balance(self) -> int:
        """How many records are not accounted for: 0, or there is an error in the connector."""
        return self.received - sum(self.outcomes[name] for name in OUTCOMES)

    def __str__(self) -> str:
        parts = " + ".join(f"{self.outcomes[name]} {name.replace('_', ' ')}" for name in OUTCOMES)
        return f"Stream {self.label}: {self.received} received = {parts}; {self.tags_failed} tags could not be set"


def settle(contact: Contact, outcome: str, reason: str = "") -> None:
    """Note what came of a contact (once; a later call is ignored, so ``created`` outlasts a later ``updated``)."""
    if contact.outcome is not None:
        return
    contact.outcome = outcome
    contact.ledger.outcomes[outcome] += 1
    if reason:
        contact.ledger.reasons[f"{outcome}: {reason}"] += 1
    if outcome == "rejected":
        contact.segments[0].rejected += 1


def release(contact: Contact) -> None:
    """The contact is durable, tags included, or rejected for good: no STATE waits for it any longer."""
    for segment in contact.segments:
        segment.open -= 1
    contact.segments = []


def report(ledgers: list[StreamLedger], *, unreadable: int = 0) -> None:
    """Log the accounting; raises SyncFailure if it does not add up."""
    for ledger in ledgers:
        logger.info("%s", ledger)
        for reason, count in sorted(ledger.reasons.items()):
            logger.info("Stream %s: %d %s", ledger.label, count, reason)
        for field, count in sorted(ledger.fields_lost.items()):
            logger.warning("Stream %s: %d values lost: %s", ledger.label, count, field)
    if unreadable:
        logger.warning("%d lines of input were not readable messages and were ignored", unreadable)
    wrong = [ledger.label for ledger in ledgers if ledger.balance()]
    if wrong:
        raise SyncFailure(
            f"The accounting of {', '.join(wrong)} does not add up, which is an error in the connector. "
            "Please report it with the log.",
            "system_error",
        )
