"""Reads what changed between two moments, in closed chunks, each proved complete before it counts.

A window is ``(since, until]`` of a cursor that moves forward with every change, so rows can leave it while it is
read (they changed again, and the next sync will see them), but none can come in. It is cut into chunks at
second borders: a few requests for single rows tell which second lies at every few thousandth row. Each chunk
is then a listing of its own, with a ``total_items`` of exactly that chunk to count against, and when it is
proved complete, everything up to its end has been handed on: that is what a checkpoint may promise.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Coroutine, Hashable, Iterable, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING

from mailchimp_api.completeness import Completeness
from mailchimp_api.errors import UnreadableAnswer
from source_mailchimp.config import MAX_PAGE_SIZE
from source_mailchimp.dates import ONE_SECOND, format_date, parse_date
from source_mailchimp.errors import IncompleteListing
from source_mailchimp.reader.bounds import BORDERS_AT_ONCE, MEMORY_BYTES, PAGES_PER_CHUNK_AGAIN
from source_mailchimp.reader.concurrency import Budget, ordered_map
from source_mailchimp.reader.context import CONSISTENCY_LAG
from source_mailchimp.reader.fetcher import size_of_pages
from source_mailchimp.reader.listing import Listing, ListingReader
from source_mailchimp.reader.unlisted_rows import Gap, find_gaps

if TYPE_CHECKING:
    from source_mailchimp.reader.fetcher import Fetcher, Page
    from source_mailchimp.stream import Cursor, Record

_CHUNKS = 10  # at least this many, if they have a page each: a killed sync repeats at most the chunk it was in
_LONGEST_CHUNK = 10  # pages
_FULL = 0.98  # of its pages, so that cutting at a second's border rarely costs a page more
_CATCH_UP_ROUNDS = 60  # each takes a second at least
_LONG = 100  # pages: this many are planned only for rows that are seen to be there
_LONG_TRIES = 3


@dataclass(frozen=True)
class Chunk:
    """A part of a window: rows later than ``since`` (None: from the beginning), up to ``until`` (None: open).

    ``rank``: about where in the window it begins.
    """

    since: datetime | None
    until: datetime | None
    rank: int = 0


@dataclass
class ChunkRows:
    """Rows of a chunk; ``complete_to`` on the last batch of each chunk: everything up to there has been yielded.

    But for ``gaps``: seconds of that chunk of which rows are counted and never listed.
    """

    rows: list[Record]
    complete_to: datetime | None = None
    gaps: Sequence[Gap] = ()


@dataclass(frozen=True)
class Bounds:
    """How much of a window is read at once.

    ``prefetch``: pages under way; ``memory``: bounds them in memory; ``pages_per_chunk``: bounds a chunk's length.
    ``places``: bounds the pages of all windows together that are read at once.
    """

    prefetch: int
    memory: Budget
    pages_per_chunk: int = _LONGEST_CHUNK
    places: Budget | None = None


class WindowReader:
    """Reads windows of one listing, sorted by ``cursor``. ``on_total`` is told how many rows each has."""

    def __init__(
        self,
        fetcher: Fetcher,
        listing: Listing,
        cursor: Cursor,
        bounds: Bounds,
        *,
        on_total: Callable[[int], None] = lambda _: None,
    ) -> None:
        self._fetcher = fetcher
        self._cursor = cursor
        field = cursor.field
        order = {"sort_field": cursor.sort, "sort_dir": "ASC"} if cursor.sort else {}
        self._listing = replace(
            listing, params={**listing.params, **order}, order_of=lambda row: parse_date(row.get(field)), exact=True
        )
        self._bounds = bounds
        self._on_total = on_total

    async def rows(self, since: datetime | None, until: datetime, *, hint: int = 0) -> AsyncGenerator[ChunkRows, None]:
        """Yield every row with ``since < cursor <= until`` that does not change meanwhile, in chunks, oldest first.

        ``hint``: about how many rows there are, if known: of a long window one row is asked for first, not a page.
        Rows that are counted and never listed leave gaps. Raises IncompleteListing for a chunk that can't be proved
        complete otherwise; what was yielded as complete is.
        """
        size = self._fetcher.page_size
        whole = Chunk(since, until)
        long = hint > 2 * size
        probes = _Probes(partial(self._second_at, window=whole))
        try:
            if long:
                probes.send(self._ranks(hint)[1 : 1 + BORDERS_AT_ONCE])
            first = await self._begin(whole, 1 if long else size, probes)
            total = _total_of(first[0])
            self._on_total(total)
            if total <= len(first[0].rows):
                async with aclosing(self._reader(whole).rows(first=first)) as batches:
                    async for batch in batches:
                        yield ChunkRows(batch.rows)
                yield ChunkRows([], complete_to=until)
                return
            guessed = long and hint <= 2 * total <= 4 * hint
            ranks = list(self._ranks(total, like=hint if guessed else total))
            async with aclosing(self._chunks(whole, total, ranks, probes)) as batches:
                async for rows in batches:
                    yield rows
        finally:
            await probes.close()

    async def _begin(self, whole: Chunk, count: int, probes: _Probes) -> list[Page]:
        """The first page of a window, whose total is at most twice what it has, or little.

        Chunks and their requests are planned by it. Raises IncompleteListing where only the total says so.
        """
        total = 0
        for number in range(_LONG_TRIES):
            if number:
                await asyncio.sleep(number)
            first = await self._page(whole, 0, count, ahead=True)
            total = _total_of(first[0])
            if total <= _LONG * self._fetcher.page_size or await probes.find_from(total // 2, but=self._date_of(first)):
                return first
            further = await self._page(whole, total // 2, 1, ahead=True)
            # A server that ignores offsets shows the first row there.
            if further[0].count and self._keys_of(further)[0] not in self._keys_of(first):
                return first
        raise IncompleteListing(self._listing.kind, seen=0, total=total)

    def _keys_of(self, pages: list[Page]) -> list[Hashable]:
        return [self._listing.key_of(row) for page in pages for row in page.rows]

    def _date_of(self, pages: list[Page]) -> datetime | None:
        """The cursor of the first row; None where there is none."""
        rows = pages[0].rows
        return parse_date(rows[0].get(self._cursor.field)) if rows else None

    async def _chunks(
        self, whole: Chunk, total: int, ranks: list[int], probes: _Probes
    ) -> AsyncGenerator[ChunkRows, None]:
        """The window chunk by chunk; pages of later chunks are under way while earlier ones are handed on."""
        chunk_of_page: list[asyncio.Future[Chunk]] = [asyncio.get_running_loop().create_future() for _ in ranks]
        cutting = asyncio.ensure_future(self._cut(whole, ranks, probes, chunk_of_page))
        plan, size = Completeness(exact=True).plan, self._fetcher.page_size
        plans = [plan(0, following - rank, size) for rank, following in zip(ranks, [*ranks[1:], total], strict=True)]
        jobs = (
            partial(self._planned_page, its_chunk, rank + offset)
            for rank, its_chunk, offsets in zip(ranks, chunk_of_page, plans, strict=True)
            for offset in offsets
        )
        try:
            async with aclosing(
                ordered_map(
                    jobs,
                    prefetch=self._bounds.prefetch,
                    memory=self._bounds.memory,
                    kind=self._listing.kind,
                    size_of=size_of_pages,
                    places=self._bounds.places,
                )
            ) as pages:
                index = 0
                while index < len(ranks):
                    chunk, planned = await chunk_of_page[index], 0
                    while index < len(ranks) and await chunk_of_page[index] is chunk:
                        planned += len(plans[index])
                        index += 1
                    seen: list[str] = []  # of each page its dates, as one text: a chunk has ten thousand of them
                    gaps: Sequence[Gap] = ()
                    try:
                        async with aclosing(self._reader(chunk).rows(planned=_take(pages, planned))) as batches:
                            async for batch in batches:
                                seen.append("\n".join([str(row.get(self._cursor.field)) for row in batch.rows]))
                                yield ChunkRows(batch.rows)
                    except IncompleteListing:
                        if chunk.until is None:
                            raise
                        dates = Counter("\n".join(seen).split("\n"))
                        found = await find_gaps(chunk.since, chunk.until, dates, self._total_between)
                        if found is None:
                            raise
                        gaps = found
                    yield ChunkRows([], complete_to=chunk.until, gaps=gaps)
        finally:
            cutting.cancel()
            await asyncio.gather(cutting, *chunk_of_page, return_exceptions=True)

    async def recheck(self, second: datetime) -> AsyncGenerator[ChunkRows, None]:
        """Yield the rows listed now of a ``second`` that had a gap, and last the gap that it still has, if any."""
        chunk = Chunk(second - ONE_SECOND, second)
        first = await self._page(chunk, 0, MAX_PAGE_SIZE)
        total, listed = _total_of(first[-1]), 0
        if total <= MAX_PAGE_SIZE:  # what isn't on the one page that there is will not come by asking again
            rows = [row for page in first for row in page.rows]
            listed = len({self._listing.key_of(row) for row in rows})
            yield ChunkRows(rows)
        else:
            with suppress(IncompleteListing):
                async with aclosing(self._reader(chunk).rows()) as batches:
                    async for batch in batches:
                        total, listed = batch.total or total, listed + len(batch.rows)
                        yield ChunkRows(batch.rows)
        yield ChunkRows([], gaps=[Gap(second, total - listed)] if total > listed else [])

    async def _total_between(self, since: datetime, until: datetime) -> int:
        pages = await self._page(Chunk(since, until), 0, 1, ahead=True)
        return _total_of(pages[0])

    async def _planned_page(self, its_chunk: asyncio.Future[Chunk], rank: int) -> list[Page]:
        """The page at ``rank`` of the window, asked for as a page of the chunk that it lies in."""
        chunk = await its_chunk
        return await self._page(chunk, rank - chunk.rank, self._fetcher.page_size, load=False)

    async def changed_since(self, moment: datetime, now: Callable[[], datetime]) -> AsyncGenerator[ChunkRows, None]:
        """Yield the rows that changed after ``moment``, up to this very moment, however many change meanwhile.

        For a full refresh, which no later sync repairs: a row that left the window before its page was asked for
        is found here. The last request is a single page with all that is left: nothing moves within one answer.
        Its ``complete_to`` is the moment from which to look again later.
        Raises IncompleteListing if for a minute more changes than a page can hold.
        """
        count, total = self._fetcher.page_size, 0
        for _ in range(_CATCH_UP_ROUNDS):
            settled = max(now() - CONSISTENCY_LAG, moment)
            pages = await self._page(Chunk(moment - ONE_SECOND, None), 0, count, ahead=True)
            total = _total_of(pages[0])
            if len(pages) == 1 and total <= pages[0].count:
                yield ChunkRows(pages[0].rows, complete_to=settled)
                return
            # Small pages are meant for long listings; what changed within seconds must fit into one.
            count = max(self._fetcher.page_size, min(2 * total, MAX_PAGE_SIZE))
            until = max(now() - CONSISTENCY_LAG, moment)
            if until <= moment:
                await asyncio.sleep(1)
                continue
            async with aclosing(self.rows(moment - ONE_SECOND, until)) as batches:
                async for batch in batches:
                    yield ChunkRows(batch.rows)
            moment = until
        raise IncompleteListing(self._listing.kind, seen=min(count, total), total=total)

    def _ranks(self, total: int, *, like: int = 0) -> range:
        """The ranks at which chunks of ``total`` rows should begin, each as long as in a window of ``like`` rows."""
        size = self._fetcher.page_size
        pages = max(1, min(self._bounds.pages_per_chunk, (like or total) // (_CHUNKS * size)))
        return range(0, total, max(1, int(pages * size * _FULL)))

    async def _cut(
        self, whole: Chunk, ranks: list[int], probes: _Probes, chunk_of_page: list[asyncio.Future[Chunk]]
    ) -> None:
        """Cut the window at seconds' borders near ``ranks``; tell each chunk which chunk its rows are in.

        The second at a border goes to the later chunk as a whole. Where a second is so long that no border is
        left between two ranks, they are in the same chunk.
        """
        probes.send(ranks[1:])
        begin, begin_rank, first = whole.since, 0, 0
        try:
            for index, rank in enumerate(ranks[1:], start=1):
                second = await probes.second_at(rank)
                border = second - ONE_SECOND if second else None
                if border is None or (begin and border <= begin) or (whole.until and border >= whole.until):
                    continue
                _assign(chunk_of_page[first:index], Chunk(begin, border, begin_rank))
                begin, begin_rank, first = border, ranks[index], index
            _assign(chunk_of_page[first:], Chunk(begin, whole.until, begin_rank))
        except BaseException as error:
            for page in chunk_of_page[first:]:
                if not page.done():
                    page.set_exception(error if isinstance(error, Exception) else asyncio.CancelledError())
            raise

    async def _second_at(self, rank: int, window: Chunk) -> datetime | None:
        """The cursor of the row at ``rank`` of the window, None where there is none any more."""
        return self._date_of(await self._page(window, rank, 1, ahead=True))

    async def _page(
        self, chunk: Chunk, offset: int, count: int, *, load: bool = True, ahead: bool = False
    ) -> list[Page]:
        return await self._listing_of(chunk).pages(self._fetcher, offset, count, load=load, ahead=ahead)

    def _listing_of(self, chunk: Chunk) -> Listing:
        bounds = {}
        if chunk.since and self._cursor.since:
            bounds[self._cursor.since] = format_date(chunk.since)
        if chunk.until and self._cursor.before:
            bounds[self._cursor.before] = format_date(chunk.until)
        return replace(self._listing, params={**self._listing.params, **bounds})

    def _reader(self, chunk: Chunk) -> ListingReader:
        # A chunk is read again while pages of later ones wait in memory: it must not wait for their places.
        memory = Budget(MEMORY_BYTES)
        return ListingReader(self._fetcher, self._listing_of(chunk), prefetch=PAGES_PER_CHUNK_AGAIN, memory=memory)


class _Probes:
    """Requests for the seconds of the rows at some ranks of a window, each sent once: ``ask`` makes them."""

    def __init__(self, ask: Callable[[int], Coroutine[None, None, datetime | None]]) -> None:
        self._ask = ask
        self._sent: dict[int, asyncio.Task[datetime | None]] = {}

    def send(self, ranks: Iterable[int]) -> None:
        """Ask for those of ``ranks`` that have not been asked for yet."""
        for rank in ranks:
            if rank not in self._sent:
                self._sent[rank] = asyncio.ensure_future(self._ask(rank))

    async def second_at(self, rank: int) -> datetime | None:
        """What came for ``rank``, which was sent."""
        return await self._sent[rank]

    async def find_from(self, rank: int, *, but: datetime | None) -> bool:
        """Whether one of those that were sent has found a row of another second than ``but`` at ``rank`` or further."""
        further = min((sent for sent in self._sent if sent >= rank), default=None)
        return further is not None and await self.second_at(further) not in (None, but)

    async def close(self) -> None:
        """Drop those that are still under way."""
        for probe in self._sent.values():
            probe.cancel()
        await asyncio.gather(*self._sent.values(), return_exceptions=True)


def _total_of(page: Page) -> int:
    """The rows of the window by its own count, without which nothing can be proved complete."""
    if page.total is None:
        raise UnreadableAnswer("Mailchimp answered a listing without total_items")
    return page.total


def _assign(pages: list[asyncio.Future[Chunk]], chunk: Chunk) -> None:
    for page in pages:
        page.set_result(chunk)


async def _take(pages: AsyncGenerator[list[Page], None], count: int) -> AsyncGenerator[list[Page], None]:
    """The next ``count`` results of ``pages``, which stays open."""
    for _ in range(count):
        yield await anext(pages)
