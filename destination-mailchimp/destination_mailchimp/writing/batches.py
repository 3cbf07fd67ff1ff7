"""Writes contacts in batches: create first, then update those that exist, without their status."""

from __future__ import annotations

import logging
import threading
from datetime import timedelta

from destination_mailchimp.accounting.causes import Cause
from destination_mailchimp.accounting.ledger import Outcome
from destination_mailchimp.audience.calls import Calls
from destination_mailchimp.audience.forms import AcceptedForms
from destination_mailchimp.audience.refusals import (
    asks_for_status,
    is_temporary,
    names_no_field,
)
from destination_mailchimp.config import Config
from destination_mailchimp.contacts.contact import Contact
from destination_mailchimp.failures import SyncFailure
from destination_mailchimp.writing.archived import ArchivedPolicy
from destination_mailchimp.writing.batch_calls import BatchCalls
from destination_mailchimp.writing.batch_outcome import (
    TRACES,
    BatchOutcome,
    has_lived_before,
    not_as_asked,
    status_not_taken,
)
from destination_mailchimp.writing.consent import ACTIVE_STATUSES, StatusPolicy
from destination_mailchimp.writing.existing import ExistingContacts
from destination_mailchimp.writing.hashes import find_hashes
from destination_mailchimp.writing.languages import by_language
from destination_mailchimp.writing.membership import StatusIndex, Watch, changed_since
from destination_mailchimp.writing.moves import Mover
from destination_mailchimp.writing.new_contact_limit import NewContactLimit
from destination_mailchimp.writing.result import FieldLost, FollowUp, Rejected, Result, Skipped, Step, Written
from destination_mailchimp.writing.shown import StubbornFields, not_taken

logger = logging.getLogger("airbyte.destination_mailchimp")

_MANY = 50
_INSISTED_AT_LEAST = 5
"""Of fewer that ask for a status each may have vanished since it was found to exist."""


