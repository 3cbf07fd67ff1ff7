"""What a worker is given, and what it hands back. Only the main thread keeps the books."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum, auto

from destination_mailchimp.contacts.contact import Contact
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
    """What came of a job, filled in as it goes, so that a failure in the middle leaves what was done before it.

    A contact may be in several of these lists, and in the results of several jobs: its first outcome counts.
    """

    written: list[tuple[Contact, str]] = field(default_factory=list)
    """Contacts and their outcome: ``created``, ``updated`` or ``removed``. Those in ``later`` have more to come."""
    skipped: list[tuple[Contact, str]] = field(default_factory=list)
    """Contacts for which nothing was to be done, and why, in words."""
    rejected: list[tuple[Contact, RecordRejected]] = field(default_factory=list)
    """Contacts that Mailchimp or an option refuses, and why; of written ones, something beside them."""
    later: list[tuple[Contact, Step]] = field(default_factory=list)
    """Calls about single contacts, to be spread over the workers."""
    lost_fields: list[tuple[Contact, str]] = field(default_factory=list)
    """Contacts that are written without a field, and which and why, in words."""
    untag: list[tuple[Contact, str]] = field(default_factory=list)
    """Contacts and the name of a tag that they are to lose."""
    tags_failed: list[tuple[Contact, str]] = field(default_factory=list)
    """Contacts that could not get (or lose) a tag, and why, in words."""
    error: BaseException | None = None
    """What ended the job before its end."""


Work = Callable[[Result], None]
"""Makes calls and fills a result; may raise."""


class Job:
    """A piece of work about ``contacts``, and what came of it."""

    __slots__ = ("contacts", "result", "work")

    def __init__(self, work: Work, contacts: list[Contact]) -> None:
        self.work = work
        self.contacts = contacts
        self.result = Result()
