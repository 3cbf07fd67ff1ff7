"""Each option does what its description says."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any
from urllib.parse import parse_qs

import pytest

from integration_tests.harness.source import SourceHarness
from source_mailchimp.streams import STREAMS

Json = dict[str, Any]
MEMBERS = "/lists/{list_id}/members"


@pytest.fixture(scope="module")
def account() -> Json:
    return {"contacts": 160, "audiences": 2, "campaigns": 8, "recipients": 20, "plain": True, "import_size": 10}


def rows(source: SourceHarness, path: str) -> list[Json]:
    return [item["row"] for item in source.simulator.control.ground_truth(path, "rows")["rows"]]


def asked_for(source: SourceHarness) -> set[str]:
    """Every id that stood in the path of a request."""
    return {part for entry in source.simulator.control.log() for part in entry[3].split("/")}


@pytest.mark.parametrize("mode", ["full_refresh", "incremental"])
def test_start_date_leaves_out_what_is_older(source: SourceHarness, mode: str) -> None:
    """Contacts and events before it stay out, the ones after it come; audiences and campaigns all do."""
    contacts = sorted(rows(source, MEMBERS), key=lambda row: row["last_changed"])
    start = contacts[len(contacts) // 2]["last_changed"]
    names = ["lists", "campaigns", "reports", "list_members", "email_activity"]
    everything = source.read(names, mode)

    run = source.read(names, mode, start_date=start)

    found = {(record["list_id"], record["id"]) for record in run.records("list_members")}
    assert found == {(row["list_id"], row["id"]) for row in contacts if row["last_changed"] >= start}
    assert 0 < len(found) < len(contacts)
    events = {record["activity_id"] for record in run.records("email_activity")}
    after = {record["activity_id"] for record in everything.records("email_activity") if record["timestamp"] >= start}
    assert events == after
    assert 0 < len(events) < len(everything.records("email_activity"))
    for name in ("lists", "campaigns", "reports"):
        assert run.counts[name] == everything.counts[name] > 0


def test_only_the_chosen_audiences_are_read(source: SourceHarness) -> None:
    """With list_ids, another audience is asked nothing, appears in no stream, and nothing of the chosen is missing."""
    chosen, other = (row["id"] for row in rows(source, "/lists"))
    everything = source.read(mode="full_refresh")
    foreign = {other, *(record["id"] for record in everything.records("campaigns")
                        if record["recipients"]["list_id"] == other)}  # fmt: skip
    assert foreign <= asked_for(source)
    source.simulator.control.reset_stats()

    run = source.read(mode="full_refresh", list_ids=[chosen])

    assert run.complete == set(STREAMS)
    for name in STREAMS:
        records = run.records(name)
        assert other not in {record.get("list_id") for record in records}, name
        assert other not in {(record.get("recipients") or {}).get("list_id") for record in records}, name
    for name in ("lists", "audiences"):
        assert [record["id"] for record in run.records(name)] == [chosen]
    for name in ("list_members", "merge_fields", "segments", "segment_members", "campaigns", "reports",
                 "email_activity", "member_tags", "unsubscribes"):  # fmt: skip
        expected = {
            key
            for key, record in zip(everything.keys(name), everything.records(name), strict=True)
            if chosen in {record.get("list_id"), (record.get("recipients") or {}).get("list_id")}
        }
        assert set(run.keys(name)) == expected, name
    assert everything.counts["list_members"] > run.counts["list_members"] > 0
    assert foreign & asked_for(source) == set()


def test_an_audience_that_is_added_later_is_read_from_its_beginning(source: SourceHarness) -> None:
    """The cursor of the audiences that were chosen before doesn't hold for a new one."""
    first_id, second_id = (row["id"] for row in rows(source, "/lists"))
    names = ["list_members", "email_activity", "segments", "sent_to"]
    whole = source.read(names)
    first = source.read(names, list_ids=[first_id])
    source.simulator.control.clock(advance=3600)

    second = source.read(names, state=first.last_states, list_ids=[first_id, second_id], activity_lookback_days=0)

    for name in names:
        assert set(first.keys(name)) | set(second.keys(name)) == set(whole.keys(name)), name
    assert {record["list_id"] for record in second.records("list_members")} == {second_id}


@pytest.mark.parametrize("archived", [True, False])
def test_archived_contacts_can_be_left_out(source: SourceHarness, archived: bool) -> None:  # noqa: FBT001
    """They are read unless the option says no."""
    run = source.read(["list_members"], include_archived=archived)

    found = {record["id"] for record in run.records("list_members") if record["status"] == "archived"}
    expected = {row["id"] for row in rows(source, MEMBERS) if row["status"] == "archived"}
    assert expected != set()
    assert found == (expected if archived else set())
    assert len({record["id"] for record in run.records("list_members") if record["status"] != "archived"}) > 100


