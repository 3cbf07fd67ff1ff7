"""Calls about single contacts: what a batch can't do, or can't be trusted to do without touching a status."""

from __future__ import annotations

import time
from datetime import timedelta

from destination_mailchimp.accounting.ledger import Outcome
from destination_mailchimp.audience.attempts import LastingFault, Undecided
from destination_mailchimp.audience.calls import Calls
from destination_mailchimp.audience.forms import AcceptedForms
from destination_mailchimp.audience.refusals import from_problem, is_account_wide, is_temporary
from destination_mailchimp.config import Config
from destination_mailchimp.contacts.contact import Contact
from destination_mailchimp.failures import RecordRejected
from destination_mailchimp.writing.archived import ArchivedPolicy
from destination_mailchimp.writing.batch_outcome import (
    TRACES,
    has_lived_before,
    is_since,
    not_as_asked,
    status_not_taken,
    was_revived,
)
from destination_mailchimp.writing.consent import ACTIVE_STATUSES, StatusPolicy, statuses_upgradable_to
from destination_mailchimp.writing.contact_calls import (
    ContactCalls,
    StatusChanged,
    is_archived,
    is_not_archived,
    vanished,
)
from destination_mailchimp.writing.contact_tags import ContactTags
from destination_mailchimp.writing.existing import ExistingContacts
from destination_mailchimp.writing.membership import StatusIndex
from destination_mailchimp.writing.new_contact_limit import NewContactLimit
from destination_mailchimp.writing.refused_fields import prepare
from destination_mailchimp.writing.removals import Remover
from destination_mailchimp.writing.result import (
    FieldLost,
    FollowUp,
    Rejected,
    Result,
    Skipped,
    Step,
    TagFailed,
    Written,
)
from destination_mailchimp.writing.shown import StubbornFields, fields_not_taken, not_taken
from destination_mailchimp.writing.sms import SmsWriter
from mailchimp_api.errors import RequestRefused, ResourceGone


