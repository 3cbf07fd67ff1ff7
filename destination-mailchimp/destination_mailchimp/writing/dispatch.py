"""Decides what is called when, and accounts for what came of it. All of it runs in the main thread."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from destination_mailchimp.accounting.causes import anonymised
from destination_mailchimp.accounting.ledger import Outcome
from destination_mailchimp.accounting.rejects import Rejects
from destination_mailchimp.audience.calls import BATCH
from destination_mailchimp.config import Config
from destination_mailchimp.contacts.buffer import Buffer
from destination_mailchimp.contacts.contact import Contact
from destination_mailchimp.failures import RecordRejected, SyncFailure
from destination_mailchimp.writing.result import FollowUp, Job, Result, Step, TagChange, Work
from destination_mailchimp.writing.singles import Singles
from destination_mailchimp.writing.tags import TagBuffer
from destination_mailchimp.writing.workers import Workers

_FOLLOW_UPS_A_JOB = 10
_QUEUED_AHEAD = 2
_TAGS_WAITING_AT_MOST = 50 * BATCH


@dataclass(frozen=True)
class Waits:
    """How long calls wait before they are made, in seconds.

    ``to_fill``: how long a contact, or a tag, waits at most for its call to fill while input stays open.
    ``put_off``, ``put_off_at_the_end``: how long a call that is put off waits at least, while there is other work and
    when there is none.
    """

    to_fill: float = 30.0
    put_off: float = 60.0
    put_off_at_the_end: float = 10.0


class WritesBatches(Protocol):
    """Whatever writes a batch, or in a dry run says what would come of it."""

    def write_batch(self, contacts: list[Contact], result: Result) -> None:
        """Fill ``result`` with what came of the contacts."""


class Tags(Protocol):
    """Whatever gives and takes tags, or in a dry run counts them."""

    def prepare(self, names: list[str], result: Result) -> None:
        """Make tags that the audience lacks."""

    def goes_singly(self, contact: Contact) -> bool:
        """Whether the contact's tags are a matter of a call about it alone."""

    def tag(self, name: str, contacts: list[Contact], result: Result, *, remove: bool = False) -> None:
        """Name contacts that could not get (or lose) the tag in ``result``."""