def test_a_page_size_of_one_counts_as_two(source: SourceHarness) -> None:
    """Saved configurations may have it: the option says what becomes of it, and so does the log."""
    run = source.read(["list_members", "segments"], page_size=1)

    assert run.complete == {"list_members", "segments"}
    assert len(set(run.keys("list_members"))) == source.simulator.control.ground_truth(MEMBERS)["count"]
    counts = [parse_qs(entry[4]).get("count", ["0"])[0] for entry in source.simulator.control.log()]
    assert max(map(int, counts)) == 2
    assert "page_size: 1 counts as 2, the smallest page there is" in run.logs("WARN")
    [spec] = source.in_process("spec").of("SPEC")
    assert "1 counts as 2" in spec["connectionSpecification"]["properties"]["page_size"]["description"]


@pytest.mark.parametrize("size", [2, 7, 50, 1000])
def test_no_page_is_larger_than_the_page_size(source: SourceHarness, size: int) -> None:
    """And all rows come, whatever it is."""
    run = source.read(["list_members", "email_activity", "audience_contacts"], page_size=size)

    assert run.complete == {"list_members", "email_activity", "audience_contacts"}
    assert len(set(run.keys("list_members"))) == source.simulator.control.ground_truth(MEMBERS)["count"]
    counts = [
        int(parse_qs(entry[4])["count"][0])
        for entry in source.simulator.control.log()
        if "count=" in entry[4] and "/landing-pages" not in entry[3]
    ]
    assert max(counts) == size


def test_the_look_back_asks_recent_campaigns_for_what_shows_in_no_date(source: SourceHarness) -> None:
    """Within activity_lookback_days of its sending a campaign is asked with every sync, later only when it has news."""
    control = source.simulator.control
    first = source.read(["email_activity", "unsubscribes"])
    sent = {row["id"]: row["send_time"] for row in rows(source, "/reports")}
    now = datetime.fromtimestamp(control.clock(advance=60), timezone.utc)
    ages = {id_: (now - datetime.fromisoformat(sent_at)).days for id_, sent_at in sent.items()}
    asked = {}
    for days in (0, min(ages.values()) + 1, 365):
        control.reset_stats()
        source.read(["unsubscribes"], state=first.last_states, activity_lookback_days=days)
        asked[days] = {entry[3].split("/reports/")[1].split("/")[0] for entry in control.log("/reports/")}

    assert asked == {days: {id_ for id_, age in ages.items() if age < days} for days in asked}
    assert len({frozenset(ids) for ids in asked.values()}) == 3


def test_a_chosen_audience_that_is_gone_is_warned_about(source: SourceHarness) -> None:
    """Deleted since it was chosen: the others are read, and somebody is told."""
    kept = rows(source, "/lists")[0]["id"]

    run = source.read(["list_members"], list_ids=["ffffffffff", kept])

    assert {record["list_id"] for record in run.records("list_members")} == {kept}
    assert [text for text in run.logs("WARN") if "ffffffffff" in text] != []


@pytest.mark.parametrize("workers", [2, 6, 10])
def test_there_are_never_more_requests_under_way_than_allowed(source: SourceHarness, workers: int) -> None:
    """num_workers bounds all streams together, and it is made use of."""
    source.simulator.control.latency(seconds=0.03)

    run = source.read(["list_members", "email_activity", "segments", "member_tags"], num_workers=workers, page_size=50)

    stats = source.simulator.control.stats()
    assert run.exit_code == 0
    assert stats["most_in_flight"] == workers
    assert stats["refused"] == 0


def test_the_refresh_window_decides_which_campaigns_come_again(source: SourceHarness) -> None:
    """Sent within it: again with every sync. Older and quiet: not."""
    first = source.read(["campaigns", "reports"])
    source.simulator.control.clock(advance=60)

    none = source.read(["campaigns", "reports"], state=first.last_states, refresh_window_days=0,
                       activity_lookback_days=0)  # fmt: skip
    all_ = source.read(["campaigns", "reports"], state=first.last_states, refresh_window_days=3650)

    assert none.counts["reports"] == 0
    assert all_.counts["reports"] == first.counts["reports"] > 0
    assert none.counts["campaigns"] < all_.counts["campaigns"] == first.counts["campaigns"]
