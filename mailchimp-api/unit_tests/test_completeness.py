"""A listing is complete when nothing can be missing from it; whatever can't be settled never counts as complete."""

from __future__ import annotations

import tracemalloc
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailchimp_api.completeness import Completeness, PageEnd, Repair, Verdict
from mailchimp_api.key_set import KeySet


@dataclass(frozen=True)
class Page:
    """Rows of a listing of numbers."""

    offset: int
    asked: int
    rows: tuple[int, ...]
    total: int | None

    @property
    def count(self) -> int:
        return len(self.rows)


def page(offset: int, rows: list[int], total: int | None, asked: int = 4) -> Page:
    return Page(offset, asked, tuple(rows), total)


def read(completeness: Completeness, *pages: Page, start: int = 0) -> tuple[Verdict, list[bool]]:
    """One pass over ``pages``, none of which is repaired: what it shows, and which of them joined."""
    joined: list[bool] = []
    before: PageEnd | None = None
    for item in pages:
        completeness.note(item)
        keys: list[Hashable] = list(item.rows)
        if before is not None:
            joined.append(completeness.joins(before, item, keys))
            if not joined[-1]:
                completeness.broken()
        completeness.new(item.rows, keys)
        before = PageEnd.of(item, keys)
    return completeness.end_pass(start=start, size=4), joined


class TestKeySet:
    @given(
        st.lists(st.integers(0, 2**40))
        | st.lists(st.text(max_size=3))
        | st.lists(st.tuples(st.text(max_size=2), st.integers(0, 3)))
    )
    def test_it_counts_like_a_set(self, keys: list[object]) -> None:
        counted, known = KeySet(), set[Any]()
        for key in keys:
            assert counted.add(key) == (key not in known)
            known.add(key)

        assert len(counted) == len(known)

    def test_small_numbers_and_zero_are_keys_like_others(self) -> None:
        keys = KeySet()

        assert [keys.add(number) for number in (0, 1, 0, 1)] == [True, True, False, False]

    def test_twenty_thousand_keys_take_a_quarter_of_a_megabyte(self) -> None:
        keys, numbers = KeySet(), range(20_000)
        tracemalloc.start()
        for number in numbers:
            keys.add(number)
        taken, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()

        assert len(keys) == 20_000
        assert taken < 0.3 * 2**20


