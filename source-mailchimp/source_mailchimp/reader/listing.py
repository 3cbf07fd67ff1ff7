"""Reads one listing so that no row is lost, while rows come and go and ties change places.

Pages are asked for in parallel by offset. Each page begins with the last row of the page before it: if that row is
not there, rows moved up, and what lies between the two is asked for again until it joins both. Whether that was
enough is decided at the end of each round over the listing:

- In a closed window (``exact``) rows only leave. Either as many distinct rows have been seen as there ever were
  since the count began; or the pages overlap by more than the rows of one second all the way: what lies strictly
  between a page's first and last second is on that page, in whichever order rows tie.
- In other listings rows come, too. While the total stands still, it is counted against. While it moves, pages
  that join by their rows prove it, unless they show that rows don't keep their order.

Rounds end when nothing is missing. What they can't settle ends in an error, not in silence.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Hashable, Iterable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import datetime, timezone
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
_DAWN = datetime.min.replace(tzinfo=timezone.utc)
_DUSK = datetime.max.replace(tzinfo=timezone.utc)
# Rows that tie in random order: each round sees about 63 % of the missing ones, so twenty rounds find one
# row in a thousand million; as many rounds without a new row while some are missing won't end otherwise.
_FRUITLESS_ROUNDS = 12
# A row that left before it was seen is missing from the count for ever: then count afresh.
_ROUNDS_UNTIL_RECOUNT = 3
_MOST_ROUNDS = 60
_REPAIR_ROUNDS = 6
_UNTRUSTED_FRUITLESS_ROUNDS = 2


@dataclass(frozen=True)
class Listing:
    """What to ask for. ``exact``: rows can only leave, and ``total_items`` is right, so a shortfall is an error.

    ``trust_total=False``: ``total_items`` is known to be too small; the end shows as a short page.
    ``twins``: two rows may be the same in all they hold; then as many count as one answer has.
    ``order_of``: the date the rows are sorted by, where that is known.
    """

    kind: str
    path: str
    items: str
    key_of: Callable[[Record], Hashable]
    order_of: Callable[[Record], datetime | None] | None = None
    params: Mapping[str, str | int] = field(default_factory=dict)
    trust_total: bool = True
    twins: bool = False
    exact: bool = False

    async def pages(self, fetcher: Fetcher, offset: int, count: int) -> list[Page]:
        """Its rows ``offset`` … ``offset + count - 1``, in parts where they timed out as a whole."""
        return await fetcher.pages(self.path, self.params, items=self.items, offset=offset, count=count, kind=self.kind)


@dataclass
class Rows:
    """New rows of a listing. ``next_offset``: where a later run may go on, less an overlap, if that is known.

    ``last_key``: that of the row before it, by which a later run can tell whether rows have moved.
    """

    rows: list[Record]
    next_offset: int | None
    total: int | None
    last_key: Hashable = None


@dataclass
class _Before:
    """What is remembered of a page when the next one comes: not its rows, which are on their way."""

    offset: int
    asked: int
    total: int | None
    keys: list[Hashable]


class _Totals:
    """The totals that pages told."""

    def __init__(self) -> None:
        self.least: int | None = None
        self.most: int | None = None
        self.last = 0

    def note(self, total: int | None) -> None:
        if total is not None:
            self.least = total if self.least is None else min(self.least, total)
            self.most = total if self.most is None else max(self.most, total)
            self.last = total

    @property
    def quiet(self) -> bool:
        return self.least == self.most


class _Round:
    """What one pass over the listing has seen: its totals, whether its pages joined, and what they span.

    ``shaken`` of the ``borders`` were not as they should be though the total was the same on both sides.
    """

    def __init__(self) -> None:
        self.totals = _Totals()
        self.joined = True
        self.borders = 0
        self.shaken = 0
        self._spans: list[tuple[datetime, datetime]] = []

    def span(self, page: Page, order_of: Callable[[Record], datetime | None]) -> None:
        """Note from which to which date ``page`` goes; the beginning and the end of the listing are open."""
        ends = page.total is not None and page.offset + page.count >= page.total
        first = _DAWN if page.offset == 0 else order_of(page.rows[0]) if page.count else None
        last = _DUSK if ends else order_of(page.rows[-1]) if page.count else None
        if first and last:
            self._spans.append((first, last))

    @property
    def chained(self) -> bool:
        """Whether pages join and rows seem to keep their order."""
        return self.joined and self.shaken * 2 <= self.borders

    @property
    def covered(self) -> bool:
        """Whether every date lies strictly within a page: rows of a page's first or last date may be on none."""
        reach = None
        for first, last in sorted(self._spans):
            if first != _DAWN if reach is None else first >= reach:
                return False
            reach = last if reach is None else max(reach, last)
        return reach == _DUSK


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
        self._totals = _Totals()  # since the count of ``_seen`` began
        self._size = fetcher.page_size
        self._overlap = _OVERLAP

    @property
    def distinct(self) -> int:
        """How many distinct rows have been seen."""
        return len(self._seen)

    def plan(self, start: int, expected: int) -> list[int]:
        """Offsets of the pages for ``expected`` rows from offset ``start`` on, the overlaps allowed for."""
        return list(range(start, max(start + 1, expected - self._overlap), self._size - self._overlap))

    async def page_at(self, offset: int) -> list[Page]:
        """The page at ``offset``, in parts where it timed out as a whole."""
        return await self.listing.pages(self._fetcher, offset, self._size)

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
        fruitless = seen = 0
        for number in range(_MOST_ROUNDS):
            audit = _Round()
            before = self.distinct
            async with aclosing(self._pass(start, first, planned, audit)) as batches:
                async for batch in batches:
                    if number:
                        batch.next_offset = None  # the first round came further, but not with every row
                    yield batch
            first = planned = None
            seen = self.distinct + start
            if self._settled(audit, seen):
                return
            fruitless = fruitless + 1 if self.distinct == before else 0
            if self._will_not_change(audit, fruitless):
                logger.warning(
                    "%s says that there are %d rows, but reading it %d times gave the same %d",
                    self.listing.kind, self._totals.last, fruitless + 1, seen,
                )  # fmt: skip
                return
            if fruitless >= _FRUITLESS_ROUNDS:
                break
            if not self._totals.quiet:
                # The next round may prove by its dates what a count can't.
                self._overlap = max(self._size * min(number + 1, 3) // 4, _OVERLAP) if self.listing.exact else _OVERLAP
                if fruitless >= _ROUNDS_UNTIL_RECOUNT:
                    self._seen, self._totals, fruitless = KeySet(), _Totals(), 0
        raise IncompleteListing(self.listing.kind, seen=seen, total=self._totals.last)

    def _settled(self, audit: _Round, seen: int) -> bool:
        totals = self._totals
        if totals.most is None or totals.least is None or not self.listing.trust_total:
            return audit.chained
        if self.listing.exact:
            return seen >= totals.most or audit.covered
        return seen >= totals.most if totals.quiet else audit.chained and seen >= (audit.totals.least or 0)

    def _will_not_change(self, audit: _Round, fruitless: int) -> bool:
        """Whether reading again is in vain: what is there has been seen, and the total says something else.

        Where there is no total to count against and rows come in any order, many rounds without a new row must do.
        """
        if self.listing.exact:
            return False
        if audit.chained:
            return fruitless >= _UNTRUSTED_FRUITLESS_ROUNDS
        return not self.listing.trust_total and fruitless >= _FRUITLESS_ROUNDS

    async def _pass(
        self,
        start: int,
        first: list[Page] | None,
        planned: AsyncGenerator[list[Page], None] | None,
        audit: _Round,
    ) -> AsyncGenerator[Rows, None]:
        """One pass over the listing, from offset ``start`` to its end."""
        previous: _Before | None = None
        async with aclosing(self._all_pages(start, first, planned)) as pages:
            async for page in pages:
                self._note(page, audit)
                keys = [self.listing.key_of(row) for row in page.rows]
                if previous is not None and not self._joined(previous, page, keys, audit):
                    async with aclosing(self._between(previous, page, keys, audit)) as repaired:
                        async for extra in repaired:
                            yield extra
                previous = _Before(page.offset, page.asked, page.total, keys)
                rows = self._new(page, keys)
                if audit.joined and keys:
                    rows.next_offset, rows.last_key = page.offset + page.count, keys[-1]
                del page
                yield rows
                del rows

    def _note(self, page: Page, audit: _Round) -> None:
        audit.totals.note(page.total)
        self._totals.note(page.total)
        if self.listing.exact and self.listing.order_of:
            audit.span(page, self.listing.order_of)

    def _new(self, page: Page, keys: list[Hashable]) -> Rows:
        add = self._seen.add
        if self.listing.twins:
            keys = _numbered(keys)
        rows = [row for row, key in zip(page.rows, keys, strict=True) if add(key)]
        return Rows(rows, None, page.total)

    def _joined(self, before: _Before, after: Page, keys: list[Hashable], audit: _Round) -> bool:
        """Whether no row can have slipped between two consecutive pages, if rows keep their order."""
        if self.listing.exact and self._totals.quiet:
            return True  # no row has left, so any gap is one of the order: the count shows it
        if after.offset >= before.offset + before.asked:  # parts of a page that timed out don't overlap
            return before.total == after.total
        if len(before.keys) < before.asked and self._ended(before, after):
            # Rows that came since are later than any that could be lost.
            return True
        audit.borders += 1
        if before.keys and keys and before.keys[-1] == keys[0]:
            return True
        audit.shaken += before.total == after.total
        return bool(before.keys) and before.keys[-1] in keys

    def _ended(self, before: _Before, after: Page) -> bool:
        """Whether a short page is short because the listing ended there."""
        if after.count == 0 and before.total == after.total and after.offset <= before.offset + len(before.keys):
            return True  # nothing behind it, and nothing has left
        if self.listing.trust_total and before.total is not None:
            return before.offset + len(before.keys) >= before.total
        return after.count == 0

    async def _between(
        self, before: _Before, after: Page, following: list[Hashable], audit: _Round
    ) -> AsyncGenerator[Rows, None]:
        """Rows between ``before`` and ``after``; marks the round if they don't join the two."""
        known, linked = set(before.keys), set(following)
        end = after.offset + _OVERLAP
        for _ in range(_REPAIR_ROUNDS):
            offset = max(0, end - self._size)
            pages = await self.listing.pages(self._fetcher, offset, end - offset)
            found: set[Hashable] = set()
            for page in pages:
                self._note(page, audit)
                keys = [self.listing.key_of(row) for row in page.rows]
                found.update(keys)
                yield self._new(page, keys)
            # With no row behind the border, the rows before it must be seen to end.
            if not found.isdisjoint(linked) or (not following and not self._goes_on(pages[-1])):
                linked |= found
                if offset == 0 or not found.isdisjoint(known):
                    return
                end = offset + max(self._size // 2, _OVERLAP)
            else:
                end += self._size // 2
        audit.joined = False

    async def _all_pages(
        self, start: int, first: list[Page] | None, planned: AsyncGenerator[list[Page], None] | None
    ) -> AsyncGenerator[Page, None]:
        """Every page from ``start`` to the end: those planned by the total, then on while pages are full."""
        last: Page | None = None
        if planned is None:
            # The first page takes a place, too: a thousand slices begin with one.
            async with aclosing(self._pages_at([start]) if first is None else _ready(first)) as beginning:
                async for parts in beginning:
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
            start = max(last.offset + last.count - self._overlap, last.offset + 1)
            if last.count < last.asked:
                more = 1  # where the next one begins shows when this one has come
            offsets = [start + step * (self._size - self._overlap) for step in range(more)]
            async with aclosing(self._pages_at(offsets)) as rest:
                async for parts in rest:
                    for page in parts:
                        last = page
                        yield page
            more = min(more * 2, self._ahead)  # how far it goes on is unknown: ask for more and more at once

    def _goes_on(self, last: Page) -> bool:
        """Whether rows may follow ``last``: never judged by the total alone where that lies.

        A short page is the end, unless the total says that more follow: the server may give fewer than are asked for.
        """
        if last.count < last.asked:
            return last.count > 0 and last.total is not None and last.offset + last.count < last.total
        if not self.listing.trust_total or last.total is None:
            return True
        return last.offset + last.count < last.total


def _numbered(keys: list[Hashable]) -> list[Hashable]:
    """``keys`` with a number beside each that has come before."""
    met: Counter[Hashable] = Counter()
    numbered: list[Hashable] = []
    for key in keys:
        numbered.append((key, met[key]) if key in met else key)
        met[key] += 1
    return numbered


async def _ready(pages: list[Page]) -> AsyncGenerator[list[Page], None]:
    yield pages
