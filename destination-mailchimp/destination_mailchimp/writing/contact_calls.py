"""Writing calls about one contact: before each attempt that carries a status, it is looked which one they have."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from destination_mailchimp.audience.calls import SKIP_VALIDATION, Calls
from destination_mailchimp.audience.forms import AcceptedForms
from destination_mailchimp.audience.refusals import from_problem, is_account_wide
from destination_mailchimp.contacts.contact import Contact, Json, key_of
from destination_mailchimp.failures import RecordRejected
from destination_mailchimp.writing.consent import StatusPolicy
from destination_mailchimp.writing.languages import language_of
from destination_mailchimp.writing.refused_fields import drop_refused, has_other_form, prepare
from destination_mailchimp.writing.result import FieldLost, Result
from destination_mailchimp.writing.shown import fields_not_taken, not_taken, note_shown
from mailchimp_api import readers
from mailchimp_api.client import Params
from mailchimp_api.errors import RequestRefused, ResourceGone

_FRESH_SECONDS = 2.0
_METHOD_NOT_ALLOWED = 405

MayHave = Callable[[str | None], bool]
"""Tells whether a call may be made while the contact has this status (None: it is not there)."""


class StatusChanged(Exception):
    """The contact has another status than the one its call was meant for: it is not made again."""

    def __init__(self, status: str | None) -> None:
        super().__init__(status)
        self.status = status


class ContactCalls:
    """Makes these calls, from any number of threads.

    Whatever carries a status is not sent unseen, neither at first nor again: minutes may pass before an attempt, in
    which the person leaves or is archived. It is looked right before each, and where that can't be known, nothing is
    sent. A contact that exists is written by PATCH, which brings nobody back: Mailchimp refuses it for archived ones.
    """

    def __init__(self, calls: Calls, policy: StatusPolicy, forms: AcceptedForms) -> None:
        self._calls = calls
        self._policy = policy
        self._forms = forms

    def write(
        self,
        contact: Contact,
        status: str | None,
        result: Result,
        *,
        create: bool,
        validate: bool = False,
        only_if: MayHave | None = None,
        looked_at: float | None = None,
    ) -> None:
        """Write fields and permissions; without ``create`` a contact that is not there is never made.

        Sent, and sent again, only while the contact's status is one that ``only_if`` admits: any but archived, if not
        given. ``looked_at``: when the caller has seen that it is (``time.monotonic``).
        Values that Mailchimp refuses are left out. Raises StatusChanged, RequestRefused where it does not take the
        contact even so, and ResourceGone: with ``create`` that means the audience.
        """
        method = "PUT" if create else "PATCH"
        params: Params | None = None if validate else SKIP_VALIDATION
        look = self._look(contact, only_if or is_not_archived) if status or create else None
        while True:
            if look is not None and not (looked_at and time.monotonic() - looked_at < _FRESH_SECONDS):
                look()
            looked_at = None
            result.lost_fields += [FieldLost(contact, lost) for lost in prepare(contact, self._forms)]
            body: dict[str, Any] = dict(contact.body)
            if contact.permissions:
                body["marketing_permissions"] = contact.permissions
            if status:
                body["status"] = status
            if create:
                body["status_if_new"] = self._policy.new(contact)
            contact.asked_status = status
            try:
                language = language_of(contact, self._policy) if create else None
                row = self._send(method, contact, body, params, look, language)
            except RequestRefused as error:
                # Each round leaves out at least one value more, so it ends.
                self.drop_or_raise(contact, error, result, exists=not validate)
            else:
                self._forms.accepted(contact.merge_fields, row.get("merge_fields"))
                missing = fields_not_taken(contact.body, row)
                result.lost_fields += [FieldLost(contact, not_taken(tag)) for tag in missing]
                return

    def drop_or_raise(self, contact: Contact, error: RequestRefused, result: Result, *, exists: bool = False) -> None:
        """Leave out of the contact what Mailchimp refuses of it; raises the refusal where it names nothing such."""
        if is_account_wide(error.problem):
            raise error
        reject = from_problem(error.problem)
        if has_other_form(contact, reject, self._forms):
            return
        lost = drop_refused(contact, reject, exists=exists)
        if not lost:
            raise error
        result.lost_fields += [FieldLost(contact, what) for what in lost]

    def _look(self, contact: Contact, only_if: MayHave) -> Callable[[], None]:
        """What looks at the present status (None: not there) before a call is repeated; raises StatusChanged."""

        def look() -> None:
            present = self._calls.member(contact.hash, contact.suspect)
            status = present.status if present is not None else None
            if not only_if(status):
                raise StatusChanged(status)

        return look

    def set_status(self, contact: Contact, status: str, only_if: MayHave) -> None:
        """Set the status of a contact whose present one has just been looked at. Raises ResourceGone, StatusChanged."""
        look = self._look(contact, only_if)
        contact.asked_status = status
        if status == "transactional":
            # A PATCH does not take this one (contract of the API); a PUT wants to know the rest.
            address = {"email_address": contact.address, "status_if_new": self._policy.new(contact)}
            self._send("PUT", contact, {**address, "status": status}, SKIP_VALIDATION, look)
            return
        try:
            self._send("PATCH", contact, {"status": status}, SKIP_VALIDATION, look)
        except ResourceGone:
            raise vanished() from None

    def patch(self, contact: Contact, body: Json) -> Json:
        """Change a contact that exists; returns it as the answer shows it.

        Raises as ``Calls.send``, and StatusChanged for who is archived.
        """
        return self._send("PATCH", contact, body, SKIP_VALIDATION)

    def _send(
        self,
        method: str,
        contact: Contact,
        body: Json,
        params: Params | None,
        look: Callable[[], None] | None = None,
        language: str | None = None,
    ) -> Json:
        """The contact as the answer shows it."""
        contact.shown_status = None
        path = f"members/{contact.hash}"
        try:
            row: Json = self._calls.send(
                method,
                path,
                params,
                json=body,
                read=partial(_written, contact=contact),
                suspect=contact.suspect,
                language=language,
                before_repeat=look,
            ).body
        except RequestRefused as error:
            if method == "PATCH" and error.problem.status == _METHOD_NOT_ALLOWED:
                self._look(contact, is_not_archived)()  # so it is answered for archived contacts (reported)
            raise
        note_shown(contact, row)
        return row


def _written(body: Mapping[str, Any], contact: Contact) -> Json:
    """The answer to a call about ``contact``. Raises Lacking where it shows no contact, or another one.

    By the address too: Mailchimp may make another hash of one with letters beyond ASCII.
    """
    readers.member(body)
    if body.get("id", contact.hash) != contact.hash and key_of(body.get("email_address")) != contact.key:
        raise readers.Lacking("the contact that was written")
    return dict(body)


def is_archived(status: str | None) -> bool:
    """Whether the contact is in the archive."""
    return status == "archived"


def is_not_archived(status: str | None) -> bool:
    """Whether the contact is none of the archive."""
    return status != "archived"


def vanished() -> RecordRejected:
    """Deleted by somebody after this sync had written it: the accounting says so beside ``created`` or ``updated``."""
    return RecordRejected("vanished", "The contact was deleted while the sync ran.")
