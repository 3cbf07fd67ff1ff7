"""States that others have written are gone on from, or, where they say nothing, everything is read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from integration_tests.harness.source import SourceHarness, SourceRun

Json = dict[str, Any]
MEMBERS = "/lists/{list_id}/members"
GOOD: Json = {"version": 1, "slices": {}}


@pytest.fixture(scope="module")
def account() -> Json:
    return {"contacts": 160, "audiences": 2, "campaigns": 6, "recipients": 30, "plain": True, "import_size": 5}


def state(stream: str, value: object) -> list[Json]:
    """A STREAM state as Airbyte hands it over."""
    return [{"type": "STREAM", "stream": {"stream_descriptor": {"name": stream}, "stream_state": value}}]


def middle(dates: list[str]) -> str:
    return sorted(dates)[len(dates) // 2]


def contacts(source: SourceHarness) -> list[Json]:
    return [item["row"] for item in source.simulator.control.ground_truth(MEMBERS, "rows")["rows"]]


def since(source: SourceHarness, cursors: Mapping[str, str | None]) -> set[tuple[str, str]]:
    """The contacts of each audience that changed after its cursor; all of them where there is none."""
    return {
        (row["id"], row["list_id"])
        for row in contacts(source)
        if (cursors[row["list_id"]] or "") <= row["last_changed"]
    }


def per_partition(cursors: dict[str, str], field: str, **more: Any) -> Json:
    """As the official connector's newest versions write it."""
    states = [
        {"partition": {"id": key, "parent_slice": {}}, "cursor": {field: value}} for key, value in cursors.items()
    ]
    return {"states": states, "use_global_cursor": False, **more}


@pytest.fixture
def halves(source: SourceHarness) -> dict[str, str]:
    """For each audience, the moment at which half of its contacts had changed."""
    found: dict[str, list[str]] = {}
    for row in contacts(source):
        found.setdefault(row["list_id"], []).append(row["last_changed"])
    return {list_id: middle(dates) for list_id, dates in found.items()}


class TestContacts:
    """Their states were by audience at all times."""

    def test_a_state_by_parent_is_gone_on_from(self, source: SourceHarness, halves: dict[str, str]) -> None:
        """The format of versions 0.x and 1.x."""
        run = source.read(
            ["list_members"], state=state("list_members", {key: {"last_changed": at} for key, at in halves.items()})
        )

        self._brings_what_is_new(source, run, halves)

    def test_a_state_per_partition_is_gone_on_from(self, source: SourceHarness, halves: dict[str, str]) -> None:
        """The format of version 2."""
        run = source.read(
            ["list_members"],
            state=state(
                "list_members",
                per_partition(halves, "last_changed", state={"last_changed": max(halves.values())}, lookback_window=1),
            ),
        )

        self._brings_what_is_new(source, run, halves)

    def test_an_audience_that_the_state_does_not_name_is_read_whole(
        self, source: SourceHarness, halves: dict[str, str]
    ) -> None:
        """It was added after the state was written."""
        known, new = halves
        run = source.read(
            ["list_members"],
            state=state("list_members", per_partition({known: halves[known]}, "last_changed")),
        )

        self._brings_what_is_new(source, run, {known: halves[known], new: None})

    def test_a_global_cursor_with_look_back_holds_for_all(self, source: SourceHarness, halves: dict[str, str]) -> None:
        """The official connector writes it when there are very many partitions."""
        cursor = max(halves.values())
        run = source.read(
            ["list_members"],
            state=state(
                "list_members",
                {"use_global_cursor": True, "state": {"last_changed": cursor}, "lookback_window": 0, "states": []},
            ),
        )

        self._brings_what_is_new(source, run, dict.fromkeys(halves, cursor))

    def _brings_what_is_new(self, source: SourceHarness, run: SourceRun, cursors: Mapping[str, str | None]) -> None:
        """What is new since the cursors is there, and archived ones, which that connector has never read."""
        assert run.complete == {"list_members"}
        archived = {(row["id"], row["list_id"]) for row in contacts(source) if row["status"] == "archived"}
        found, expected = set(run.keys("list_members")), since(source, cursors)
        assert expected - found == set()
        assert found - expected <= archived
        assert len(found) < len(contacts(source))


def test_a_flat_state_of_campaigns_is_gone_on_from(source: SourceHarness) -> None:
    """All come once, as that connector never looked again at what it had read; then those that may have changed."""
    everything = source.read(["campaigns"])
    cursor = middle([record["create_time"] for record in everything.records("campaigns")])

    run = source.read(["campaigns"], state=state("campaigns", {"create_time": cursor}), refresh_window_days=0)
    later = source.read(["campaigns"], state=run.last_states, refresh_window_days=0, activity_lookback_days=0)

    assert set(run.keys("campaigns")) == set(everything.keys("campaigns"))
    assert set(later.keys("campaigns")) < set(everything.keys("campaigns"))


