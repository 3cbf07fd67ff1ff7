"""The write command: from lines of input to contacts in Mailchimp, with every record accounted for."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import IntEnum
from functools import partial
from queue import Empty, SimpleQueue
from typing import Protocol

from destination_mailchimp.accounting.causes import anonymised
from destination_mailchimp.accounting.ledger import Outcome
from destination_mailchimp.accounting.rejects import Rejects
from destination_mailchimp.accounting.states import States
from destination_mailchimp.audience.calls import BATCH, Calls
from destination_mailchimp.audience.fields import MergeField
from destination_mailchimp.config import Config
from destination_mailchimp.contacts.buffer import Buffer
from destination_mailchimp.contacts.contact import Contact
from destination_mailchimp.failures import NewContactLimitReached, RecordRejected, Stopped, SyncFailure
from destination_mailchimp.input.lines import Chunk, EndOfInput, InputEvent, Lines, Reader, Tail
from destination_mailchimp.input.messages import MessageReader
from destination_mailchimp.mapping.record import FieldsWanted, Mapped, WantedField
from destination_mailchimp.writing.result import FollowUp, Job, Result, Step, TagChange, Work
from destination_mailchimp.writing.singles import Singles
from destination_mailchimp.writing.tags import TagBuffer
from destination_mailchimp.writing.workers import Workers

logger = logging.getLogger("airbyte.destination_mailchimp")

TRICKLE_SECONDS = 30.0
PUT_OFF_SECONDS = 60.0
PUT_OFF_SECONDS_AT_THE_END = 10.0
"""How long a call that is put off waits at least, while there is other work and when there is none."""
_FOLLOW_UPS_A_JOB = 10
_QUEUED_AHEAD = 2
_TAGS_WAITING_AT_MOST = 50 * BATCH
_GRACE_SECONDS = 60.0
_GRACE_SECONDS_IF_STOPPED = 3.0


@dataclass(frozen=True)
class JobDone:
    """A worker has ended a job."""

    job: Job


@dataclass(frozen=True)
class StopRequested:
    """Somebody asked the process to end."""


Event = InputEvent | JobDone | StopRequested


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


class Phase(IntEnum):
    """How far a sync has come. It only ever goes on to a later one."""

    WRITING = 0
    """Input is read, or what came of it is being written."""
    NO_NEW_CONTACTS = 1
    """``max_new_contacts`` is reached: what has begun is carried out, nothing else is begun."""
    ENDING = 2
    """Something went wrong, or the process was asked to end: calls in flight may come back, no other is made."""


class Engine:
    """Runs one sync. The main thread reads, maps and does the accounting; workers make the calls.

    All that happens comes as an event through one queue, and the main thread waits for nothing else.
    ``failure`` tells afterwards what went wrong.
    """

    def __init__(
        self,
        *,
        config: Config,
        calls: Calls,
        messages: MessageReader,
        buffer: Buffer,
        states: States,
        rejects: Rejects,
        writer: WritesBatches,
        singles: Singles,
        tagger: Tags,
        make_field: Callable[[WantedField], MergeField | None],
    ) -> None:
        """``make_field`` makes a merge field for a column, in a worker; None if Mailchimp gives none."""
        self._config = config
        self._calls = calls
        self._messages = messages
        self._buffer = buffer
        self._states = states
        self._rejects = rejects
        self._writer = writer
        self._singles = singles
        self._tagger = tagger
        self._make_field = make_field
        self._tags = config.tag_names
        self._events: SimpleQueue[Event] = SimpleQueue()
        self._workers = Workers(config.num_workers, lambda job: self._events.put(JobDone(job)))
        self._reader: Reader | None = None
        self._input: deque[InputEvent] = deque()
        self._place = 0
        """The next line in the chunk that stands first in ``_input``."""
        self._fields_job: Job | None = None
        """Makes the fields that the record at hand waits for; no other line is read meanwhile."""
        self._tag_buffer = TagBuffer()
        self._put_off: list[tuple[float, FollowUp]] = []
        self._in_progress: dict[int, Contact] = {}
        self._begun = False
        self._input_ended = False
        self._input_failure: SyncFailure | None = None
        self._phase = Phase.WRITING
        self._deadline = 0.0
        """Until when calls in flight may come back (``time.monotonic``), in the phases after the first."""
        self.failure: BaseException | None = None

    def stop(self) -> None:
        """Ask it to end. May be called from any thread."""
        self._events.put(StopRequested())

    def run(self, source: Iterable[tuple[Lines, bool]]) -> None:
        """Write everything that ``source`` yields (see ``input.lines``)."""
        self._reader = Reader(source, self._events.put)
        self._reader.start()
        while self._goes_on():
            try:
                event = self._next_event()
                if event is not None:
                    self._handle(event)
                self._proceed()
            except Exception as error:  # noqa: BLE001 - kept, so that what is durable is still acknowledged
                self._end(error)
            self._states.emit_ready()
        self._calls.stop()
        self._workers.close()
        self.failure = self.failure or self._input_failure
        for contact in (*self._in_progress.values(), *self._buffer.left()):
            contact.receipt.record_outcome(Outcome.NOT_WRITTEN)
        self._messages.abandon()
        self._states.emit_ready()

    # -- the loop ----------------------------------------------------------------------------------------

    def _goes_on(self) -> bool:
        if self._phase is Phase.WRITING:
            return not self._is_done()
        if self._phase is Phase.NO_NEW_CONTACTS:
            return bool(self._workers.outstanding or self._tag_buffer.size) and time.monotonic() < self._deadline
        return self._workers.outstanding > 0 and time.monotonic() < self._deadline

    def _is_done(self) -> bool:
        """Whether the input is over and nothing is left of it to be written."""
        return (
            self._input_ended
            and not self._input
            and not self._workers.outstanding
            and not self._buffer.pending
            and not self._buffer.held
            and not self._tag_buffer.size
            and not self._put_off
        )

    def _next_event(self) -> Event | None:
        """Wait for an event, but no longer than until there is something to do without one."""
        try:
            return self._events.get(timeout=self._patience())
        except Empty:
            return None

    def _patience(self) -> float | None:
        """How many seconds an event may be waited for; None for ever."""
        if self._phase is Phase.NO_NEW_CONTACTS and not self._workers.outstanding:
            return 0.0
        if self._phase is not Phase.WRITING:
            return max(0.0, self._deadline - time.monotonic())
        if self._input and self._may_read():
            return 0.0
        due = [TRICKLE_SECONDS - age for age in (self._buffer.age(), self._tag_buffer.age()) if age]
        if self._put_off:
            due.append(min(since for since, _ in self._put_off) + self._put_off_seconds() - time.monotonic())
        return max(0.05, min(due)) if due else None

    def _handle(self, event: Event) -> None:
        if isinstance(event, JobDone):
            self._done(event.job)
        elif isinstance(event, StopRequested):
            self._end(Stopped(), _GRACE_SECONDS_IF_STOPPED)
        elif self._phase is Phase.WRITING:
            self._input.append(event)

    def _proceed(self) -> None:
        """Begin whatever may be begun now."""
        if self._phase is Phase.ENDING:
            return
        if self._phase is Phase.WRITING:
            self._read()
            self._dispatch_due()
        elif not self._workers.outstanding:
            # The tags of those who were added before the limit was reached.
            self._dispatch_tags(everything=True)

    def _end(self, error: BaseException, grace: float = _GRACE_SECONDS) -> None:
        """Keep the first error: what comes after it are calls that were told to stop, or its consequences."""
        self.failure = self.failure or error
        phase = Phase.NO_NEW_CONTACTS if isinstance(error, NewContactLimitReached) else Phase.ENDING
        deadline = time.monotonic() + grace
        if phase > self._phase:
            self._phase, self._deadline = phase, deadline
        self._deadline = min(self._deadline, deadline)
        if self._phase is Phase.ENDING:
            self._calls.stop()

    # -- input -------------------------------------------------------------------------------------------

    def _may_read(self) -> bool:
        return self._fields_job is None and self._workers.outstanding < self._workers.count + _QUEUED_AHEAD

    def _read(self) -> None:
        """Deal with the input at hand, up to the end of one chunk."""
        if not self._input or not self._may_read():
            return
        event = self._input[0]
        if isinstance(event, Chunk):
            lines = event.lines
            while self._place < len(lines):
                line = lines[self._place]
                self._place += 1
                self._take(line)
                if not self._may_read():
                    return
            self._place = 0
        elif isinstance(event, Tail):
            self._take_tail(event.line)
        self._input.popleft()
        if isinstance(event, EndOfInput):
            self._input_ended = True
            if event.error is not None:
                raise event.error
        else:
            assert self._reader is not None
            self._reader.done_with()

    def _take(self, line: bytes) -> None:
        taken = self._messages.take(line)
        if taken is not None:
            self._put(taken)

    def _take_tail(self, line: bytes) -> None:
        """A last line without a line feed: a whole message is as good as any, half of one means the sender died."""
        if self._messages.readable(line):
            self._take(line)
            return
        self._input_failure = SyncFailure(
            "The input ended in the middle of a line, so whatever sent it did not end properly. "
            "Everything before it has been written; run the sync again.",
            "transient_error",
        )

    def _put(self, taken: Mapped | FieldsWanted) -> None:
        if isinstance(taken, FieldsWanted):
            self._fields_job = self._give(partial(self._make_fields, taken), [])
        elif not self._buffer.put(taken.contact, taken.cursor):
            taken.contact.receipt.record_outcome(Outcome.DEDUPLICATED)
            taken.contact.receipt.mark_durable()
        elif len(self._buffer.pending) >= BATCH:
            self._dispatch()

    def _make_fields(self, wanted: FieldsWanted, result: Result) -> None:
        for field in wanted.fields:
            result.made_fields[field.column] = self._make_field(field)

    # -- jobs --------------------------------------------------------------------------------------------

    def _give(self, work: Work, contacts: list[Contact]) -> Job:
        for contact in contacts:
            contact.open_calls += 1
        job = Job(work, contacts)
        self._workers.give(job)
        return job

    def _dispatch(self) -> None:
        if not self._begun and self._tags:
            self._give(partial(self._tagger.prepare, self._tags), [])
        self._begun = True
        contacts = self._buffer.take(BATCH)
        self._in_progress.update((id(contact), contact) for contact in contacts)
        self._give(partial(self._writer.write_batch, contacts), contacts)

    def _dispatch_due(self) -> None:
        """Begin what has waited long enough, or need not wait any longer."""
        ended = self._input_ended and not self._input and self._fields_job is None
        if ended or self._buffer.age() >= TRICKLE_SECONDS:
            while self._buffer.pending:
                self._dispatch()
        idle = self._workers.outstanding < self._workers.count
        if (
            (ended and idle)
            or self._tag_buffer.age() >= TRICKLE_SECONDS
            or self._tag_buffer.size >= _TAGS_WAITING_AT_MOST
        ):
            self._dispatch_tags(everything=True)
        self._dispatch_put_off()

    def _dispatch_tags(self, *, everything: bool) -> None:
        for name, remove, contacts in self._tag_buffer.take(everything=everything):
            # They were counted when they began to wait.
            self._workers.give(Job(partial(self._tagger.tag, name, contacts, remove=remove), contacts))

    def _dispatch_follow_ups(self, follow_ups: list[FollowUp]) -> None:
        size = min(_FOLLOW_UPS_A_JOB, -(-len(follow_ups) // self._workers.count)) or 1
        for start in range(0, len(follow_ups), size):
            part = follow_ups[start : start + size]
            self._give(partial(self._run_follow_ups, part), [follow_up.contact for follow_up in part])

    def _run_follow_ups(self, part: list[FollowUp], result: Result) -> None:
        for follow_up in part:
            self._singles.run(follow_up, result)

    def _put_off_seconds(self) -> float:
        """How long a call that was put off waits: less, once nothing else is left to be done."""
        idle = self._input_ended and not self._input and not self._workers.outstanding
        return PUT_OFF_SECONDS_AT_THE_END if idle else PUT_OFF_SECONDS

    def _dispatch_put_off(self) -> None:
        latest = time.monotonic() - self._put_off_seconds()
        due = [follow_up for since, follow_up in self._put_off if since <= latest]
        if due:
            self._put_off = [(since, follow_up) for since, follow_up in self._put_off if since > latest]
            for follow_up in due:
                follow_up.contact.open_calls -= 1
            self._dispatch_follow_ups(due)

    def _done(self, job: Job) -> None:
        """Account for what came of a job, and begin what follows from it."""
        self._workers.returned()
        if self._phase is Phase.NO_NEW_CONTACTS:
            # Single calls follow from what comes back: they may go on for as long as they get on.
            self._deadline = time.monotonic() + _GRACE_SECONDS
        self._record(job.result)
        if job.result.error is not None:
            raise job.result.error
        for contact in job.contacts:
            contact.open_calls -= 1
            if not contact.open_calls:
                if contact.receipt.outcome is None:
                    # Its STATE must not pass it: better a sync that fails than a record that is lost.
                    raise SyncFailure("A record got lost on its way. Please report it with the log.", "system_error")
                self._finish(contact)
        if job is self._fields_job:
            self._fields_job = None
            taken = self._messages.resume(job.result.made_fields)
            if taken is not None:
                self._put(taken)
        if self._tag_buffer.size >= BATCH:
            self._dispatch_tags(everything=False)

    # -- accounting --------------------------------------------------------------------------------------

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
                    self._dispatch_follow_ups([FollowUp(written.contact, Step.SMS)])
            receipt.record_outcome(written.outcome)
        # Last of what has been decided: if the rejects file can't be written, all else is accounted for.
        for rejected in result.rejected:
            self._reject(rejected.contact, rejected.fault)
        for untag in result.untag:
            untag.contact.open_calls += 1
            self._tag_buffer.put(untag.tag, untag.contact, remove=True)
        self._dispatch_follow_ups(result.follow_ups)
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
            self._dispatch_follow_ups([FollowUp(contact, Step.TAGS, tuple(changes))])
        else:
            for change in changes:
                contact.open_calls += 1
                self._tag_buffer.put(change.name, contact, remove=change.remove)
        if self._config.replace_tags and contact.tags is not None and outcome is not Outcome.CREATED:
            self._dispatch_follow_ups([FollowUp(contact, Step.COMPARE_TAGS)])

    def _reject(self, contact: Contact, fault: RecordRejected) -> None:
        receipt = contact.receipt
        if receipt.outcome is not None:
            # It was written; only something beside it (permissions, a subscription) was refused.
            receipt.ledger.reasons[f"written but for: {fault.reason}"] += 1
            return
        self._rejects.add(
            receipt.ledger.label,
            fault,
            address=contact.address,
            primary_key=receipt.primary_key,
            record=receipt.record,
        )
        receipt.record_outcome(Outcome.REJECTED, fault.reason)

    def _finish(self, contact: Contact) -> None:
        contact.receipt.mark_durable()
        self._in_progress.pop(id(contact), None)
        self._buffer.free(contact)
