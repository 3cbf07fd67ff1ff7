"""Reads what changed between two moments, in closed pieces, each proved complete before it counts.

A window is ``(since, until]`` of a cursor that moves forward with every change, so rows can leave it while it is
read (they changed again, and the next sync will see them), but none can come in. It is cut into pieces at
second borders: a few requests for single rows tell which second lies at every few thousandth row. Each piece
is then a listing of its own, with a ``total_items`` of exactly that piece to count against, and when it is
proved complete, everything up to its end has been handed on: that is what a checkpoint may promise.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

from source_mailchimp.dates import format_date, parse_date
from source_mailchimp.reader.flow import in_order
from source_mailchimp.reader.listing import Listing, ListingReader

if TYPE_CHECKING:
    from source_mailchimp.reader.fetch import Fetcher, Page
    from source_mailchimp.stream import Cursor, Record

ONE_SECOND = timedelta(seconds=1)
# The server's clock may run ahead of what its listings show; what is younger belongs to the next sync.
SETTLING = timedelta(seconds=5)
_PIECES = 10  # a killed sync repeats at most the piece it was in
_LONGEST_PIECE = 10  # pages
_FULL = 0.98  # of its pages, so that cutting at a second's border rarely costs a page more
_CATCH_UP_ROUNDS = 10
_PIECE_BUDGET = 4


@dataclass(frozen=True)
class Piece:
    """A part of a window: rows later than ``since`` (None: from the beginning), up to ``until`` (None: open)."""

    since: datetime | None
    until: datetime | None
    expected: int


@dataclass
class Rows:
    """Rows of a piece; ``complete_to`` on the last batch of each piece: everything up to there has been yielded."""

    rows: list[Record]
    complete_to: datetime | None = None


class WindowReader:
    """Reads windows of one listing, sorted by ``cursor``. ``pages_per_piece`` bounds a piece's length."""

    def __init__(
        self,
        fetcher: Fetcher,
        listing: Listing,
        cursor: Cursor,
        *,
        ahead: int,
        budget: asyncio.Semaphore,
        pages_per_piece: int = _LONGEST_PIECE,
        on_total: Callable[[int], None] = lambda _: None,
    ) -> None:
        self._fetcher = fetcher
        self._cursor = cursor
        field = cursor.field
        order = {"sort_field": cursor.sort, "sort_dir": "ASC"} if cursor.sort else {}
        self._listing = replace(
            listing, params={**listing.params, **order}, order_of=lambda row: row.get(field), exact=True
        )
        self._ahead = ahead
        self._budget = budget
        self._pages_per_piece = pages_per_piece
        self._on_total = on_total

    async def rows(self, since: datetime | None, until: datetime) -> AsyncGenerator[Rows, None]:
        """Yield every row with ``since < cursor <= until`` that does not change meanwhile, in pieces, oldest first.

        Raises IncompleteListing for a piece that can't be proved complete; what was yielded as complete is.
        """
        whole = Piece(since, until, 0)
        first = await self._reader(whole).page_at(0)
        total = first[0].total or 0
        self._on_total(total)
        pieces = await self._cut(whole, total)
        readers = [self._reader(piece) for piece in pieces]
        # The first page of the window begins the first piece, too, where that is all of it.
        reuse = first if len(pieces) == 1 else None
        jobs = [
            partial(reader.page_at, offset)
            for reader, piece in zip(readers, pieces, strict=True)
            for offset in reader.plan(0, piece.expected)[1 if reuse else 0 :]
        ]
        async with aclosing(in_order(jobs, ahead=self._ahead, budget=self._budget)) as pages:
            for reader, piece in zip(readers, pieces, strict=True):
                planned = _take(pages, len(reader.plan(0, piece.expected)) - (1 if reuse else 0), reuse)
                async with aclosing(reader.rows(planned=planned)) as batches:
                    async for batch in batches:
                        yield Rows(batch.rows)
                yield Rows([], complete_to=piece.until)

    async def changed_since(self, moment: datetime, now: Callable[[], datetime]) -> AsyncGenerator[Rows, None]:
        """Yield the rows that changed after ``moment``, up to this very moment, however many change meanwhile.

        For a full refresh, which no later sync repairs: a row that left the window before its page was asked for
        is found here. The last request is a single page with all that is left: nothing moves within one answer.
        """
        for _ in range(_CATCH_UP_ROUNDS):
            reader = self._reader(Piece(moment - ONE_SECOND, None, 0))
            pages = await reader.page_at(0)
            if len(pages) == 1 and (pages[0].total or 0) <= len(pages[0].rows):
                yield Rows(pages[0].rows)
                return
            until = max(now() - SETTLING, moment)
            if until <= moment:
                await asyncio.sleep(1)
                continue
            async with aclosing(self.rows(moment - ONE_SECOND, until)) as batches:
                async for batch in batches:
                    yield batch
            moment = until
        async with aclosing(self._reader(Piece(moment - ONE_SECOND, None, 0)).rows()) as rest:
            async for rows in rest:
                yield Rows(rows.rows)

    async def _cut(self, whole: Piece, total: int) -> list[Piece]:
        """Cut the window at seconds' borders into pieces of about equal numbers of rows."""
        size = self._fetcher.page_size
        pages = -(-total // size)
        per_piece = int(max(1, min(self._pages_per_piece, pages // _PIECES)) * size * _FULL)
        if total <= size:
            return [replace(whole, expected=total)]
        ranks = list(range(per_piece, total, per_piece))
        jobs = [partial(self._second_at, rank, whole) for rank in ranks]
        pieces: list[Piece] = []
        begin, begin_rank = whole.since, 0
        async with aclosing(in_order(jobs, ahead=self._ahead, budget=self._budget)) as seconds:
            index = 0
            async for second in seconds:
                rank, index = ranks[index], index + 1
                # The second at the border goes to the later piece as a whole, however many rows it has.
                border = second - ONE_SECOND if second else None
                if border is None or (begin and border <= begin) or (whole.until and border >= whole.until):
                    continue
                pieces.append(Piece(begin, border, rank - begin_rank))
                begin, begin_rank = border, rank
        pieces.append(Piece(begin, whole.until, total - begin_rank))
        return pieces

    async def _second_at(self, rank: int, window: Piece) -> datetime | None:
        """The cursor of the row at ``rank`` of the window, None where there is none any more."""
        listing = self._reader(window).listing
        pages = await self._fetcher.pages(
            listing.path, listing.params, items=listing.items, offset=rank, count=1, kind=listing.kind
        )
        return parse_date(pages[0].rows[0].get(self._cursor.field)) if pages and pages[0].rows else None

    def _reader(self, piece: Piece) -> ListingReader:
        bounds = {}
        if piece.since and self._cursor.since:
            bounds[self._cursor.since] = format_date(piece.since)
        if piece.until and self._cursor.before:
            bounds[self._cursor.before] = format_date(piece.until)
        listing = replace(self._listing, params={**self._listing.params, **bounds})
        # A piece is read again while pages of later ones wait in memory: it must not wait for their places.
        budget = asyncio.Semaphore(_PIECE_BUDGET)
        return ListingReader(self._fetcher, listing, ahead=_PIECE_BUDGET, budget=budget)


async def _take(
    pages: AsyncGenerator[list[Page], None], count: int, first: list[Page] | None
) -> AsyncGenerator[list[Page], None]:
    """The next ``count`` results of ``pages``, which stays open, after ``first``."""
    if first is not None:
        yield first
    for _ in range(count):
        yield await anext(pages)