class Singles:
    """Makes these calls, from any number of threads.

    What carries a status is not repeated unseen: see ``ContactCalls``.
    """

    def __init__(
        self,
        calls: Calls,
        config: Config,
        policy: StatusPolicy,
        limit: NewContactLimit,
        archived: StatusIndex,
        stubborn: StubbornFields,
        forms: AcceptedForms | None = None,
        existing: ExistingContacts | None = None,
    ) -> None:
        """``archived`` is told whom this has archived, so that no later version of a record brings one back."""
        self._calls = calls
        self._config = config
        self._policy = policy
        self._limit = limit
        self._archived = archived
        self._stubborn = stubborn
        self._forms = forms or AcceptedForms()
        self._existing = existing or ExistingContacts(leave=False)
        self._contact_calls = ContactCalls(calls, policy, self._forms)
        self._remover = Remover(calls, self._contact_calls, config, archived)
        self._tags = ContactTags(calls, config)
        self._archived_policy = ArchivedPolicy(calls, config, archived)
        self._sms = SmsWriter(calls, self._contact_calls, self._archived_policy)
        self._steps = {
            Step.UPDATE: self._update,
            Step.CONFIRM: self._confirm,
            Step.PERMISSIONS: self._permissions,
            Step.MOVE: self._move,
            Step.INSIST: self._insist,
            Step.REVIVE: self._revive,
            Step.REMOVE: self._remover.remove,
            Step.SMS: self._sms.write,
            Step.COMPARE_TAGS: self._tags.compare,
        }

    def run(self, follow_up: FollowUp, result: Result) -> None:
        """Carry out one step; a refusal of this contact goes into ``result``, anything else is raised.

        What is refused for the time being is put off once, and so is what fails while the contact may not be the cause.
        """
        contact = follow_up.contact
        try:
            if follow_up.step is Step.TAGS:
                self._tags.write(follow_up, result)
            else:
                self._steps[follow_up.step](contact, result)
        except Undecided:
            result.put_off.append(follow_up)
        except StatusChanged:
            # Archived meanwhile, so that the call would have brought it back.
            self._archived.add([contact.hash])
            if follow_up.step is Step.CONFIRM:
                self._limit.give_back()
            self._archived_policy.apply(contact, result)
        except LastingFault as error:
            text = f"Mailchimp answers this contact with an error each time: {error.message}"
            # One of these calls may have made the contact nevertheless, so it goes on counting as made.
            self._reject(follow_up, RecordRejected("server_error", text, by_call=True), result, may_be_made=True)
        except RecordRejected as reject:
            self._reject(follow_up, reject, result)
        except RequestRefused as error:
            if is_account_wide(error.problem):
                raise
            refusal = from_problem(error.problem)
            if is_temporary(refusal) and not contact.times_put_off:
                contact.times_put_off += 1
                result.put_off.append(follow_up)
                return
            self._reject(follow_up, refusal, result)

    def _reject(
        self, follow_up: FollowUp, reject: RecordRejected, result: Result, *, may_be_made: bool = False
    ) -> None:
        if follow_up.step is Step.TAGS:
            result.tags_failed += [TagFailed(follow_up.contact, reject.text) for _ in follow_up.tags]
            return
        if follow_up.step is Step.CONFIRM and not may_be_made:
            self._limit.give_back()
        result.rejected.append(Rejected(follow_up.contact, reject))

    # -- steps -------------------------------------------------------------------------------------------

    def _update(self, contact: Contact, result: Result) -> None:
        """Write the fields of a contact that exists; its status only if the policy sends one."""
        if self._existing.left_alone(contact):
            result.skipped.append(Skipped(contact, "in the audience already"))
            return
        if since := contact.possibly_written_since:
            row = self._calls.member_row(contact.hash, TRACES, contact.suspect)
            if row is not None and was_revived(contact, row, since) and self._undo_revival(contact, result):
                return
        try:
            self._write_existing(contact, result)
        except ResourceGone:
            if self._config.update_only or contact.must_exist:
                result.skipped.append(Skipped(contact, "not in the audience"))
                return
            self._make_anew(contact, result)
            return
        result.written.append(Written(contact, Outcome.UPDATED))
        _note_other_status(contact, result)
        if self._policy.needs_current_status(contact):
            result.follow_ups.append(FollowUp(contact, Step.MOVE))

    def _write_existing(self, contact: Contact, result: Result, looked_at: float | None = None) -> None:
        """Write the fields of a contact that exists, and the status if the policy sends one."""
        status = self._policy.existing(contact)
        if status != "transactional":
            self._contact_calls.write(contact, status, result, create=False, looked_at=looked_at)
            return
        # A PATCH does not take this one; that it has taken the rest shows that nobody has archived them.
        self._contact_calls.write(contact, None, result, create=False)
        self._contact_calls.set_status(contact, status, is_not_archived)

    def _make_anew(self, contact: Contact, result: Result) -> None:
        """The contact has vanished since it was found to exist. Raises ResourceGone where the audience has."""
        self._contact_calls.write(contact, None, result, create=True, looked_at=time.monotonic())
        self._limit.confirm(0, 1)
        contact.asked_status = self._policy.new(contact)
        result.written.append(Written(contact, Outcome.CREATED))
        _note_other_status(contact, result)

    def _confirm(self, contact: Contact, result: Result) -> None:
        """No batch answer tells what became of it: look whether it is there, write it, and believe this answer.

        It counts as made already (see ``BatchWriter``). Given back is what it did not need after all.
        """
        looked_at = time.monotonic()
        present = self._calls.member_row(contact.hash, TRACES, contact.suspect)
        if present is not None and present["status"] == "archived":
            raise StatusChanged("archived")
        made = present is None
        if present is not None and contact.possibly_written_since:
            since = contact.possibly_written_since - timedelta(seconds=1)
            changed = is_since(present.get("last_changed"), since)
            if changed and has_lived_before(contact, present, since) and self._undo_revival(contact, result):
                self._limit.give_back()
                return
            made = changed and not contact.written_before
        if not made and self._existing.left_alone(contact):
            self._limit.give_back()
            result.skipped.append(Skipped(contact, "in the audience already"))
            return
        if present is not None:
            self._write_existing(contact, result, looked_at)
        else:
            validate = not self._config.accept_missing_required
            self._contact_calls.write(contact, None, result, create=True, validate=validate, looked_at=looked_at)
        if not made:
            self._limit.give_back()
        result.written.append(Written(contact, Outcome.CREATED if made else Outcome.UPDATED))
        if present is None:
            contact.asked_status = self._policy.new(contact)
        _note_other_status(contact, result)
        if present is not None and self._policy.needs_current_status(contact):
            result.follow_ups.append(FollowUp(contact, Step.MOVE))

    def _undo_revival(self, contact: Contact, result: Result) -> bool:
        """A call whose answer was lost has brought the contact back: archive it again, unless the user wants it so."""
        if self._archived_policy.may_revive:
            return False
        self._archived_policy.undo([contact], result)
        return True

    def _permissions(self, contact: Contact, result: Result) -> None:
        try:
            self._contact_calls.patch(contact, {"marketing_permissions": contact.permissions})
        except ResourceGone:
            raise vanished() from None
        except RequestRefused as error:
            self._contact_calls.drop_or_raise(contact, error, result)
        result.written.append(Written(contact, Outcome.CREATED))

    def _move(self, contact: Contact, result: Result) -> None:
        """Looks at the present status first: nobody who has left is ever brought back by this."""
        present = self._calls.member(contact.hash, contact.suspect)
        wanted = contact.status
        if wanted and present is not None and present.status in statuses_upgradable_to(wanted):
            try:
                self._contact_calls.set_status(contact, wanted, lambda now: now in statuses_upgradable_to(wanted))
                _check_status(contact)
            except StatusChanged:
                pass  # who has left meanwhile stays out; who has it by a lost answer has it
        result.written.append(Written(contact, Outcome.UPDATED))

    def _insist(self, contact: Contact, result: Result) -> None:
        """Ask once for what the answer to a batch shows otherwise, and account for what this answer shows.

        Who has left meanwhile, or by that answer already, is not brought back by this without ``allow_resubscribe``.
        """
        wanted = contact.asked_status
        present = self._calls.member(contact.hash, contact.suspect)
        if present is None:
            raise vanished()
        result.lost_fields += [FieldLost(contact, lost) for lost in prepare(contact, self._forms)]
        try:
            row = self._contact_calls.patch(contact, contact.body)
            if contact.shown_status == "archived":
                wanted = None  # a status would bring them back
            elif self._policy.must_confirm(contact):
                pass  # it is for the person to confirm
            elif wanted and not_as_asked(contact) and self._may_set(wanted, contact.shown_status):
                wanted = self._ask_again(contact, wanted)
        except ResourceGone:
            raise vanished() from None
        contact.asked_status = wanted
        missing = fields_not_taken(contact.body, row)
        self._stubborn.note(missing)
        result.lost_fields += [FieldLost(contact, not_taken(tag)) for tag in missing]
        _check_status(contact)

    def _ask_again(self, contact: Contact, wanted: str) -> str | None:
        """Set the status once more; None if the person has left meanwhile, so that it isn't asked for any longer."""
        try:
            self._contact_calls.set_status(
                contact, wanted, lambda now: now != "archived" and self._may_set(wanted, now)
            )
        except StatusChanged as changed:
            contact.shown_status = changed.status
            return None
        return wanted

    def _may_set(self, wanted: str, present: object) -> bool:
        if wanted not in ACTIVE_STATUSES or present in ACTIVE_STATUSES:
            return True
        return self._policy.update and self._policy.allow_resubscribe

    def _revive(self, contact: Contact, result: Result) -> None:
        """Only a status brings a contact back from the archive; who is back already keeps the one they have.

        An earlier version of the record may have brought it back, and the person may have left since.
        """
        looked_at = time.monotonic()
        present = self._calls.member(contact.hash, contact.suspect)
        if present is not None and present.status != "archived":
            self._update(contact, result)
            return
        # It is one more contact for the plan, and for the user's own limit.
        if not self._limit.reserve(1, wait=True):
            raise self._limit.exceeded()
        revived = 0
        try:
            self._contact_calls.write(
                contact, self._policy.new(contact), result, create=True, only_if=is_archived, looked_at=looked_at
            )
            revived = 1
        except StatusChanged:
            # By a lost answer of ours it is back, or by somebody else; they may have left again since.
            revived = 1
            self._update(contact, result)
            return
        finally:
            self._limit.confirm(1, revived)
        result.written.append(Written(contact, Outcome.UPDATED))
        if not_as_asked(contact):
            result.follow_ups.append(FollowUp(contact, Step.INSIST))


def _note_other_status(contact: Contact, result: Result) -> None:
    """Say of a contact that is written if the newest answer shows another status than was asked for."""
    try:
        _check_status(contact)
    except RecordRejected as reject:
        result.rejected.append(Rejected(contact, reject))


def _check_status(contact: Contact) -> None:
    """Raises RecordRejected if the newest answer shows another status than was asked for."""
    if not_as_asked(contact):
        raise status_not_taken(contact)
