"""Reads listings with threads, so that no row is lost while rows come and go: proved, or an error.

The decisions are in ``completeness``. ``read_listing`` reads any listing once; ``ContactListing`` reads an audience's
contacts of one status and keeps what it knows up to date.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any

from mailchimp_api import readers
from mailchimp_api.clock import ServerClock
from mailchimp_api.completeness import PATIENCE, Completeness, PageEnd, Repair, Verdict
from mailchimp_api.errors import IncompleteListing, TooMuchForOneAnswer

Row = dict[str, Any]

logger = logging.getLogger("airbyte.mailchimp_api")

PAGE_SIZE = 1000
_SMALLEST_PAGE = 25
_ONE_SECOND = timedelta(seconds=1)
# The server's clock may run ahead of what its listings show.
_CONSISTENCY_LAG = timedelta(seconds=5)
# A change may become visible minutes late (226 s at most in what one project saw): so far back is looked again.
_LOOK_BACK = timedelta(minutes=5)
_CATCH_UP_ROUNDS = 20


@dataclass(frozen=True)
class Page:
    """Rows ``offset``, ``offset + 1``, … of a listing, of which ``asked`` were asked for; ``total`` as told by it."""

    offset: int
    asked: int
    rows: list[Row]
    total: int | None

    @property
    def count(self) -> int:
        """How many rows came."""
        return len(self.rows)


@dataclass(frozen=True)
class Listing:
    """What to read, and what is known of it.

    ``ask(offset, count)`` makes the request, with its retries; it may raise TooMuchForOneAnswer to be asked for less.
    ``exact``: rows can only leave, and ``total_items`` is right; ``date_of``: the date its rows are sorted by.
    """

    kind: str
    ask: Callable[[int, int], Page]
    key_of: Callable[[Row], Hashable]
    date_of: Callable[[Row], datetime | None] | None = None
    exact: bool = False
    total_may_be_wrong: bool = False
    """A total larger than what passes show again and again is warned of, and what they show is taken for all."""


@dataclass(frozen=True)
class Reading:
    """How to read: ``workers`` pages side by side; ``wait`` sleeps, and may raise to end it all."""

    workers: int
    wait: Callable[[float], object]
    page_size: int = PAGE_SIZE
    patience: int = PATIENCE
    """After this many passes without a new row, though some are missing, the listing is incomplete."""


def read_listing(listing: Listing, reading: Reading) -> Iterator[list[Row]]:
    """Yield every row that is there all the time, each once. Raises IncompleteListing where that can't be proved.

    Rows have been yielded by then; only the end of the iteration says that they are all.
    """
    with ThreadPoolExecutor(reading.workers, thread_name_prefix="listing") as pool:
        yield from _Reader(listing, reading, pool).rows()


class _Reader:
    def __init__(self, listing: Listing, reading: Reading, pool: ThreadPoolExecutor) -> None:
        self._listing = listing
        self._reading = reading
        self._pool = pool
        self._completeness = Completeness(exact=listing.exact, patience=reading.patience)
        self._size = reading.page_size
        self._most = reading.page_size
        self._sizing = threading.Lock()

    def rows(self) -> Iterator[list[Row]]:
        completeness = self._completeness
        while True:
            yield from self._pass()
            seen, total = completeness.distinct, completeness.total
            verdict = completeness.end_pass(size=self._size)
            if verdict is Verdict.COMPLETE:
                return
            if verdict is Verdict.TOTAL_IS_WRONG and self._listing.total_may_be_wrong:
                logger.warning(
                    "%s says that there are %d rows, but reading it %d times gave the same %d",
                    self._listing.kind, total, completeness.passes, seen,
                )  # fmt: skip
                return
            if verdict is not Verdict.AGAIN:
                # A total that is wrong proves nothing, and what can't be proved is not assumed.
                raise IncompleteListing(self._listing.kind, seen=seen, total=total)
            self._reading.wait(completeness.pause)

    def _pass(self) -> Iterator[list[Row]]:
        previous: PageEnd | None = None
        for page in self._all_pages():
            keys = self._note(page)
            if previous is not None and not self._completeness.joins(previous, page, keys):
                yield from self._between(previous, page, keys)
            previous = PageEnd.of(page, keys)
            yield self._completeness.new(page.rows, keys)

    def _between(self, before: PageEnd, after: Page, keys: list[Hashable]) -> Iterator[list[Row]]:
        repair = Repair(self._completeness, before, after, keys, self._size)
        while not repair.over:
            pages = self._pages(repair.offset, repair.count)
            found: list[Hashable] = []
            for page in pages:
                new = self._note(page)
                found += new
                yield self._completeness.new(page.rows, new)
            repair.came(pages[-1], found)
        if not repair.joined:
            self._completeness.broken()

    def _note(self, page: Page) -> list[Hashable]:
        date_of = self._listing.date_of
        dates = (date_of(page.rows[0]), date_of(page.rows[-1])) if date_of and page.rows else (None, None)
        self._completeness.note(page, dates if date_of else None)
        return [self._listing.key_of(row) for row in page.rows]

    def _all_pages(self) -> Iterator[Page]:
        completeness = self._completeness
        first = self._pages(0, self._size)
        yield from first
        last = first[-1]
        total = last.total or 0
        if last.count + last.offset < total:
            for last in self._side_by_side(completeness.plan(0, total, self._size)[1:]):
                yield last
                if not last.count or completeness.endless:
                    break  # however large the total is, there is nothing further on
        while completeness.goes_on(last):
            offset = max(last.offset + last.count - completeness.overlap, last.offset + 1)
            more = self._pages(offset, self._size)
            yield from more
            last = more[-1]

    def _side_by_side(self, offsets: Iterable[int]) -> Iterator[Page]:
        """The pages at ``offsets``, in order, a few ahead of what has been taken."""
        waiting: deque[Future[list[Page]]] = deque()
        todo = iter(offsets)
        try:
            while True:
                while len(waiting) < 2 * self._reading.workers and (offset := next(todo, None)) is not None:
                    waiting.append(self._pool.submit(self._pages, offset, self._size))
                if not waiting:
                    return
                yield from waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()

    def _pages(self, offset: int, count: int) -> list[Page]:
        """Rows ``offset`` … as one page, or as smaller ones where that is too much for one answer."""
        pages: list[Page] = []
        done = 0
        while done < count:
            size = min(count - done, self._most)
            try:
                page = self._listing.ask(offset + done, size)
            except TooMuchForOneAnswer:
                if size <= _SMALLEST_PAGE:
                    raise
                with self._sizing:
                    self._most = max(_SMALLEST_PAGE, min(self._most, size // 2))
                continue
            pages.append(page)
            done += size
            if page.count < size:
                break
        return pages


@dataclass
class ContactListing:
    """The contacts of an audience that have ``status`` (None: all but archived ones), each by its row.

    ``ask(params)`` gets a page of ``lists/{list_id}/members``, as ``readers.contact_page`` wants it.
    Contacts can only leave a window that is closed above, as every change moves ``last_changed``; so it can be proved.
    Not thread-safe.
    """

    ask: Callable[[Mapping[str, str | int | None]], readers.ContactPage]
    clock: ServerClock
    reading: Reading
    status: str | None = None
    columns: tuple[str, ...] = ()
    """What its rows hold beside ``id`` and ``last_changed``."""
    since: datetime | None = field(default=None, init=False)
    """All changes until then have been yielded."""

    def everybody(self) -> Iterator[list[Row]]:
        """Yield all contacts, up to this very moment. Raises IncompleteListing."""
        until = self._closed_by()
        yield from self._window(None, until)
        self.since = until
        yield from self._catch_up(until - _ONE_SECOND)

    def changed(self) -> Iterator[list[Row]]:
        """Yield those that have changed since the last time, and some others. Raises IncompleteListing."""
        if self.since is None:
            raise ValueError("nothing has been read yet")
        yield from self._catch_up(self.since - _LOOK_BACK)

    def changed_after(self, moment: datetime) -> Iterator[list[Row]]:
        """Yield those that have changed after ``moment``, and some others. Raises IncompleteListing."""
        yield from self._catch_up(moment)

    def _catch_up(self, begin: datetime) -> Iterator[list[Row]]:
        """All that changed after ``begin``. The last request is one page with all that is left: nothing moves in it."""
        total, count = 0, self.reading.page_size
        for _ in range(_CATCH_UP_ROUNDS):
            until = self._closed_by()
            try:
                page = self._page(begin, None, 0, count)
            except TooMuchForOneAnswer:
                if count <= _SMALLEST_PAGE:
                    raise
                count = max(count // 2, _SMALLEST_PAGE)
                continue
            total = page.total or 0
            if total <= page.count:
                self.since = until
                yield page.rows
                return
            if until <= begin:
                self.reading.wait(1.0)
                continue
            yield from self._window(begin, until)
            begin = until - _ONE_SECOND
        raise IncompleteListing("The audience's contacts", seen=count, total=total)

    def _closed_by(self) -> datetime:
        return self.clock.now() - _CONSISTENCY_LAG

    def _window(self, since: datetime | None, until: datetime) -> Iterator[list[Row]]:
        listing = Listing(
            f"The audience's {self.status or ''} contacts".replace("  ", " "),
            lambda offset, count: self._page(since, until, offset, count),
            key_of=lambda row: row["id"],
            date_of=_last_changed,
            exact=True,
        )
        return read_listing(listing, self.reading)

    def _page(self, since: datetime | None, until: datetime | None, offset: int, count: int) -> Page:
        params: dict[str, str | int | None] = {
            "status": self.status,
            "fields": ",".join([*(f"members.{name}" for name in ("id", "last_changed", *self.columns)), "total_items"]),
            "sort_field": "last_changed",
            "sort_dir": "ASC",
            "since_last_changed": since.isoformat() if since else None,
            "before_last_changed": until.isoformat() if until else None,
            "offset": offset,
            "count": count,
        }
        page = self.ask(params)
        return Page(offset, count, page.rows, page.total)


def _last_changed(row: Row) -> datetime | None:
    try:
        date = datetime.fromisoformat(str(row.get("last_changed")))
    except ValueError:
        return None
    return date if date.tzinfo else date.replace(tzinfo=timezone.utc)
