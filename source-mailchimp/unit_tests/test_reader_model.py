"""Random syncs against the model: whatever changes, fails or is killed in between, no contact's version is lost.

After every STATE, the model itself is asked whether all that the state promises has been emitted by then.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailchimp_api.errors import ServerFault
from source_mailchimp.errors import IncompleteListing, RowsMissing
from source_mailchimp.reader.output import Checkpoint, Event
from source_mailchimp.streams import STREAMS
from unit_tests.mailchimp_model import ModelFetcher, Reader, Site, World, date, every_state_goes_out, second_of, seconds

CONTACTS = STREAMS["list_members"]


def promises_kept(reader: Reader, world: World) -> Callable[[Event], None]:
    """Asserts of every STATE that what is older than its cursors, and still there, has been emitted."""

    def check(event: Event) -> None:
        if not isinstance(event, Checkpoint):
            return
        emitted = reader.versions()
        for name, entry in event.state.get("slices", {}).items():
            until = second_of(entry["cursor"])
            for row in world.rows.values():
                if row.archived == name.endswith("/archived") and row.changed <= until:
                    assert (row.id, row.version) in emitted, f"the state promises {row} up to second {until}"

    return check


def to_the_end(reader: Reader, world: World, kills: list[int]) -> None:
    """Sync until it is complete: killed after this many events at first. Giving up is honest, but not for ever."""
    check = promises_kept(reader, world)
    if any(reader.sync(kill_after=kill, on_event=check) for kill in kills):
        return
    for _ in range(4):
        if reader.sync(on_event=check):
            return
        assert isinstance(reader.error, IncompleteListing)
    world.churn = 0
    assert reader.sync(on_event=check), reader.error


def incremental(world: World, page_size: int, kills: list[int]) -> None:
    reader = Reader(world, CONTACTS, page_size=page_size)
    to_the_end(reader, world, kills)
    world.churn, world.now = 0, world.now + 60
    to_the_end(reader, world, [])

    lost = {(row.id, row.version) for row in world.rows.values()} - reader.versions()
    assert not lost


def full_refresh(world: World, page_size: int, kills: list[int]) -> None:
    before = set(world.rows)
    reader = Reader(world, CONTACTS, full_refresh=True, page_size=page_size)
    to_the_end(reader, world, kills)

    lost = (before & set(world.rows)) - {record["id"] for record in reader.emitted}
    assert not lost
    assert reader.state == {"version": 1, "__ab_full_refresh_sync_complete": True}


READINGS = {"incremental": incremental, "full refresh": full_refresh}


@pytest.fixture(autouse=True)
def _every_state_goes_out() -> Iterator[None]:
    with every_state_goes_out():
        yield


@pytest.mark.parametrize("reading", READINGS)
@pytest.mark.parametrize("shuffle", [False, True], ids=["stable ties", "shuffled ties"])
@pytest.mark.parametrize(
    "seeds", [range(20), pytest.param(range(20, 200), marks=pytest.mark.nightly)], ids=["by day", "by night"]
)
def test_nothing_is_lost_over_many_page_borders(reading: str, shuffle: bool, seeds: range) -> None:  # noqa: FBT001
    """Every seed draws an account, its changes, the order of answers, time-outs, and when the sync is killed."""
    for seed in seeds:
        draw = random.Random(seed)  # noqa: S311 - a model, not a secret
        world = World(
            seed=seed,
            shuffle=shuffle,
            churn=draw.choice((0, 0.1, 0.3, 0.6)),
            largest=draw.choice((1000, 1000, 60)),
            pace=draw.choice((1, 1, 3)),
            workers=draw.choice((2, 4)),
        )
        sizes = [draw.choice((1, 1, 1, 2, 3, 5, 10, 40)) for _ in range(draw.randint(0, 30))]
        seconds(world, sizes, archived_every=draw.choice((0, 3)))
        kills = [draw.randint(0, 40) for _ in range(draw.randint(0, 2))]

        try:
            READINGS[reading](world, draw.choice((3, 5, 10)), kills)
        except AssertionError as error:
            raise AssertionError(f"seed {seed}: {error}") from error


@settings(max_examples=150)
@given(
    sizes=st.lists(st.integers(1, 12), max_size=25),
    page_size=st.integers(2, 9),
    seed=st.integers(0, 2**16),
    shuffle=st.booleans(),
    churn=st.sampled_from((0.0, 0.05, 0.2, 0.4)),
    archived_every=st.sampled_from((0, 2, 5)),
    kills=st.lists(st.integers(0, 30), max_size=3),
    reading=st.sampled_from(sorted(READINGS)),
)
def test_nothing_is_lost_whatever_the_pages_changes_and_kills(
    sizes: list[int],
    page_size: int,
    seed: int,
    shuffle: bool,  # noqa: FBT001
    churn: float,
    archived_every: int,
    kills: list[int],
    reading: str,
) -> None:
    world = World(seed=seed, shuffle=shuffle, churn=churn)
    seconds(world, sizes, archived_every=archived_every)

    READINGS[reading](world, page_size, kills)


@pytest.mark.parametrize("size", [0, 1, 9, 10, 11, 19, 20, 21, 99, 100, 101, 250])
@pytest.mark.parametrize("seconds_long", [1, 1000], ids=["one second", "many seconds"])
def test_a_quiet_audience_is_read_once(size: int, seconds_long: int) -> None:
    """No contact comes twice where nothing moves, and one more sync brings none."""
    world = World()
    seconds(world, [size] if seconds_long == 1 else [1] * size)
    reader = Reader(world, CONTACTS, page_size=10, include_archived=False)

    assert reader.sync()
    first = [record["id"] for record in reader.emitted]
    world.now += 60
    assert reader.sync()

    assert (sorted(first), len(reader.emitted)) == (sorted(world.rows), size)


def test_a_quiet_full_refresh_asks_as_often_where_the_archived_ones_are_counted_first() -> None:
    """One look more would be one for nothing."""

    class Late(ModelFetcher):
        delay = 0

        async def _run(self, call: Callable[..., Any], *args: Any) -> Any:
            params = call.args[1] if isinstance(call, partial) else {}
            if "before_last_changed" in params and "status" not in params:
                await asyncio.sleep(self.delay)
            return await super()._run(call, *args)

    asked = set()
    for delay in (0, 30):
        Late.delay = delay
        world = World()
        seconds(world, [1] * 100, archived_every=50)
        reader = Reader(world, CONTACTS, full_refresh=True)
        reader.fetcher = Late
        assert reader.sync()
        asked.add(len(world.requests))
    assert len(asked) == 1


def test_the_last_looks_of_a_full_refresh_are_beside_each_other() -> None:
    """Each takes as long as a request takes, and nothing else is left to do meanwhile."""

    class Noting(World):
        def members(self, params: Any) -> dict[str, Any]:
            if "before_last_changed" not in params:
                looks.append((params.get("status"), self.in_flight))
            return super().members(params)

    side_by_side = 0
    for seed in range(10):  # in some orders the one is answered before the other is sent
        looks: list[tuple[str | None, int]] = []
        world = Noting(seed=seed)
        seconds(world, [1] * 100, archived_every=10)
        assert Reader(world, CONTACTS, page_size=10, full_refresh=True).sync()
        assert {status for status, _ in looks[-2:]} == {None, "archived"}
        side_by_side += max(in_flight for _, in_flight in looks[-2:]) == 2
    assert side_by_side > 3


def test_who_is_archived_and_comes_back_while_the_last_looks_are_taken_is_read() -> None:
    """Archived when the archived ones have been looked through, and back between the last looks."""

    class Returning(World):
        moves = 0

        def members(self, params: Any) -> dict[str, Any]:
            answer, archived = super().members(params), params.get("status") == "archived"
            if "before_last_changed" not in params and self.moves == (0 if archived else 1):
                self.moves += 1
                self.now += 10
                self.touch(self.rows["c150"])
                self.rows["c150"].archived = archived
            return answer

    missed_by_the_pass = 0
    for seed in range(30):
        world = Returning(seed=seed)
        seconds(world, [1] * 300)
        reader = Reader(world, CONTACTS, page_size=10, full_refresh=True)
        assert reader.sync()
        assert {record["id"] for record in reader.emitted} == set(world.rows)
        missed_by_the_pass += ("c150", 0) not in reader.versions()
    assert missed_by_the_pass > 10


def test_never_more_requests_are_under_way_than_configured() -> None:
    world = World(seed=5, churn=0.2, workers=3)
    seconds(world, [1] * 300)

    Reader(world, CONTACTS, page_size=5).sync()

    assert world.most_in_flight == 3


def test_a_state_is_small_and_does_not_grow_with_the_contacts() -> None:
    world = World()
    seconds(world, [1] * 500)
    reader = Reader(world, CONTACTS, page_size=5)

    assert reader.sync()

    assert len(reader.states) > 5
    assert {frozenset(state["slices"]) for state in reader.states if "slices" in state} <= {
        frozenset({"l1"}),
        frozenset({"l1/archived"}),
        frozenset({"l1", "l1/archived"}),
    }


def test_a_contact_that_becomes_visible_minutes_late_is_read_by_the_next_sync() -> None:
    """It has changed before the last sync ended, and was not listed then."""
    world = World()
    seconds(world, [3] * 100)
    reader = Reader(world, STREAMS["list_members"])
    assert reader.sync()
    late = world.add(world.now - 300)
    world.now += 1_000

    assert reader.sync()

    assert late.id in {row["id"] for row in reader.emitted}


class TestUnlisted:
    """A contact that is counted and never listed costs no other, and is never taken for read."""

    def world(self, *unlisted: int) -> World:
        world = World()
        seconds(world, [3] * 100)
        world.unlisted = {f"c{number}" for number in unlisted}
        return world

    @pytest.mark.parametrize("full_refresh", [False, True])
    @pytest.mark.parametrize("unlisted", [(150,), (1,), (300,), (7, 8, 200)])
    def test_all_others_are_read_and_the_second_is_named(
        self,
        unlisted: tuple[int, ...],
        full_refresh: bool,  # noqa: FBT001
    ) -> None:
        world = self.world(*unlisted)
        reader = Reader(world, STREAMS["list_members"], page_size=10, full_refresh=full_refresh)

        assert not reader.sync()

        assert {row["id"] for row in reader.emitted} == set(world.rows) - world.unlisted
        assert isinstance(reader.error, RowsMissing)
        assert f"counts {len(unlisted)} rows that it does not list" in str(reader.error)
        second = date(world.rows[f"c{unlisted[0]}"].changed)
        assert second in str(reader.error)
        assert second in reader.state["slices"]["l1"]["missing"]

    @pytest.mark.parametrize("full_refresh", [False, True])
    def test_it_is_looked_for_until_it_is_listed(self, full_refresh: bool) -> None:  # noqa: FBT001
        world = self.world(150)
        reader = Reader(world, STREAMS["list_members"], page_size=10, full_refresh=full_refresh)
        assert not reader.sync()
        new = world.add(world.now - 100)
        world.now += 1000
        assert not reader.sync()
        assert new.id in {row["id"] for row in reader.emitted}
        world.unlisted.clear()
        reader.emitted.clear()

        assert reader.sync()

        assert "c150" in {row["id"] for row in reader.emitted}
        assert "missing" not in str(reader.state)

    @pytest.mark.parametrize("page_size", [300, 1000])
    def test_it_is_looked_for_in_a_second_of_more_contacts_than_a_page_holds(self, page_size: int) -> None:
        world = World()
        seconds(world, [1, 1_500, 1])
        world.unlisted = {"c700", "c1200"}
        reader = Reader(world, STREAMS["list_members"], page_size=page_size)
        assert not reader.sync()
        world.unlisted = {"c1200"}
        world.now += 1000
        reader.emitted.clear()
        assert not reader.sync()
        assert "c700" in {row["id"] for row in reader.emitted}
        assert "counts 1 rows that it does not list" in str(reader.error)
        world.unlisted.clear()

        assert reader.sync()

        assert "c1200" in {row["id"] for row in reader.emitted}

    def test_it_is_not_forgotten_by_a_sync_that_could_not_look_for_it(self) -> None:
        class Down(World):
            second = ""

            def members(self, params: Any) -> dict[str, Any]:
                if params.get("before_last_changed") == self.second:
                    raise ServerFault("503")
                return super().members(params)

        world = Down()
        seconds(world, [3] * 100)
        world.unlisted = {"c150"}
        reader = Reader(world, STREAMS["list_members"], page_size=10)
        assert not reader.sync()
        world.now += 1000
        world.second = date(world.rows["c150"].changed)
        assert not reader.sync()
        world.second = ""
        assert isinstance(reader.error, ServerFault)
        assert date(world.rows["c150"].changed) in reader.state["slices"]["l1"]["missing"]
        world.unlisted.clear()

        assert reader.sync()

        assert "c150" in {row["id"] for row in reader.emitted}

    def test_one_that_changes_again_and_is_listed_then_is_missed_no_more(self) -> None:
        world = self.world(150)
        reader = Reader(world, STREAMS["list_members"], page_size=10)
        assert not reader.sync()
        world.touch(world.rows["c150"])
        world.unlisted.clear()
        world.now += 1000

        assert reader.sync()

        assert "c150" in {row["id"] for row in reader.emitted}


def test_a_cursor_ahead_of_every_clock_is_read_back(caplog: pytest.LogCaptureFixture) -> None:
    """A wrong clock has moved it there; what changed before that moment was never read."""
    world = World()
    seconds(world, [3] * 20)
    reader = Reader(world, STREAMS["list_members"])
    assert reader.sync()
    reader.state["slices"]["l1"]["cursor"] = date(world.now + 10_000)
    new = world.add(world.now)
    world.now += 5000

    assert reader.sync()

    assert new.id in {row["id"] for row in reader.emitted}
    assert "lies in the future" in caplog.text
    assert second_of(reader.state["slices"]["l1"]["cursor"]) <= world.now


class TestAsItIsUsed:
    """With states as a sync hands them on, and many audiences."""

    def test_a_state_follows_about_every_page(self) -> None:
        world = World()
        seconds(world, [1] * 600)
        reader = Reader(world, STREAMS["list_members"], page_size=20)
        reader.rows_per_state = None  # as a sync has it

        assert reader.sync()

        assert 10 <= len(reader.states) <= 40

    def test_no_more_audiences_are_under_way_than_there_are_connections(self) -> None:
        """Each holds a page or two: a thousand at once would fill the memory."""
        names = [f"l{number:02}" for number in range(30)]
        site = Site(tables={"lists": [{"id": name} for name in names]}, workers=3)
        for name in names:
            site.tables[f"lists/{name}/members"] = [{"id": f"{name}-{n}", "last_changed": date(n)} for n in range(20)]
        assert Reader(site, STREAMS["list_members"], page_size=5).sync()

        asked = [path.split("/")[1] for path, _ in site.requests if path.endswith("/members")]
        for index in range(len(asked)):
            under_way = set(asked[: index + 1]) & set(asked[index:])
            assert len(under_way) <= 3
