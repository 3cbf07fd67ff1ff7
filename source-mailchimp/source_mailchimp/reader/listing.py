"""Reads one listing so that no row is lost, while rows come and go and ties change places.

Pages are asked for in parallel by offset. Three things show that rows moved in the meantime:

1. Each page begins with the last row of the page before it. If that row is not there, rows moved up, and
   some may have slipped between the two: what lies between them is asked for again until it joins both.
2. ``total_items`` of the pages: at least as many distinct rows must have been seen as there were at any time.
3. Rows that tie may come in another order with every request, and then neither join proves anything. Where
   rows left the listing and the joins were not clean, the round is not trusted, and everything is read again.

Rounds end when nothing is missing. What they can't settle ends in an error, not in silence.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Callable, Hashable, Iterable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from source_mailchimp.errors import IncompleteListing
from source_mailchimp.reader.flow import in_order
from source_mailchimp.reader.keys import KeySet

if TYPE_CHECKING:
    import asyncio

    from source_mailchimp.reader.fetch import Fetcher, Page
    from source_mailchimp.stream import Record

logger = logging.getLogger("airbyte.source_mailchimp")

_OVERLAP = 1
# Rows that tie in random order: each round sees about 63 % of the missing ones, so twenty rounds find one
# row in a thousand million; as many rounds without a new row while some are missing won't end otherwise.
_FRUITLESS_ROUNDS = 12
_MOST_ROUNDS = 60
_REPAIR_ROUNDS = 6
_UNTRUSTED_FRUITLESS_ROUNDS = 2


@dataclass(frozen=True)
class Listing:
    """What to ask for. ``exact``: ``total_items`` is known to be right, so a shortfall is an error.

    ``trust_total=False``: ``total_items`` is known to be too small; the end shows as a short page.
    ``order_of``: what the rows are sorted by, where that is known.
    """

    kind: str
    path: str
    items: str
    key_of: Callable[[Record], Hashable]
    order_of: Callable[[Record], object] | None = None
    params: Mapping[str, str | int] = field(default_factory=dict)
    trust_total: bool = True
    exact: bool = False


@dataclass
class Rows:
    """New rows of a listing, in order. ``next_offset``: where a later run may go on, less an overlap."""

    rows: list[Record]
    next_offset: int
    total: int | None


@dataclass
class _Before:
    """What is remembered of a page when the next one comes: not its rows, which are on their way."""

    offset: int
    asked: int
    total: int | None
    keys: list[Hashable]
    order: object


class _Round:
    """What one pass over the listing has seen of its total and its joins."""

    def __init__(self) -> None:
        self.totals: list[int] = []
        self.clean = True

    def note(self, page: Page) -> None:
        if page.total is not None:
            self.totals.append(page.total)

    @property
    def quiet(self) -> bool:
        return len(set(self.totals)) <= 1

    @property
    def least(self) -> int:
        return min(self.totals, default=0)

    @property
    def most(self) -> int:
        return max(self.totals, default=0)

    @property
    def last(self) -> int:
        return self.totals[-1] if self.totals else 0


class ListingReader:
    """Reads one ``Listing``; see the module's text for what it promises.

    ``ahead``: pages under way at once; ``budget`` bounds the pages in memory over all readers.
    """

    def __init__(self, fetcher: Fetcher, listing: Listing, *, ahead: int, budget: asyncio.Semaphore) -> None:
        self._fetcher = fetcher
        self.listing = listing
        self._ahead = ahead
        self._budget = budget
        self._seen = KeySet()
        self._size = fetcher.page_size
        self.repeats = 0

    @property
    def distinct(self) -> int:
        """How many distinct rows have been seen."""
        return len(self._seen)

    def plan(self, start: int, expected: int) -> list[int]:
        """Offsets of the pages for ``expected`` rows from offset ``start`` on, the overlaps allowed for."""
        stride = max(self._size - _OVERLAP, 1)
        return list(range(start, max(start + 1, expected - _OVERLAP), stride))

    async def page_at(self, offset: int) -> list[Page]:
        """The page at ``offset``, in parts where it timed out as a whole."""
        listing = self.listing
        return await self._fetcher.pages(
            listing.path,
            listing.params,
            items=listing.items,
            offset=offset,
            count=self._size,
            kind=listing.kind,
        )

    def _pages_at(self, offsets: Iterable[int]) -> AsyncGenerator[list[Page], None]:
        return in_order((partial(self.page_at, offset) for offset in offsets), ahead=self._ahead, budget=self._budget)

    async def rows(
        self,
        *,
        start: int = 0,
        first: list[Page] | None = None,
        planned: AsyncGenerator[list[Page], None] | None = None,
    ) -> AsyncGenerator[Rows, None]:
        """Yield every row from offset ``start`` on, each at least once; raise IncompleteListing otherwise.

        ``planned``: pages already on their way for the first round, by ``plan``; ``first``: the first of them.
        """
        fruitless = 0
        audit = _Round()
        for _ in range(_MOST_ROUNDS):
            audit = _Round()
            before = self.distinct
            async with aclosing(self._pass(start, first, planned, audit)) as batches:
                async for batch in batches:
                    yield batch
            first = planned = None
            if self._settled(audit, start):
                return
            fruitless = fruitless + 1 if self.distinct == before else 0
            if not self.listing.exact and fruitless >= _UNTRUSTED_FRUITLESS_ROUNDS and audit.clean:
                logger.warning(
                    "%s says that there are %d rows, but reading it %d times gave the same %d",
                    self.listing.kind, audit.last, fruitless + 1, self.distinct + start,
                )  # fmt: skip
                return
            if fruitless >= _FRUITLESS_ROUNDS:
                break
            if not audit.quiet and not audit.clean:
                # Rows left, so some of those seen no longer count against the total: count afresh.
                self._seen = KeySet()
        raise IncompleteListing(self.listing.kind, seen=self.distinct + start, total=audit.last)

    def _settled(self, audit: _Round, start: int) -> bool:
        if not self.listing.trust_total or not audit.totals:
            return audit.clean
        seen = self.distinct + start
        if seen >= audit.most:
            return True
        return seen >= audit.least and audit.clean and (start > 0 or not audit.quiet)

    async def _pass(
        self,
        start: int,
        first: list[Page] | None,
        planned: AsyncGenerator[list[Page], None] | None,
        audit: _Round,
    ) -> AsyncGenerator[Rows, None]:
        """One pass over the listing, from offset ``start`` to its end."""
        previous: _Before | None = None
        order_of = self.listing.order_of
        async with aclosing(self._all_pages(start, first, planned)) as pages:
            async for page in pages:
                audit.note(page)
                keys = [self.listing.key_of(row) for row in page.rows]
                if previous is not None and not self._joined(previous, page, keys):
                    async with aclosing(self._between(previous, page, audit)) as repaired:
                        async for extra in repaired:
                            yield self._new(extra, [self.listing.key_of(row) for row in extra.rows])
                order = order_of(page.rows[-1]) if order_of and page.rows else None
                previous = _Before(page.offset, page.asked, page.total, keys, order)
                rows = self._new(page, keys)
                del page
                yield rows
                del rows

    def _new(self, page: Page, keys: list[Hashable]) -> Rows:
        add = self._seen.add
        rows = [row for row, key in zip(page.rows, keys, strict=True) if add(key)]
        self.repeats += page.count - len(rows)
        return Rows(rows, page.offset + page.count, page.total)

    def _joined(self, before: _Before, after: Page, keys: list[Hashable]) -> bool:
        """Whether no row can have slipped between two consecutive pages."""
        if after.offset >= before.offset + before.asked:  # parts of a page that timed out don't overlap
            return before.total == after.total
        if len(before.keys) < before.asked:
            # The listing ended there, and rows that came since are later than any that could be lost.
            return True
        return before.keys[-1] in keys

    def _tied(self, before: _Before, after: Page) -> bool:
        """Whether rows on both sides of the border tie, so that their order proves nothing."""
        order_of = self.listing.order_of
        return bool(order_of and before.keys and after.rows and before.order == order_of(after.rows[0]))

    async def _between(self, before: _Before, after: Page, audit: _Round) -> AsyncGenerator[Page, None]:
        """Pages that join ``before`` and ``after``; marks the round where they may not prove it."""
        key_of = self.listing.key_of
        known = set(before.keys)
        following = {key_of(row) for row in after.rows}
        end = after.offset + _OVERLAP
        for _ in range(_REPAIR_ROUNDS):
            offset = max(0, end - self._size)
            pages = await self._fetcher.pages(
                self.listing.path,
                self.listing.params,
                items=self.listing.items,
                offset=offset,
                count=end - offset,
                kind=self.listing.kind,
            )
            keys = set()
            for page in pages:
                audit.note(page)
                keys |= {key_of(row) for row in page.rows}
                yield page
            if (keys & known or offset == 0) and (keys & following or not following):
                # True only of rows that keep their order. With a total that stands still this can't be
                # the reason for the gap, so they do not: the count must settle it.
                audit.clean = audit.clean and not audit.quiet and not self._tied(before, after)
                return
            end = end if keys & following else min(end + self._size // 2, after.offset + after.count)
        audit.clean = False

    async def _all_pages(
        self, start: int, first: list[Page] | None, planned: AsyncGenerator[list[Page], None] | None
    ) -> AsyncGenerator[Page, None]:
        """Every page from ``start`` to the end: those planned by the total, then on while pages are full."""
        last: Page | None = None
        if planned is None:
            parts = first if first is not None else await self.page_at(start)
            for page in parts:
                last = page
                yield page
            if last is None:
                return
            end = last.total if last.total is not None else 0
            offsets = self.plan(start, end)[1:] if last.count + last.offset < end else []
            planned = self._pages_at(offsets)
        async with aclosing(planned) as rest:
            async for parts in rest:
                for page in parts:
                    last = page
                    yield page
        more = 1
        while last is not None and self._goes_on(last):
            start = max(last.offset + last.count - _OVERLAP, last.offset + 1)
            offsets = [start + step * max(self._size - _OVERLAP, 1) for step in range(more)]
            async with aclosing(self._pages_at(offsets)) as rest:
                async for parts in rest:
                    for page in parts:
                        last = page
                        yield page
            more = min(more * 2, self._ahead)  # how far it goes on is unknown: ask for more and more at once

    def _goes_on(self, last: Page) -> bool:
        """Whether rows may follow ``last``: never judged by the total alone where that lies."""
        if last.count < last.asked:
            return False
        if not self.listing.trust_total or last.total is None:
            return True
        return last.offset + last.count < last.total
