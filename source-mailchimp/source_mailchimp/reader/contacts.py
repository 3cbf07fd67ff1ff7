"""Reads contacts: audience by audience, in windows of their last change, archived ones in a pass of their own."""

from __future__ import annotations

import asyncio
import logging
from contextlib import aclosing
from datetime import datetime
from functools import partial
from typing import Any

from mailchimp_api.completeness import KeySet
from mailchimp_api.errors import MailchimpError, ResourceGone, ResourceRefused
from source_mailchimp.reader.account import Account
from source_mailchimp.reader.flow import all_of, in_order
from source_mailchimp.reader.output import StreamOutput
from source_mailchimp.reader.pages import PageReader, listing_of
from source_mailchimp.reader.records import row_key_of
from source_mailchimp.reader.slices import SliceRef, slices_of
from source_mailchimp.reader.state import Run, StreamState
from source_mailchimp.reader.window import ONE_SECOND, Bounds, PieceRows, WindowReader
from source_mailchimp.stream import Record, Stream

logger = logging.getLogger("airbyte.source_mailchimp")

# What a kill may cost a stream that asks for each contact: a thousand requests.
_CONTACTS_PER_PIECE_PAGES = 1
_CONTACT_PAGES_AHEAD = 2
# After so many refusals and no answer it is not about these contacts: a million others need not be asked.
_MOST_REFUSALS = 10
_TURNS = 5  # at most, between plain and archived contacts at the end of a full refresh


class ContactReader:
    """Reads ``list_members`` (or any stream of windows) into ``out``; one slice for each audience and pass."""

    def __init__(
        self, account: Account, stream: Stream, out: StreamOutput, state: StreamState, *, full_refresh: bool
    ) -> None:
        self._account = account
        self._stream = stream
        self._out = out
        self._full = full_refresh
        # Each audience has a cursor of its own, so a run holds for all, whichever are wanted.
        self._state = state.begin(full_refresh=full_refresh, scope=None)
        self._state.run = Run(full_refresh=True) if full_refresh else None
        self._refused: list[Exception] = []

    async def read(self) -> None:
        """Read all audiences to the end; raises the first error when the others are done."""
        slices = await self._slices()
        try:
            # Each begins with a page or two: a thousand audiences at once would fill the memory with them.
            turns = asyncio.Semaphore(self._account.fetcher.workers)
            await all_of(self._read_in_turn(item, turns) for item in slices)
        except MailchimpError:
            await self._checkpoint(now=True)
            raise
        if self._refused and len(self._refused) == len(slices):
            logger.warning("%s is not available to this user, nothing read: %s", self._stream.name, self._refused[0])
        if self._full:
            self._state = StreamState(complete=True)
        await self._checkpoint(now=True)

    async def _slices(self) -> list[SliceRef]:
        parent = self._contacts.parent
        parents = await self._account.parents[parent.name].rows() if parent else []
        return [item for item in slices_of(self._contacts, parents) if self._account.admits(item.audience)]

    async def _read_in_turn(self, item: SliceRef, turns: asyncio.Semaphore) -> None:
        async with turns:
            await self._read_audience(item)

    async def _read_audience(self, item: SliceRef) -> None:
        passes = ["", "archived"] if self._account.config.include_archived else [""]
        try:
            if self._full:
                await self._read_and_catch_up(item, passes)
            else:
                await all_of(self._read_pass(item, status) for status in passes)
        except ResourceGone:
            logger.warning("%s: audience %s is gone since it was listed; skipped", self._stream.name, item.id)
        except ResourceRefused as error:
            self._refused.append(error)
            logger.warning("%s: audience %s was refused and skipped: %s", self._stream.name, item.id, error)

    async def _read_and_catch_up(self, item: SliceRef, passes: list[str]) -> None:
        """Read all passes, then what changed while they ran: no later sync repairs a full refresh.

        A contact may go from one pass to the other just before it is asked for there. So the archived ones are looked
        through both before and after the others, until no more of them turn up.
        """
        met = KeySet()

        async def read(status: str) -> datetime:
            until = await self._read_pass(item, status)
            return (await self._catch_up(item, status, until, met))[0] if status else until

        moments = await all_of(read(status) for status in passes)
        for _ in range(_TURNS):
            more = False
            for index, status in enumerate(passes):
                moments[index], more = await self._catch_up(item, status, moments[index], met)
            if not more or len(passes) == 1:
                return

    async def _read_pass(self, item: SliceRef, status: str) -> datetime:
        """Read one pass; return the moment up to which it was read."""
        until = self._account.settled()
        reader = self._window(item, status)
        since = self._since(item, status)
        async with aclosing(reader.rows(since, until, hint=0 if since or status else _size_of(item))) as batches:
            async for batch in batches:
                await self._emit(batch, item)
                if batch.complete_to:
                    self._state.slices[_slice_id(item, status)] = batch.complete_to
                    await self._checkpoint()
        return until

    async def _catch_up(self, item: SliceRef, status: str, since: datetime, met: KeySet) -> tuple[datetime, bool]:
        """Read what changed after ``since`` and is not in ``met``; from when to look again, and if there was any."""
        key_of, cursor = row_key_of(self._contacts), self._contacts.cursor
        field = cursor.field if cursor else ""
        more = False
        async with aclosing(self._window(item, status).changed_since(since, self._account.now)) as batches:
            async for batch in batches:
                rows = [row for row in batch.rows if met.add((status, key_of(row), row.get(field)))]
                more = more or bool(rows)
                since = batch.complete_to or since
                await self._emit(PieceRows(rows), item)
        return since, more

    @property
    def _contacts(self) -> Stream:
        """The stream whose windows are read."""
        return self._stream

    async def _emit(self, batch: PieceRows, item: SliceRef) -> None:
        await self._out.rows(batch.rows, item.params)

    def _window(self, item: SliceRef, status: str) -> WindowReader:
        contacts = self._contacts
        if contacts.cursor is None:
            raise ValueError(f"{contacts.name} has no cursor to cut windows by")
        return WindowReader(
            self._account.fetcher,
            listing_of(contacts, item.params, {"status": status} if status else {}),
            contacts.cursor,
            self._bounds,
            on_total=self._expect,
        )

    @property
    def _bounds(self) -> Bounds:
        """How much of a window is read at once."""
        return Bounds(self._account.ahead, self._account.budget)

    def _expect(self, contacts: int) -> None:
        """A window with so many contacts begins."""
        self._out.expect(contacts)

    def _since(self, item: SliceRef, status: str) -> datetime | None:
        """A second before the cursor: rows of that very second may have come after it was read."""
        cursor = self._state.slices.get(_slice_id(item, status))
        # A cursor for all slices is one of Airbyte's own connector, which has never read archived contacts.
        if cursor is None and not status and self._state.covers(item.id, ()):
            cursor = self._state.cursor
        start = self._account.config.start
        if cursor is None:
            return start - ONE_SECOND if start else None
        return max(cursor, start or cursor) - ONE_SECOND

    async def _checkpoint(self, *, now: bool = False) -> None:
        await self._out.state(self._state.dump, now=now)