@pytest.mark.parametrize("shape", ["by parent", "per partition"])
def test_a_state_of_email_activity_is_gone_on_from(source: SourceHarness, shape: str) -> None:
    """Each campaign from its own event on; a campaign without one from its beginning."""
    everything = source.read(["email_activity"]).records("email_activity")
    campaigns = sorted({record["campaign_id"] for record in everything})
    known = campaigns[:-1]
    cursors = {
        campaign: max(record["timestamp"] for record in everything if record["campaign_id"] == campaign)
        for campaign in known
    }
    value = (
        {campaign: {"timestamp": at} for campaign, at in cursors.items()}
        if shape == "by parent"
        else per_partition(cursors, "timestamp")
    )

    run = source.read(["email_activity"], state=state("email_activity", value), activity_lookback_days=0)

    expected = {r["activity_id"] for r in everything if r["timestamp"] >= cursors.get(r["campaign_id"], "")}
    found = {record["activity_id"] for record in run.records("email_activity")}
    assert expected - found == set()
    assert {r["activity_id"] for r in everything if r["campaign_id"] == campaigns[-1]} <= found
    assert len(found) < len(everything) / 2


UNKNOWN: dict[str, Any] = {
    "empty": {},
    "a version to come": {"version": 99, "marks": ["?"]},
    "a cursor that is no date": {"version": 1, "cursor": "yesterday", "slices": {}},
    "slices of the wrong type": {"version": 1, "slices": ["a", 1]},
    "a run of the wrong type": {"version": 1, "run": "now"},
    "a run with nonsense": {"version": 1, "run": {"until": 7, "after": 3, "slices": {"a": 1, "b": {"offset": -4}}}},
    "another connector's": {"bookmarks": {"list_members": {"offset": 400}}},
    "partitions of the wrong type": {"states": "none", "use_global_cursor": "perhaps"},
    "partitions without cursors": {"states": [{"partition": {}}, {"cursor": {"last_changed": ""}}, 7]},
    "nulls": {"state": None, "states": None},
}
STREAMS = ("list_members", "email_activity", "campaigns", "segments", "reports", "audience_contacts", "merge_fields")


@pytest.mark.parametrize("value", UNKNOWN.values(), ids=list(UNKNOWN))
@pytest.mark.parametrize("mode", ["full_refresh", "incremental"])
def test_a_state_that_says_nothing_means_everything_is_read(source: SourceHarness, mode: str, value: object) -> None:
    """Broken or unknown, it may cost a full read; it never costs rows or the sync."""
    everything = source.read(STREAMS, mode)

    run = source.read(STREAMS, mode, [one for name in STREAMS for one in state(name, value)])

    assert run.complete == set(STREAMS)
    assert run.counts == everything.counts
    warned = [text for text in run.logs("WARN") if text.startswith("campaigns: cannot read from its saved state: ")]
    assert len(warned) == bool(value), "somebody should know why all comes again"


def test_what_a_state_ahead_of_every_clock_stands_for_is_read_back(source: SourceHarness) -> None:
    """A wrong clock wrote it: going on from there would miss every change until that day."""
    future = "2099-01-01T00:00:00+00:00"
    lists = [item["row"]["id"] for item in source.simulator.control.ground_truth("/lists", "rows")["rows"]]
    contacts_state = {key: {"cursor": future} for one in lists for key in (one, f"{one}/archived")}
    states = [
        *state("list_members", {"version": 1, "slices": contacts_state}),
        *state("email_activity", {"version": 1, "cursor": future}),
        *state("segments", {"version": 1, "cursor": future}),
        *state("audience_contacts", {"version": 1, "cursor": future}),
    ]
    names = ["list_members", "email_activity", "segments", "audience_contacts"]
    anew = source.read(names, activity_lookback_days=0)

    run = source.read(names, state=states, activity_lookback_days=0)

    assert run.complete == set(names)
    assert min(run.counts[name] for name in names) > 0
    assert {name: set(run.keys(name)) for name in names} == {name: set(anew.keys(name)) for name in names}
    warned = " ".join(run.logs("WARN"))
    assert [name for name in names if name not in warned] == []


def test_a_state_of_a_stream_that_does_not_exist_is_passed_over(source: SourceHarness) -> None:
    """A renamed or dropped stream leaves its state behind."""
    run = source.read(["lists"], state=state("list_memberz", {"version": 1}))

    assert run.complete == {"lists"}
    assert run.counts["lists"] == 2


class TestWhatCountsForNothing:
    """Everything is read from the beginning then, and nobody who gave a state meant that: it is said."""

    @pytest.mark.parametrize(
        "states, warning",
        [
            (state("lists", "x"), "Read from the beginning, as the saved state is no JSON object: lists"),
            (
                state("reports", GOOD) + state("list", GOOD),
                (
                    "No saved state is of a stream that is read, so everything is read from the beginning. "
                    "There are states of reports, list (Did you mean lists?)"
                ),
            ),
            (
                state("lists", GOOD) + state("list_member", GOOD),
                "Saved states of streams that don't exist: list_member (Did you mean list_members?)",
            ),
        ],
        ids=["no object", "other streams", "a misspelt one"],
    )
    def test_it_is_warned_of(self, source: SourceHarness, states: list[Json], warning: str) -> None:
        run = source.read(["lists"], state=states)

        assert run.succeeded().logs("WARN") == [warning]

    @pytest.mark.parametrize(
        "states", [state("lists", GOOD) + state("reports", GOOD), state("lists", None), state("lists", {})]
    )
    def test_what_is_usual_is_not(self, source: SourceHarness, states: list[Json]) -> None:
        """Fewer streams than the last time, or one that was reset."""
        assert source.read(["lists"], state=states).succeeded().logs("WARN") == []
