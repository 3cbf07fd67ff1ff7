"""Calls that write a batch: made smaller, repeated and mended until an answer tells what became of everybody."""

from __future__ import annotations

import time
from functools import partial

from destination_mailchimp.audience.calls import SKIP_VALIDATION, Calls
from destination_mailchimp.audience.forms import AcceptedForms
from destination_mailchimp.audience.refusals import asks_for_status, from_problem, is_account_wide
from destination_mailchimp.audience.splitting import BatchTooLarge, send_or_split
from destination_mailchimp.config import Config
from destination_mailchimp.contacts.contact import Contact, Json
from destination_mailchimp.failures import RecordRejected
from destination_mailchimp.writing.batch_outcome import BatchOutcome, note_possibly_written
from destination_mailchimp.writing.consent import StatusPolicy
from destination_mailchimp.writing.languages import language_of
from destination_mailchimp.writing.membership import Watch
from destination_mailchimp.writing.refused_fields import drop_refused, has_other_form, prepare
from destination_mailchimp.writing.result import FieldLost, Rejected
from mailchimp_api.errors import RequestRefused

_UNANSWERED_AT_MOST = 2
_ROUNDS_AT_MOST = 15
_ROUNDS_FOR_A_FEW = 2
_A_FEW = 10


class _ArchivedMeanwhile(Exception):
    def __init__(self, hashes: set[str]) -> None:
        super().__init__(f"{len(hashes)} contacts were archived")
        self.hashes = hashes


class BatchCalls:
    """Makes these calls, from any number of threads."""

    def __init__(self, calls: Calls, config: Config, policy: StatusPolicy, forms: AcceptedForms) -> None:
        self._calls = calls
        self._config = config
        self._policy = policy
        self._forms = forms

    def send(self, contacts: list[Contact], outcome: BatchOutcome, watch: Watch, *, create: bool) -> None:
        """Send contacts, and again those that the answer has not mentioned or of which only some fields were refused.

        A row names one field at a time. A few contacts are left to single calls soon: those name all.
        """
        tells = self._forms.telling_first([contact.merge_fields for contact in contacts])
        for early in (True, False):
            part = [contact for contact, first in zip(contacts, tells, strict=True) if first is early]
            if part:
                self._send_part(part, outcome, watch, create=create)

    def _send_part(self, waiting: list[Contact], outcome: BatchOutcome, watch: Watch, *, create: bool) -> None:
        for number in range(_ROUNDS_AT_MOST):
            again: list[Contact] = []
            before = len(outcome.refused)
            for contact in waiting:
                outcome.lost_fields += [FieldLost(contact, lost) for lost in prepare(contact, self._forms)]
            self._send_all(waiting, outcome, watch, create=create)
            latest, outcome.refused[before:] = outcome.refused[before:], []
            for refused in latest:
                if has_other_form(refused.contact, refused.reject, self._forms):
                    again.append(refused.contact)
                elif lost := drop_refused(refused.contact, refused.reject, exists=not create):
                    outcome.lost_fields += [FieldLost(refused.contact, what) for what in lost]
                    again.append(refused.contact)
                else:
                    outcome.refused.append(refused)
            waiting = again + [c for c in outcome.unanswered if c.unanswered < _UNANSWERED_AT_MOST]
            outcome.unanswered = [c for c in outcome.unanswered if c.unanswered >= _UNANSWERED_AT_MOST]
            if not waiting or (len(waiting) <= _A_FEW and number + 1 >= _ROUNDS_FOR_A_FEW):
                break
        outcome.unanswered += waiting

    def _send_all(self, contacts: list[Contact], outcome: BatchOutcome, watch: Watch, *, create: bool) -> None:
        send_or_split(
            contacts,
            partial(self._send_once, outcome=outcome, watch=watch, create=create),
            lambda contact, problem: outcome.refused.append(Rejected(contact, from_problem(problem))),
            lambda contact: self._leave_to_single_call(contact, outcome),
        )

    @staticmethod
    def _leave_to_single_call(contact: Contact, outcome: BatchOutcome) -> None:
        contact.unanswered = _UNANSWERED_AT_MOST
        outcome.unanswered.append(contact)

    def _send_once(self, contacts: list[Contact], outcome: BatchOutcome, watch: Watch, *, create: bool) -> None:
        """One call. Raises RequestRefused and BatchTooLarge if nothing of it is known to be written.

        Before it is made again, in whole or in part, and before it is made at all with a status for contacts that
        exist, it is looked who was archived meanwhile: it might bring them back. Where that can't be known, it is not
        made.
        """

        def look() -> None:
            if gone := watch.among([contact.hash for contact in contacts]):
                raise _ArchivedMeanwhile(gone)

        body = {
            "members": [self._member(contact, create=create) for contact in contacts],
            "update_existing": not create,
        }
        params = SKIP_VALIDATION if not create or self._config.accept_missing_required else None
        since = self._calls.client.server_time()
        begun = False
        try:
            language = language_of(contacts[0], self._policy) if create else None
            changes_status = not create and any(contact.asked_status for contact in contacts)
            if outcome.calls or watch.stale or changes_status:
                look()
            begun = True
            outcome.calls += 1
            answered = self._calls.send(
                "POST", "", params, json=body, may_shrink=True, language=language, before_repeat=look
            )
        except _ArchivedMeanwhile as found:
            if begun:  # an attempt may have written the others
                note_possibly_written(contacts, since)
            outcome.archived += [contact for contact in contacts if contact.hash in found.hashes]
            if rest := [contact for contact in contacts if contact.hash not in found.hashes]:
                self._send_all(rest, outcome, watch, create=create)
            return
        except BatchTooLarge:
            note_possibly_written(contacts, since)
            for contact in contacts:
                contact.suspect.batch_failed_at = contact.suspect.batch_failed_at or time.monotonic()
            raise
        except RequestRefused as error:
            reject = from_problem(error.problem)
            if create or is_account_wide(error.problem) or not self._asks_for_status(contacts, reject):
                raise
            # No smaller call would fare better.
            outcome.refused += [Rejected(contact, reject) for contact in contacts]
            return
        if answered.replayed:
            note_possibly_written(contacts, answered.since)
        outcome.read(contacts, answered.body if isinstance(answered.body, dict) else {}, answered.since, self._forms)

    def _asks_for_status(self, contacts: list[Contact], reject: RecordRejected) -> bool:
        without = any(self._policy.in_batch(contact) is None for contact in contacts)
        return asks_for_status(reject, without_status=without)

    def _member(self, contact: Contact, *, create: bool) -> Json:
        contact.asked_status = self._policy.new(contact) if create else self._policy.in_batch(contact)
        if contact.asked_status:
            return {**contact.body, "status": contact.asked_status}
        if self._config.update_only or contact.must_exist:
            return contact.body
        # Recorded clients send it so; should the contact have vanished meanwhile, it is made as any new one.
        return {**contact.body, "status_if_new": self._policy.new(contact)}
