"""Reads one listing so that no row is lost, while rows come and go and ties change places.

Pages are asked for in parallel by offset, with one row of overlap. Whether rows may be missing between two pages, and
whether a pass over the listing was enough, is decided in ``mailchimp_api.completeness``. Passes end when nothing is
missing. What they can't settle ends in an error, not in silence.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Hashable, Iterable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING

from mailchimp_api.completeness import Completeness, PageEnd, Repair, Verdict
from source_mailchimp.errors import IncompleteListing
from source_mailchimp.reader.concurrency import Budget, ordered_map, set_aside
from source_mailchimp.reader.fetcher import size_of_pages
from source_mailchimp.reader.places import AtOffset
from source_mailchimp.reader.records import row_fingerprint

if TYPE_CHECKING:
    from source_mailchimp.reader.fetcher import Fetcher, Page
    from source_mailchimp.reader.places import Place
    from source_mailchimp.stream import Record

logger = logging.getLogger("airbyte.source_mailchimp")

_BRIEF_PAUSE = 0.25


@dataclass(frozen=True)
class Listing:
    """What to ask for. ``exact``: rows can only leave, and ``total_items`` is right, so a shortfall is an error.

    ``trust_total=False``: ``total_items`` is known to be too small; the end shows as a short page.
    ``may_repeat``: two rows may be the same in all they hold; then as many count as one answer has.
    ``order_of``: the date the rows are sorted by, where that is known.
    """

    kind: str
    path: str
    items: str
    key_of: Callable[[Record], Hashable]
    order_of: Callable[[Record], datetime | None] | None = None
    params: Mapping[str, str | int] = field(default_factory=dict)
    trust_total: bool = True
    may_repeat: bool = False
    exact: bool = False

    async def pages(
        self, fetcher: Fetcher, offset: int, count: int, *, load: bool = True, ahead: bool = False
    ) -> list[Page]:
        """Its rows ``offset`` … ``offset + count - 1``, in parts where they timed out as a whole.

        ``load``, ``ahead``: as of ``Fetcher.pages``.
        """
        return await fetcher.pages(
            self.path,
            self.params,
            items=self.items,
            offset=offset,
            count=count,
            kind=self.kind,
            counted=self.trust_total,
            load=load,
            ahead=ahead,
        )


@dataclass
class Batch:
    """New rows of a listing. ``total``: how many it has. ``place``: where a later run goes on, None if not known."""

    rows: list[Record]
    total: int | None = None
    place: Place | None = None


class ListingReader:
    """Reads one ``Listing``; see the module's text for what it promises.

    ``prefetch``: pages under way at once; ``memory`` bound the pages in memory over all readers.
    """

    def __init__(self, fetcher: Fetcher, listing: Listing, *, prefetch: int, memory: Budget) -> None:
        self._fetcher = fetcher
        self.listing = listing
        self._prefetch = prefetch
        self._memory = memory
        self._completeness = Completeness(
            exact=listing.exact, trust_total=listing.trust_total, may_repeat=listing.may_repeat
        )
        self._size = fetcher.page_size

    def plan(self, start: int, expected: int) -> range:
        """Offsets of the pages for ``expected`` rows from offset ``start`` on, the overlaps allowed for."""
        return self._completeness.plan(start, expected, self._size)

    async def page_at(self, offset: int) -> list[Page]:
        """The page at ``offset``, in parts where it timed out as a whole."""
        return await self.listing.pages(self._fetcher, offset, self._size)

    def _pages_at(self, offsets: Iterable[int], *, ahead: bool = False) -> AsyncGenerator[list[Page], None]:
        ask = partial(self.listing.pages, self._fetcher, load=False, ahead=ahead)
        return ordered_map(
            (partial(ask, offset, self._size) for offset in offsets),
            prefetch=self._prefetch,
            memory=self._memory,
            kind=self.listing.kind,
            size_of=size_of_pages,
        )

    async def rows(
        self,
        *,
        start: int = 0,
        first: list[Page] | None = None,
        planned: AsyncGenerator[list[Page], None] | None = None,
    ) -> AsyncGenerator[Batch, None]:
        """Yield every row from offset ``start`` on, each at least once; raise IncompleteListing otherwise.

        ``planned``: pages already on their way for the first pass, by ``plan``; ``first``: the first of them.
        """
        completeness = self._completeness
        while True:
            again = completeness.passes > 0
            async with aclosing(self._pass(start, first, planned)) as batches:
                async for batch in batches:
                    if again:
                        batch.place = None  # the first pass came further, but not with every row
                    yield batch
            first = planned = None
            seen, total = completeness.distinct + start, completeness.total
            verdict = completeness.end_pass(start=start, size=self._size)
            if verdict is Verdict.INCOMPLETE:
                raise IncompleteListing(self.listing.kind, seen=seen, total=total)
            if verdict is Verdict.TOTAL_IS_WRONG:
                logger.warning(
                    "%s says that there are %d rows, but reading it %d times gave the same %d%s",
                    self.listing.kind, total, completeness.passes, seen,
                    f", and {completeness.repeats} of these again" if completeness.repeats else "",
                )  # fmt: skip
            if verdict is not Verdict.AGAIN:
                return
            # A window that lacks a few rows shows in the end which; what lacks all of them may have to recover first.
            brief = self.listing.exact and completeness.distinct > 0
            with set_aside():
                await asyncio.sleep(min(completeness.pause, _BRIEF_PAUSE) if brief else completeness.pause)

    async def _pass(
        self, start: int, first: list[Page] | None, planned: AsyncGenerator[list[Page], None] | None
    ) -> AsyncGenerator[Batch, None]:
        """One pass over the listing, from offset ``start`` to its end."""
        completeness = self._completeness
        previous: PageEnd | None = None
        async with aclosing(self._all_pages(start, first, planned)) as pages:
            async for page in pages:
                self._note(page)
                keys = [self.listing.key_of(row) for row in page.rows]
                if previous is not None and not completeness.joins(previous, page, keys):
                    async with aclosing(self._between(previous, page, keys)) as repaired:
                        async for extra in repaired:
                            yield extra
                previous = PageEnd.of(page, keys)
                batch = self._new(page, keys)
                if completeness.joined and keys:
                    batch.place = AtOffset(page.offset + page.count, row_fingerprint(keys[-1]))
                del page
                yield batch
                del batch

    def _note(self, page: Page) -> None:
        order_of = self.listing.order_of
        if not self.listing.exact or order_of is None:
            self._completeness.note(page)
            return
        dates = (order_of(page.rows[0]), order_of(page.rows[-1])) if page.count else (None, None)
        self._completeness.note(page, dates)

    def _new(self, page: Page, keys: list[Hashable]) -> Batch:
        return Batch(self._completeness.new(page.take_rows(), keys), page.total)

    async def _between(self, before: PageEnd, after: Page, following: list[Hashable]) -> AsyncGenerator[Batch, None]:
        """Rows between ``before`` and ``after``; marks the pass if they don't join the two."""
        repair = Repair(self._completeness, before, after, following, self._size)
        while not repair.over:
            pages = await self.listing.pages(self._fetcher, repair.offset, repair.count, ahead=True)
            found: set[Hashable] = set()
            for page in pages:
                self._note(page)
                keys = [self.listing.key_of(row) for row in page.rows]
                found.update(keys)
                yield self._new(page, keys)
            repair.came(pages[-1], found)
        if not repair.joined:
            self._completeness.broken()

    async def _all_pages(
        self, start: int, first: list[Page] | None, planned: AsyncGenerator[list[Page], None] | None
    ) -> AsyncGenerator[Page, None]:
        """Every page from ``start`` to the end: those planned by the total, then on while pages are full."""
        last: Page | None = None
        cut_short = planned is None  # who has planned the pages has others to come behind them
        # Pages of the chunks that follow may wait for a connection already, and can't be taken before these.
        exact = self.listing.exact
        again = exact and self._completeness.passes > 0
        if planned is None:
            # The first page takes a place, too: a thousand slices begin with one.
            beginning_at = self._pages_at([start], ahead=again) if first is None else _ready(first)
            async with aclosing(beginning_at) as beginning:
                async for parts in beginning:
                    for page in parts:
                        last = await page.load_in_turn()
                        yield page
            if last is None:
                return
            end = last.total if last.total is not None else 0
            offsets = self.plan(start, end)[1:] if last.count + last.offset < end else range(0)
            planned = self._pages_at(offsets, ahead=again)
        async with aclosing(planned) as rest:
            async for parts in rest:
                for page in parts:
                    last = await page.load_in_turn()
                    yield page
                if cut_short and last is not None and (not last.count or self._completeness.endless):
                    break  # however many rows are counted, there is nothing further on
        more = 1
        while last is not None and self._completeness.goes_on(last):
            start = max(last.offset + last.count - self._completeness.overlap, last.offset + 1)
            if last.count < last.asked:
                more = 1  # where the next one begins shows when this one has come
            step = self._size - self._completeness.overlap
            offsets = range(start, start + more * step, step)
            async with aclosing(self._pages_at(offsets, ahead=exact)) as rest:
                async for parts in rest:
                    for page in parts:
                        last = await page.load_in_turn()
                        yield page
            more = min(more * 2, self._prefetch)  # how far it goes on is unknown: ask for more and more at once


async def _ready(pages: list[Page]) -> AsyncGenerator[list[Page], None]:
    yield pages
