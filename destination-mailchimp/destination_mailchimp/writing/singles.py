"""Calls about single contacts: what a batch can't do, or can't be trusted to do without touching a status."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from destination_mailchimp.accounting.ledger import Outcome
from destination_mailchimp.audience.calls import SKIP_VALIDATION, Calls
from destination_mailchimp.audience.forms import AcceptedForms
from destination_mailchimp.audience.refusals import from_problem, is_account_wide
from destination_mailchimp.config import Config
from destination_mailchimp.contacts.contact import Contact, Json
from destination_mailchimp.contacts.cursors import read_cursor
from destination_mailchimp.failures import RecordRejected
from destination_mailchimp.writing.batches import drop_field, has_other_form, prepare
from destination_mailchimp.writing.consent import StatusPolicy, statuses_upgradable_to
from destination_mailchimp.writing.limit import NewContactLimit
from destination_mailchimp.writing.membership import StatusIndex
from destination_mailchimp.writing.result import FieldLost, FollowUp, Rejected, Result, Skipped, Step, Untag, Written
from mailchimp_api.errors import RequestRefused, ResourceGone

_METHOD_NOT_ALLOWED = 405
_FIELDS_DROPPED_AT_MOST = 5


class Singles:
    """Makes these calls, from any number of threads."""

    def __init__(
        self,
        calls: Calls,
        config: Config,
        policy: StatusPolicy,
        limit: NewContactLimit,
        archived: StatusIndex,
        forms: AcceptedForms | None = None,
    ) -> None:
        """``archived`` is told whom this has archived, so that no later version of a record brings one back."""
        self._calls = calls
        self._config = config
        self._policy = policy
        self._forms = forms or AcceptedForms()
        self._limit = limit
        self._archived = archived
        self._steps = {
            Step.UPDATE: self._update,
            Step.CONFIRM: self._confirm,
            Step.PERMISSIONS: self._permissions,
            Step.MOVE: self._move,
            Step.REVIVE: self._revive,
            Step.REMOVE: self._remove,
            Step.COMPARE_TAGS: self._compare_tags,
        }

    def run(self, contact: Contact, step: Step, result: Result) -> None:
        """Carry out one step; a refusal of this contact goes into ``result``, anything else is raised."""
        try:
            self._steps[step](contact, result)
        except RecordRejected as fault:
            result.rejected.append(Rejected(contact, fault))
        except RequestRefused as error:
            if is_account_wide(error.problem):
                raise
            result.rejected.append(Rejected(contact, from_problem(error.problem)))

    def _update(self, contact: Contact, result: Result) -> None:
        """Write the fields of a contact that exists; its status only if the policy sends one."""
        status = self._policy.existing(contact)
        create = not self._config.update_only
        try:
            self._write(contact, {"status": status} if status else {}, result, create=create)
        except ResourceGone:
            if create:
                # A contact that is not there would have been made: the audience itself is gone.
                raise
            result.skipped.append(Skipped(contact, "not in the audience"))
            return
        result.written.append(Written(contact, Outcome.UPDATED))
        if self._policy.needs_current_status(contact):
            result.follow_ups.append(FollowUp(contact, Step.MOVE))

    def _confirm(self, contact: Contact, result: Result) -> None:
        """No batch answer mentioned it: look whether it is there, write it, and believe this answer.

        It counts as made already (see ``BatchWriter``). Given back is what it did not need after all.
        """
        present = self._calls.member(contact.hash)
        made = present is None
        if present is not None and contact.possibly_written_since and not contact.written_before:
            changed = read_cursor(present.last_changed or "")[1]
            since = read_cursor((contact.possibly_written_since - timedelta(seconds=1)).isoformat())[1]
            made = isinstance(changed, int) and changed >= since
        status = self._policy.existing(contact) if present is not None else None
        if not made:
            self._limit.give_back()
        try:
            self._write(contact, {"status": status} if status else {}, result, create=True)
        except (RecordRejected, RequestRefused):
            if present is None:
                self._limit.give_back()
            raise
        result.written.append(Written(contact, Outcome.CREATED if made else Outcome.UPDATED))
        if present is not None and self._policy.needs_current_status(contact):
            result.follow_ups.append(FollowUp(contact, Step.MOVE))

    def _permissions(self, contact: Contact, result: Result) -> None:
        body = {"marketing_permissions": contact.permissions}
        try:
            self._calls.send("PATCH", f"members/{contact.hash}", SKIP_VALIDATION, json=body)
        except ResourceGone:
            result.rejected.append(Rejected(contact, _vanished()))
            return
        result.written.append(Written(contact, Outcome.CREATED))

    def _move(self, contact: Contact, result: Result) -> None:
        """Looks at the present status first: nobody who has left is ever brought back by this."""
        present = self._calls.member(contact.hash)
        if contact.status and present is not None and present.status in statuses_upgradable_to(contact.status):
            body = {"status": contact.status}
            method = "PATCH"
            if contact.status == "transactional":
                # A PATCH does not take this one (contract of the API); a PUT wants to know the rest.
                body |= {"email_address": contact.address, "status_if_new": self._policy.new(contact)}
                method = "PUT"
            try:
                self._calls.send(method, f"members/{contact.hash}", SKIP_VALIDATION, json=body)
            except ResourceGone:
                if method == "PUT":
                    raise
                result.rejected.append(Rejected(contact, _vanished()))
                return
        result.written.append(Written(contact, Outcome.UPDATED))

    def _revive(self, contact: Contact, result: Result) -> None:
        """Only a status brings a contact back from the archive; who is back already keeps the one they have.

        An earlier version of the record may have brought it back, and the person may have left since.
        """
        present = self._calls.member(contact.hash)
        if present is not None and present.status != "archived":
            self._update(contact, result)
            return
        self._write(contact, {"status": self._policy.new(contact)}, result, create=True)
        result.written.append(Written(contact, Outcome.UPDATED))

    def _remove(self, contact: Contact, result: Result) -> None:
        """Unsubscribe or archive; who is not there any more needs neither."""
        try:
            if self._config.deletes == "archive":
                self._calls.send("DELETE", f"members/{contact.hash}")
                self._archived.add([contact.hash])
            else:
                body = {"status": "unsubscribed"}
                self._calls.send("PATCH", f"members/{contact.hash}", SKIP_VALIDATION, json=body)
        except ResourceGone:
            result.skipped.append(Skipped(contact, "not in the audience"))
        except RequestRefused as error:
            if error.problem.status != _METHOD_NOT_ALLOWED:
                raise
            # Archived since it was asked who is, or by a first attempt of ours whose answer was lost.
            result.written.append(Written(contact, Outcome.REMOVED))
        else:
            result.written.append(Written(contact, Outcome.REMOVED))

    def _compare_tags(self, contact: Contact, result: Result) -> None:
        """Find the tags that the contact has and its record has not."""
        wanted = {name.casefold() for name in (*(contact.tags or ()), *self._config.tag_names)}
        try:
            rows = list(self._calls.pages(f"members/{contact.hash}/tags", "tags", {"fields": "tags.name,total_items"}))
        except ResourceGone:
            rows = []
        result.untag += [Untag(contact, str(row["name"])) for row in rows if str(row["name"]).casefold() not in wanted]

    def _write(self, contact: Contact, more: Json, result: Result, *, create: bool) -> None:
        """Write fields and permissions; without ``create`` a contact that is not there is never made.

        Raises RequestRefused or RecordRejected where Mailchimp does not take the contact, and ResourceGone:
        with ``create`` that means the audience.
        """
        for _ in range(_FIELDS_DROPPED_AT_MOST):
            result.lost_fields += [FieldLost(contact, lost) for lost in prepare(contact, self._forms)]
            body: dict[str, Any] = {**contact.body, **more}
            if contact.permissions:
                body["marketing_permissions"] = contact.permissions
            if create:
                body["status_if_new"] = self._policy.new(contact)
            method = "PUT" if create else "PATCH"
            try:
                answer = self._calls.send(method, f"members/{contact.hash}", SKIP_VALIDATION, json=body).body
            except RequestRefused as error:
                fault = from_problem(error.problem)
                if has_other_form(contact, fault, self._forms):
                    continue
                lost = drop_field(contact, fault)
                if not lost:
                    raise
                result.lost_fields.append(FieldLost(contact, lost))
            else:
                if isinstance(answer, dict):
                    self._forms.accepted(contact.merge_fields, answer.get("merge_fields"))
                return
        raise RecordRejected("field_refused", "Mailchimp refuses too many of its fields.")


def _vanished() -> RecordRejected:
    """Deleted by somebody after this sync had written it: the accounting says so beside ``created`` or ``updated``."""
    return RecordRejected("vanished", "The contact was deleted while the sync ran.")
