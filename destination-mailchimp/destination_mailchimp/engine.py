"""The write command: from lines of input to contacts in Mailchimp, with every record accounted for."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable
from functools import partial
from queue import Empty, SimpleQueue
from typing import Any, Protocol

from destination_mailchimp.accounting.causes import anonymised
from destination_mailchimp.accounting.ledger import Outcome
from destination_mailchimp.accounting.rejects import Rejects
from destination_mailchimp.accounting.states import States
from destination_mailchimp.audience.calls import BATCH
from destination_mailchimp.contacts.buffer import Buffer
from destination_mailchimp.contacts.contact import Contact
from destination_mailchimp.failures import NewContactLimitReached, RecordRejected, Stopped, SyncFailure
from destination_mailchimp.input.lines import Reader
from destination_mailchimp.input.messages import MessageReader
from destination_mailchimp.writing.result import FollowUp, Job, Result, Step
from destination_mailchimp.writing.singles import Singles
from destination_mailchimp.writing.tags import TagBuffer
from destination_mailchimp.writing.workers import Workers

logger = logging.getLogger("airbyte.destination_mailchimp")

TRICKLE_SECONDS = 30.0
_SINGLES_A_JOB = 10
_QUEUED_AHEAD = 2
_TAGS_WAITING_AT_MOST = 50 * BATCH
_GRACE_SECONDS = 60.0
_GRACE_SECONDS_IF_STOPPED = 3.0


class WritesBatches(Protocol):
    """Whatever writes a batch, or in a dry run says what would come of it."""

    def write_batch(self, contacts: list[Contact], result: Result) -> None:
        """Fill ``result`` with what came of the contacts."""


class Tags(Protocol):
    """Whatever gives and takes tags, or in a dry run counts them."""

    def tag(self, name: str, contacts: list[Contact], result: Result, *, remove: bool = False) -> None:
        """Name contacts that could not get (or lose) the tag in ``result``."""


class Engine:
    """Runs one sync. The main thread reads, maps and does the accounting; workers make the calls."""

    def __init__(
        self,
        *,
        messages: MessageReader,
        buffer: Buffer,
        states: States,
        rejects: Rejects,
        writer: WritesBatches,
        singles: Singles,
        tagger: Tags,
        tags: list[str],
        replace_tags: bool,
        workers: int,
        stop_calls: Callable[[], None],
        interrupt_calls: Callable[[], None],
    ) -> None:
        self._messages = messages
        self._buffer = buffer
        self._states = states
        self._rejects = rejects
        self._writer = writer
        self._singles = singles
        self._tagger = tagger
        self._tags = tags
        self._replace_tags = replace_tags
        self._stop_calls = stop_calls
        self._interrupt_calls = interrupt_calls
        self._events: SimpleQueue[tuple[str, Any]] = SimpleQueue()
        self._workers = Workers(workers, lambda job: self._events.put(("done", job)))
        self._input: deque[tuple[str, Any]] = deque()
        self._tag_buffer = TagBuffer()
        self._on_the_way: dict[int, Contact] = {}
        self._ended = False
        self._stopped = False
        self.failure: BaseException | None = None

    def stop(self) -> None:
        """Asked to end, maybe by a signal: may be called from any thread."""
        self._stopped = True
        # The main thread makes calls as well (new merge fields), and sees no event meanwhile.
        self._interrupt_calls()
        self._events.put(("stop", None))

    def run(self, reader_of: Callable[[Callable[[tuple[str, Any]], None]], Reader]) -> None:
        """Write everything that ``reader_of``'s reader hands over; ``failure`` tells afterwards what went wrong."""
        reader = reader_of(self._events.put)
        reader.start()
        try:
            while not self._finished():
                self._step(reader)
        except Exception as error:  # noqa: BLE001 - kept, so that what is durable is still acknowledged
            self._fail(error)
        if self.failure is not None:
            self._wind_down()
        self._workers.close()
        self._states.emit_ready()

    def _step(self, reader: Reader) -> None:
        """Deal with one chunk of input or one event, whichever may go on."""
        if self._stopped:
            raise Stopped
        if self._input and self._room():
            kind, content = self._input.popleft()
            if kind == "lines":
                for line in content:
                    self._take(line)
            elif kind == "tail":
                self._tail(content)
            else:
                self._ended = True
                if content is not None:
                    raise content
            if kind != "end":
                reader.done_with()
            self._drain_events()
            self._flush_if_due()
            self._states.emit_ready()
            return
        if self._ended and not self._input:
            self._flush()
        self._wait()

    def _finished(self) -> bool:
        return (
            self._ended
            and not self._input
            and not self._workers.outstanding
            and not self._buffer.pending
            and not self._buffer.held
            and not self._tag_buffer.size
        )

    # -- input -------------------------------------------------------------------------------------------

    def _take(self, line: bytes) -> None:
        taken = self._messages.take(line)
        if taken is None:
            return
        if not self._buffer.put(taken.contact, taken.cursor):
            taken.contact.receipt.record_outcome(Outcome.DEDUPLICATED)
            taken.contact.receipt.mark_durable()
        elif len(self._buffer.pending) >= BATCH:
            self._dispatch()
            while not self._room():
                self._wait()

    def _tail(self, line: bytes) -> None:
        """A last line without a line feed: a whole message is as good as any, half of one means the sender died."""
        if self._messages.readable(line):
            self._take(line)
            return
        self._ended = True
        self._input.clear()
        self._flush_all()
        raise SyncFailure(
            "The input ended in the middle of a line, so whatever sent it did not end properly. "
            "Everything before it has been written; run the sync again.",
            "transient_error",
        )

    def _flush_all(self) -> None:
        while not self._finished():
            self._flush()
            self._wait()

    def _room(self) -> bool:
        return self._workers.outstanding < self._workers.count + _QUEUED_AHEAD

    # -- events ------------------------------------------------------------------------------------------

    def _wait(self) -> None:
        """Wait for one event, but no longer than until something has waited long enough to be flushed."""
        waiting = max(self._buffer.age(), self._tag_buffer.age())
        timeout = max(0.05, TRICKLE_SECONDS - waiting) if waiting else None
        try:
            self._handle(self._events.get(timeout=timeout))
        except Empty:
            self._flush_if_due()
        self._states.emit_ready()

    def _drain_events(self) -> None:
        while not self._events.empty():
            self._handle(self._events.get())

    def _handle(self, event: tuple[str, Any]) -> None:
        kind, content = event
        if kind == "done":
            self._done(content)
        elif kind == "stop":
            raise Stopped
        elif not self._ended:
            self._input.append(event)

    def _flush_if_due(self) -> None:
        if max(self._buffer.age(), self._tag_buffer.age()) >= TRICKLE_SECONDS:
            self._flush()
        elif self._tag_buffer.size >= _TAGS_WAITING_AT_MOST:
            self._dispatch_tags(everything=True)

    def _flush(self) -> None:
        """Begin what waits: contacts first; tags too, once no contact is left that might fill their calls."""
        while self._buffer.pending:
            self._dispatch()
        if not self._workers.outstanding or not self._ended:
            self._dispatch_tags(everything=True)

    # -- jobs --------------------------------------------------------------------------------------------

    def _dispatch(self) -> None:
        contacts = self._buffer.take(BATCH)
        for contact in contacts:
            contact.open_calls += 1
            self._on_the_way[id(contact)] = contact
        self._workers.give(Job(partial(self._writer.write_batch, contacts), contacts))

    def _dispatch_tags(self, *, everything: bool) -> None:
        for name, remove, contacts in self._tag_buffer.take(everything=everything):
            self._workers.give(Job(partial(self._tagger.tag, name, contacts, remove=remove), contacts))

    def _dispatch_follow_ups(self, follow_ups: list[FollowUp]) -> None:
        for start in range(0, len(follow_ups), _SINGLES_A_JOB):
            part = follow_ups[start : start + _SINGLES_A_JOB]
            for follow_up in part:
                follow_up.contact.open_calls += 1
            self._workers.give(Job(partial(self._run_singles, part), [follow_up.contact for follow_up in part]))

    def _run_singles(self, part: list[FollowUp], result: Result) -> None:
        for follow_up in part:
            self._singles.run(follow_up.contact, follow_up.step, result)

    def _done(self, job: Job) -> None:
        """Account for what came of a job, and begin what follows from it."""
        self._workers.returned()
        self._record(job.result)
        if job.result.error is not None:
            raise job.result.error
        for contact in job.contacts:
            contact.open_calls -= 1
            if not contact.open_calls:
                if contact.receipt.outcome is None:
                    # Its STATE must not pass it: better a sync that fails than a record that is lost.
                    raise SyncFailure("A record got lost on its way. Please report it with the log.", "system_error")
                self._durable(contact)
        if self._tag_buffer.size >= BATCH:
            self._dispatch_tags(everything=False)

    def _record(self, result: Result) -> None:
        for skipped in result.skipped:
            skipped.contact.receipt.record_outcome(Outcome.SKIPPED, skipped.why)
        for lost in result.lost_fields:
            lost.contact.receipt.ledger.fields_lost[anonymised(lost.what, lost.contact.address)] += 1
        for failed in result.tags_failed:
            ledger = failed.contact.receipt.ledger
            ledger.tags_failed += 1
            ledger.reasons[f"tag not set: {anonymised(failed.why, failed.contact.address)}"] += 1
        for written in result.written:
            receipt = written.contact.receipt
            if receipt.outcome is None and written.outcome is not Outcome.REMOVED:
                self._tag(written.contact, written.outcome)
            receipt.record_outcome(written.outcome)
        # Last of what has been decided: if the rejects file can't be written, all else is accounted for.
        for rejected in result.rejected:
            self._reject(rejected.contact, rejected.fault)
        for untag in result.untag:
            untag.contact.open_calls += 1
            self._tag_buffer.put(untag.tag, untag.contact, remove=True)
        self._dispatch_follow_ups(result.follow_ups)

    def _tag(self, contact: Contact, outcome: Outcome) -> None:
        names = {name.casefold(): name for name in (*self._tags, *(contact.tags or ()))}
        for name in names.values():
            contact.open_calls += 1
            self._tag_buffer.put(name, contact)
        if outcome is not Outcome.CREATED:
            for name in contact.removed_tags or ():
                if name.casefold() not in names:
                    contact.open_calls += 1
                    self._tag_buffer.put(name, contact, remove=True)
        if self._replace_tags and contact.tags is not None and outcome is not Outcome.CREATED:
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

    def _durable(self, contact: Contact) -> None:
        contact.receipt.mark_durable()
        self._on_the_way.pop(id(contact), None)
        self._buffer.free(contact)

    # -- the end -----------------------------------------------------------------------------------------

    def _fail(self, error: BaseException) -> None:
        """Keep the first error: what comes after it are calls that were told to stop, or its consequences."""
        if self.failure is None:
            self.failure = Stopped() if self._stopped else error
        if not isinstance(error, NewContactLimitReached):
            self._stop_calls()

    def _wind_down(self) -> None:
        """Let calls in flight come back for a while, then count what has not been written."""
        began = time.monotonic()
        while self._workers.outstanding or self._begin_last_tags():
            # Asked again each time: SIGTERM may come while a failure is being wound down.
            grace = _GRACE_SECONDS_IF_STOPPED if self._stopped else _GRACE_SECONDS
            left = began + grace - time.monotonic()
            if left <= 0 or not self._came_back(left):
                break
            if isinstance(self.failure, NewContactLimitReached) and not self._stopped:
                # Single calls follow from what comes back: they may go on for as long as they get on.
                began = time.monotonic()
        self._stop_calls()
        for contact in (*self._on_the_way.values(), *self._buffer.left()):
            contact.receipt.record_outcome(Outcome.NOT_WRITTEN)

    def _begin_last_tags(self) -> bool:
        """Begin the tags of those who were added before the limit was reached; whether there are any."""
        if self._stopped or not isinstance(self.failure, NewContactLimitReached):
            return False
        self._dispatch_tags(everything=True)
        return self._workers.outstanding > 0

    def _came_back(self, seconds: float) -> bool:
        """Wait for one more event; False if none came."""
        try:
            kind, content = self._events.get(timeout=seconds)
            if kind == "done":
                self._done(content)
        except Empty:
            return False
        except Exception as error:  # noqa: BLE001 - as good as always Stopped
            self._fail(error)
        return True
