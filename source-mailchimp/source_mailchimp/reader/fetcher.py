"""Asks for pages: in threads, as ``MailchimpClient`` blocks, and in smaller ones where big ones time out."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from mailchimp_api.answers import Answer, read_json
from mailchimp_api.client import MailchimpClient
from mailchimp_api.errors import MailchimpError, TooMuchForOneAnswer, TransientError, UnreadableAnswer
from mailchimp_api.limiter import kind_of
from mailchimp_api.readers import told_total
from mailchimp_api.retries import retrying_async
from source_mailchimp.config import MAX_PAGE_SIZE, MIN_PAGE_SIZE
from source_mailchimp.reader.concurrency import Budget, Reservation, RetryLane, set_aside
from source_mailchimp.stream import Record

logger = logging.getLogger("airbyte.source_mailchimp")

T = TypeVar("T")

THREADS = "mailchimp-request"
_SMALLEST_PAGE = 25

Params = Mapping[str, str | int]


class Page:
    """Rows ``offset``, ``offset + 1``, … of a listing; ``total`` is its ``total_items`` when it was answered.

    ``asked`` is the number of rows asked for, ``count`` of those that came: fewer means the end, or rows that
    moved. Until ``load`` it is kept as the bytes that came, a quarter of what its rows take: many pages wait while an
    early one is slow. ``size``: how many bytes those are. ``counted``: without a total it is unreadable.
    ``room``: waits until rows could be handed on.
    """

    def __init__(
        self,
        offset: int,
        asked: int,
        answer: Answer,
        items: str,
        ask_again: Callable[[], Awaitable[dict[str, Any]]],
        *,
        counted: bool = True,
        room: Callable[[], Awaitable[None]],
    ) -> None:
        self.offset = offset
        self.asked = asked
        self.count = 0
        self.total: int | None = None
        self.rows: list[Record] = []
        self.size = len(answer.packed)
        self._answer: Answer | None = answer
        self._items = items
        self._ask_again = ask_again
        self._counted = counted
        self._room = room

    async def load_in_turn(self) -> Page:
        """As ``load``, when its rows can be handed on."""
        if self._answer is not None:
            await self._room()
        return await self.load()

    async def load(self) -> Page:
        """Decode it; before, ``rows`` and ``total`` are not there. What turns out to be unreadable is asked for again.

        Raises what ``Fetcher.pages`` does.
        """
        if self._answer is not None:
            try:
                body = read_json(self._answer, items=self._items, counted=self._counted)
            except UnreadableAnswer:
                body = await self._ask_again()
            self._answer = None
            self.total = told_total(body)
            self.rows = body[self._items]
            self.count = len(self.rows)
        return self

    def take_rows(self) -> list[Record]:
        """Its rows, once: from now on they are the caller's, however long the page is kept."""
        rows, self.rows = self.rows, []
        return rows


