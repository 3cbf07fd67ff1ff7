"""A state says how far a stream is: small, readable, and understood for ever, whoever wrote it."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from source_mailchimp.legacy_state import read_state
from source_mailchimp.reader.places import AtCursor, AtOffset, Done, PartitionKey, partition_key
from source_mailchimp.reader.state import ResumePoint, StreamState
from unit_tests.mailchimp_model import date, moment

MOMENTS = st.integers(0, 10**8).map(moment)
IDS = st.text(min_size=1, max_size=8)
KEYS = IDS.map(PartitionKey)
POSITIONS = st.lists(IDS, max_size=3).map(tuple)
PLACES = st.one_of(
    st.just(Done()), st.builds(AtOffset, st.integers(0, 10**6), st.none() | IDS), st.builds(AtCursor, MOMENTS)
)
SCOPES = st.none() | st.lists(IDS, min_size=1, max_size=3).map(tuple)
COUNTS = st.none() | st.lists(st.integers(0, 99), max_size=4).map(tuple)
INCREMENTAL = st.builds(
    ResumePoint,
    until=MOMENTS,
    after=POSITIONS,
    slices=st.dictionaries(KEYS, PLACES, max_size=3),
    scope=SCOPES,
    counts=COUNTS,
)
FULL = st.builds(
    ResumePoint,
    until=st.none(),
    full_refresh=st.sampled_from([True]),
    after=POSITIONS,
    slices=st.dictionaries(KEYS, PLACES, max_size=3),
    scope=SCOPES,
)
STATES = st.builds(
    StreamState,
    cursor=st.none() | MOMENTS,
    slices=st.dictionaries(KEYS, st.none() | MOMENTS, max_size=3),
    scope=SCOPES,
    counts=COUNTS,
    run=st.none() | INCREMENTAL | FULL,
    complete=st.booleans(),
    late=st.dictionaries(KEYS, MOMENTS, max_size=3),
)
OTHER, A, B = PartitionKey("other"), PartitionKey("a"), PartitionKey("b")
L1, L2 = PartitionKey("l1"), PartitionKey("l2")


def load(raw: dict[str, object]) -> tuple[StreamState, list[str]]:
    """The state in ``raw``, and the members that could not be read."""
    noted: list[str] = []
    return StreamState.load(json.loads(json.dumps(raw)), noted.append), noted


class TestStreamState:
    @given(STATES)
    def test_what_is_written_is_read(self, state: StreamState) -> None:
        assert load(state.dump()) == (state, [])

    @given(STATES, st.data())
    def test_a_broken_state_means_more_to_read_and_never_less(self, state: StreamState, data: Any) -> None:
        """Whatever one member becomes, nothing counts as done that did not before."""
        raw = state.dump()
        part = data.draw(st.sampled_from([raw, raw["run"]] if state.run else [raw]))
        name = data.draw(st.sampled_from(sorted(part)))
        # Names of slices are not told from rubbish.
        part[name] = data.draw(st.sampled_from([7, "x", [], [7]] if name == "slices" else [7, "x", [], {}, {"a": 7}]))
        broken = load(raw)[0]

        assert broken.cursor in {None, state.cursor}
        for item in {*state.slices, OTHER}:
            known, now = state.cursor_of(item), broken.cursor_of(item)
            assert now is None or (known is not None and now <= known)
        if broken.run:
            assert state.run
            for item in {*state.run.slices, OTHER}:
                for position in {(), ("a",), state.run.after}:
                    assert state.run.is_done(item, position) or not broken.run.is_done(item, position)
            for scope in (None, ("nobody's",)):
                states = (replace(one, complete=False) for one in (state, broken))
                began = [one.begin(full_refresh=state.run.full_refresh, scope=scope).run for one in states]
                assert began[0] or not began[1]
        if state.scope is not None:
            assert not broken.covers("nobody's", [])
        if broken.cursor and name != "late":
            assert broken.late == state.late

    @pytest.mark.parametrize(
        "late, read, noted",
        [
            ({"a": date(3)}, {"a": moment(3)}, []),
            ({"a": date(3), "b": "soon"}, {"a": moment(3), "b": moment(5)}, ["late.b"]),
            (7, {"*": moment(5)}, ["late"]),
        ],
        ids=str,
    )
    def test_whose_rows_may_be_late_is_read_as_later_rather_than_earlier(
        self, late: object, read: dict[str, object], noted: list[str]
    ) -> None:
        state, found = load({"version": 1, "cursor": date(5), "late": late})

        assert (state.late, found) == (read, noted)

    @pytest.mark.parametrize(
        "entry, done", [({"done": True}, True), ({"offset": 4}, False), ({}, False), (None, False), ("x", False)]
    )
    def test_a_slice_that_is_named_is_done_only_if_it_says_so(self, entry: object, done: bool) -> None:  # noqa: FBT001
        raw = {"version": 1, "run": {"until": date(5), "after": ["z"], "slices": {"a": entry}}}

        run = StreamState.load(raw).run

        assert run
        assert (run.is_done(A, ("a",)), run.is_done(B, ("b",))) == (done, True)

    @pytest.mark.parametrize(
        "raw, noted",
        [
            ({"version": 99, "cursor": date(5)}, ["version"]),
            ({"version": 1, "cursor": "yesterday"}, ["cursor"]),
            ({"version": 1, "slices": ["a"]}, ["slices"]),
            ({"version": 1, "slices": {"a": 7}}, ["slices.a"]),
            ({"version": 1, "slices": {"a": {"cursor": 7}}}, ["slices.a.cursor"]),
            ({"version": 1, "slices": {"a": {"cursor": None, "missing": {"x": 2}}}}, ["slices.a.missing.x"]),
            ({"version": 1, "scope": "l1"}, ["scope"]),
            ({"version": 1, "counts": [1, "2"]}, ["counts"]),
            ({"version": 1, "run": "now"}, ["run"]),
            ({"version": 1, "run": {"until": 7}}, ["run.until", "run"]),
            ({"version": 1, "run": {"until": date(5), "after": 3}}, ["run.after"]),
            ({"version": 1, "run": {"until": date(5), "slices": {"a": 1}}}, ["run.slices.a"]),
            ({"version": 1, "run": {"until": date(5), "slices": {"a": {"offset": -4}}}}, ["run.slices.a.offset"]),
            ({"version": 1, "run": {"until": date(5), "slices": {"a": {"cursor": "x"}}}}, ["run.slices.a.cursor"]),
            (
                {"version": 1, "run": {"until": date(5), "slices": {"a": {"offset": 4, "mark": 7}}}},
                ["run.slices.a.mark"],
            ),
        ],
        ids=str,
    )
    def test_what_can_not_be_read_is_named(self, raw: dict[str, object], noted: list[str]) -> None:
        """Somebody should know why more is read than they expect."""
        assert load(raw)[1] == noted

    def test_of_another_version_nothing_counts(self) -> None:
        """What its cursor stands for is not known."""
        assert load({"version": 2, "cursor": date(5)})[0] == StreamState(scope=())

    @given(st.lists(IDS, min_size=1, max_size=3), st.lists(IDS, min_size=1, max_size=3))
    def test_two_partitions_never_share_a_name(self, ids: list[str], others: list[str]) -> None:
        """Whatever the ids of their parents hold."""
        assert (partition_key(ids) == partition_key(others)) == (ids == others)

    def test_a_run_that_does_not_say_up_to_when_counts_for_nothing(self) -> None:
        assert StreamState.load({"version": 1, "run": {"after": ["z"], "slices": {}}}).run is None

    @pytest.mark.parametrize(
        "scope, audience, wanted, covered",
        [
            (None, "a", ["a"], True),
            (None, None, [], True),
            (("a",), "a", [], True),
            (("a",), "b", ["b"], False),
            (("a", "b"), None, ["a"], True),
            (("a",), None, ["a", "b"], False),
            (("a",), None, [], False),
        ],
    )
    def test_a_cursor_holds_for_the_audiences_that_were_read(
        self,
        scope: tuple[str, ...] | None,
        audience: str | None,
        wanted: list[str],
        covered: bool,  # noqa: FBT001
    ) -> None:
        assert StreamState(scope=scope).covers(audience, wanted) == covered

    @pytest.mark.parametrize(
        "read, wanted, counts",
        [
            (None, None, True),
            (None, ("a",), True),
            (("a", "b"), ("a",), True),
            (("a",), ("a", "b"), False),
            (("a",), None, False),
        ],
    )
    @pytest.mark.parametrize("full_refresh", [False, True])
    def test_a_run_that_was_cut_short_counts_for_the_audiences_that_it_read(
        self,
        full_refresh: bool,  # noqa: FBT001
        read: tuple[str, ...] | None,
        wanted: tuple[str, ...] | None,
        counts: bool,  # noqa: FBT001
    ) -> None:
        """Once it goes on for fewer of them, it has not read the others."""
        run = ResumePoint(until=moment(9), full_refresh=full_refresh, after=("z",), scope=read)
        state = StreamState.load(json.loads(json.dumps(StreamState(run=run).dump())))

        begun = state.begin(full_refresh=full_refresh, scope=wanted).run

        assert begun == (replace(run, scope=wanted) if counts else None)

    def test_a_run_that_does_not_say_which_audiences_it_read_counts_for_none(self) -> None:
        state = StreamState.load({"version": 1, "run": {"until": date(5), "after": ["z"], "slices": {}}})

        assert state.begin(full_refresh=False, scope=None).run is None

    def test_an_incremental_sync_goes_on_from_no_full_refresh_that_was_cut_short(self) -> None:
        state = StreamState(slices={L1: moment(5)}, run=ResumePoint(full_refresh=True))

        assert state.begin(full_refresh=False, scope=None) == StreamState()
        assert state.begin(full_refresh=True, scope=None) == state

    def test_a_full_refresh_goes_on_from_nothing_but_one_that_was_cut_short(self) -> None:
        run = ResumePoint(until=moment(9), after=("z",))

        assert StreamState(cursor=moment(5), run=run).begin(full_refresh=True, scope=None) == StreamState()
        assert StreamState(complete=True).begin(full_refresh=True, scope=None) == StreamState()

    def test_that_a_full_refresh_was_finished_is_not_said_for_ever(self) -> None:
        assert StreamState(complete=True).begin(full_refresh=False, scope=None).dump() == {"version": 1}

    def test_version_1_is_read_as_it_was_first_written(self) -> None:
        raw = {
            "version": 1,
            "cursor": "2026-01-01T00:00:05+00:00",
            "slices": {"c1": {"cursor": None}, "l1/archived": {"cursor": "2026-01-01T00:00:07+00:00"}},
            "scope": ["l1"],
            "counts": [1, 2],
            "run": {
                "until": "2026-01-01T00:00:09+00:00",
                "after": ["2026-01-01T00:00:00+00:00", "c0"],
                "slices": {"c3": {"done": True}, "c4": {"offset": 4000}},
            },
        }

        assert StreamState.load(raw) == StreamState(
            cursor=moment(5),
            slices={PartitionKey("c1"): None, PartitionKey("l1/archived"): moment(7)},
            scope=("l1",),
            counts=(1, 2),
            run=ResumePoint(
                until=moment(9),
                after=(date(0), "c0"),
                slices={PartitionKey("c3"): Done(), PartitionKey("c4"): AtOffset(4000)},
                scope=(),
            ),
        )


class TestStatesOfAirbytesOwnConnector:
    def test_flat(self) -> None:
        assert read_state({"create_time": date(5)}, "create_time") == StreamState(cursor=moment(5))

    def test_by_parent(self) -> None:
        raw = {"l1": {"last_changed": date(5)}, "l2": {"last_changed": date(6)}, "l3": {}, "l4": "x"}

        assert read_state(raw, "last_changed") == StreamState(slices={L1: moment(5), L2: moment(6)})

    @pytest.mark.parametrize("name", ["id", "list_id"])
    def test_per_partition(self, name: str) -> None:
        raw = {
            "use_global_cursor": False,
            "states": [
                {"partition": {name: "l1", "parent_slice": {}}, "cursor": {"last_changed": date(5)}},
                {"partition": {"parent_slice": {}, name: "l2"}, "cursor": {"last_changed": ""}},
                {"partition": "x", "cursor": None},
                "x",
            ],
            "state": {"last_changed": date(9)},
            "lookback_window": 1,
            "parent_state": {},
        }

        state = read_state(raw, "last_changed")

        assert state == StreamState(slices={L1: moment(5)})
        assert state.cursor_of(L2) is None, "a partition without a cursor has not been read"

    def test_per_partition_with_one_cursor_for_all(self) -> None:
        raw = {"use_global_cursor": True, "states": [], "state": {"timestamp": date(100)}, "lookback_window": 30}

        assert read_state(raw, "timestamp") == StreamState(cursor=moment(100) - timedelta(seconds=30))

    @pytest.mark.parametrize(
        "raw",
        [{}, {"states": None}, {"states": {}}, {"state": "x"}, {"__ab_no_cursor_state_message": True}, {"x": date(1)}],
    )
    def test_what_says_nothing_means_from_the_beginning(self, raw: dict[str, object]) -> None:
        assert read_state(raw, "last_changed") == StreamState()

    @pytest.mark.parametrize(
        "raw, noted",
        [
            ({}, []),
            ({"__ab_no_cursor_state_message": True}, []),
            ({"l1": {"last_changed": date(5)}}, []),
            ({"states": [], "use_global_cursor": False, "lookback_window": 0, "parent_state": {"lists": {}}}, []),
            ({"bookmarks": {"list_members": {"offset": 400}}}, ["bookmarks"]),
            ({"states": None, "state": "x"}, ["state", "states"]),
        ],
        ids=str,
    )
    def test_a_state_in_no_known_format_is_named_by_what_it_holds(
        self, raw: dict[str, object], noted: list[str]
    ) -> None:
        found: list[str] = []

        read_state(raw, "last_changed", found.append)

        assert found == noted

    def test_a_stream_without_cursor_has_no_old_state(self) -> None:
        assert read_state({"create_time": date(5)}, None) == StreamState()

    def test_our_own_is_told_from_theirs(self) -> None:
        ours = StreamState(slices={L1: moment(5)})

        assert read_state(ours.dump(), "last_changed") == ours
        assert read_state({"__ab_full_refresh_sync_complete": True}, None) == StreamState(complete=True)