class TestCompleteness:
    def test_pages_that_share_a_row_and_reach_the_total_are_all_of_it(self) -> None:
        assert read(Completeness(), page(0, [1, 2, 3, 4], 6), page(3, [4, 5, 6], 6)) == (Verdict.COMPLETE, [True])

    def test_a_row_that_left_while_another_came_is_noticed_though_the_total_stands_still(self) -> None:
        verdict, joined = read(Completeness(), page(0, [1, 2, 3, 4], 9), page(3, [6, 7, 8], 9))

        assert (verdict, joined) == (Verdict.AGAIN, [False])

    @pytest.mark.parametrize("exact", [True, False])
    def test_as_many_rows_as_the_total_do_not_count_when_one_was_lost_and_one_had_left(self, exact: bool) -> None:  # noqa: FBT001
        """Two of ten rows are missing, and two left after they were seen: eight distinct ones of a total of eight."""
        first = page(0, [1, 2, 3, 4], 10)
        second = page(3, [7, 8, 9, 10], 8)

        assert read(Completeness(exact=exact), first, second)[0] is Verdict.AGAIN

    def test_what_never_shows_all_that_it_counts_is_incomplete_where_the_total_is_right(self) -> None:
        completeness = Completeness(exact=True)
        verdicts = [read(completeness, page(0, [1, 2, 3], 4))[0] for _ in range(13)]

        assert verdicts == [Verdict.AGAIN] * 12 + [Verdict.INCOMPLETE]

    def test_two_rows_of_one_answer_with_one_key_are_two_where_they_differ(self) -> None:
        """As a cart was reported to be listed twice, once without what had been added to it."""
        completeness = Completeness()
        rows: list[dict[str, Any]] = [{"id": 1, "lines": ["a"]}, {"id": 1, "lines": ["a", "b"]}, {"id": 2}]
        keys: list[Hashable] = [row["id"] for row in rows]
        completeness.note(page(0, [1, 1, 2], 3))

        assert completeness.new(rows, keys) == rows
        assert completeness.new(rows, keys) == []
        assert completeness.end_pass(size=4) is Verdict.COMPLETE

    def test_rows_that_came_twice_in_one_answer_make_up_for_no_row_that_is_missing(self) -> None:
        completeness = Completeness()

        assert read(completeness, page(0, [1, 1, 2], 3))[0] is Verdict.AGAIN
        assert completeness.repeats == 1

    def test_a_short_page_is_the_end_only_where_the_total_does_not_say_that_more_follow(self) -> None:
        completeness = Completeness()

        assert completeness.goes_on(page(0, [1, 2], 5))
        assert not completeness.goes_on(page(0, [1, 2], 2))
        assert not completeness.goes_on(page(0, [1, 2], None))
        assert not completeness.goes_on(page(5, [], 9))

    def test_a_full_page_goes_on_where_the_total_is_too_small(self) -> None:
        assert Completeness(trust_total=False).goes_on(page(0, [1, 2, 3, 4], 1))

    @pytest.mark.parametrize("trusted", [True, False])
    @pytest.mark.parametrize("rows", [[], [1, 2, 3, 4]], ids=["nothing", "the same page"])
    def test_a_server_that_ignores_the_offset_is_not_asked_for_ever(self, rows: list[int], trusted: bool) -> None:  # noqa: FBT001
        """However large its total, or however fast it grows."""
        completeness = Completeness(trust_total=trusted)
        asked, offset = 0, 0
        while asked < 1000:
            last = page(offset, rows, 100 if not trusted else 5 + offset * 2)
            completeness.note(last)
            completeness.new(last.rows, list(last.rows))
            asked += 1
            if not completeness.goes_on(last):
                break
            offset += 3

        assert asked < 50
        assert not trusted or completeness.end_pass(size=4) in {Verdict.INCOMPLETE, Verdict.AGAIN}

    @pytest.mark.parametrize("exact", [True, False])
    def test_nothing_of_three_is_not_complete_however_often_it_is_said(self, exact: bool) -> None:  # noqa: FBT001
        completeness = Completeness(exact=exact)
        verdicts: list[Verdict] = []
        waited = 0.0
        while not verdicts or verdicts[-1] is Verdict.AGAIN:
            verdicts.append(read(completeness, page(0, [], 3))[0])
            waited += completeness.pause

        assert verdicts[-1] is Verdict.INCOMPLETE
        assert 20 < waited < 120

    def test_there_is_no_pause_while_passes_find_something_new(self) -> None:
        completeness = Completeness(exact=True)
        pauses = []
        for number in range(4):
            read(completeness, page(0, [number], 9))
            pauses.append(completeness.pause)

        assert pauses == [0.0] * 4


class TestRepair:
    def test_it_asks_for_what_lies_between_until_both_pages_are_joined(self) -> None:
        """Row 2 has left after the first page came: row 5 has moved to offset 3, before the second page began."""
        listing = [1, 3, 4, 5, 6, 7, 8, 9]
        completeness = Completeness()
        before, after = page(0, [1, 2, 3, 4], 9), page(4, [6, 7, 8, 9], 8)
        repair = Repair(completeness, PageEnd.of(before, list(before.rows)), after, [6, 7, 8, 9], size=4)
        found: set[Any] = set()
        while not repair.over:
            rows = listing[repair.offset : repair.offset + repair.count]
            found.update(rows)
            repair.came(page(repair.offset, rows, 8, asked=repair.count), rows)

        assert repair.joined
        assert 5 in found

    def test_it_gives_up_where_rows_never_join(self) -> None:
        before, after = page(0, [1, 2, 3, 4], 99), page(40, [41, 42], 99)
        repair = Repair(Completeness(), PageEnd.of(before, list(before.rows)), after, [41, 42], size=4)
        asked = 0
        while not repair.over:
            repair.came(page(repair.offset, [-1], 99), [-1])
            asked += 1

        assert not repair.joined
        assert asked < 10
