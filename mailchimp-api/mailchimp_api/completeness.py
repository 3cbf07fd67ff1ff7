"""Decides whether a listing has been read completely, whatever moved while it was read.

Nothing in here asks for anything: both connectors, one on an event loop and one in threads, read their listings
with ``Completeness`` beside them, show it each page and ask it whether rows may be missing.

A listing is read in pages by offset. Each page begins with the last row of the page before it (``OVERLAP``): if that
row is not there, rows moved up, and what lies between the two must be asked for again until it joins both.
Whether that was enough is decided at the end of each pass over the listing:

- In a closed window (``exact``) rows only leave. Either as many distinct rows have been seen as there ever were
  since the count began; or the pages overlap by more than the rows of one second all the way: what lies strictly
  between a page's first and last second is on that page, in whichever order rows tie.
- In other listings rows come, too. While the total stands still, it is counted against. While it moves, pages
  that join by their rows prove it, unless they show that rows don't keep their order.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from enum import Enum
from typing import Protocol, TypeVar

from mailchimp_api.key_set import KeySet

Row = TypeVar("Row")

OVERLAP = 1
"""How many rows a page shares with the one before it."""
MOST_PASSES = 60
# Rows that tie in random order: each pass sees about 63 % of the missing ones, so twenty passes find one
# row in a thousand million; as many passes without a new row while some are missing won't end otherwise.
PATIENCE = 12
# A row that left before it was seen is missing from the count for ever: then count afresh.
_PASSES_UNTIL_RECOUNT = 3
_PASSES_AGAINST_A_WRONG_TOTAL = 2
_REPAIRS = 6
# Offsets so far beyond what there is are those of a server that ignores them, or of a total that grows for ever.
_RUNAWAY_TIMES = 2
_RUNAWAY_PAGES = 10
# So many pages in a row with the same rows as the one before are those of a server that ignores offsets.
_SAME_PAGES = 3
_FIRST_PAUSE = 0.5
_LONGEST_PAUSE = 5.0
_MIN_TIME = datetime.min.replace(tzinfo=timezone.utc)
_MAX_TIME = datetime.max.replace(tzinfo=timezone.utc)


class PageLike(Protocol):
    """What is looked at of a page: where it begins, how many rows were asked for and came, and the total then."""

    @property
    def offset(self) -> int:
        """Its first row's place in the listing."""

    @property
    def asked(self) -> int:
        """How many rows were asked for."""

    @property
    def count(self) -> int:
        """How many came."""

    @property
    def total(self) -> int | None:
        """The ``total_items`` beside them."""


@dataclass(frozen=True)
class PageEnd:
    """What is remembered of a page when the next one comes: not its rows, which are on their way."""

    offset: int
    asked: int
    total: int | None
    keys: Sequence[Hashable]

    @classmethod
    def of(cls, page: PageLike, keys: Sequence[Hashable]) -> PageEnd:
        """Of ``page``, whose rows have ``keys``."""
        return cls(page.offset, page.asked, page.total, keys)


class Verdict(Enum):
    """What a pass over the listing has shown."""

    COMPLETE = "complete"
    TOTAL_IS_WRONG = "total is wrong"
    """Reading again is in vain: what is there has been seen, and the total says something else."""
    AGAIN = "again"
    INCOMPLETE = "incomplete"
    """It can't be settled: this is an error, never silence."""


class Totals:
    """The totals that pages told."""

    def __init__(self) -> None:
        self.first: int | None = None
        self.least: int | None = None
        self.most: int | None = None
        self.last = 0

    def note(self, total: int | None) -> None:
        """A page told ``total``, or none."""
        if total is not None:
            self.first = total if self.first is None else self.first
            self.least = total if self.least is None else min(self.least, total)
            self.most = total if self.most is None else max(self.most, total)
            self.last = total

    @property
    def stable(self) -> bool:
        """Whether all of them were the same."""
        return self.least == self.most


