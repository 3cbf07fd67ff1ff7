"""Reads the answers to a batch: which contact is in which row, and what the rows say."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from functools import lru_cache

from destination_mailchimp.audience.forms import AcceptedForms
from destination_mailchimp.audience.refusals import CONTACT_EXISTS, from_row
from destination_mailchimp.contacts.contact import Contact, Json, key_of
from destination_mailchimp.contacts.cursors import MOMENT, read_cursor
from destination_mailchimp.failures import RecordRejected
from destination_mailchimp.writing.result import FieldLost, Rejected
from destination_mailchimp.writing.shown import fields_not_taken, note_shown

TRACES = ("status", "timestamp_opt", "timestamp_signup", "member_rating", "stats")
"""What tells a contact that was made a moment ago from one that has come back from the archive."""
_FIRST_RATING = 2
"""Of two to five stars: everybody begins with two."""
_CONFIRMED_WITHIN = timedelta(days=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


@dataclass
class BatchOutcome:
    """What all answers to the calls of one pass have said. ``creating``: they are to make new contacts only."""

    creating: bool = False
    calls: int = 0
    """How many have been begun."""
    created: list[Contact] = field(default_factory=list)
    updated: list[Contact] = field(default_factory=list)
    refused: list[Rejected] = field(default_factory=list)
    exists: list[Contact] = field(default_factory=list)
    archived: list[Contact] = field(default_factory=list)
    """Found to have been archived since the pass began: they are in no further call."""
    revived: list[Contact] = field(default_factory=list)
    """Brought back from the archive by a call that was to make new contacts, or to change others."""
    unanswered: list[Contact] = field(default_factory=list)
    """No batch answer tells what became of them: a call about each alone does."""
    put_off: list[Contact] = field(default_factory=list)
    """Refused for the time being."""
    not_taken: list[tuple[Contact, list[str]]] = field(default_factory=list)
    """Of the created and updated ones, those that an answer shows with another status or other values than sent;
    with the tags of these values."""
    lost_fields: list[FieldLost] = field(default_factory=list)

    def read(self, contacts: list[Contact], answer: Json, since: datetime, forms: AcceptedForms) -> None:
        """Match the rows of an answer with what was sent. What it does not mention is nobody's success."""
        waiting = {contact.key: contact for contact in contacts}
        for row in _rows(answer, "errors"):
            contact = waiting.pop(key_of(row.get("email_address")), None)
            if contact is None:
                continue
            if row.get("error_code") == CONTACT_EXISTS:
                self.exists.append(contact)
            else:
                self.refused.append(Rejected(contact, from_row(row)))
        for name, found in (("new_members", self.created), ("updated_members", self.updated)):
            for row in _rows(answer, name):
                contact = waiting.pop(key_of(row.get("email_address")), None)
                if contact is None:
                    continue
                note_shown(contact, row)
                if name == "new_members":
                    # Whether those who come back may be listed here is open.
                    back = _has_traces(contact, row, contact.possibly_written_since or since)
                else:
                    back = self._came_back(contact, row, since)
                if back:
                    self.revived.append(contact)
                    continue
                found.append(contact)
                forms.accepted(contact.merge_fields, row.get("merge_fields"))
                fields = fields_not_taken(contact.body, row)
                if fields or not_as_asked(contact):
                    self.not_taken.append((contact, fields))
        for contact in waiting.values():
            contact.unanswered += 1
            self.unanswered.append(contact)
        note_possibly_written(waiting.values(), since)

    def _came_back(self, contact: Contact, row: Json, since: datetime) -> bool:
        """Whether the call of ``since`` has revived an archived contact, as it shows one that was there before.

        Who comes back opts in anew (recorded: ``timestamp_opt`` moves then, and by no other write). Of a call that
        makes contacts only a date of before it shows that nothing of the kind has happened: one that an earlier
        attempt of ours has made exists for the next one, and comes as an error row. A date that was sent along shows
        nothing. An update without a status revives nobody who has not opted in during it, and is not taken for it of
        somebody who is new.
        """
        if self.creating:
            told = contact.shown_status in ("subscribed", "transactional") and "timestamp_opt" not in contact.body
            return not told or not is_before(row.get("timestamp_opt"), since - timedelta(seconds=1))
        return contact.asked_status is None and was_revived(contact, row, contact.possibly_written_since or since)


def was_revived(contact: Contact, row: Json, since: datetime) -> bool:
    """Whether an update that an attempt of ``since`` may have made has brought a contact back from the archive."""
    return (
        row.get("status") == "subscribed"
        and "timestamp_opt" not in contact.body
        and is_since(row.get("timestamp_opt"), since)
        and _has_traces(contact, row, since)
    )


def has_lived_before(contact: Contact, row: Json, since: datetime) -> bool:
    """Whether a contact that an attempt of ``since`` may have made, as its answer was lost, was one long before.

    Then that attempt has brought it back from the archive: it has opted in since, though it is no new one.
    """
    return (
        row.get("status") == contact.asked_status
        and not is_before(row.get("timestamp_opt"), since)
        and _has_traces(contact, row, since)
    )


def _has_traces(contact: Contact, row: Json, since: datetime) -> bool:
    """Whether a row shows what no new contact has: a sign-up of earlier, opens or clicks, a rating beyond the first.

    A sign-up of today tells nothing: whoever confirms one mostly does so soon, and may have while a call was under way.
    """
    stats = row.get("stats")
    figures = [stats.get(name) for name in ("avg_open_rate", "avg_click_rate")] if isinstance(stats, dict) else []
    rating = row.get("member_rating")
    signed_up = "timestamp_signup" not in contact.body and is_before(
        row.get("timestamp_signup"), since - _CONFIRMED_WITHIN
    )
    return signed_up or any(figures) or (isinstance(rating, int) and rating > _FIRST_RATING)


def is_before(date: object, moment: datetime) -> bool:
    """Whether ``date`` (as an answer has it) lies before ``moment``, for sure."""
    at = _nanoseconds(date)
    return at is not None and at < _nanoseconds_of(moment)


def is_since(date: object, moment: datetime) -> bool:
    """Whether ``date`` (as an answer has it) lies at ``moment`` or later, for sure."""
    at = _nanoseconds(date)
    return at is not None and at >= _nanoseconds_of(moment)


def _nanoseconds(date: object) -> int | None:
    """Since 1970; None for what is no moment."""
    kind, value = read_cursor(str(date or ""))
    return int(value) if kind == MOMENT else None


@lru_cache(maxsize=64)  # of a call's rows each is compared with the same moment
def _nanoseconds_of(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(microseconds=1) * 1000


def not_as_asked(contact: Contact) -> bool:
    """Whether the newest answer shows a status other than the one that was sent."""
    return None not in (contact.asked_status, contact.shown_status) and contact.asked_status != contact.shown_status


def status_not_taken(contact: Contact) -> RecordRejected:
    """What is said of a contact of which ``not_as_asked`` holds to the end."""
    text = f"Mailchimp made the contact {contact.shown_status}, not {contact.asked_status}."
    return RecordRejected("status_not_taken", text, by_call=True)


def note_possibly_written(contacts: Iterable[Contact], since: datetime) -> None:
    """An attempt that began at ``since`` may have written these, though no answer says so."""
    for contact in contacts:
        contact.possibly_written_since = contact.possibly_written_since or since


def _rows(answer: Json, name: str) -> Iterable[Json]:
    rows = answer.get(name)
    return (row for row in rows if isinstance(row, dict)) if isinstance(rows, list) else ()
