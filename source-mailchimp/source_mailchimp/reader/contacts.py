"""Walks contacts: audience by audience, in windows of their last change, archived ones in a pass of their own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import aclosing
from datetime import datetime
from typing import Protocol

from mailchimp_api.errors import MailchimpError, ResourceRefused
from mailchimp_api.key_set import KeySet
from source_mailchimp.dates import ONE_SECOND
from source_mailchimp.errors import PartlyRefused, RowsMissing
from source_mailchimp.reader.audiences import Audiences
from source_mailchimp.reader.concurrency import Budget, run_all
from source_mailchimp.reader.context import SyncContext, look_back
from source_mailchimp.reader.output import StreamOutput
from source_mailchimp.reader.paging import listing_of
from source_mailchimp.reader.partitions import Partition
from source_mailchimp.reader.places import PartitionKey, pass_key
from source_mailchimp.reader.records import row_key_of
from source_mailchimp.reader.state import ResumePoint, StreamState
from source_mailchimp.reader.window import Bounds, WindowReader
from source_mailchimp.stream import Record, Stream, Window

MAX_CATCH_UP_ROUNDS = 5  # between plain and archived contacts at the end of a full refresh


class ContactSink(Protocol):
    """What becomes of the contacts that are walked. ``bounds``: how much of a window is read at once for it."""

    @property
    def bounds(self) -> Bounds:
        """See above."""

    def begin(self, contacts: int) -> None:
        """About how many contacts will be walked, archived ones not counted."""

    def expect(self, contacts: int) -> None:
        """A window of ``contacts`` contacts begins."""

    async def emit(self, rows: list[Record], audience: Partition) -> None:
        """Hand on what is to be handed on of ``rows``; returns when that is done."""

    def ended(self) -> None:
        """All contacts have been walked."""


class ContactRecords:
    """Makes a record of each contact."""

    def __init__(self, context: SyncContext, out: StreamOutput) -> None:
        # Those of archived contacts and of other audiences are read beside these.
        self.bounds = Bounds(context.prefetch, context.memory, places=Budget(context.prefetch))
        self._out = out

    def begin(self, contacts: int) -> None:
        """Has nothing to say: a page brings a thousand."""

    def expect(self, contacts: int) -> None:
        """Add them to the estimate."""
        self._out.expect(contacts)

    async def emit(self, rows: list[Record], audience: Partition) -> None:
        """Hand on their records."""
        await self._out.emit_records(rows, audience.values)

    def ended(self) -> None:
        """Has nothing to say."""


class ContactReader:
    """Walks the contacts of ``contacts``, a stream of windows, for ``out``; one state for each audience and pass.

    ``sink``: what becomes of them.
    """

    def __init__(
        self,
        context: SyncContext,
        contacts: Stream,
        sink: ContactSink,
        out: StreamOutput,
        state: StreamState,
        *,
        full_refresh: bool,
    ) -> None:
        if not isinstance(contacts.reading, Window):
            raise TypeError(f"{contacts.name} has no cursor to cut windows by")
        self._context = context
        self._contacts = contacts
        self._cursor = contacts.reading.cursor
        self._sink = sink
        self._out = out
        self._name = out.stream.name
        self._full = full_refresh
        # Each audience has a cursor of its own, so a run holds for all, whichever are wanted.
        self._state = state.begin(full_refresh=full_refresh, scope=None)
        self._state.run = ResumePoint(full_refresh=True) if full_refresh else None
        self.left_out = self._state.left_out
        """As of ``PartitionReader``."""
        self._audiences = Audiences(context, contacts, out.stream.name)
        self.refusal: ResourceRefused | None = None
        """Why nothing at all was readable, None where something was."""

    async def read(self) -> None:
        """Read all audiences to the end; raises the first error when the others are done."""
        audiences = await self._audiences.wanted()
        self._context.check_dates(self._name, self._state)
        self._sink.begin(sum(map(_size_of, audiences)))
        try:
            await self._audiences.walk(audiences, self._read_audience)
        except MailchimpError:
            await self._checkpoint(now=True)
            raise
        self._sink.ended()
        refused = self._audiences.refused
        self.refusal = self._audiences.refusal_of_all(len(audiences))
        if refused and self._full and not self.refusal:
            await self._checkpoint(now=True)
            raise PartlyRefused(self._name, refused=len(refused), asked=len(audiences), reason=refused[0])
        if self._full and not self._state.missing:
            self._state = StreamState(complete=True)
        await self._checkpoint(now=True)
        if self._state.missing:
            raise RowsMissing(self._name, self._state.missing.items())

    async def _read_audience(self, audience: Partition) -> None:
        passes = self._audiences.passes
        if self._full:
            await self._read_and_catch_up(audience, passes)
        else:
            await run_all(self._read_pass(audience, status) for status in passes)

    async def _read_and_catch_up(self, audience: Partition, passes: list[str]) -> None:
        """Read all passes, then what changed while they ran: no later sync repairs a full refresh.

        A contact may go from one pass to the other just before it is asked for there. So if nobody left a pass, and the
        last looks, beside each other, find nobody who has changed, that is all; else they follow each other, the
        archived ones looked through both before and after the others, until no more of them turn up.
        """
        met = KeySet()
        counted = asyncio.Event()

        async def read(status: str) -> tuple[datetime, bool]:
            if not status:
                try:
                    return await self._read_pass(audience, status, counted.set)
                finally:
                    counted.set()
            until, left = await self._read_pass(audience, status)
            await counted.wait()  # whoever is archived after this look has been counted among the others
            until, _ = await self._catch_up(audience, status, until, met)
            return until, left

        reads = await run_all(read(status) for status in passes)
        looks = await run_all(
            self._catch_up(audience, status, reads[index][0], met) for index, status in enumerate(passes)
        )
        anybody_left = len(passes) > 1 and any(left for _, left in reads)
        if not anybody_left and not any(more for _, more in looks):
            return
        moments = [moment for moment, _ in looks]
        for _ in range(MAX_CATCH_UP_ROUNDS):
            more = False
            for index, status in enumerate(passes):
                moments[index], more = await self._catch_up(audience, status, moments[index], met)
            if not more or len(passes) == 1:
                return

    async def _read_pass(
        self, audience: Partition, status: str, on_count: Callable[[], None] = lambda: None
    ) -> tuple[datetime, bool]:
        """Read one pass; return the moment up to which it was read, and whether fewer came than were there at first.

        ``on_count`` is called once it is known how many those are.
        """
        until = self._context.stable_until()
        awaited = 0

        def expect(contacts: int) -> None:
            nonlocal awaited
            awaited = contacts
            on_count()
            self._sink.expect(contacts)

        window = self._window(audience, status, expect)
        since = self._since(audience, status)
        key = pass_key(audience.id, status)
        await self._recheck(window, audience, key)
        batches = window.rows(since, until, hint=0 if since or status else _size_of(audience))
        async with aclosing(batches):
            async for batch in batches:
                awaited -= len(batch.rows)
                await self._sink.emit(batch.rows, audience)
                if batch.complete_to:
                    self._state.slices[key] = batch.complete_to
                    for gap in batch.gaps:
                        self._state.missing.setdefault(key, {})[gap.second] = gap.missing
                    await self._checkpoint()
        return until, awaited > 0

    async def _recheck(self, window: WindowReader, audience: Partition, key: PartitionKey) -> None:
        """Look again for contacts that an earlier sync found counted and not listed."""
        left: dict[datetime, int] = {}
        for second in self._state.missing.get(key, {}):
            async with aclosing(window.recheck(second)) as batches:
                async for batch in batches:
                    await self._sink.emit(batch.rows, audience)
                    left |= {gap.second: gap.missing for gap in batch.gaps}
        # Not before: a state that goes out meanwhile, or after an error, must still name them.
        self._state.missing.pop(key, None)
        if left:
            self._state.missing[key] = left

    async def _catch_up(self, audience: Partition, status: str, since: datetime, met: KeySet) -> tuple[datetime, bool]:
        """Read what changed after ``since`` and is not in ``met``; from when to look again, and if there was any."""
        key_of, field = row_key_of(self._contacts), self._cursor.field
        more = False
        async with aclosing(
            self._window(audience, status, self._sink.expect).changed_since(since, self._context.now)
        ) as batches:
            async for batch in batches:
                rows = [row for row in batch.rows if met.add((status, key_of(row), row.get(field)))]
                more = more or bool(rows)
                since = batch.complete_to or since
                await self._sink.emit(rows, audience)
        return since, more

    def _window(self, audience: Partition, status: str, on_total: Callable[[int], None]) -> WindowReader:
        listing = listing_of(self._contacts, audience.values, {"status": status} if status else {})
        return WindowReader(self._context.fetcher, listing, self._cursor, self._sink.bounds, on_total=on_total)

    def _since(self, audience: Partition, status: str) -> datetime | None:
        """Some minutes before the cursor: rows become visible late. A second more, as the filter is exclusive."""
        cursor = self._state.slices.get(pass_key(audience.id, status))
        # A cursor for all audiences is one of Airbyte's own connector, which has never read archived contacts.
        if cursor is None and not status and self._state.covers(audience.id, ()):
            cursor = self._state.cursor
        since = look_back(cursor, self._context.config.start)
        return since - ONE_SECOND if since else None

    async def _checkpoint(self, *, now: bool = False) -> None:
        await self._out.emit_state(self._state.dump, now=now)


def _size_of(audience: Partition) -> int:
    """About how many contacts the audience has, by its own figures."""
    stats = audience.parent.get("stats")
    counts = [stats.get(name) for name in ("member_count", "unsubscribe_count", "cleaned_count")] if stats else []
    return sum(count for count in counts if isinstance(count, int))