class Dispatcher:
    """Gives jobs to workers: batches, single calls and tags.

    ``done`` is called, in a worker, with each that has ended.
    """

    def __init__(
        self,
        config: Config,
        buffer: Buffer,
        rejects: Rejects,
        writer: WritesBatches,
        singles: Singles,
        tagger: Tags,
        done: Callable[[Job], None],
        waits: Waits,
    ) -> None:
        self._config = config
        self._waits = waits
        self._buffer = buffer
        self._rejects = rejects
        self._writer = writer
        self._singles = singles
        self._tagger = tagger
        self._tags = config.tag_names
        self._workers = Workers(config.num_workers, done)
        self._tag_buffer = TagBuffer()
        self._put_off: list[tuple[float, FollowUp]] = []
        self._in_progress: dict[int, Contact] = {}
        self._begun = False

    @property
    def outstanding(self) -> int:
        """How many jobs have not come back."""
        return self._workers.outstanding

    @property
    def has_room(self) -> bool:
        """Whether another batch would find a worker soon, so that more input may be read."""
        return self._workers.outstanding < self._workers.count + _QUEUED_AHEAD

    @property
    def tags_wait(self) -> bool:
        """Whether tags are still to be given or taken."""
        return self._tag_buffer.size > 0

    @property
    def is_idle(self) -> bool:
        """Whether nothing is left of all that was put in."""
        buffer = self._buffer
        return not (self.outstanding or buffer.pending or buffer.held or self.tags_wait or self._put_off)

    def seconds_until_due(self, *, ended: bool) -> float | None:
        """When ``begin_due`` has something to begin without another event; None for never."""
        due = [self._waits.to_fill - age for age in (self._buffer.age(), self._tag_buffer.age()) if age]
        if self._put_off:
            first = min(since for since, _ in self._put_off)
            due.append(first + self._put_off_seconds(ended=ended) - time.monotonic())
        return max(0.05, min(due)) if due else None

    def close(self) -> None:
        """Let the workers end, and account for what has not been written."""
        self._workers.close()
        for contact in (*self._in_progress.values(), *self._buffer.left()):
            contact.receipt.record_outcome(Outcome.NOT_WRITTEN)

    # -- what is begun -----------------------------------------------------------------------------------

    def give(self, work: Work, contacts: list[Contact]) -> Job:
        """Have a worker do something about these contacts."""
        for contact in contacts:
            contact.open_calls += 1
        job = Job(work, contacts)
        self._workers.give(job)
        return job

    def begin_batch_if_full(self) -> None:
        """Begin a batch once there are enough contacts for one."""
        if len(self._buffer.pending) >= BATCH:
            self._begin_batch()

    def begin_due(self, *, ended: bool) -> None:
        """Begin what has waited long enough or, with ``ended``, need not wait for more input."""
        if ended or self._buffer.age() >= self._waits.to_fill:
            while self._buffer.pending:
                self._begin_batch()
        idle = self._workers.outstanding < self._workers.count
        waited = self._tag_buffer.age() >= self._waits.to_fill or self._tag_buffer.size >= _TAGS_WAITING_AT_MOST
        if waited or (ended and idle):
            self.begin_tags(everything=True)
        self._begin_put_off(ended=ended)

    def begin_tags(self, *, everything: bool) -> None:
        """Begin the tags' calls that are full, or all of them."""
        for name, remove, contacts in self._tag_buffer.take(everything=everything):
            # They were counted when they began to wait.
            self._workers.give(Job(partial(self._tagger.tag, name, contacts, remove=remove), contacts))

    def _begin_batch(self) -> None:
        if not self._begun and self._tags:
            self.give(partial(self._tagger.prepare, self._tags), [])
        self._begun = True
        contacts = self._buffer.take(BATCH)
        self._in_progress.update((id(contact), contact) for contact in contacts)
        self.give(partial(self._writer.write_batch, contacts), contacts)

    def _begin_follow_ups(self, follow_ups: list[FollowUp]) -> None:
        size = min(_FOLLOW_UPS_A_JOB, -(-len(follow_ups) // self._workers.count)) or 1
        for start in range(0, len(follow_ups), size):
            part = follow_ups[start : start + size]
            self.give(partial(self._run_follow_ups, part), [follow_up.contact for follow_up in part])

    def _run_follow_ups(self, part: list[FollowUp], result: Result) -> None:
        for follow_up in part:
            self._singles.run(follow_up, result)

    def _put_off_seconds(self, *, ended: bool) -> float:
        """How long a call that was put off waits: less, once nothing else is left to be done."""
        return self._waits.put_off_at_the_end if ended and not self._workers.outstanding else self._waits.put_off

    def _begin_put_off(self, *, ended: bool) -> None:
        latest = time.monotonic() - self._put_off_seconds(ended=ended)
        due = [follow_up for since, follow_up in self._put_off if since <= latest]
        if due:
            self._put_off = [(since, follow_up) for since, follow_up in self._put_off if since > latest]
            for follow_up in due:
                follow_up.contact.open_calls -= 1
            self._begin_follow_ups(due)

    # -- what came of it ---------------------------------------------------------------------------------

    def done(self, job: Job) -> None:
        """Account for what came of a job, and begin what follows from it. Raises the error that ended the job."""
        self._workers.returned()
        self._record(job.result)
        if job.result.error is not None:
            raise job.result.error
        for contact in job.contacts:
            contact.open_calls -= 1
            if not contact.open_calls:
                if contact.receipt.outcome is None:
                    # Its STATE must not pass it: better a sync that fails than a record that is lost.
                    raise SyncFailure("The connector lost a record. Please report it with the log.", "system_error")
                self._finish(contact)
        if self._tag_buffer.size >= BATCH:
            self.begin_tags(everything=False)

    def _record(self, result: Result) -> None:
        for skipped in result.skipped:
            skipped.contact.receipt.record_outcome(Outcome.SKIPPED, skipped.why)
        for lost in result.lost_fields:
            lost.contact.receipt.ledger.fields_lost[anonymised(lost.what, lost.contact.address)] += 1
        for noted in result.notes:
            noted.contact.receipt.ledger.reasons[anonymised(noted.what, noted.contact.address)] += 1
        for failed in result.tags_failed:
            ledger = failed.contact.receipt.ledger
            ledger.tags_failed += 1
            ledger.reasons[f"tag not set: {anonymised(failed.why, failed.contact.address)}"] += 1
        for written in result.written:
            receipt = written.contact.receipt
            if receipt.outcome is None and written.outcome is not Outcome.REMOVED:
                self._tag(written.contact, written.outcome)
                if written.contact.sms and not self._config.dry_run:
                    self._begin_follow_ups([FollowUp(written.contact, Step.SMS)])
            receipt.record_outcome(written.outcome)
        # Last of what has been decided: if the rejects file can't be written, all else is accounted for.
        for rejected in result.rejected:
            self._reject(rejected.contact, rejected.reject)
        for untag in result.untag:
            untag.contact.open_calls += 1
            self._tag_buffer.put(untag.tag, untag.contact, remove=True)
        self._begin_follow_ups(result.follow_ups)
        for follow_up in result.put_off:
            follow_up.contact.open_calls += 1
            self._put_off.append((time.monotonic(), follow_up))

    def _tag(self, contact: Contact, outcome: Outcome) -> None:
        names = {name.casefold(): name for name in (*self._tags, *(contact.tags or ()))}
        # What an answer has shown them to have already need not be given again.
        changes = [TagChange(name) for key, name in names.items() if key not in (contact.shown_tags or ())]
        if outcome is not Outcome.CREATED:
            taken = [name for name in contact.removed_tags or () if name.casefold() not in names]
            changes += [TagChange(name, remove=True) for name in taken]
        if changes and self._tagger.goes_singly(contact):
            self._begin_follow_ups([FollowUp(contact, Step.TAGS, tuple(changes))])
        else:
            for change in changes:
                contact.open_calls += 1
                self._tag_buffer.put(change.name, contact, remove=change.remove)
        if self._config.replace_tags and contact.tags is not None and outcome is not Outcome.CREATED:
            self._begin_follow_ups([FollowUp(contact, Step.COMPARE_TAGS)])

    def _reject(self, contact: Contact, reject: RecordRejected) -> None:
        receipt = contact.receipt
        if receipt.outcome is not None:
            # It was written; only something beside it (permissions, a subscription) was refused.
            receipt.ledger.reasons[f"written but for: {reject.reason}"] += 1
            return
        self._rejects.add(
            receipt.ledger.label,
            reject,
            number=receipt.number,
            address=contact.address,
            primary_key=receipt.primary_key,
            record=receipt.record,
        )
        receipt.record_outcome(Outcome.REJECTED, reject.reason)

    def _finish(self, contact: Contact) -> None:
        contact.receipt.mark_durable()
        self._in_progress.pop(id(contact), None)
        self._buffer.free(contact)
