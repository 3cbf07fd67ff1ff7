"""What a worker is given, and what it hands back. Only the main thread does the accounting."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum, auto

from destination_mailchimp.accounting.ledger import Outcome
from destination_mailchimp.audience.fields import MergeField
from destination_mailchimp.contacts.contact import Contact
from destination_mailchimp.failures import RecordRejected


class Step(Enum):
    """What a call about a single contact is for."""

    UPDATE = auto()
    """Write its fields; it exists."""
    CONFIRM = auto()
    """Write its fields, whether it exists or not: no batch answer tells."""
    PERMISSIONS = auto()
    """Add the marketing permissions to a contact just made."""
    MOVE = auto()
    """Make it subscribed, pending or transactional, if its present status allows."""
    REVIVE = auto()
    """Bring it back from the archive."""
    REMOVE = auto()
    """It was deleted in the source."""
    INSIST = auto()
    """Ask once more for a status or values that the answer to a batch shows otherwise."""
    TAGS = auto()
    """Give or take tags that the tag's own call did not confirm."""
    SMS = auto()
    """Add the mobile number and the consent to text messages."""
    COMPARE_TAGS = auto()
    """See which of its tags its record does not have."""


@dataclass(frozen=True)
class Written:
    """A contact whose outcome is ``created``, ``updated`` or ``removed``. One with follow-ups has more to come."""

    contact: Contact
    outcome: Outcome


@dataclass(frozen=True)
class Skipped:
    """A contact for which nothing was to be done, and why, in words."""

    contact: Contact
    why: str


@dataclass(frozen=True)
class Rejected:
    """A contact that Mailchimp or an option refuses, and why; of a written one, something beside it."""

    contact: Contact
    reject: RecordRejected


@dataclass(frozen=True)
class TagChange:
    """A tag that a contact is to get, or (``remove``) to lose."""

    name: str
    remove: bool = False


@dataclass(frozen=True)
class FollowUp:
    """A call about a single contact; ``tags`` for ``Step.TAGS``."""

    contact: Contact
    step: Step
    tags: tuple[TagChange, ...] = ()


@dataclass(frozen=True)
class FieldLost:
    """A contact that is written without a field, and which and why, in words."""

    contact: Contact
    what: str


@dataclass(frozen=True)
class Noted:
    """Something about a contact that is counted beside its outcome, in words."""

    contact: Contact
    what: str


@dataclass(frozen=True)
class TagFailed:
    """A contact that could not get (or lose) a tag, and why, in words."""

    contact: Contact
    why: str


@dataclass(frozen=True)
class Untag:
    """A contact and a tag that it is to lose."""

    contact: Contact
    tag: str


@dataclass
class Result:
    """What came of a job, filled in as it goes, so that a failure in the middle leaves what was done before it.

    A contact may be in several of these lists, and in the results of several jobs: its first outcome counts.
    """

    written: list[Written] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)
    follow_ups: list[FollowUp] = field(default_factory=list)
    """To be spread over the workers."""
    put_off: list[FollowUp] = field(default_factory=list)
    """To be made a little later."""
    lost_fields: list[FieldLost] = field(default_factory=list)
    notes: list[Noted] = field(default_factory=list)
    untag: list[Untag] = field(default_factory=list)
    tags_failed: list[TagFailed] = field(default_factory=list)
    made_fields: dict[str, MergeField | None] = field(default_factory=dict)
    """The fields that were made for columns; None for a column that Mailchimp gives none."""
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
