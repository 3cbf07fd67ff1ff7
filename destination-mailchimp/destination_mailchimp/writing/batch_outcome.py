"""Reads the answers to a batch: which contact is in which row, and what the rows say."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from destination_mailchimp.audience.forms import AcceptedForms
from destination_mailchimp.audience.refusals import CONTACT_EXISTS, from_row
from destination_mailchimp.contacts.contact import Contact, Json, key_of
from destination_mailchimp.contacts.cursors import read_cursor
from destination_mailchimp.failures import RecordRejected
from destination_mailchimp.writing.result import FieldLost, Rejected
from destination_mailchimp.writing.shown import fields_not_taken, note_shown


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
    """Brought back from the archive by a call that was to make new contacts."""
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
                if self.creating and name == "updated_members" and _came_back(contact, row, since):
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


def _came_back(contact: Contact, row: Json, since: datetime) -> bool:
    """Whether the call of ``since`` has revived an archived contact, as it shows one that was there before.

    Who comes back opts in anew (recorded: ``timestamp_opt`` moves then, and by no other write). Only a date of before
    the call shows that nothing of the kind has happened. A contact that an earlier attempt of ours has made exists
    for the next one: it comes as an error row, not in this one.
    """
    if contact.shown_status not in ("subscribed", "transactional"):
        return True
    opted = read_cursor(str(row.get("timestamp_opt") or ""))[1]
    began = read_cursor((since - timedelta(seconds=1)).isoformat())[1]
    return not (isinstance(opted, int) and isinstance(began, int) and opted < began)


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
