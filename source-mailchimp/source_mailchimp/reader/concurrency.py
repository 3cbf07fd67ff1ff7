"""Runs many things at once and hands their results on in the order they were asked for."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Iterable
from typing import Any, TypeVar

T = TypeVar("T")

Job = Callable[[], Awaitable[T]]

MAX_CONSECUTIVE_FAILURES = 3
"""After so many in a row that could not be read, the trouble is not theirs."""


async def ordered_map(
    jobs: Iterable[Job[T]], *, prefetch: int, memory_slots: asyncio.Semaphore
) -> AsyncGenerator[T, None]:
    """Yield the results of ``jobs`` in order while up to ``prefetch`` of them are under way or waiting their turn.

    Each holds one of ``memory_slots`` from its start until the caller asks for the next result, so they
    bound the results in memory over all callers. Jobs take their places in order, hence a result that is waited
    for always has one. A caller must not wait for places of the same memory slots while it has a result in hand.
    The first error ends the iteration; what is under way is cancelled then, as it is when the caller stops early.
    """
    jobs = iter(jobs)
    under_way: deque[asyncio.Task[T]] = deque()

    async def run(job: Job[T]) -> T:
        await memory_slots.acquire()
        try:
            return await job()
        except BaseException:
            memory_slots.release()
            raise

    def start_next() -> None:
        job = next(jobs, None)
        if job is not None:
            under_way.append(asyncio.ensure_future(run(job)))

    try:
        for _ in range(prefetch):
            start_next()
        while under_way:
            result = await under_way[0]
            under_way.popleft()
            start_next()
            try:
                yield result
            finally:
                del result
                memory_slots.release()
    finally:
        await _cancel(under_way, memory_slots)


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


async def _cancel(tasks: Iterable[asyncio.Task[T]], memory_slots: asyncio.Semaphore) -> None:
    """Cancel ``tasks`` and give back the places of those that had finished with a result."""
    tasks = list(tasks)
    for task in tasks:
        task.cancel()
    for result in await asyncio.gather(*tasks, return_exceptions=True):
        if not isinstance(result, BaseException):
            memory_slots.release()
