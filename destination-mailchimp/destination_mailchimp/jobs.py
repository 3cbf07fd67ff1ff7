"""What a worker is given, and what it hands back. Only the main thread keeps the books."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, auto

from destination_mailchimp.contact import Contact
from destination_mailchimp.failures import RecordRejected


class Step(Enum):
    """What a call about a single contact is for."""

    UPDATE = auto()
    """Write its fields; it exists."""
    SETTLE = auto()
    """Write its fields, whether it exists or not: batch answers left it out."""
    PERMISSIONS = auto()
    """Add the marketing permissions to a contact just made."""
    MOVE = auto()
    """Make it subscribed, pending or transactional, if its present status allows."""
    REVIVE = auto()
    """Bring it back from the archive."""
    REMOVE = auto()
    """It was deleted at its origin."""
    COMPARE_TAGS = auto()
    """See which of its tags its record does not have."""


@dataclass
class Result:
    """What came of a job, filled in as it goes, so that a failure in the middle leaves what was done before it."""

    written: list[tuple[Contact, str]] = field(default_factory=list)
    """Contacts and their outcome; those in ``later`` have more to come."""
    skipped: list[tuple[Contact, str]] = field(default_factory=list)
    rejected: list[tuple[Contact, RecordRejected]] = field(default_factory=list)
    later: list[tuple[Contact, Step]] = field(default_factory=list)
    """Calls about single contacts, to be spread over the workers."""
    lost_fields: list[tuple[Contact, str]] = field(default_factory=list)
    untag: list[tuple[Contact, str]] = field(default_factory=list)
    tags_failed: list[tuple[Contact, str]] = field(default_factory=list)
    error: BaseException | None = None
