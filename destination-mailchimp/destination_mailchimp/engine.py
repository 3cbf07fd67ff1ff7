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

from destination_mailchimp.accounting.ledger import Outcome
from destination_mailchimp.accounting.rejects import Rejects
from destination_mailchimp.accounting.states import States
from destination_mailchimp.audience.calls import Calls
from destination_mailchimp.audience.fields import MergeField
from destination_mailchimp.config import Config
from destination_mailchimp.contacts.buffer import Buffer
from destination_mailchimp.failures import NewContactLimitReached, Stopped, SyncFailure
from destination_mailchimp.input.lines import Chunk, EndOfInput, InputEvent, Lines, Reader, Tail
from destination_mailchimp.input.messages import MessageReader
from destination_mailchimp.mapping.record import Mapped
from destination_mailchimp.mapping.wanted import NotMappableYet, WantedField
from destination_mailchimp.writing.dispatch import Dispatcher, Tags, Waits, WritesBatches
from destination_mailchimp.writing.result import Job, Result
from destination_mailchimp.writing.singles import Singles

logger = logging.getLogger("airbyte.destination_mailchimp")

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
        read_names: Callable[[], None],
        waits: Waits | None = None,
    ) -> None:
        """``make_field`` makes a merge field for a column, in a worker; None if Mailchimp gives none.

        ``read_names`` has the mapping learn the audience's groups and permissions, in a worker, too.
        """
        self._calls = calls
        self._messages = messages
        self._buffer = buffer
        self._states = states
        self._make_field = make_field
        self._read_names = read_names
        self._events: SimpleQueue[Event] = SimpleQueue()
        self._dispatcher = Dispatcher(
            config,
            buffer,
            rejects,
            writer,
            singles,
            tagger,
            done=lambda job: self._events.put(JobDone(job)),
            waits=waits or Waits(),
        )
        self._reader: Reader | None = None
        self._input: deque[InputEvent] = deque()
        self._place = 0
        """The next line in the chunk that stands first in ``_input``."""
        self._wanted_job: Job | None = None
        """Finds or makes what the record at hand waits for; no other line is read meanwhile."""
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
        self._dispatcher.close()
        self.failure = self.failure or self._input_failure
        self._messages.abandon()
        self._states.emit_ready()

    # -- the loop ----------------------------------------------------------------------------------------

    def _goes_on(self) -> bool:
        dispatcher = self._dispatcher
        if self._phase is Phase.WRITING:
            return not (self._input_ended and not self._input and dispatcher.is_idle)
        waits = self._phase is Phase.NO_NEW_CONTACTS and dispatcher.tags_wait
        return (dispatcher.outstanding > 0 or waits) and time.monotonic() < self._deadline

    def _next_event(self) -> Event | None:
        """Wait for an event, but no longer than until there is something to do without one."""
        try:
            return self._events.get(timeout=self._patience())
        except Empty:
            return None

    def _patience(self) -> float | None:
        """How many seconds an event may be waited for; None for ever."""
        if self._phase is Phase.NO_NEW_CONTACTS and not self._dispatcher.outstanding:
            return 0.0
        if self._phase is not Phase.WRITING:
            return max(0.0, self._deadline - time.monotonic())
        if self._input and self._may_read():
            return 0.0
        return self._dispatcher.seconds_until_due(ended=self._all_read)

    @property
    def _all_read(self) -> bool:
        """Whether all input has been dealt with."""
        return self._input_ended and not self._input and self._wanted_job is None

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
            self._dispatcher.begin_due(ended=self._all_read)
        elif not self._dispatcher.outstanding:
            # The tags of those who were added before the limit was reached.
            self._dispatcher.begin_tags(everything=True)

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
        return self._wanted_job is None and self._dispatcher.has_room

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

    def _put(self, taken: Mapped | NotMappableYet) -> None:
        if isinstance(taken, NotMappableYet):
            self._wanted_job = self._dispatcher.give(partial(self._provide, taken), [])
        elif not self._buffer.put(taken.contact, taken.cursor):
            taken.contact.receipt.record_outcome(Outcome.DEDUPLICATED)
            taken.contact.receipt.mark_durable()
        else:
            self._dispatcher.begin_batch_if_full()

    def _provide(self, wanted: NotMappableYet, result: Result) -> None:
        if wanted.names:
            self._read_names()
        for field in wanted.fields:
            result.made_fields[field.column] = self._make_field(field)

    # -- jobs --------------------------------------------------------------------------------------------

    def _done(self, job: Job) -> None:
        if self._phase is Phase.NO_NEW_CONTACTS:
            # Single calls follow from what comes back: they may go on for as long as they get on.
            self._deadline = time.monotonic() + _GRACE_SECONDS
        self._dispatcher.done(job)
        if job is self._wanted_job:
            self._wanted_job = None
            taken = self._messages.resume(job.result.made_fields)
            if taken is not None:
                self._put(taken)
