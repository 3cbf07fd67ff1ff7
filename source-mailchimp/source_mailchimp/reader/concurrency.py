"""Runs many things at once, in order or not. All bounds, and why nobody waits for ever: ``bounds``."""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter, deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar

from mailchimp_api.errors import TransientError
from source_mailchimp.reader.bounds import WAITING_FOR_EACH, retries_at_once

T = TypeVar("T")

Job = Callable[[], Awaitable[T]]

_FIRST_GUESS = 500_000  # bytes of an answer of a kind that has not been seen yet
_ROW_BYTES = 2_000  # of a row that has been decoded


class Budget:
    """At most ``limit`` units are reserved at once; a single reservation may be larger. Granted in order."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._used = 0
        self._waiting: deque[tuple[int, asyncio.Future[None], bool]] = deque()
        self._sizes: dict[str, int] = {}

    @property
    def used(self) -> int:
        """Units reserved now."""
        return self._used

    def expected(self, kind: str) -> int:
        """How large a result of ``kind`` will be, going by the last one."""
        return min(self._sizes.get(kind, _FIRST_GUESS), self.limit)

    def learn(self, kind: str, size: int) -> None:
        """A result of ``kind`` had ``size``."""
        self._sizes[kind] = size

    async def reserve(self, amount: int = 1, *, ahead: bool = False) -> Reservation:
        """Wait for ``amount`` units; ``ahead``: before those that wait without being ahead."""
        if self._waiting or not self._fits(amount):
            granted: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            entry = (amount, granted, ahead)
            before = sum(1 for _ in itertools.takewhile(lambda item: item[2], self._waiting))
            self._waiting.insert(before if ahead else len(self._waiting), entry)
            try:
                await granted
            except asyncio.CancelledError:
                if granted.done() and not granted.cancelled():
                    self.change(-amount)
                else:
                    self._waiting.remove(entry)
                    self._grant()
                raise
        else:
            self._used += amount
        return Reservation(self, amount)

    def change(self, by: int) -> None:
        """Take ``by`` units more, at once; give them back if it is negative."""
        self._used += by
        if by < 0:
            self._grant()

    def set_limit(self, limit: int) -> None:
        """From now on."""
        self.limit = limit
        self._grant()

    def _fits(self, amount: int) -> bool:
        return self._used <= 0 or self._used + amount <= self.limit

    def _grant(self) -> None:
        while self._waiting and self._fits(self._waiting[0][0]):
            amount, granted, _ = self._waiting.popleft()
            if not granted.done():
                self._used += amount
                granted.set_result(None)


class Reservation:
    """Units of a budget, until ``release``."""

    def __init__(self, budget: Budget, amount: int) -> None:
        self._budget = budget
        self._amount = amount
        self._set_aside = 0

    def resize(self, amount: int) -> None:
        """It turns out to be ``amount``."""
        if not self._set_aside:
            self._budget.change(amount - self._amount)
        self._amount = amount

    def release(self) -> None:
        """Give it back."""
        if not self._set_aside:
            self._budget.change(-self._amount)
        self._amount = 0

    def set_aside(self) -> None:
        """Free it for others, for now."""
        self._set_aside += 1
        if self._set_aside == 1:
            self._budget.change(-self._amount)

    def take_again(self) -> None:
        """Take it again, without waiting."""
        self._set_aside -= 1
        if not self._set_aside:
            self._budget.change(self._amount)


# In a variable of the task, so that not every function between has to hand them through.
_reserved: ContextVar[tuple[Reservation, ...]] = ContextVar("reserved", default=())


@contextmanager
def _holding(*reservations: Reservation) -> Iterator[None]:
    token = _reserved.set((*_reserved.get(), *reservations))
    try:
        yield
    finally:
        _reserved.reset(token)


@contextmanager
def set_aside() -> Iterator[None]:
    """While the block runs, what this task has reserved is free for others: it waits for its next try."""
    held = _reserved.get()
    for reservation in held:
        reservation.set_aside()
    try:
        yield
    finally:
        for reservation in held:
            reservation.take_again()


class RetryLane:
    """How many requests that have failed before are made at once: few while they go on failing, more when they don't.

    What is broken must not hold the connections that others need; what has recovered must not wait.
    A first try counts as failed before where nothing else comes of its kind.
    """

    def __init__(self, workers: int) -> None:
        self._least, self._most = retries_at_once(workers), workers
        self._budget = Budget(self._least)
        self._failures: Counter[str] = Counter()

    def is_for(self, kind: str) -> bool:
        """Whether as many tries in a row of this kind have failed as there are connections."""
        return self._failures[kind] >= self._most

    def note(self, kind: str, *, failed: bool) -> None:
        """A try of this kind has ``failed``, or not."""
        if failed:
            self._failures[kind] += 1
        else:
            self._failures.pop(kind, None)

    async def run(self, job: Job[T]) -> T:
        """Run ``job`` when there is room for it."""
        with set_aside():
            reservation = await self._budget.reserve()
        failed = False
        try:
            return await job()
        except TransientError:
            failed = True
            raise
        finally:  # a refusal is an answer, too
            self._budget.set_limit(self._least if failed else min(self._budget.limit + 1, self._most))
            reservation.release()


def size_of_rows(rows: list[Any]) -> int:
    """About how many bytes decoded ``rows`` take."""
    return _ROW_BYTES * (len(rows) + 1)


async def ordered_map(
    jobs: Iterable[Job[T]],
    *,
    prefetch: int,
    memory: Budget,
    kind: str,
    size_of: Callable[[T], int],
    places: Budget | None = None,
) -> AsyncGenerator[T, None]:
    """Yield the results of ``jobs`` in order while up to ``prefetch`` of them are under way or waiting their turn.

    Each holds its ``size_of`` in ``memory`` (before it is there, that of the last one of ``kind``) from its start until
    the caller asks for the next result, so ``memory`` bounds the results over all callers; each holds one of
    ``places`` as well, if there are any, which callers share.
    The first error ends the iteration; what is under way is cancelled then, as it is when the caller stops early.
    """
    jobs = iter(jobs)
    under_way: deque[asyncio.Task[tuple[T, list[Reservation]]]] = deque()

    async def run(job: Job[T]) -> tuple[T, list[Reservation]]:
        held = [await places.reserve()] if places else []
        try:
            held.append(await memory.reserve(memory.expected(kind)))
            with _holding(*held):
                result = await job()
        except BaseException:
            _release(held)
            raise
        size = size_of(result)
        memory.learn(kind, size)
        held[-1].resize(size)
        return result, held

    def start_next() -> None:
        job = next(jobs, None)
        if job is not None:
            under_way.append(asyncio.ensure_future(run(job)))

    try:
        for _ in range(prefetch):
            start_next()
        while under_way:
            result, held = await under_way[0]
            under_way.popleft()
            start_next()
            try:
                yield result
            finally:
                del result
                _release(held)
    finally:
        await _cancel(under_way)


@asynccontextmanager
async def turn_of(turns: Budget) -> AsyncGenerator[None, None]:
    """Hold one of ``turns`` while the block runs, but not while it waits for its next try."""
    turn = await turns.reserve()
    try:
        with _holding(turn):
            yield
    finally:
        turn.release()


async def run_bounded(jobs: Iterable[Job[None]], *, limit: int) -> None:
    """Run ``jobs``, ``limit`` at once, begun in their order; of those that wait for their next try a few times as many.

    The first error cancels the others and is raised.
    """
    turns = Budget(limit)
    tasks: set[asyncio.Task[None]] = set()

    async def run(job: Job[None], turn: Reservation) -> None:
        try:
            with _holding(turn):
                await job()
        finally:
            turn.release()

    async def take_results(*, until: int) -> None:
        nonlocal tasks
        while len(tasks) > until:
            done, tasks = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()

    try:
        for job in jobs:
            turn = await turns.reserve()
            tasks.add(asyncio.ensure_future(run(job, turn)))
            for task in [task for task in tasks if task.done()]:
                tasks.remove(task)
                task.result()
            await take_results(until=WAITING_FOR_EACH * limit)
        await take_results(until=0)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def run_all(readings: Iterable[Coroutine[Any, Any, T]]) -> list[T]:
    """Run all to their ends, then return their results, or raise the first error: one does not stop the others."""
    tasks = [asyncio.ensure_future(reading) for reading in readings]
    try:
        if tasks:
            await asyncio.wait(tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    return [task.result() for task in tasks]


def _release(held: Iterable[Reservation]) -> None:
    for reservation in held:
        reservation.release()


async def _cancel(tasks: Iterable[asyncio.Task[tuple[T, list[Reservation]]]]) -> None:
    """Cancel ``tasks`` and release what those hold that had finished with a result."""
    tasks = list(tasks)
    for task in tasks:
        task.cancel()
    for result in await asyncio.gather(*tasks, return_exceptions=True):
        if not isinstance(result, BaseException):
            _release(result[1])
