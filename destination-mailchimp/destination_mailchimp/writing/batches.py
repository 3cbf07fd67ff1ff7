"""Writes contacts in batches: create first, then update those that exist, without their status."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from destination_mailchimp.audience.calls import SKIP_VALIDATION, Calls, TooMuchAtOnce, in_parts
from destination_mailchimp.audience.refusals import (
    CONTACT_EXISTS,
    asks_for_status,
    concerns_everybody,
    of_problem,
    of_row,
)
from destination_mailchimp.config import Config
from destination_mailchimp.contacts.contact import Contact, Json, key_of
from destination_mailchimp.failures import RecordRejected, SyncFailure
from destination_mailchimp.writing.consent import HAS_NOT_LEFT, StatusPolicy, movable_from
from destination_mailchimp.writing.limit import NewContacts
from destination_mailchimp.writing.membership import Roster
from destination_mailchimp.writing.result import Result, Step
from mailchimp_api.errors import RequestRefused

logger = logging.getLogger("airbyte.destination_mailchimp")

_LEFT_OUT_AT_MOST = 2
_FIELD_ROUNDS = 5
_MANY = 50
_INSISTED_AT_LEAST = 5
"""A contact that has vanished since it was found to exist asks for a status too; so many at once have not."""


@dataclass
class _Pass:
    """What all answers to the calls of one pass said."""

    created: list[Contact] = field(default_factory=list)
    updated: list[Contact] = field(default_factory=list)
    refused: list[tuple[Contact, RecordRejected]] = field(default_factory=list)
    exists: list[Contact] = field(default_factory=list)
    left_out: list[Contact] = field(default_factory=list)
    lost_fields: list[tuple[Contact, str]] = field(default_factory=list)


class Writer:
    """Writes batches from any number of threads."""

    def __init__(self, calls: Calls, config: Config, policy: StatusPolicy) -> None:
        self._calls = calls
        self._config = config
        self._policy = policy
        self.archived = Roster(calls, "archived")
        self._present = Roster(calls)
        self._movable = {status: Roster(calls, *movable_from(status)) for status in HAS_NOT_LEFT}
        self._budget = NewContacts(config.max_new_contacts)
        self._update_in_batches = True
        self._anything_accepted = False
        self._said = threading.Lock()

    @property
    def new_contacts(self) -> NewContacts:
        """The count of contacts made, which whoever else makes some shares with this writer."""
        return self._budget

    def write(self, contacts: list[Contact], result: Result) -> None:
        """Write up to 500 contacts, no address twice. Fills ``result``; what it lacks at an error is not written."""
        rest = self._sort_out(contacts, result)
        existing = self._create(rest, result)
        self._update(existing, result)

    # -- before anything is written ----------------------------------------------------------------------

    def _sort_out(self, contacts: list[Contact], result: Result) -> list[Contact]:
        """Apply the policy on archived contacts, and put deletions aside.

        It must be known who is archived before anything is written: a create call may revive them (*open*).
        """
        archived = self.archived.among([contact.hash for contact in contacts])
        rest = []
        for contact in contacts:
            if contact.hash in archived:
                if contact.removed:
                    result.skipped.append((contact, "archived already"))
                elif self._config.archived_contacts == "revive":
                    result.later.append((contact, Step.REVIVE))
                elif self._config.archived_contacts == "reject":
                    fault = RecordRejected("archived", "The contact is archived, and archived_contacts is reject.")
                    result.rejected.append((contact, fault))
                else:
                    result.skipped.append((contact, "archived"))
            elif contact.removed:
                result.later.append((contact, Step.REMOVE))
            else:
                rest.append(contact)
        return rest

    # -- first pass --------------------------------------------------------------------------------------

    def _create(self, contacts: list[Contact], result: Result) -> list[Contact]:
        """Make those that don't exist; returns those that do."""
        existing: list[Contact] = []
        if self._config.update_only:
            existing, strangers = self._split_by_presence(contacts)
            result.skipped += [(contact, "not in the audience") for contact in strangers]
            return existing
        granted = self._budget.reserve(len(contacts))
        if granted < len(contacts):
            # Too few may still be made for all of these: it must be known beforehand who is new.
            self._budget.settle(granted, 0)
            existing, contacts = self._split_by_presence(contacts)
            granted = self._budget.reserve(len(contacts), wait=True)
        while contacts:
            if not granted:
                self._update(existing, result)
                raise self._budget.exceeded()
            existing += self._create_batch(contacts[:granted], granted, result)
            contacts = contacts[granted:]
            # Those that Mailchimp refused have used up nothing.
            granted = self._budget.reserve(len(contacts), wait=True)
        return existing

    def _create_batch(self, contacts: list[Contact], reserved: int, result: Result) -> list[Contact]:
        said = _Pass()
        # Nobody knows how many a call has made that ends with an error, or for the contacts it does not mention.
        made = reserved
        try:
            self._send(contacts, said, create=True)
            made_earlier = self._made_earlier(said)
            made = len(said.created) + len(made_earlier) + len(said.left_out)
        finally:
            self._budget.settle(reserved, made)
        self._present.add(contact.hash for contact in (*said.created, *said.exists))
        for contact in said.created:
            result.written.append((contact, "created"))
            if contact.permissions:
                result.later.append((contact, Step.PERMISSIONS))
        result.written += [(contact, "created") for contact in made_earlier]
        self._refuse(contacts, said, result)
        result.later += [(contact, Step.SETTLE) for contact in said.left_out]
        return said.exists

    def _made_earlier(self, said: _Pass) -> list[Contact]:
        """Of the contacts that exist, those that a lost or incomplete answer of this sync has made.

        Such a contact has changed since that attempt began, and this sync had not written it before.
        It is updated like the others, which does no harm; only the accounting depends on this.
        """
        doubtful = [contact for contact in said.exists if contact.doubtful_since and not contact.known]
        if not doubtful:
            return []
        since = min(contact.doubtful_since for contact in doubtful if contact.doubtful_since) - timedelta(seconds=1)
        params = {"since_last_changed": since.isoformat(), "fields": "members.id,total_items"}
        changed = {str(row["id"]) for row in self._calls.pages("members", "members", params)}
        return [contact for contact in doubtful if contact.hash in changed]

    def _split_by_presence(self, contacts: list[Contact]) -> tuple[list[Contact], list[Contact]]:
        present = self._present.among([contact.hash for contact in contacts])
        return (
            [contact for contact in contacts if contact.hash in present],
            [contact for contact in contacts if contact.hash not in present],
        )

    # -- second pass -------------------------------------------------------------------------------------

    def _update(self, contacts: list[Contact], result: Result) -> None:
        """Write the fields of contacts that exist. Their status stays, unless the user asked for another."""
        # Read once: another thread may learn meanwhile that batches insist on a status.
        in_batches = self._update_in_batches
        singly = [contact for contact in contacts if contact.permissions or not in_batches]
        result.later += [(contact, Step.UPDATE) for contact in singly]
        contacts = [contact for contact in contacts if not contact.permissions] if in_batches else []
        if not contacts:
            return
        said = _Pass()
        self._send(contacts, said, create=False)
        self._note_refused_status(contacts, said, result)
        wanted = [contact for contact in said.updated if self._policy.looks_first(contact)]
        movable: set[str] = set()
        for status, roster in self._movable.items():
            asking = [contact.hash for contact in wanted if contact.status == status]
            movable |= roster.among(asking) if asking else set()
        for contact in said.updated:
            result.written.append((contact, "updated"))
        # Whom this sync has moved itself, the rosters may not know yet; the status is looked at again anyway.
        result.later += [(c, Step.MOVE) for c in wanted if c.known or c.hash in movable]
        # It had vanished since the first pass and was made anew.
        self._budget.settle(0, len(said.created))
        result.written += [(contact, "created") for contact in said.created]
        self._refuse(contacts, said, result)
        result.later += [(contact, Step.UPDATE) for contact in (*said.left_out, *said.exists)]

    def _note_refused_status(self, contacts: list[Contact], said: _Pass, result: Result) -> None:
        """Where a batch insists on a status (*open*), contacts are updated one by one: that never needs it."""
        insisted = [contact for contact, fault in said.refused if asks_for_status(fault)]
        if not insisted:
            return
        said.refused = [(contact, fault) for contact, fault in said.refused if not asks_for_status(fault)]
        result.later += [(contact, Step.UPDATE) for contact in insisted]
        without = [contact for contact in contacts if self._policy.existing(contact) is None]
        with self._said:
            if self._update_in_batches and len(insisted) >= max(len(without), _INSISTED_AT_LEAST):
                self._update_in_batches = False
                logger.warning(
                    "Mailchimp does not update contacts in a batch without their status, and the status is not ours "
                    "to change: contacts that exist are written with one call each from now on"
                )

    # -- calls -------------------------------------------------------------------------------------------

    def _refuse(self, sent: list[Contact], said: _Pass, result: Result) -> None:
        result.rejected += said.refused
        result.lost_fields += said.lost_fields
        if said.created or said.updated or said.exists or said.left_out:
            self._anything_accepted = True
        elif len(said.refused) == len(sent) >= _MANY:
            causes = {(fault.reason, fault.field) for _, fault in said.refused}
            calls = all(fault.by_call for _, fault in said.refused)
            alike = len(causes) == 1 and next(iter(causes))[0] in ("refused", "field_refused")
            if alike and (calls or not self._anything_accepted):
                raise SyncFailure(f"Mailchimp refuses every contact for the same cause: {said.refused[0][1].text}")

    def _send(self, contacts: list[Contact], said: _Pass, *, create: bool) -> None:
        """Send contacts, and again those that the answer has left out or whose only fault is one field."""
        waiting = contacts
        for _ in range(_FIELD_ROUNDS):
            again: list[Contact] = []
            before = len(said.refused)
            in_parts(
                waiting,
                partial(self._send_once, said=said, create=create),
                lambda contact, problem: said.refused.append((contact, of_problem(problem))),
            )
            refused, said.refused[before:] = said.refused[before:], []
            for contact, fault in refused:
                if lost := drop_field(contact, fault):
                    said.lost_fields.append((contact, lost))
                    again.append(contact)
                else:
                    said.refused.append((contact, fault))
            waiting = again + [c for c in said.left_out if c.left_out < _LEFT_OUT_AT_MOST]
            said.left_out = [c for c in said.left_out if c.left_out >= _LEFT_OUT_AT_MOST]
            if not waiting:
                return
        said.left_out += waiting

    def _send_once(self, contacts: list[Contact], said: _Pass, *, create: bool) -> None:
        """One call. Raises RequestRefused and TooMuchAtOnce if nothing of it is known to be written."""
        body = {
            "members": [self._member(contact, create=create) for contact in contacts],
            "update_existing": not create,
        }
        params = SKIP_VALIDATION if not create or self._config.accept_missing_required else None
        since = self._calls.client.server_time()
        try:
            answered = self._calls.send("POST", "", params, json=body, may_shrink=len(contacts) > 1)
        except TooMuchAtOnce:
            _doubt(contacts, since)
            raise
        except RequestRefused as error:
            fault = of_problem(error.problem)
            if create or concerns_everybody(error.problem) or not asks_for_status(fault):
                raise
            # No smaller call would fare better.
            said.refused += [(contact, fault) for contact in contacts]
            return
        if answered.replayed and answered.since:
            _doubt(contacts, answered.since)
        self._read(contacts, answered.body if isinstance(answered.body, dict) else {}, said, since)

    def _member(self, contact: Contact, *, create: bool) -> Json:
        status = self._policy.new(contact) if create else self._policy.existing(contact)
        return {**contact.body, "status": status} if status else contact.body

    @staticmethod
    def _read(contacts: list[Contact], answer: Json, said: _Pass, since: datetime) -> None:
        """Match the rows of an answer with what was sent. What it does not mention is nobody's success."""
        waiting = {contact.key: contact for contact in contacts}
        for row in _rows(answer, "errors"):
            contact = waiting.pop(key_of(row.get("email_address")), None)
            if contact is None:
                continue
            if row.get("error_code") == CONTACT_EXISTS:
                said.exists.append(contact)
            else:
                said.refused.append((contact, of_row(row)))
        for name, found in (("new_members", said.created), ("updated_members", said.updated)):
            for row in _rows(answer, name):
                contact = waiting.pop(key_of(row.get("email_address")), None)
                if contact is not None:
                    found.append(contact)
        for contact in waiting.values():
            contact.left_out += 1
            said.left_out.append(contact)
        _doubt(waiting.values(), since)


def _doubt(contacts: Iterable[Contact], since: datetime) -> None:
    """An attempt that began at ``since`` may have written these, though no answer says so."""
    for contact in contacts:
        contact.doubtful_since = contact.doubtful_since or since


def drop_field(contact: Contact, fault: RecordRejected) -> str | None:
    """Leave out the one merge field that Mailchimp refuses, so that the rest of the contact is written.

    Returns how the accounting puts it; None if the fault is not about a field that the contact brings.
    """
    merge: dict[str, Any] = contact.body.get("merge_fields") or {}
    tag = fault.field.rpartition(".")[2]
    if not tag or tag not in merge:
        return None
    contact.body = {**contact.body, "merge_fields": {key: value for key, value in merge.items() if key != tag}}
    return f"{fault.field} was refused by Mailchimp: {fault.text}"


def _rows(answer: Json, name: str) -> Iterable[Json]:
    rows = answer.get(name)
    return (row for row in rows if isinstance(row, dict)) if isinstance(rows, list) else ()