@dataclass
class _PassResult:
    """What one pass over the listing has shown: its totals, whether its pages joined, and what they span.

    ``begin``: the offset of its first page. ``reordered`` of the ``boundaries`` were not as they should be though the
    total was the same on both sides.
    """

    begin: int | None = None
    totals: Totals = field(default_factory=Totals)
    joined: bool = True
    endless: bool = False
    same: int = 0
    boundaries: int = 0
    reordered: int = 0
    repeats: int = 0
    spans: list[tuple[datetime, datetime]] = field(default_factory=list)

    @property
    def chained(self) -> bool:
        """Whether pages join and rows seem to keep their order."""
        return self.joined and self.reordered * 2 <= self.boundaries

    @property
    def covered(self) -> bool:
        """Whether every date lies strictly within a page: rows of a page's first or last date may be on none."""
        reach = None
        for first, last in sorted(self.spans):
            if first != _MIN_TIME if reach is None else first >= reach:
                return False
            reach = last if reach is None else max(reach, last)
        return reach == _MAX_TIME


class Completeness:
    """Keeps the count of one listing over any number of passes. Not thread-safe: show it pages in their order.

    ``exact``: rows can only leave, and ``total_items`` is right, so a shortfall is an error.
    ``trust_total=False``: ``total_items`` is known to be too small; the end shows as a short page.
    ``may_repeat``: two rows may be the same in all they hold; then as many count as one answer has.
    ``patience``: after this many passes without a new row, though some are missing, it is incomplete.
    """

    def __init__(
        self, *, exact: bool = False, trust_total: bool = True, may_repeat: bool = False, patience: int = PATIENCE
    ) -> None:
        self._exact = exact
        self._trust_total = trust_total
        self._may_repeat = may_repeat
        self._patience = patience
        self._seen = KeySet()
        self._totals = Totals()  # since the count of ``_seen`` began
        self._pass = _PassResult()
        self._before_pass = 0
        self._passes = 0
        self._without_progress = 0
        self.repeats = 0
        """How many rows of the last pass were the same as another of their answer in all they hold."""
        self.overlap = OVERLAP
        """How many rows the pages of the next pass must share."""

    @property
    def distinct(self) -> int:
        """How many distinct rows have been seen."""
        return len(self._seen)

    @property
    def total(self) -> int:
        """The total told last."""
        return self._totals.last

    @property
    def joined(self) -> bool:
        """Whether no row can have been lost in this pass so far, if rows keep their order."""
        return self._pass.joined

    @property
    def passes(self) -> int:
        """How many passes have ended."""
        return self._passes

    @property
    def endless(self) -> bool:
        """Whether this pass has shown that it has no end: what is planned beyond need not be asked for."""
        return self._pass.endless

    @property
    def pause(self) -> float:
        """Seconds to wait before the next pass: none while passes find something new."""
        tries = self._without_progress
        return min(_FIRST_PAUSE * 2 ** (tries - 1), _LONGEST_PAUSE) if tries else 0.0

    def plan(self, start: int, expected: int, size: int) -> range:
        """Offsets of the pages of ``size`` rows for ``expected`` rows from ``start`` on, the overlaps allowed for."""
        return range(start, max(start + 1, expected - self.overlap), size - self.overlap)

    def note(self, page: PageLike, dates: tuple[datetime | None, datetime | None] | None = None) -> None:
        """A page came. ``dates``: those of its first and last row, where the listing is sorted by a date."""
        if self._pass.begin is None:
            self._pass.begin = page.offset
        self._pass.totals.note(page.total)
        self._totals.note(page.total)
        if self._exact and dates is not None:
            ends = page.total is not None and page.offset + page.count >= page.total
            # The beginning and the end of the listing are open.
            first = _MIN_TIME if page.offset == 0 else dates[0]
            last = _MAX_TIME if ends else dates[1]
            if first and last:
                self._pass.spans.append((first, last))

    def new(self, rows: Iterable[Row], keys: Sequence[Hashable]) -> list[Row]:
        """Those of ``rows`` of one page that have not been seen before, by their ``keys``.

        Two rows of one answer with one key are two where they differ, as a cart was reported to be listed twice, once
        without what had been added to it (MailChimp.Net#620, mailchimp-client-lib-codegen#210). In a closed window of
        contacts, whose keys are unique, they are not counted as two.
        """
        add = self._seen.add
        if self._may_repeat:
            keys = _numbered(keys)
        elif not self._exact and len(set(keys)) < len(keys):
            rows = list(rows)
            keys = _told_apart(rows, keys)
            self._pass.repeats += len(keys) - len(set(keys))
        return [row for row, key in zip(rows, keys, strict=True) if add(key)]

    def joins(self, before: PageEnd, after: PageLike, keys: Sequence[Hashable]) -> bool:
        """Whether no row can have slipped between two consecutive pages, if rows keep their order.

        ``keys``: of the rows of ``after``. If not, what lies between must be asked for (``Repair``).
        """
        self._compare(before, after, keys)
        if self._exact and self._totals.stable:
            return True  # no row has left, so any gap is one of the order: the count shows it
        if after.offset >= before.offset + before.asked:  # parts of a page that timed out don't overlap
            return before.total == after.total
        if len(before.keys) < before.asked and self._ended(before, after):
            # Rows that came since are later than any that could be lost.
            return True
        self._pass.boundaries += 1
        if before.keys and keys and before.keys[-1] == keys[0]:
            return True
        self._pass.reordered += before.total == after.total
        return bool(before.keys) and before.keys[-1] in keys

    def _compare(self, before: PageEnd, after: PageLike, keys: Sequence[Hashable]) -> None:
        """Count pages with the same rows as the one before. Where rows may repeat, a full one may hold nothing else."""
        same = bool(keys) and before.offset != after.offset and list(before.keys) == list(keys)
        if same and self._may_repeat:
            same = len(set(keys)) > 1 or after.count < after.asked
        self._pass.same = self._pass.same + 1 if same else 0
        self._pass.endless = self._pass.endless or self._pass.same >= _SAME_PAGES

    def broken(self) -> None:
        """Two pages of this pass could not be joined."""
        self._pass.joined = False

    def goes_on(self, last: PageLike) -> bool:
        """Whether rows may follow ``last``: never judged by the total alone where that lies.

        A short page is the end, unless the total says that more follow: the server may give fewer than are asked for.
        A full page that shows more rows than are counted proves the total too small, as one of segment members was.
        A server that gives the same rows again and again, or a total that grows for ever, ends in ``INCOMPLETE``.
        """
        if self._pass.endless:
            return False
        first = self._pass.totals.first
        there = self.distinct if first is None or not self._trust_total else max(first, self.distinct)
        if last.offset - (self._pass.begin or 0) > _RUNAWAY_TIMES * there + _RUNAWAY_PAGES * last.asked:
            self._pass.endless = True
            return False
        if last.count < last.asked:
            return last.count > 0 and last.total is not None and last.offset + last.count < last.total
        if not self._trust_total or last.total is None:
            return True
        return last.offset + last.count != last.total

    def end_pass(self, *, start: int = 0, size: int) -> Verdict:
        """A pass from offset ``start`` on with pages of ``size`` rows has ended: what it shows, all taken together.

        After ``AGAIN`` the listing is to be read once more, with ``overlap``.
        """
        result, self._pass = self._pass, _PassResult()
        self._passes += 1
        self.repeats = result.repeats
        if result.endless:
            return Verdict.INCOMPLETE
        if self._settled(result, self.distinct + start):
            return Verdict.COMPLETE
        self._without_progress = self._without_progress + 1 if self.distinct == self._before_pass else 0
        self._before_pass = self.distinct
        # Nothing at all where there should be something is never taken for what there is.
        if self.distinct + start > 0 and self._will_not_change(result):
            return Verdict.TOTAL_IS_WRONG
        if self._without_progress >= self._patience or self._passes >= MOST_PASSES:
            return Verdict.INCOMPLETE
        if not self._totals.stable:
            # The next pass may prove by its dates what a count can't.
            self.overlap = max(size * min(self._passes, 3) // 4, OVERLAP) if self._exact else OVERLAP
            if self._without_progress >= _PASSES_UNTIL_RECOUNT:
                self._seen, self._totals = KeySet(), Totals()
                self._without_progress = self._before_pass = 0
        return Verdict.AGAIN

    def _settled(self, result: _PassResult, seen: int) -> bool:
        totals = self._totals
        if totals.most is None or totals.least is None or not self._trust_total:
            return result.chained
        if self._exact:
            # While nothing leaves, the count must be met: a page may lack a row that is counted at its place.
            return seen >= totals.most or (not totals.stable and result.covered)
        if totals.stable:
            return seen == totals.most or (seen > totals.most and result.chained)
        return result.chained and seen >= (result.totals.least or 0)

    def _will_not_change(self, result: _PassResult) -> bool:
        """Without a total to count against, and rows in any order, many passes without a new row must do."""
        if self._exact:
            return False
        if result.chained:
            return self._without_progress >= _PASSES_AGAINST_A_WRONG_TOTAL
        too_small = self._totals.most is not None and self.distinct > self._totals.most
        return (too_small or not self._trust_total) and self._without_progress >= self._patience

    def _ended(self, before: PageEnd, after: PageLike) -> bool:
        """Whether a short page is short because the listing ended there."""
        if after.count == 0 and before.total == after.total and after.offset <= before.offset + len(before.keys):
            return True  # nothing behind it, and nothing has left
        if self._trust_total and before.total is not None:
            return before.offset + len(before.keys) >= before.total
        return after.count == 0


class Repair:
    """Which rows to ask for so that two pages that don't join do: ``offset`` and ``count`` of the next request.

    Show it what came with ``came`` until it is ``over``; ``joined`` tells with which result.
    """

    def __init__(
        self, completeness: Completeness, before: PageEnd, after: PageLike, keys: Sequence[Hashable], size: int
    ) -> None:
        self._completeness = completeness
        self._known, self._linked = set(before.keys), set(keys)
        self._nothing_follows = not keys
        self._size = size
        self._end = after.offset + OVERLAP
        self._tries = 0
        self.joined = False

    @property
    def over(self) -> bool:
        """Whether there is nothing more to ask for."""
        return self.joined or self._tries >= _REPAIRS

    @property
    def offset(self) -> int:
        """Where the rows to ask for begin."""
        return max(0, self._end - self._size)

    @property
    def count(self) -> int:
        """How many rows to ask for."""
        return self._end - self.offset

    def came(self, last: PageLike, keys: Iterable[Hashable]) -> None:
        """The rows asked for came: ``keys`` of all of them, ``last`` the last page they came on."""
        found = set(keys)
        offset = self.offset
        self._tries += 1
        # With no row behind the boundary, the rows before it must be seen to end.
        ends = self._nothing_follows and not self._completeness.goes_on(last)
        if found.isdisjoint(self._linked) and not ends:
            self._end += self._size // 2
            return
        self._linked |= found
        if offset == 0 or not found.isdisjoint(self._known):
            self.joined = True
            return
        self._end = offset + max(self._size // 2, OVERLAP)


def _told_apart(rows: Sequence[object], keys: Sequence[Hashable]) -> list[Hashable]:
    """``keys`` with a number beside each that another of ``rows`` has, too, which is not the same in all it holds."""
    met: dict[Hashable, list[object]] = {}
    told: list[Hashable] = []
    for row, key in zip(rows, keys, strict=True):
        known = met.setdefault(key, [])
        if row not in known:
            known.append(row)
        number = known.index(row)
        told.append((key, number) if number else key)
    return told


def _numbered(keys: Sequence[Hashable]) -> list[Hashable]:
    """``keys`` with a number beside each that has come before."""
    met: Counter[Hashable] = Counter()
    numbered: list[Hashable] = []
    for key in keys:
        numbered.append((key, met[key]) if key in met else key)
        met[key] += 1
    return numbered
