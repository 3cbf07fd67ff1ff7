"""Moves contacts whose address has changed in the source, instead of adding them a second time (``key_field``)."""

from __future__ import annotations

import threading

from destination_mailchimp.audience.calls import SKIP_VALIDATION, Calls
from destination_mailchimp.audience.keys import KeyIndex
from destination_mailchimp.audience.refusals import from_problem, is_account_wide
from destination_mailchimp.config import Config
from destination_mailchimp.contacts.contact import Contact, key_of
from destination_mailchimp.failures import RecordRejected
from destination_mailchimp.writing.result import Noted, Rejected, Result, Skipped
from mailchimp_api.errors import RequestRefused, ResourceGone
from mailchimp_api.readers import MemberFacts


class Mover:
    """Finds contacts by the key of their record. A contact keeps its status when it is moved.

    Nobody is ever added under a new address who can't be moved to it: they may have left under the old one.
    """

    def __init__(self, calls: Calls, config: Config, keys: KeyIndex) -> None:
        self._calls = calls
        self._config = config
        self._keys = keys
        self._moving = threading.Lock()

    def sort_out(self, contacts: list[Contact], result: Result) -> tuple[list[Contact], list[Contact]]:
        """Move who has to be; returns those whom the key does not find, and those who exist under their address.

        The latter are marked: no call may make them anew, as a later record may have moved them on meanwhile.
        """
        others: list[Contact] = []
        holders: list[Contact] = []
        for contact in contacts:
            key = contact.source_key
            if not key or contact.removed:
                others.append(contact)
                continue
            if not self._keys.claim(key, contact.hash):
                result.rejected.append(Rejected(contact, not_unique()))
                continue
            with self._moving:
                self._sort_out(contact, key, others, holders, result)
        for contact in holders:
            contact.must_exist = True
        return others, holders

    def _sort_out(
        self, contact: Contact, key: str, others: list[Contact], holders: list[Contact], result: Result
    ) -> None:
        if self._keys.has_several(key):
            if self._look(contact.hash) is not None:
                others.append(contact)
            else:
                result.rejected.append(Rejected(contact, held_by_several()))
            return
        holder = self._keys.holder(key)
        if holder == contact.hash:
            holders.append(contact)
            return
        old = self._look(holder) if holder else None
        if holder is None or old is None:
            if holder:
                self._keys.forget(key)
            self._keys.note(key, contact.hash)
            others.append(contact)
            return
        if self._look(contact.hash) is not None:
            result.notes.append(Noted(contact, "the address has changed to that of another contact, so both stay"))
            others.append(contact)
        elif self._config.existing_contacts == "leave":
            result.skipped.append(Skipped(contact, "in the audience already, with another address"))
        elif old.status == "archived":
            self._archived(contact, key, others, result)
        elif self._move(contact, holder, old, result):
            self._keys.note(key, contact.hash)
            result.notes.append(Noted(contact, "moved from another address"))
            holders.append(contact)

    def _archived(self, contact: Contact, key: str, others: list[Contact], result: Result) -> None:
        """Mailchimp changes no archived contact. Reviving one means a new contact as well, with the status of such."""
        if self._config.archived_contacts == "revive":
            self._keys.note(key, contact.hash)
            others.append(contact)
        elif self._config.archived_contacts == "reject":
            text = "The contact is archived under another address, and archived_contacts is reject."
            result.rejected.append(Rejected(contact, RecordRejected("archived", text)))
        else:
            result.skipped.append(Skipped(contact, "archived"))

    def _move(self, contact: Contact, holder: str, old: MemberFacts, result: Result) -> bool:
        """Whether the contact has the new address now, and the status that it had."""
        body = {"email_address": contact.address}
        try:
            answer = self._calls.send("PATCH", f"members/{holder}", SKIP_VALIDATION, json=body).body
        except ResourceGone:
            # Moved by a first attempt whose answer was lost, or deleted this moment.
            if self._look(contact.hash) is not None:
                return True
            result.rejected.append(Rejected(contact, _vanished()))
            return False
        except RequestRefused as error:
            if is_account_wide(error.problem):
                raise
            result.rejected.append(Rejected(contact, from_problem(error.problem)))
            return False
        shown = answer if isinstance(answer, dict) else {}
        if key_of(shown.get("email_address")) != contact.key:
            text = "Mailchimp did not change the address of the contact, and does not say why."
            result.rejected.append(Rejected(contact, RecordRejected("refused", text, by_call=True)))
            return False
        if shown.get("status") != old.status:
            result.notes.append(Noted(contact, f"{old.status} became {shown.get('status')} with the new address"))
        return True

    def _look(self, digest: str) -> MemberFacts | None:
        return self._calls.member(digest)


def not_unique() -> RecordRejected:
    """Why a record is rejected whose key this sync has met with another address."""
    return RecordRejected(
        "key_not_unique",
        "Another record of this sync has the same primary key and another address, so key_field can't tell whose "
        "contact this is.",
    )


def held_by_several() -> RecordRejected:
    """Why a record with a new address is rejected whose key several contacts hold: each may be who has left."""
    return RecordRejected(
        "key_not_unique",
        "Several contacts hold the primary key of the record, so key_field can't tell whose address has changed.",
    )


def _vanished() -> RecordRejected:
    return RecordRejected("vanished", "The contact was deleted while its address was to be changed.")