@dataclass
class PageSizer:
    """How many rows of one kind of page to ask for at once.

    A time-out halves it. After ``patience`` pages that came, a single one is tried at twice the size: one page in a
    thousand that times out by chance must not make a long stream crawl, nor ten big ones hang for two minutes.
    """

    rows: int = MAX_PAGE_SIZE
    patience: int = 16
    good: int = 0
    trying: bool = False

    def ask(self, count: int) -> int:
        """How many of ``count`` rows to ask for now."""
        if count > self.rows and self.good >= self.patience and not self.trying:
            self.trying = True
            return min(count, 2 * self.rows)
        return min(count, self.rows)

    def came(self, size: int) -> None:
        """A page of ``size`` came."""
        if size > self.rows:
            self.rows, self.good, self.trying = size, 0, False
        else:
            self.good += 1

    def failed(self, size: int) -> None:
        """A page of ``size`` did not come, for another reason than its size."""
        if size > self.rows:
            self.trying = False

    def timed_out(self, size: int) -> None:
        """A page of ``size`` did not come in time."""
        if size > self.rows and self.trying:
            self.patience, self.trying = 2 * self.patience, False
        # Others of the old size may still be under way: their time-outs say nothing new.
        self.rows = max(min(self.rows, size // 2), _SMALLEST_PAGE)
        self.good = 0


class Fetcher:
    """Runs requests of ``client`` in its own threads. ``page_size``: rows per request at most, see ``config``."""

    def __init__(self, client: MailchimpClient, *, workers: int, page_size: int = MAX_PAGE_SIZE) -> None:
        self.client = client
        self.room: Callable[[], Awaitable[None]] = _at_once
        """Waits until what is made of a page could be handed on."""
        self.workers = workers
        self.page_size = max(MIN_PAGE_SIZE, min(page_size, MAX_PAGE_SIZE))
        self._threads = ThreadPoolExecutor(workers, thread_name_prefix=THREADS)
        self._in_flight = Budget(workers)
        self._again = RetryLane(workers)
        self._sizers: dict[str, PageSizer] = {}

    def close(self) -> None:
        """Drop what has not started; requests under way end by themselves."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def get_object(
        self, path: str, params: Params, *, items: str | None = None, counted: bool = False
    ) -> dict[str, Any]:
        """GET one object. With ``items``, that key must hold a list; ``counted``: and its count be beside it."""
        return await self._ask(path, partial(self.client.get_once, path, params, items=items, counted=counted))

    async def get_cursor_page(self, path: str, params: Params, *, items: str, kind: str) -> dict[str, Any]:
        """GET the next rows where a cursor in ``params`` says which: as many as come in time, see ``pages``."""
        sizer = self._sizers.setdefault(kind, PageSizer())
        while True:
            size = sizer.ask(self.page_size)
            get = partial(self.client.get_once, path, {**params, "count": size}, items=items)
            body: dict[str, Any] | None = await self._in_time(sizer, size, kind, path, get)
            if body is not None:
                return body

    async def pages(
        self,
        path: str,
        params: Params,
        *,
        items: str,
        offset: int,
        count: int,
        kind: str,
        counted: bool = True,
        load: bool = True,
        ahead: bool = False,
    ) -> list[Page]:
        """Rows ``offset`` … ``offset + count - 1``, usually as one page. ``load=False``: it waits as it came.

        ``ahead``: before all requests that wait for a connection, as others wait for these rows.
        Where a page times out (Mailchimp's support advises smaller ones), it is asked for in halves, and
        so are later ones of the same ``kind`` (the stream's name). Raises TooMuchForOneAnswer when even small ones do.
        ``counted``: a page that does not tell how many rows there are is unreadable.
        """
        sizer = self._sizers.setdefault(kind, PageSizer())
        pages: list[Page] = []
        done, timed_out = 0, False
        while done < count:
            size = sizer.ask(count - done)
            query = {**params, "count": size, "offset": offset + done}
            get = partial(self.client.answer_once, path, query, items=items)
            answer = await self._in_time(sizer, size, kind, path, get, again=timed_out, ahead=ahead)
            if answer is None:
                timed_out = True
                continue
            once = partial(self.client.get_once, path, query, items=items, counted=counted)
            again = partial(self._ask, path, once, again=True)
            page = Page(offset + done, size, answer, items, again, counted=counted, room=self.room)
            pages.append(page)
            done += size
            if load or done < count:
                await page.load()
                if page.count < size:
                    break
        return pages

    async def _in_time(
        self,
        sizer: PageSizer,
        size: int,
        kind: str,
        path: str,
        get: Callable[[], T],
        *,
        again: bool = False,
        ahead: bool = False,
    ) -> T | None:
        """The answer to a request for ``size`` rows, None where it timed out and fewer are to be asked for.

        ``again``: whether it has timed out before.
        """
        try:
            answer = await self._ask(path, get, retry_timeouts=size <= _SMALLEST_PAGE, again=again, ahead=ahead)
        except TooMuchForOneAnswer:
            if size <= _SMALLEST_PAGE:
                raise
            sizer.timed_out(size)
            logger.info("A page of %d rows of %s timed out; asking for %d from now on", size, kind, sizer.rows)
            return None
        except BaseException:
            sizer.failed(size)
            raise
        sizer.came(size)
        return answer

    async def _ask(
        self, path: str, get: Callable[[], T], *, retry_timeouts: bool = True, again: bool = False, ahead: bool = False
    ) -> T:
        """What ``get``, a request for ``path``, returns, tried as often as the client's policy says.

        It waits for the next try on the loop. ``again``: whether the request has failed before; ``ahead``: as of
        ``pages``.
        """
        tried, kind = again, kind_of(path)

        async def attempt() -> T:
            nonlocal tried
            turn = None if tried else await self._in_flight.reserve(ahead=ahead)
            if turn and self._again.is_for(kind):  # that may show while it waits
                turn.release()
                turn = None
            tried = True
            try:
                if turn:
                    answer = await self._run_in(turn, get)
                else:
                    answer = await self._again.run(partial(self._in_turn, get, ahead=ahead))
            except MailchimpError as error:
                self._again.note(kind, failed=isinstance(error, TransientError))
                raise
            self._again.note(kind, failed=False)
            return answer

        retrying = retrying_async(self.client.retry, retry_timeouts=retry_timeouts, sleep=_wait)
        answer: T = await retrying(attempt)
        return answer

    async def _in_turn(self, get: Callable[[], T], *, ahead: bool) -> T:
        return await self._run_in(await self._in_flight.reserve(ahead=ahead), get)

    async def _run_in(self, turn: Reservation, get: Callable[[], T]) -> T:
        try:
            return await self._run(get)
        finally:
            turn.release()

    async def _run(self, call: Callable[..., T], *args: Any) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, call, *args)


async def _at_once() -> None:
    pass


async def _wait(seconds: float) -> None:
    """Wait for the next try, holding nothing that others could use."""
    with set_aside():
        await asyncio.sleep(seconds)


def size_of_pages(pages: list[Page]) -> int:
    """How many bytes ``pages`` take while they wait."""
    return sum(page.size for page in pages)
