"""A sync goes on from any state it has emitted, and loses nothing; the next one brings only what is new."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
import requests

from integration_tests.harness.source import SourceHarness, SourceRun
from source_mailchimp.streams import STREAMS

Json = dict[str, Any]
HOUR = 3600
PAGE = 10
INCREMENTAL = [stream.name for stream in STREAMS.values() if stream.incremental]
# With rows enough for several pages, each followed by a state to resume from.
LONG = ("list_members", "audience_contacts", "email_activity", "sent_to", "open_details", "member_events")
ALL_UP_TO = 8  # states of a stream that are all tried; of further ones every fourth is


@pytest.fixture(scope="module")
def account() -> Json:
    return {"contacts": 70, "audiences": 2, "campaigns": 14, "recipients": 24, "import_size": 5, "segments": 2}


def stages(run: SourceRun) -> dict[str, list[tuple[Json, set[Any]]]]:
    """Of each stream: its states, each with the keys of the records that came before it."""
    found: dict[str, list[tuple[Json, set[Any]]]] = {}
    before: dict[str, set[Any]] = {}
    for message in run.messages:
        if message["type"] == "RECORD":
            name, data = message["record"]["stream"], message["record"]["data"]
            before.setdefault(name, set()).add(tuple(data.get(key) for key in STREAMS[name].key))
        elif message["type"] == "STATE":
            name = message["state"]["stream"]["stream_descriptor"]["name"]
            found.setdefault(name, []).append((message["state"], set(before.get(name, ()))))
    return found


def cuts(found: dict[str, list[tuple[Json, set[Any]]]]) -> Iterator[dict[str, tuple[Json, set[Any]]]]:
    """The first state of every stream, then the second of those that have one … up to the last of the longest."""
    for number in range(max(map(len, found.values()))):
        yield {name: states[number] for name, states in found.items() if number < len(states)}


@pytest.mark.parametrize("mode", ["full_refresh", "incremental"])
def test_resuming_from_any_state_loses_no_row(source: SourceHarness, mode: str) -> None:
    """What came before a state and what a sync from it brings make the whole, in each stream."""
    names = list(STREAMS) if mode == "full_refresh" else INCREMENTAL
    whole = source.read(names, mode, page_size=PAGE)
    assert whole.complete == set(names)
    found = stages(whole)
    assert {name for name in LONG if name in names and len(found[name]) < 3} == set()

    for number, cut in enumerate(cuts(found)):
        if number >= ALL_UP_TO and number % 4:
            continue
        resumed = source.read(cut, mode, [state for state, _ in cut.values()], page_size=PAGE)
        assert resumed.complete == set(cut)
        for name, (state, before) in cut.items():
            lost = set(whole.keys(name)) - before - set(resumed.keys(name))
            assert lost == set(), f"{name} lost {lost} after its state {number}: {state}"


@pytest.fixture(scope="module")
def long_slices(
    make_source: Callable[[Json, Path], AbstractContextManager[SourceHarness]], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[SourceHarness]:
    """An account of few campaigns and audiences with many rows each."""
    account = {"contacts": 400, "audiences": 1, "campaigns": 2, "recipients": 300, "plain": True, "import_size": 5}
    with make_source(account, tmp_path_factory.mktemp("long")) as source:
        yield source


@pytest.mark.parametrize("mode", ["full_refresh", "incremental"])
@pytest.mark.parametrize("name", ["list_members", "audience_contacts", "email_activity", "sent_to", "member_events"])
def test_resuming_does_not_begin_anew(long_slices: SourceHarness, mode: str, name: str) -> None:
    """From a state in the middle a sync reads what is left and little more."""
    whole = long_slices.read([name], mode, page_size=PAGE)
    states = stages(whole)[name]

    for middle, before in (states[len(states) // 2], states[-2]):  # the last one says that all is done
        resumed = long_slices.read([name], mode, [middle], page_size=PAGE)

        left = set(whole.keys(name)) - before
        assert len(set(resumed.keys(name)) - left) <= len(whole.keys(name)) / 8


def test_a_finished_full_refresh_begins_anew(source: SourceHarness) -> None:
    """The state at the end of a full refresh never makes the next one empty."""
    first = source.read(mode="full_refresh")
    assert len(first.last_states) == len(STREAMS)

    second = source.read(mode="full_refresh", state=first.last_states)

    assert second.complete == set(STREAMS)
    assert second.counts == first.counts


def test_every_stream_ends_with_a_state(source: SourceHarness) -> None:
    """Airbyte learns from the last state of a stream that it is done, also where there was no row."""
    run = source.read()

    last = {}
    for message in run.messages:
        if message["type"] == "STATE":
            last[message["state"]["stream"]["stream_descriptor"]["name"]] = "STATE"
        elif message["type"] == "RECORD":
            last[message["record"]["stream"]] = "RECORD"
    assert last == dict.fromkeys(STREAMS, "STATE")


def test_the_second_sync_brings_the_contacts_that_changed_and_no_others(source: SourceHarness) -> None:
    """Changed, joined, unsubscribed, archived and unarchived ones, each in its latest version."""
    control = source.simulator.control
    first = source.read(["list_members"])
    control.clock(advance=HOUR)
    changed = [
        change["hash"]
        for kind in ("update", "join", "unsubscribe", "archive", "unarchive")
        for change in control.change(kind, count=3)
    ]
    control.clock(advance=60)

    second = source.read(["list_members"], state=first.last_states)

    assert {record["id"] for record in second.records("list_members")} == set(changed)
    for record in second.records("list_members"):
        really = control.contact(record["list_id"], record["id"])
        assert (record["last_changed"], record["status"]) == (really["last_changed"], really["status"])


def test_a_third_sync_without_changes_brings_nothing(source: SourceHarness) -> None:
    """Nothing new, no records: the cursor has moved past what was emitted."""
    control = source.simulator.control
    names = ["list_members", "email_activity", "unsubscribes", "open_details", "sent_to"]
    control.clock(advance=HOUR)
    control.change("update", count=3)
    control.clock(advance=HOUR)
    first = source.read(names, activity_lookback_days=0)
    control.clock(advance=HOUR)

    second = source.read(names, state=first.last_states, activity_lookback_days=0)

    assert second.complete == set(names)
    assert second.counts == {}


BELOW_REPORTS = ("email_activity", "open_details", "click_details", "sent_to", "unsubscribes", "click_detail_members")


def test_only_campaigns_with_news_are_asked_again(source: SourceHarness) -> None:
    """Opens, clicks, bounces and unsubscribes of old campaigns are found, and quiet campaigns cost nothing."""
    control = source.simulator.control
    first = source.read([*BELOW_REPORTS, "reports", "campaigns"], activity_lookback_days=0)
    control.clock(advance=HOUR)
    opened, clicked, bounced, left = sorted(record["id"] for record in first.records("reports"))[:4]
    control.add_events([opened], opens=2)
    control.add_events([clicked], clicks=3)
    control.add_events([bounced], bounces=1)
    control.add_events([left], unsubscribes=2)
    control.clock(advance=60)
    control.reset_stats()

    second = source.read(
        [*BELOW_REPORTS, "reports", "campaigns"],
        state=first.last_states,
        activity_lookback_days=0,
        refresh_window_days=0,
    )

    assert second.exit_code == 0
    new = set(second.keys("email_activity")) - set(first.keys("email_activity"))
    assert len(new) == 2 + 3 + 1
    # Whatever opens a campaign, all of it is read again: what is late carries an old date.
    assert {record["campaign_id"] for record in second.records("email_activity")} == {opened, clicked, bounced, left}
    assert {(record["campaign_id"], record["email_id"]) for record in second.records("unsubscribes")} - {
        (record["campaign_id"], record["email_id"]) for record in first.records("unsubscribes")
    } != set()
    by_path = control.stats()["by_path"]
    # Some split campaigns are asked for their versions besides, one small request each.
    details = [path for path in by_path if "/reports/" in path and not path.endswith("/sub-reports")]
    asked = {path.split("/reports/")[1].split("/")[0] for path in details}
    news = {opened, clicked, bounced, left}
    assert news <= asked
    # What only counts tell is told for a few campaigns together, so one or two quiet ones may be asked as well.
    assert len(asked - news) <= 2
    assert {opened, clicked} <= {record["id"] for record in second.records("reports")}
    assert {opened, clicked} <= {record["id"] for record in second.records("campaigns")}
    assert len(second.records("reports")) < len(first.records("reports"))


@pytest.mark.parametrize("reading", ["summed", "own"])
def test_news_of_one_version_of_a_split_campaign_are_found(source: SourceHarness, reading: str) -> None:
    """A version's opens may be its own: else its parent's report shows that some version has had some."""
    control = source.simulator.control
    control.facts(split_totals=reading)
    first = source.read(["email_activity", "sub_reports"], activity_lookback_days=0)
    children = [record for record in first.records("sub_reports") if record["type"] == "variate-child"]
    version, parent = children[0]["id"], children[0]["campaign_id"]
    control.clock(advance=HOUR)
    control.add_events([version], opens=2)
    control.clock(advance=60)

    second = source.read(["email_activity"], state=first.last_states, activity_lookback_days=0)

    new = set(second.keys("email_activity")) - set(first.keys("email_activity"))
    assert len(new) == 2
    siblings = {record["id"] for record in children if record["campaign_id"] == parent}
    read = {record["campaign_id"] for record in second.records("email_activity")}
    assert read == ({version} if reading == "own" else siblings)


@pytest.mark.parametrize("reading", ["summed", "own"])
def test_no_event_of_any_version_is_lost_however_late_it_shows(source: SourceHarness, reading: str) -> None:
    control = source.simulator.control
    control.facts(split_totals=reading)
    first = source.read(["email_activity", "sub_reports"])
    versions = sorted(record["id"] for record in first.records("sub_reports") if record["type"] == "variate-child")
    seen, states = set(first.keys("email_activity")), first.last_states
    chosen = random.Random(1)  # noqa: S311 - not for secrets
    for day in range(1, 6):
        control.clock(advance=24 * HOUR)
        ago = chosen.choice([0, HOUR, 30 * HOUR])
        control.add_events(chosen.sample(versions, 1), opens=day, ago=ago, first=2 * day)
        control.add_events(chosen.sample(versions, 1), bounces=1, ago=ago, first=day)
        run = source.read(["email_activity"], state=states, activity_lookback_days=0)
        seen |= set(run.keys("email_activity"))
        states = run.last_states

    assert set(source.read(["email_activity"], "full_refresh").keys("email_activity")) == seen
    assert len(versions) > 1


VERSIONED = ("email_activity", "click_details", "click_detail_members")


@pytest.mark.parametrize("mode, names, page_size", [("incremental", VERSIONED, 20), ("full_refresh", VERSIONED[1:], 2)])
def test_versions_that_could_not_be_listed_are_read_whole_when_they_can(
    source: SourceHarness, mode: str, names: tuple[str, ...], page_size: int
) -> None:
    """A refused list of a campaign's versions keeps them open in every state, also of a sync that is cut short."""
    control = source.simulator.control
    whole = source.read([*names, "sub_reports"], mode)
    split = sorted({record["campaign_id"] for record in whole.records("sub_reports")})
    refused = split[0]
    control.fault("status", f"/reports/{refused}/sub-reports", status=403, title="Forbidden")
    first = source.read(names, mode, page_size=page_size)
    control.clear_faults()
    control.clock(advance=HOUR)

    assert first.complete == (set(names) if mode == "incremental" else set())
    assert any(refused in text and "can't be listed" in text for text in first.logs("WARN"))
    for name in names:
        assert set(first.keys(name)) < set(whole.keys(name)), name
    assert len(first.states) > len(names), "some of them are of a run that was under way"
    for cut in range(1, len(first.states) + 1):
        saved = list({state["stream"]["stream_descriptor"]["name"]: state for state in first.states[:cut]}.values())
        second = source.read(names, mode, saved, activity_lookback_days=0)

        for name in names:
            assert set(first.keys(name)) | set(second.keys(name)) == set(whole.keys(name)), (name, cut)
        if mode == "full_refresh":
            continue  # the next one begins anew
        third = source.read(names, state=second.last_states, activity_lookback_days=0)
        for name in names:
            assert third.keys(name) == [], "what has been made up for does not come again"


