"""A window is read in pieces that end between two seconds, each complete before it says so."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from datetime import datetime
from typing import Any

import pytest

from source_mailchimp.errors import IncompleteListing
from source_mailchimp.reader.bounds import MEMORY_BYTES
from source_mailchimp.reader.concurrency import Budget
from source_mailchimp.reader.listing import Listing
from source_mailchimp.reader.window import Bounds, ChunkRows, WindowReader
from source_mailchimp.stream import Cursor
from unit_tests.mailchimp_model import ModelClient, ModelFetcher, World, moment, run, second_of, seconds

CURSOR = Cursor("last_changed", "since_last_changed", "before_last_changed", sort="last_changed")
LISTING = Listing("members", "lists/l1/members", "members", key_of=lambda row: row["id"])


def read(
    world: World, page_size: int, rows_of: Callable[[WindowReader], AsyncGenerator[ChunkRows, None]]
) -> list[ChunkRows]:
    found: list[ChunkRows] = []

    async def work() -> None:
        fetcher = ModelFetcher(ModelClient(world), workers=world.workers, page_size=page_size)
        reader = WindowReader(fetcher, LISTING, CURSOR, Bounds(8, Budget(MEMORY_BYTES)))
        async with aclosing(rows_of(reader)) as batches:
            async for batch in batches:
                found.append(batch)  # noqa: PERF401 - those before an error are wanted, too

    world.waited = 0
    run(work)
    return found


def window(world: World, since: int | None, until: int, page_size: int, hint: int = 0) -> list[ChunkRows]:
    begin = None if since is None else moment(since)
    return read(world, page_size, lambda reader: reader.rows(begin, moment(until), hint=hint))


def names(batches: list[ChunkRows]) -> list[str]:
    return [row["id"] for batch in batches for row in batch.rows]


class TestPieces:
    @pytest.mark.parametrize("shuffle", [False, True])
    @pytest.mark.parametrize("sizes", [[], [1], [300], [1] * 300, [7] * 40, [1] * 50 + [200] + [1] * 50, [200, 1, 200]])
    def test_a_border_says_that_all_before_it_has_come_and_the_last_is_the_windows_end(
        self,
        sizes: list[int],
        shuffle: bool,  # noqa: FBT001
    ) -> None:
        """One second over many pages, many seconds on one page, and both in a row."""
        world = World(shuffle=shuffle)
        seconds(world, sizes)

        batches = window(world, None, 90_000, 10)

        had: set[str] = set()
        borders: list[datetime] = []
        for batch in batches:
            had |= {row["id"] for row in batch.rows}
            if batch.complete_to:
                borders.append(batch.complete_to)
                assert {row.id for row in world.rows.values() if moment(row.changed) <= batch.complete_to} <= had
        assert borders == sorted(borders)
        assert (borders[-1], had) == (moment(90_000), set(world.rows))

    @pytest.mark.parametrize("total", [55, 101, 150, 214, 299, 1000])
    @pytest.mark.parametrize("known", [False, True])
    def test_a_kill_costs_a_page_or_a_tenth_of_the_window_at_most(self, total: int, known: bool) -> None:  # noqa: FBT001
        world = World()
        seconds(world, [1] * total)
        repeated = [0]

        for batch in window(world, None, 90_000, 10, hint=total if known else 0):
            repeated[-1] += len(batch.rows)
            if batch.complete_to:
                repeated.append(0)

        assert sum(repeated) == total
        assert max(repeated) <= max(10, total / 10)

    def test_only_what_is_in_the_window_comes(self) -> None:
        world = World()
        seconds(world, [3] * 100)
        changed = sorted({row.changed for row in world.rows.values()})
        since, until = changed[20], changed[80]

        batches = window(world, since, until, 10)

        inside = [row.id for row in world.rows.values() if since < row.changed <= until]
        assert names(batches) == inside

    @pytest.mark.parametrize("hint", [0, 5, 200, 10_000])
    def test_a_wrong_guess_of_the_size_changes_nothing(self, hint: int) -> None:
        world = World()
        seconds(world, [1] * 120)

        assert names(window(world, None, 90_000, 10, hint)) == list(world.rows)

    def test_a_size_that_no_audience_has_costs_few_requests(self) -> None:
        world = World()
        seconds(world, [1] * 120)
        assert names(window(world, None, 90_000, 10)) == list(world.rows)
        least = len(world.requests)
        world.requests.clear()

        assert names(window(world, None, 90_000, 10, hint=10**6)) == list(world.rows)

        assert len(world.requests) < least + 300

    @pytest.mark.parametrize("hint", [0, 10**9])
    def test_a_server_that_ignores_offsets_is_not_asked_for_the_borders_of_all_that_it_counts(self, hint: int) -> None:
        class Endless(World):
            def members(self, params: Any) -> dict[str, Any]:
                if len(self.requests) > 300:
                    raise AssertionError("asked for ever")
                return {**super().members({**params, "offset": 0}), "total_items": 10**9}

        world = Endless()
        seconds(world, [1] * 120)

        with pytest.raises(IncompleteListing):
            window(world, None, 90_000, 10, hint)

    def test_the_borders_of_a_window_whose_size_is_known_are_looked_for_at_once(self) -> None:
        """Not after a request that only tells how large it is: ten connections would wait for it."""

        class Noting(World):
            def members(self, params: Any) -> dict[str, Any]:
                under_way.append((params["count"], params["offset"], self.in_flight))
                return super().members(params)

        under_way: list[tuple[int, int, int]] = []
        world = Noting(workers=8)
        seconds(world, [1] * 700)

        window(world, None, 90_000, 10, hint=700)

        assert max(busy for count, offset, busy in under_way if (count, offset) == (1, 0)) > 1
        probes = [offset for count, offset, _ in under_way if count == 1]
        assert len(probes) == len(set(probes)) <= 11

    def test_a_long_window_has_many_pieces(self) -> None:
        world = World()
        seconds(world, [1] * 1000)

        assert len([batch for batch in window(world, None, 90_000, 10) if batch.complete_to]) >= 10

    @pytest.mark.parametrize("seed", range(20))
    def test_probes_that_find_nothing_because_rows_left_are_no_trouble(self, seed: int) -> None:
        """Half of the window leaves while its borders are looked for."""

        class Shrink(World):
            def members(self, params: Any) -> dict[str, Any]:
                answer = super().members(params)
                if len(self.requests) % 3 == 0:
                    for name in list(self.rows)[:: -self.random.choice((1, 2, 3))][:25]:
                        del self.rows[name]
                return answer

        world = Shrink(seed=seed)
        seconds(world, [2] * 150)

        batches = window(world, None, 90_000, 10)

        assert set(world.rows) <= set(names(batches))
        assert batches[-1].complete_to == moment(90_000)


class TestChangedSince:
    def catch_up(self, world: World, page_size: int, since: int) -> list[ChunkRows]:
        return read(
            world,
            page_size,
            lambda reader: reader.changed_since(moment(since), lambda: moment(world.now)),
        )

    @pytest.mark.parametrize("size", [0, 1, 9, 10, 11, 200])
    def test_all_that_changed_comes_however_much_it_is(self, size: int) -> None:
        world = World()
        seconds(world, [1] * 50)
        for number in range(size):
            world.add(world.now - 100 + number // 3)

        batches = self.catch_up(world, 10, world.now - 200)

        assert set(names(batches)) == {row.id for row in world.rows.values() if row.changed > 90_000}

    def test_the_last_page_holds_what_changed_while_the_others_were_read(self) -> None:
        world = World(seed=3, churn=0.4, kinds=("change",))
        seconds(world, [1] * 300)
        for row in list(world.rows.values())[:200]:
            row.changed = world.now - 50
        before = world.now - 60

        batches = self.catch_up(world, 10, before)

        changed = {row.id for row in world.rows.values() if row.changed > before}
        assert changed <= set(names(batches))

    def test_where_to_look_from_next_time_is_before_anything_that_may_come(self) -> None:
        world = World()

        [batch] = self.catch_up(world, 10, world.now - 60)

        assert batch.complete_to
        assert world.now - 10 <= second_of(batch.complete_to.isoformat()) < world.now

    def test_more_changes_than_a_page_can_hold_end_in_an_error_after_a_minute_or_so(self) -> None:
        class Busy(World):
            def members(self, params: Any) -> dict[str, Any]:
                for row in self.rows.values():
                    row.changed = self.now
                return super().members(params)

        busy = Busy(pace=1)
        seconds(busy, [1500])

        with pytest.raises(IncompleteListing):
            self.catch_up(busy, 100, busy.now - 60)
        assert 30 < busy.now - 100_000 < 3600