class PerContactReader(ContactReader):
    """Reads a stream with one request for each contact, walking the contacts as ``ContactReader`` does."""

    def __init__(
        self, account: Account, stream: Stream, out: StreamOutput, state: StreamState, *, full_refresh: bool
    ) -> None:
        super().__init__(account, stream, out, state, full_refresh=full_refresh)
        # A contact's further pages must not wait for places that other contacts' pages hold.
        self._pages = PageReader(account, stream, budget=asyncio.Semaphore(account.fetcher.workers))
        self._missing = 0
        self._denied = 0
        self._answered = False

    async def read(self) -> None:
        """Read all contacts' rows; says how many contacts could not be asked."""
        await super().read()
        if self._missing:
            logger.warning("%s: %d contacts went while they were asked; skipped", self._stream.name, self._missing)
        if self._denied:
            logger.warning("%s: %d contacts were refused and skipped", self._stream.name, self._denied)

    @property
    def _contacts(self) -> Stream:
        if self._stream.parent is None:
            raise ValueError(f"{self._stream.name} has no parent whose contacts to ask for")
        return self._stream.parent

    @property
    def _bounds(self) -> Bounds:
        # Its pages wait while their contacts are asked: they must not take the places of those requests.
        budget = asyncio.Semaphore(_CONTACT_PAGES_AHEAD)
        return Bounds(_CONTACT_PAGES_AHEAD, budget, _CONTACTS_PER_PIECE_PAGES)

    def _expect(self, contacts: int) -> None:
        """Says nothing of the rows below them."""

    async def _emit(self, batch: PieceRows, item: SliceRef) -> None:
        account, stream = self._account, self._stream
        wanted = stream.only_parents or (lambda _: True)
        contacts = [self._slim(row, item) for row in batch.rows if wanted(row)]
        jobs = (partial(self._rows_of, params) for params in contacts)
        async with aclosing(in_order(jobs, ahead=account.ahead, budget=account.budget)) as answers:
            async for params, rows in answers:
                await self._out.rows(rows, params)

    def _slim(self, row: Record, item: SliceRef) -> dict[str, Any]:
        return {**item.params, self._stream.parameters[-1]: row.get("id")}

    async def _rows_of(self, params: dict[str, Any]) -> tuple[dict[str, Any], list[Record]]:
        rows: list[Record] = []
        try:
            async with aclosing(self._pages.batches(params)) as batches:
                async for batch in batches:
                    rows += batch.rows
            self._answered = True
        except ResourceGone:
            self._missing += 1
        except ResourceRefused:
            self._denied += 1
            if not self._answered and self._denied >= _MOST_REFUSALS:
                raise
        return params, rows


def _slice_id(item: SliceRef, status: str) -> str:
    return f"{item.id}/{status}" if status else item.id


def _size_of(item: SliceRef) -> int:
    """About how many contacts the audience has, by its own figures."""
    stats = item.parent.get("stats")
    counts = [stats.get(name) for name in ("member_count", "unsubscribe_count", "cleaned_count")] if stats else []
    return sum(count for count in counts if isinstance(count, int))
