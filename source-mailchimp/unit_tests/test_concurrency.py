"""Many things run at once, their results come in order, and a bounded number of them is in memory."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from source_mailchimp.reader.concurrency import Budget, ordered_map, run_all, run_bounded, set_aside
from unit_tests.mailchimp_model import run


class Work:
    """Jobs that take their turns, and count how many results exist."""

    def __init__(self, seed: int = 0) -> None:
        self.random = random.Random(seed)  # noqa: S311 - an order, not a secret
        self.alive = 0
        self.most_alive = 0
        self.started: list[int] = []

    async def job(self, number: int) -> int:
        self.started.append(number)
        self.alive += 1
        self.most_alive = max(self.most_alive, self.alive)
        try:
            for _ in range(self.random.choice((0, 1, 5))):
                await asyncio.sleep(0)
        except asyncio.CancelledError:
            self.alive -= 1
            raise
        return number

    def jobs(self, size: int) -> list[Callable[[], Awaitable[int]]]:
        return [partial(self.job, number) for number in range(size)]


async def used(memory: Budget) -> int:
    """How much is reserved when all has come to rest."""
    for _ in range(3):
        await asyncio.sleep(0)
    return memory.used


def memory_for(results: int) -> Budget:
    """Room for this many results."""
    memory = Budget(results)
    memory.learn("numbers", 1)
    return memory


def mapped(
    jobs: list[Callable[[], Awaitable[int]]], prefetch: int, memory: Budget, places: Budget | None = None
) -> AsyncGenerator[int, None]:
    return ordered_map(jobs, prefetch=prefetch, memory=memory, kind="numbers", size_of=lambda _: 1, places=places)


class TestInOrder:
    @given(size=st.integers(0, 30), ahead=st.integers(1, 9), budget=st.integers(1, 9), seed=st.integers(0, 999))
    def test_results_come_in_order_and_no_more_than_the_budget_exist(
        self, size: int, ahead: int, budget: int, seed: int
    ) -> None:
        work = Work(seed)

        async def read() -> None:
            free = memory_for(budget)
            got = []
            async with aclosing(mapped(work.jobs(size), ahead, free)) as results:
                async for result in results:
                    got.append(result)
                    await asyncio.sleep(0)
                    work.alive -= 1
            assert got == list(range(size))
            assert await used(free) == 0

        run(read)
        assert work.most_alive <= min(ahead + 1, budget)

    @given(budget=st.integers(1, 4), most=st.integers(1, 4), readers=st.integers(2, 6), seed=st.integers(0, 999))
    def test_callers_that_share_a_budget_never_wait_for_each_other_for_ever(
        self, budget: int, most: int, readers: int, seed: int
    ) -> None:
        """The loop raises where nothing can go on."""
        work = Work(seed)

        async def read_one(free: Budget, places: Budget) -> list[int]:
            got = []
            async with aclosing(mapped(work.jobs(12), 5, free, places)) as results:
                async for result in results:
                    for _ in range(work.random.choice((0, 3))):
                        await asyncio.sleep(0)
                    got.append(result)
                    work.alive -= 1
            return got

        async def read() -> None:
            free, places = memory_for(budget), Budget(most)
            assert await run_all(read_one(free, places) for _ in range(readers)) == [list(range(12))] * readers
            assert await used(free) == 0
            assert places.used == 0

        run(read)
        assert work.most_alive <= min(budget, most)

    @pytest.mark.parametrize("failing", [0, 3, 19])
    def test_the_first_error_ends_it_and_gives_every_place_back(self, failing: int) -> None:
        work = Work()

        async def fail() -> int:
            raise LookupError

        async def read() -> None:
            jobs = work.jobs(20)
            jobs[failing] = fail
            free = memory_for(4)
            got = []

            async def take() -> None:
                async with aclosing(mapped(jobs, 6, free)) as results:
                    async for result in results:
                        got.append(result)  # noqa: PERF401 - those before the error are wanted

            with pytest.raises(LookupError):
                await take()
            assert got == list(range(failing))
            assert await used(free) == 0

        run(read)

    @pytest.mark.parametrize("taken", range(6))
    def test_a_caller_that_stops_early_leaves_nothing_under_way(self, taken: int) -> None:
        work = Work(taken)

        async def read() -> None:
            free = memory_for(3)
            async with aclosing(mapped(work.jobs(20), 6, free)) as results:
                for _ in range(taken):
                    await anext(results)
            assert await used(free) == 0
            assert len(asyncio.all_tasks()) == 1

        run(read)

    @pytest.mark.parametrize("steps", range(12))
    def test_a_caller_that_is_cancelled_gives_every_place_back(self, steps: int) -> None:
        work = Work(steps)

        async def use(results: AsyncGenerator[int, None]) -> None:
            async with aclosing(results):
                async for _ in results:
                    await asyncio.sleep(0)

        async def read() -> None:
            free = memory_for(3)
            user = asyncio.ensure_future(use(mapped(work.jobs(20), 6, free)))
            for _ in range(steps):
                await asyncio.sleep(0)
            user.cancel()
            await asyncio.gather(user, return_exceptions=True)
            assert await used(free) == 0
            assert len(asyncio.all_tasks()) == 1

        run(read)


class TestAllOf:
    def test_results_come_in_the_order_asked_for(self) -> None:
        work = Work(3)

        assert run(lambda: run_all(work.job(number) for number in range(9))) == list(range(9))

    def test_one_error_stops_no_other_and_is_raised_when_all_have_ended(self) -> None:
        work = Work()
        ended = []

        async def fail() -> int:
            raise LookupError

        async def end(number: int) -> int:
            result = await work.job(number)
            ended.append(number)
            return result

        with pytest.raises(LookupError):
            run(lambda: run_all([fail(), end(1), end(2)]))

        assert sorted(ended) == [1, 2]

    def test_nothing_to_do_is_done(self) -> None:
        assert run(lambda: run_all([])) == []


class TestSetAside:
    """Who waits for the next try holds nothing that others could use."""

    def test_a_result_that_is_waited_for_long_keeps_no_memory_from_others(self) -> None:
        async def read() -> None:
            memory = memory_for(2)
            broken = asyncio.Event()

            async def fail_for_long() -> int:
                with set_aside():
                    await broken.wait()
                return 0

            async def all_of_them(jobs: list[Callable[[], Awaitable[int]]]) -> list[int]:
                async with aclosing(mapped(jobs, 5, memory)) as results:
                    return [number async for number in results]

            stuck = [asyncio.ensure_future(all_of_them([fail_for_long] * 5)) for _ in range(3)]
            await asyncio.sleep(0)
            assert await all_of_them(Work().jobs(20)) == list(range(20))
            broken.set()
            assert await asyncio.gather(*stuck) == [[0] * 5] * 3
            assert await used(memory) == 0

        run(read)

    def test_a_partition_that_is_waited_for_long_keeps_no_turn_from_others(self) -> None:
        done = []

        async def read() -> None:
            broken = asyncio.Event()

            async def job(number: int) -> None:
                if number < 3:
                    with set_aside():
                        await broken.wait()
                done.append(number)
                if number == 9:
                    broken.set()

            await run_bounded((partial(job, number) for number in range(10)), limit=2)

        run(read)
        assert done == [*range(3, 10), 0, 1, 2]

    def test_not_everything_waits_at_once_when_nothing_is_answered(self) -> None:
        begun = []

        async def read() -> None:
            async def job(number: int) -> None:
                begun.append(number)
                with set_aside():
                    await asyncio.sleep(60)

            running = asyncio.ensure_future(run_bounded((partial(job, number) for number in range(1000)), limit=4))
            await asyncio.sleep(1)
            assert len(begun) <= 24
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)

        run(read)

    def test_the_first_error_of_many_ends_all(self) -> None:
        async def fail() -> None:
            await asyncio.sleep(0)
            raise LookupError

        async def last_for_ever() -> None:
            await asyncio.Event().wait()

        with pytest.raises(LookupError):
            run(lambda: run_bounded([last_for_ever, fail, last_for_ever], limit=5))