class BatchWriter:
    """Writes batches from any number of threads."""

    def __init__(
        self,
        calls: Calls,
        config: Config,
        policy: StatusPolicy,
        archived: StatusIndex,
        forms: AcceptedForms | None = None,
        mover: Mover | None = None,
    ) -> None:
        self._calls = calls
        self._mover = mover
        self.existing = ExistingContacts(leave=config.existing_contacts == "leave")
        self._forms = forms or AcceptedForms()
        self._config = config
        self._batch_calls = BatchCalls(calls, config, policy, self._forms)
        self._policy = policy
        self.stubborn = StubbornFields()
        self._archived = archived
        self._archived_policy = ArchivedPolicy(calls, config, archived)
        self._present = StatusIndex(calls)
        self._movable = {status: StatusIndex(calls, *policy.changeable_to(status)) for status in ACTIVE_STATUSES}
        self._limit = NewContactLimit(config.max_new_contacts)
        self._update_in_batches = True
        self._pending_is_noted = False
        self._anything_accepted = False
        self._noting = threading.Lock()

    @property
    def limit(self) -> NewContactLimit:
        """The count of contacts made, which whoever else makes some shares with this writer."""
        return self._limit

    def write_batch(self, contacts: list[Contact], result: Result) -> None:
        """Write up to 500 contacts, no address twice. Fills ``result``; what it lacks at an error is not written."""
        watch = self._archived.watch()
        rest = self._sort_out(contacts, result)
        if self._mover:
            rest, holders = self._mover.sort_out(rest, result)
            self.update(holders, result, watch)
        existing = self.create(rest, result, watch)
        self.update(existing, result, watch)

    # -- before anything is written ----------------------------------------------------------------------

    def _sort_out(self, contacts: list[Contact], result: Result) -> list[Contact]:
        """Apply the policy on archived contacts, and put deletions aside.

        It must be known who is archived before anything is written: a create call may revive them (*open*).
        """
        find_hashes(self._calls, contacts)
        archived = self._archived.among([contact.hash for contact in contacts])
        rest = []
        for contact in contacts:
            if contact.hash in archived:
                self._archived_policy.apply(contact, result)
            elif contact.removed:
                result.follow_ups.append(FollowUp(contact, Step.REMOVE))
            else:
                rest.append(contact)
        return rest

    # -- first pass --------------------------------------------------------------------------------------

    def create(self, contacts: list[Contact], result: Result, watch: Watch | None = None) -> list[Contact]:
        """Make those that don't exist; returns those that do. ``watch``: since when it tells who was archived."""
        watch = watch or self._archived.watch()
        existing: list[Contact] = []
        if self._config.update_only:
            existing, absent = self._split_by_presence(contacts)
            result.skipped += [Skipped(contact, "not in the audience") for contact in absent]
            return existing
        granted = self._limit.reserve(len(contacts))
        if granted < len(contacts):
            # Too few may still be made for all of these: it must be known beforehand who is new.
            self._limit.confirm(granted, 0)
            existing, contacts = self._split_by_presence(contacts)
            granted = self._limit.reserve(len(contacts), wait=True)
        while contacts:
            if not granted:
                self.update(existing, result, watch)
                raise self._limit.exceeded()
            existing += self._create_batch(contacts[:granted], granted, watch, result)
            contacts = contacts[granted:]
            # Those that Mailchimp refused have used up nothing.
            granted = self._limit.reserve(len(contacts), wait=True)
        return existing

    def _create_batch(self, contacts: list[Contact], reserved: int, watch: Watch, result: Result) -> list[Contact]:
        outcome = BatchOutcome(creating=True)
        # Nobody knows how many a call has made that ends with an error, or for the contacts it does not mention.
        made = reserved
        try:
            for part in by_language(contacts, self._policy):
                self._batch_calls.send(part, outcome, watch, create=True)
            made_earlier = self._made_earlier(outcome)
            self._apply_archived_policy(outcome, result)
            self._sort_refused(contacts, outcome, result)
            revived = outcome.revived if self._archived_policy.may_revive else []
            made = sum(map(len, (outcome.created, made_earlier, revived, outcome.unanswered, outcome.put_off)))
        finally:
            self._limit.confirm(reserved, made)
        self._present.add(contact.hash for contact in (*outcome.created, *outcome.exists))
        self.existing.made((*outcome.created, *made_earlier))
        for contact in outcome.created:
            result.written.append(Written(contact, Outcome.CREATED))
            if contact.permissions:
                result.follow_ups.append(FollowUp(contact, Step.PERMISSIONS))
        result.written += [Written(contact, Outcome.CREATED) for contact in made_earlier]
        result.written += [Written(contact, Outcome.UPDATED) for contact in outcome.updated]
        self._insist(outcome, result)
        result.follow_ups += [FollowUp(contact, Step.CONFIRM) for contact in outcome.unanswered]
        result.put_off += [FollowUp(contact, Step.CONFIRM) for contact in outcome.put_off]
        return outcome.exists

    def _apply_archived_policy(self, outcome: BatchOutcome, result: Result) -> None:
        """Whoever was archived since it was known who is: nobody of them comes back unless the user wants that."""
        if self._archived_policy.may_revive:
            result.written += [Written(contact, Outcome.UPDATED) for contact in outcome.revived]
        else:
            self._archived_policy.undo(outcome.revived, result)
        self._archived.add(contact.hash for contact in outcome.archived)
        for contact in outcome.archived:
            self._archived_policy.apply(contact, result)

    def _insist(self, outcome: BatchOutcome, result: Result) -> None:
        for contact, fields in outcome.not_taken:
            if self._policy.must_confirm(contact):
                self._note_pending()
                if not fields:
                    result.rejected.append(Rejected(contact, status_not_taken(contact)))
                    continue
            other_form = self._forms.not_taken(contact.merge_fields, fields)
            if other_form or not_as_asked(contact) or not self.stubborn.all_stubborn(fields):
                result.follow_ups.append(FollowUp(contact, Step.INSIST))
            else:
                result.lost_fields += [FieldLost(contact, not_taken(tag)) for tag in fields]

    def _note_pending(self) -> None:
        with self._noting:
            if self._pending_is_noted:
                return
            self._pending_is_noted = True
        logger.warning(
            "Mailchimp makes new contacts pending, though the audience does not use double opt-in: they get an e-mail "
            "to confirm, and stay pending until they do. If you have their consent already, set status_for_new"
        )

    def _made_earlier(self, outcome: BatchOutcome) -> list[Contact]:
        """Of the contacts that exist, those that a lost or incomplete answer of this sync has made.

        Such a contact has changed since that attempt began, and this sync had not written it before.
        It is updated like the others, which does no harm; only the accounting depends on this.
        Whom that attempt has brought back from the archive instead goes to ``outcome.revived``.
        """
        possibly_made = [
            contact for contact in outcome.exists if contact.possibly_written_since and not contact.written_before
        ]
        if not possibly_made:
            return []
        since = min(
            contact.possibly_written_since for contact in possibly_made if contact.possibly_written_since
        ) - timedelta(seconds=1)
        changed = changed_since(self._calls, since, {contact.hash for contact in possibly_made}, TRACES)
        made = [contact for contact in possibly_made if contact.hash in changed]
        revived = [contact for contact in made if has_lived_before(contact, changed[contact.hash], since)]
        if revived:
            outcome.revived += revived
            outcome.exists = [contact for contact in outcome.exists if contact not in revived]
        return [contact for contact in made if contact not in revived]

    def _split_by_presence(self, contacts: list[Contact]) -> tuple[list[Contact], list[Contact]]:
        present = self._present.among([contact.hash for contact in contacts])
        return (
            [contact for contact in contacts if contact.hash in present],
            [contact for contact in contacts if contact.hash not in present],
        )

    # -- second pass -------------------------------------------------------------------------------------

    def update(self, contacts: list[Contact], result: Result, watch: Watch | None = None) -> None:
        """Write the fields of contacts that exist. Their status stays, unless the user asked for another.

        ``watch`` as in ``create``.
        """
        left = [contact for contact in contacts if self.existing.left_alone(contact)]
        if left:
            result.skipped += [Skipped(contact, "in the audience already") for contact in left]
            contacts = [contact for contact in contacts if not self.existing.left_alone(contact)]
        # Read once: another thread may learn meanwhile that batches insist on a status.
        in_batches = self._update_in_batches
        resubscribed = self._among_movable([c for c in contacts if self._policy.existing(c) in ACTIVE_STATUSES])
        singly = [c for c in contacts if c.permissions or not in_batches or c.hash in resubscribed]
        result.follow_ups += [FollowUp(contact, Step.UPDATE) for contact in singly]
        alone = set(singly)
        contacts = [contact for contact in contacts if contact not in alone]
        if not contacts:
            return
        outcome = BatchOutcome()
        self._batch_calls.send(contacts, outcome, watch or self._archived.watch(), create=False)
        self._apply_archived_policy(outcome, result)
        self._note_refused_status(contacts, outcome, result)
        wanted = [contact for contact in outcome.updated if self._policy.needs_current_status(contact)]
        movable = self._among_movable(wanted)
        result.written += [Written(contact, Outcome.UPDATED) for contact in outcome.updated]
        result.follow_ups += [FollowUp(contact, Step.MOVE) for contact in wanted if contact.hash in movable]
        # It had vanished since the first pass and was made anew.
        revived = outcome.revived if self._archived_policy.may_revive else []
        self._limit.confirm(0, len(outcome.created) + len(revived))
        result.written += [Written(contact, Outcome.CREATED) for contact in outcome.created]
        self._sort_refused(contacts, outcome, result)
        self._insist(outcome, result)
        result.follow_ups += [FollowUp(contact, Step.UPDATE) for contact in (*outcome.unanswered, *outcome.exists)]
        result.put_off += [FollowUp(contact, Step.UPDATE) for contact in outcome.put_off]

    def _among_movable(self, contacts: list[Contact]) -> set[str]:
        """The hashes of those whose present status may be another one than their record's, and be changed to it."""
        # Whom this sync has moved itself, the indexes may not know yet; the status is looked at again anyway.
        movable = {contact.hash for contact in contacts if contact.written_before}
        for status, index in self._movable.items():
            if asking := [contact.hash for contact in contacts if contact.status == status]:
                movable |= index.among(asking)
        return movable

    def _note_refused_status(self, contacts: list[Contact], outcome: BatchOutcome, result: Result) -> None:
        """Where a batch insists on a status (*open*), contacts are updated one by one: that never needs it."""
        insisted: list[Rejected] = []
        others: list[Rejected] = []
        for refused in outcome.refused:
            without = self._policy.in_batch(refused.contact) is None
            asks = asks_for_status(refused.reject, without_status=without)
            (insisted if asks else others).append(refused)
        if not insisted:
            return
        outcome.refused = others
        result.follow_ups += [FollowUp(refused.contact, Step.UPDATE) for refused in insisted]
        sent = sum(self._policy.in_batch(contact) is None for contact in contacts)
        with self._noting:
            if self._update_in_batches and len(insisted) >= max(sent, _INSISTED_AT_LEAST):
                self._update_in_batches = False
                logger.warning(
                    "Mailchimp does not update contacts in a batch without their status, which the sync must not "
                    "change: contacts that exist are written with one call each from now on"
                )

    # -- both ---------------------------------------------------------------------------------------------

    def _sort_refused(self, sent: list[Contact], outcome: BatchOutcome, result: Result) -> None:
        """Reject who is refused for good; who may be taken by another call, or later, is left to that.

        Raises SyncFailure where everybody is refused alike, so that no reject is a contact's own.
        """
        result.lost_fields += outcome.lost_fields
        if outcome.created or outcome.updated or outcome.exists or outcome.unanswered:
            self._anything_accepted = True
        elif len(outcome.refused) == len(sent) >= _MANY:
            causes = {(refused.reject.reason, refused.reject.field) for refused in outcome.refused}
            calls = all(refused.reject.by_call for refused in outcome.refused)
            alike = len(causes) == 1 and next(iter(causes))[0] in ("refused", "field_refused")
            if alike and (calls or not self._anything_accepted):
                cause = Cause.of(outcome.refused[0].reject, outcome.refused[0].contact.address)
                raise SyncFailure(f"Mailchimp refuses every contact for the same cause: {cause}")
        for refused in outcome.refused:
            if names_no_field(refused.reject):
                outcome.unanswered.append(refused.contact)
            elif is_temporary(refused.reject) and not refused.contact.times_put_off:
                refused.contact.times_put_off += 1
                outcome.put_off.append(refused.contact)
            else:
                result.rejected.append(refused)