def test_a_new_segment_and_a_renamed_one_are_found(source: SourceHarness) -> None:
    """Segments are read by their date of change; the others don't come again."""
    simulator = source.simulator
    first = source.read(["segments"])
    simulator.control.clock(advance=HOUR)
    renamed = first.records("segments")[0]
    under = f"{simulator.api_url}/lists/{renamed['list_id']}/segments"
    key = ("any", simulator.api_key)
    made = requests.post(under, json={"name": "New", "static_segment": []}, auth=key, timeout=10).json()
    requests.patch(f"{under}/{renamed['id']}", json={"name": "Renamed"}, auth=key, timeout=10).raise_for_status()
    simulator.control.clock(advance=HOUR)

    second = source.read(["segments"], state=first.last_states)
    third = source.read(["segments"], state=second.last_states)

    assert {record["id"]: record["name"] for record in second.records("segments")} == {
        made["id"]: "New",
        renamed["id"]: "Renamed",
    }
    assert third.records("segments") == []


def test_a_stream_that_cannot_be_incremental_is_read_whole_with_a_warning(source: SourceHarness) -> None:
    """A catalog that asks for what the API can't tell gets everything, and is told so."""
    catalog = source.catalog(["tags"])
    for configured in catalog["streams"]:
        configured["sync_mode"] = "incremental"
    first = source.in_process("read", source.config(), catalog)

    second = source.in_process("read", source.config(), catalog, first.last_states)

    assert second.counts["tags"] == first.counts["tags"] > 0
    assert [text for text in second.logs("WARN") if "tags: no incremental mode; reading in full" in text] != []
