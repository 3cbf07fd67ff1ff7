"""A listing is read so that no row is lost, whatever moves meanwhile; what can't be proved ends in an error."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from contextlib import aclosing
from typing import Any

import pytest

from source_mailchimp.dates import parse_date
from source_mailchimp.errors import IncompleteListing
from source_mailchimp.reader.bounds import MEMORY_BYTES
from source_mailchimp.reader.concurrency import Budget
from source_mailchimp.reader.listing import Batch, Listing, ListingReader
from source_mailchimp.stream import Record
from unit_tests.mailchimp_model import ModelClient, ModelFetcher, Shelf, World, date, run, seconds

PATH = "lists/l1/members"
# By day each page size meets other accounts, by night all of them and more.
BY_DAY = {3: range(40), 5: range(40, 80), 8: range(80, 120)}
SEEDS = [
    *(pytest.param(size, seeds, id=f"pages of {size}") for size, seeds in BY_DAY.items()),
    *(pytest.param(size, range(400), id=f"pages of {size} by night", marks=pytest.mark.nightly) for size in BY_DAY),
]


def read(
    world: World, listing: Listing, *, page_size: int, start: int = 0, ahead: int = 8, on_rows: Any = lambda _: None
) -> list[Record]:
    """All rows that a reader hands on."""
    rows: list[Record] = []

    async def work() -> None:
        fetcher = ModelFetcher(ModelClient(world), workers=world.workers, page_size=page_size)
        reader = ListingReader(fetcher, listing, prefetch=ahead, memory=Budget(MEMORY_BYTES))
        async with aclosing(reader.rows(start=start)) as batches:
            async for batch in batches:
                rows.extend(batch.rows)
                on_rows(batch)

    world.waited = 0
    run(work)
    return rows


def window(before: int = 2000) -> Listing:
    """A closed window of contacts: nothing can come in."""
    return Listing(
        "members",
        PATH,
        "members",
        key_of=lambda row: row["id"],
        order_of=lambda row: parse_date(row["last_changed"]),
        params={"before_last_changed": date(before)},
        exact=True,
    )


def plain(**options: Any) -> Listing:
    return Listing("numbers", PATH, "members", key_of=lambda row: row["id"], **options)


class Endless(Shelf):
    """Ignores offsets. Whoever asks it for ever is stopped."""

    def members(self, params: Mapping[str, Any]) -> dict[str, Any]:
        if len(self.requests) > 100:
            raise AssertionError("asked for ever")
        return super().members({**params, "offset": 0})


class TestClosedWindow:
    @pytest.mark.parametrize("shuffle", [False, True], ids=["stable ties", "shuffled ties"])
    @pytest.mark.parametrize("page_size, seeds", SEEDS)
    def test_what_is_left_in_the_window_at_the_end_has_been_handed_on(
        self,
        page_size: int,
        seeds: range,
        shuffle: bool,  # noqa: FBT001
    ) -> None:
        """Many seeds: groups of ties of any length against page borders, while rows leave. Errors are rare."""
        errors = 0
        for seed in seeds:
            world = World(seed=seed, shuffle=shuffle, churn=0.25, kinds=("change", "leave"))
            seconds(world, [world.random.choice((1, 1, 2, 2, 3, 4, 9)) for _ in range(world.random.randint(1, 25))])
            try:
                rows = read(world, window(), page_size=page_size)
            except IncompleteListing:
                errors += 1
                continue

            left = {row.id for row in world.rows.values() if row.changed <= 2000}
            assert left <= {row["id"] for row in rows}, f"seed {seed}"
        assert errors < len(seeds) / 10

    @pytest.mark.parametrize("size", [1, 49, 50, 51, 98, 99, 100, 101, 500])
    def test_an_import_of_one_second_is_complete_though_every_answer_orders_it_anew(self, size: int) -> None:
        world = World(seed=size, shuffle=True)
        seconds(world, [size])

        rows = read(world, window(), page_size=50)

        assert {row["id"] for row in rows} == set(world.rows)

    def test_a_row_that_hides_behind_a_tie_while_another_leaves_is_not_taken_for_read(self) -> None:
        """The pages join by their rows and the least total is reached, and yet a row is missing: dates must overlap."""

        class Swap(World):
            def members(self, params: Any) -> dict[str, Any]:
                answer = super().members(params)
                if params["offset"] == 0 and len(self.rows) == 12:
                    del self.rows["c1"]
                    # c5 and c6 tie: they have changed places when the next page is answered.
                    self.rows["c5"].born, self.rows["c6"].born = self.rows["c6"].born, self.rows["c5"].born
                return answer

        world = Swap(seed=1, workers=1)
        seconds(world, [1, 1, 1, 1, 2, 1, 1, 1, 1, 1, 1])

        rows = read(world, window(), page_size=5)

        assert {row["id"] for row in rows} >= set(world.rows)

    def test_rows_that_leave_between_two_rounds_make_up_for_no_missing_ones(self) -> None:
        """The first round misses some of a shuffled second; then as many others leave as are missing."""
        for seed in range(40):

            class Leave(World):
                def members(self, params: Any) -> dict[str, Any]:
                    answer = super().members(params)
                    if len(self.requests) == 5:
                        for name in [row["id"] for row in answer["members"]][:9]:
                            self.rows.pop(name)
                    return answer

            world = Leave(seed=seed, shuffle=True, workers=1)
            seconds(world, [40])

            rows = read(world, window(), page_size=10)

            assert {row["id"] for row in rows} >= set(world.rows), f"seed {seed}"

    def test_a_window_that_never_shows_all_it_counts_ends_in_an_error(self) -> None:
        world = Shelf(numbers=list(range(50)), told=lambda total: total + 1)

        with pytest.raises(IncompleteListing, match="50 of 51 rows"):
            read(world, plain(exact=True), page_size=10)

    def test_quiet_pages_are_asked_for_once(self) -> None:
        world = World()
        seconds(world, [1] * 100)

        rows = read(world, window(), page_size=11)

        assert ([row["id"] for row in rows], len(world.requests)) == (list(world.rows), 10)


class TestPlainListing:
    @pytest.mark.parametrize("trusted", [True, False], ids=["total right", "total too small"])
    @pytest.mark.parametrize("page_size", [3, 4, 7])
    def test_rows_that_were_there_all_the_time_are_handed_on(self, page_size: int, trusted: bool) -> None:  # noqa: FBT001
        """Newest first: rows come at the top, and go anywhere."""
        for seed in range(80):
            told = (lambda total: total) if trusted else (lambda total: total // 2)
            world = Shelf(seed=seed, churn=0.3, kinds=("join", "leave"), told=told)
            world.numbers = list(range(world.random.randint(0, 40), 0, -1))
            before = set(world.numbers)

            rows = read(world, plain(trust_total=trusted), page_size=page_size)

            assert before & set(world.numbers) <= {row["id"] for row in rows}, f"seed {seed}"

    @pytest.mark.parametrize("size", [0, 1, 9, 10, 11, 18, 19, 20, 21, 100])
    def test_a_total_that_is_too_small_ends_nothing(self, size: int) -> None:
        world = Shelf(numbers=list(range(size)), told=lambda total: total // 3)

        rows = read(world, plain(trust_total=False), page_size=10)

        assert [row["id"] for row in rows] == list(range(size))

    @pytest.mark.parametrize("size", [9, 10, 11, 50, 500])
    def test_a_total_that_a_page_of_its_own_gives_the_lie_to_ends_nothing(self, size: int) -> None:
        """It is trusted until an answer shows more rows than it counts."""
        world = Shelf(numbers=list(range(size)), told=lambda _: 5)

        rows = read(world, plain(), page_size=10)

        assert [row["id"] for row in rows] == list(range(size))

    @pytest.mark.parametrize("seed", range(5))
    def test_a_total_that_is_too_small_proves_nothing_of_rows_in_any_order(self, seed: int) -> None:
        world = Shelf(seed=seed, numbers=list(range(60)), shuffle=True, told=lambda _: 5)

        rows = read(world, plain(), page_size=10)

        assert {row["id"] for row in rows} == set(world.numbers)

    @pytest.mark.parametrize("size", [0, 9, 10, 11, 100])
    def test_no_total_is_needed_where_none_is_trusted(self, size: int) -> None:
        world = Shelf(numbers=list(range(size)), told=lambda _: None)

        rows = read(world, plain(trust_total=False), page_size=10)

        assert [row["id"] for row in rows] == list(range(size))

    @pytest.mark.parametrize("parts", [0, 1, 2], ids=["no total", "all", "half of all"])
    def test_a_read_that_goes_on_near_the_end_of_a_long_one_comes_to_it(self, parts: int) -> None:
        """The rows before that are not among those it sees, and are no sign of a server that ignores offsets."""
        world = Shelf(numbers=list(range(600)), told=lambda total: total // parts if parts else None)

        rows = read(world, plain(trust_total=False), page_size=10, start=570)

        assert {row["id"] for row in rows} == set(range(570, 600))

    def test_a_total_that_is_too_big_is_told_and_not_waited_for(self, caplog: pytest.LogCaptureFixture) -> None:
        world = Shelf(numbers=list(range(50)), told=lambda total: total + 5)

        with caplog.at_level(logging.WARNING):
            rows = read(world, plain(), page_size=10)

        assert [row["id"] for row in rows] == list(range(50))
        assert "says that there are 55 rows" in caplog.text

    def test_rows_that_are_listed_twice_are_told_as_such(self, caplog: pytest.LogCaptureFixture) -> None:
        """Each link of a campaign was reported to be listed twice: mailchimp-client-lib-codegen#95."""
        world = Shelf(numbers=[1, 1, 2, 2])

        with caplog.at_level(logging.WARNING):
            rows = read(world, plain(), page_size=10)

        assert [row["id"] for row in rows] == [1, 2]
        assert "there are 4 rows, but reading it 3 times gave the same 2, and 2 of these again" in caplog.text

    def test_an_empty_page_with_a_total_is_not_an_empty_listing(self) -> None:
        """``{"lists": [], "total_items": 3}`` would empty the tables of a stream and of all below it."""
        world = Shelf(numbers=[1, 2, 3], served=lambda *_: [])

        with pytest.raises(IncompleteListing, match="0 of 3 rows"):
            read(world, plain(), page_size=10)

    @pytest.mark.parametrize("total", [10**6, 10**9])
    def test_rows_that_are_only_counted_are_not_asked_for_page_by_page(self, total: int) -> None:
        """A thousand million would be a hundred million pages of ten; what is there is five."""
        world = Shelf(numbers=list(range(50)), told=lambda _: total)

        with pytest.raises(IncompleteListing, match=f"50 of {total} rows"):
            read(world, plain(), page_size=10)
        assert len(world.requests) < 500

    def test_a_server_that_ignores_the_offset_is_not_asked_for_ever(self) -> None:
        world = Shelf(numbers=list(range(10)), told=lambda _: None, served=lambda *_: list(range(10)))
        world.numbers = [0] * 10_000_000

        with pytest.raises(IncompleteListing):
            read(world, plain(trust_total=False), page_size=10)
        assert len(world.requests) < 200

    @pytest.mark.parametrize("size", [1, 10])
    @pytest.mark.parametrize("repeats", [False, True])
    def test_nor_is_one_that_counts_a_thousand_million_rows(self, size: int, *, repeats: bool) -> None:
        """A hundred million pages would be planned by that."""
        world = Endless(numbers=list(range(size)), told=lambda _: 10**9)

        with pytest.raises(IncompleteListing):
            read(world, plain(may_repeat=repeats), page_size=10)

    def test_pages_that_hold_the_same_for_good_reason_are_no_such_server(self) -> None:
        """Where rows may repeat, many may be alike."""
        world = Shelf(numbers=[7] * 100)

        assert len(read(world, plain(may_repeat=True), page_size=10)) == 10

    @pytest.mark.parametrize("trusted", [True, False])
    def test_a_page_cut_short_once_loses_nothing(self, trusted: bool) -> None:  # noqa: FBT001
        cut: list[int] = []

        def served(offset: int, rows: list[int]) -> list[int]:
            if offset == 18 and not cut:
                cut.append(offset)
                return rows[:4]
            return rows

        world = Shelf(numbers=list(range(50)), served=served)

        rows = read(world, plain(trust_total=trusted), page_size=10)

        assert {row["id"] for row in rows} == set(range(50))

    @pytest.mark.parametrize("trusted", [True, False])
    def test_a_page_that_always_comes_short_is_not_the_end(
        self,
        trusted: bool,  # noqa: FBT001
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        world = Shelf(numbers=list(range(50)), served=lambda _, rows: [row for row in rows if row != 22])

        with caplog.at_level(logging.WARNING):
            rows = read(world, plain(trust_total=trusted), page_size=10)

        assert {row["id"] for row in rows} == set(range(50)) - {22}
        assert ("says that there are 50 rows" in caplog.text) == trusted

    @pytest.mark.parametrize("trusted", [True, False])
    @pytest.mark.parametrize("most, page_size", [(1, 100), (10, 100), (10, 20), (49, 50), (30, 40)])
    def test_a_server_that_gives_fewer_rows_than_are_asked_for_is_asked_for_the_others(
        self,
        most: int,
        page_size: int,
        trusted: bool,  # noqa: FBT001
    ) -> None:
        world = Shelf(numbers=list(range(50)), served=lambda _, rows: rows[:most])

        rows = read(world, plain(trust_total=trusted), page_size=page_size)

        assert {row["id"] for row in rows} == set(range(50))

    def test_rows_that_do_not_come_however_they_are_asked_for_are_not_taken_for_read(self) -> None:
        """Pages of a tenth of their size, in a listing of many: too far between two pages to make up for."""
        world = Shelf(numbers=list(range(500)), served=lambda _, rows: rows[:3])

        with pytest.raises(IncompleteListing):
            read(world, plain(), page_size=100)

    @pytest.mark.parametrize("size", [2, 9, 10, 11, 30])
    def test_rows_that_are_the_same_in_all_they_hold_are_counted_each(
        self, size: int, caplog: pytest.LogCaptureFixture
    ) -> None:
        """The first two are twins: nothing is missing, so nothing is read again."""
        world = Shelf(numbers=[1, *range(1, size)])

        with caplog.at_level(logging.WARNING):
            rows = read(world, plain(may_repeat=True), page_size=10)

        assert [row["id"] for row in rows] == [1, *range(1, size)]
        assert len(world.requests) == max(1, -(-(size - 1) // 9))
        assert caplog.text == ""

    def test_twins_make_up_for_no_row_that_is_missing(self) -> None:
        world = Shelf(numbers=[1, *range(1, 30)], shuffle=True)

        rows = read(world, plain(may_repeat=True), page_size=10)

        assert {row["id"] for row in rows} == set(range(1, 30))

    def test_rows_in_any_order_are_counted_against_a_total_that_stands_still(self) -> None:
        world = Shelf(numbers=list(range(60)), shuffle=True)

        rows = read(world, plain(), page_size=10)

        assert {row["id"] for row in rows} == set(range(60))

    def test_rows_in_any_order_without_a_total_come_all_the_same(self) -> None:
        world = Shelf(numbers=list(range(60)), shuffle=True, told=lambda total: total // 2)

        rows = read(world, plain(trust_total=False), page_size=10)

        assert {row["id"] for row in rows} == set(range(60))

    def test_the_offset_to_go_on_from_never_passes_a_row_that_was_not_handed_on(self) -> None:
        """Rows go, and keep their order: all that lies before the offset told has come by then."""
        for seed in range(100):
            world = Shelf(seed=seed, churn=0.3, kinds=("leave",), numbers=list(range(60)))
            had: set[int] = set()

            def check(batch: Batch, world: Shelf = world, had: set[int] = had, seed: int = seed) -> None:
                had.update(row["id"] for row in batch.rows)
                if batch.place is not None and batch.rows:
                    last = max(row["id"] for row in batch.rows)
                    missing = {number for number in world.numbers if number <= last} - had
                    assert not missing, f"seed {seed}"

            read(world, plain(), page_size=7, on_rows=check)
