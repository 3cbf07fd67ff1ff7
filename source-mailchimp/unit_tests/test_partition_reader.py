"""Streams are read slice by slice: what is cut short goes on where it stopped, what fails is told, the rest is read."""

from __future__ import annotations

import gc
import itertools
import logging
import weakref
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any
from unittest.mock import patch

import orjson
import pytest

from mailchimp_api.errors import (
    InvalidApiKey,
    MailchimpError,
    PermissionDenied,
    Problem,
    RequestRefused,
    ResourceGone,
    ResourceRefused,
    ServerFault,
)
from mailchimp_api.retries import RetryPolicy
from source_mailchimp.errors import ParentFailed, ParentRefused, PartlyRefused
from source_mailchimp.reader import outcome
from source_mailchimp.reader.fetcher import Page, Params
from source_mailchimp.stream import Record, Stream
from source_mailchimp.streams import STREAMS
from unit_tests.mailchimp_model import ModelFetcher, Reader, Site, date, every_state_goes_out

MEMBERS = "lists/l1/segments/7/members"
SEGMENT_MEMBERS = STREAMS["segment_members"]
UNSUBSCRIBES = STREAMS["unsubscribes"]
REPORTS = STREAMS["reports"]


@pytest.fixture(autouse=True)
def _every_state_goes_out() -> Iterator[None]:
    with every_state_goes_out():
        yield


def segment(size: int, **options: Any) -> Site:
    return Site(
        tables={
            "lists": [{"id": "l1"}],
            "lists/l1/segments": [{"id": 7, "list_id": "l1"}],
            MEMBERS: [{"id": f"m{number}"} for number in range(size)],
        },
        **options,
    )


def report(name: str, *, unsubscribed: int = 0, sent: int = 1000, audience: str = "l1") -> Record:
    return {
        "id": name,
        "type": "regular",
        "list_id": audience,
        "send_time": date(sent),
        "opens": {"last_open": ""},
        "clicks": {"last_click": ""},
        "unsubscribed": unsubscribed,
    }


def campaigns(size: int) -> Site:
    """Sent long ago, with one unsubscribe each."""
    site = Site(now=50_000_000)
    site.tables["reports"] = [report(f"r{number:04}", unsubscribed=1) for number in range(size)]
    for row in site.tables["reports"]:
        leave(site, row, "e0", 2000)
    return site


def leave(site: Site, row: Record, email: str, second: int) -> None:
    path = f"reports/{row['id']}/unsubscribed"
    site.tables.setdefault(path, []).append(
        {"campaign_id": row["id"], "email_id": email, "timestamp": date(second), "list_id": row["list_id"]}
    )


def ids(rows: list[Record]) -> set[str]:
    return {row["id"] for row in rows}


def refused() -> ResourceRefused:
    return ResourceRefused("no", problem=Problem(403, "Forbidden"))


def once(error: Exception) -> Callable[[Mapping[str, Any]], Exception | None]:
    left = [error]
    return lambda _: left.pop() if left else None


class TestResume:
    def test_a_killed_read_goes_on_where_it_stopped(self) -> None:
        site = segment(200)
        reader = Reader(site, SEGMENT_MEMBERS, full_refresh=True, page_size=10)
        reader.sync(kill_after=25)
        before = len(reader.emitted)

        assert reader.sync()

        assert ids(reader.emitted) == ids(site.tables[MEMBERS])
        assert before > 50
        assert len(reader.emitted) <= 200 + 30

    @pytest.mark.parametrize("gone", [1, 9, 15, 40])
    def test_rows_that_go_before_the_place_it_stopped_at_hide_none(self, gone: int) -> None:
        """They move up what comes after them, past any overlap."""
        for kill in range(3, 40, 3):
            site = segment(100)
            reader = Reader(site, SEGMENT_MEMBERS, full_refresh=True, page_size=10)
            reader.sync(kill_after=kill)
            del site.tables[MEMBERS][:gone]

            assert reader.sync()

            assert ids(site.tables[MEMBERS]) <= ids(reader.emitted), f"killed after {kill} events"

    @pytest.mark.parametrize("gone", [0, 1, 5, 9, 40])
    def test_parents_are_as_complete_for_their_children_and_for_themselves(self, gone: int) -> None:
        """Segments are read for themselves and others; a state in the middle of them skips none that moved."""
        for kill in range(3, 30, 3):
            site = segment(0)
            site.tables["lists/l1/segments"] = [{"id": number, "list_id": "l1"} for number in range(100)]
            reader = Reader(site, STREAMS["segments"], full_refresh=True, page_size=10, beside=[SEGMENT_MEMBERS])
            reader.sync(kill_after=kill)
            del site.tables["lists/l1/segments"][:gone]

            assert reader.sync()

            assert ids(site.tables["lists/l1/segments"]) <= ids(reader.emitted), f"killed after {kill} events"

    def test_counts_that_change_between_a_kill_and_the_next_sync_are_seen(self) -> None:
        """A campaign that was done before the kill has another unsubscribe after it: only its count tells."""
        for kill in range(4, 60, 5):
            site = campaigns(40)
            reader = Reader(site, UNSUBSCRIBES)
            assert reader.sync()
            for row in site.tables["reports"]:
                row["unsubscribed"] += 1
                leave(site, row, "e1", 50_000_000 + 1)
            site.now += 10_000_000
            reader.sync(kill_after=kill)
            for row in site.tables["reports"]:
                row["unsubscribed"] += 1
                leave(site, row, "e2", site.now + 1)
            site.now += 10_000_000

            assert reader.sync()
            assert reader.sync()

            emitted = {(row["campaign_id"], row["email_id"]) for row in reader.emitted}
            assert len(emitted) == 40 * 3, f"killed after {kill} events"

    def test_a_state_without_counts_is_made_up_for_once(self) -> None:
        """Airbyte's own connector writes such: an old campaign had an unsubscribe since, which only its count tells."""
        site = campaigns(40)
        leave(site, site.tables["reports"][3], "e1", 49_000_000)
        reader = Reader(site, UNSUBSCRIBES)
        reader.state = {
            "version": 1,
            "slices": {row["id"]: {"cursor": date(48_000_000)} for row in site.tables["reports"]},
        }

        assert reader.sync()
        asked = len(site.requests)
        assert reader.sync()

        assert ("r0003", "e1") in {(row["campaign_id"], row["email_id"]) for row in reader.emitted}
        assert len(site.requests) - asked < 10

    @pytest.mark.parametrize("full_refresh", [False, True])
    def test_what_came_after_the_start_date_is_found_in_older_campaigns(self, full_refresh: bool) -> None:  # noqa: FBT001
        site = campaigns(40)
        for row in site.tables["reports"][1::2]:
            row["unsubscribed"] = 0
        leave(site, site.tables["reports"][4], "e1", 49_000_000)
        reader = Reader(site, UNSUBSCRIBES, full_refresh=full_refresh, start_date=date(48_000_000))

        assert reader.sync()

        asked = {path for path, _ in site.requests if path.endswith("/unsubscribed")}
        assert [(row["campaign_id"], row["email_id"]) for row in reader.emitted] == [("r0004", "e1")]
        assert len(asked) == 20, "where nobody unsubscribed, nobody is asked for"

    def test_reports_that_changed_in_their_counts_only_survive_a_kill(self) -> None:
        for kill in range(2, 12):
            site = campaigns(60)
            reader = Reader(site, REPORTS, page_size=10, refresh_window_days=1)
            assert reader.sync()
            reader.emitted.clear()
            site.tables["reports"][3]["unsubscribed"] = 9
            site.tables["reports"].append(report("new", sent=site.now))
            site.tables["reports"].insert(0, report("new too", sent=site.now))
            site.now += 100

            reader.sync(kill_after=kill)
            assert reader.sync()

            assert {"r0003", "new", "new too"} <= ids(reader.emitted), f"killed after {kill} events"

    def test_counts_of_reports_that_change_between_a_kill_and_the_next_sync_are_seen(self) -> None:
        """The first sync had emitted the report before it was killed."""
        for kill in range(2, 20):
            site = campaigns(60)
            reader = Reader(site, REPORTS, page_size=10, refresh_window_days=1)
            reader.sync(kill_after=kill)
            site.tables["reports"][3]["unsubscribed"] = 9
            site.now += 100

            assert reader.sync()

            emitted = {row["unsubscribed"] for row in reader.emitted if row["id"] == "r0003"}
            assert 9 in emitted, f"killed after {kill} events"

    def test_a_finished_full_refresh_begins_anew(self) -> None:
        site = segment(20)
        reader = Reader(site, SEGMENT_MEMBERS, full_refresh=True)

        assert reader.sync()
        assert reader.sync()

        assert len(reader.emitted) == 40


class TestFailures:
    @pytest.mark.parametrize("error", [ResourceGone("gone"), refused()], ids=["404", "403"])
    def test_a_parent_that_goes_in_the_middle_is_told_and_the_others_are_read(
        self, error: MailchimpError, caplog: pytest.LogCaptureFixture
    ) -> None:
        site = segment(50)
        site.tables["lists/l1/segments"].append({"id": 8, "list_id": "l1"})
        site.tables["lists/l1/segments/8/members"] = [{"id": f"n{number}"} for number in range(50)]
        site.faults[MEMBERS] = lambda params: error if params["offset"] > 20 else None
        reader = Reader(site, SEGMENT_MEMBERS, full_refresh=True, page_size=10)

        with caplog.at_level(logging.WARNING):
            assert reader.sync()

        assert {f"n{number}" for number in range(50)} <= ids(reader.emitted)
        assert "segment_members: 1 of 2 segments" in caplog.text

    def test_one_slice_that_fails_fails_the_stream_at_its_end_and_is_read_next_time(self) -> None:
        site = campaigns(20)
        site.faults["reports/r0005/unsubscribed"] = once(ServerFault("down"))
        reader = Reader(site, UNSUBSCRIBES)

        assert not reader.sync()
        first = {row["campaign_id"] for row in reader.emitted}
        assert reader.sync()

        assert (len(first), isinstance(reader.error, ServerFault)) == (19, False)
        assert {row["campaign_id"] for row in reader.emitted} == ids(site.tables["reports"])

    @pytest.mark.parametrize("failing", [1, 2], ids=["all", "every other"])
    def test_however_many_slices_fail_the_state_stays_small_and_nothing_is_lost(self, failing: int) -> None:
        site = campaigns(2000)
        for row in site.tables["reports"][::failing]:
            site.faults[f"reports/{row['id']}/unsubscribed"] = lambda _: ServerFault("down")
        reader = Reader(site, UNSUBSCRIBES)

        assert not reader.sync()
        size = max(len(orjson.dumps(state)) for state in reader.states)
        site.faults.clear()
        assert reader.sync()

        assert size < 20_000
        assert {row["campaign_id"] for row in reader.emitted} == ids(site.tables["reports"])

    @pytest.mark.parametrize("kill", range(3, 60, 8))
    def test_what_was_refused_before_a_kill_is_read_whole_when_it_is_allowed_again(self, kill: int) -> None:
        site = campaigns(40)
        site.faults["reports/r0001/unsubscribed"] = lambda _: refused()
        reader = Reader(site, UNSUBSCRIBES, page_size=2)
        reader.sync(kill_after=kill)
        assert reader.sync()
        site.faults.clear()
        site.now += 10_000_000

        assert reader.sync()

        assert {row["campaign_id"] for row in reader.emitted} == ids(site.tables["reports"])

    @pytest.mark.parametrize("kill", [250, 500, 1000, 2000])
    def test_more_refusals_than_a_state_can_name_are_all_asked_again(self, kill: int) -> None:
        """After a kill as after an end: such a run is not gone on from, and its state speaks for none of them."""
        site = campaigns(700)
        for row in site.tables["reports"][::2]:
            site.faults[f"reports/{row['id']}/unsubscribed"] = lambda _: refused()
        reader = Reader(site, UNSUBSCRIBES)
        with patch.object(outcome, "_MOST_REFUSED", 100):
            reader.sync(kill_after=kill)
            site.faults.clear()
            site.now += 10_000_000

            assert reader.sync()

        assert max(len(orjson.dumps(state)) for state in reader.states) < 20_000
        assert {row["campaign_id"] for row in reader.emitted} == ids(site.tables["reports"])

    def test_hundreds_of_refusals_are_remembered_and_cost_later_syncs_nothing_else(self) -> None:
        """Those are asked again; what was read does not come again."""
        site = campaigns(700)
        for row in site.tables["reports"][::2]:
            site.faults[f"reports/{row['id']}/unsubscribed"] = lambda _: refused()
        reader = Reader(site, UNSUBSCRIBES)
        assert reader.sync()
        first = len(reader.emitted)
        site.now += 10_000_000

        assert reader.sync()

        assert first > 0
        assert len(reader.emitted) == first

    def test_the_others_are_read_though_too_many_are_refused(self, caplog: pytest.LogCaptureFixture) -> None:
        site = campaigns(700)
        for row in site.tables["reports"][::2]:
            site.faults[f"reports/{row['id']}/unsubscribed"] = lambda _: refused()
        reader = Reader(site, UNSUBSCRIBES)

        with caplog.at_level(logging.WARNING), patch.object(outcome, "_MOST_REFUSED", 100):
            assert reader.sync()

        assert {row["campaign_id"] for row in reader.emitted} == ids(site.tables["reports"][1::2])
        assert "350 of 700 reports were refused and skipped; too many" in caplog.text
        assert reader.state == {"version": 1}

    @pytest.mark.parametrize("name", ["lists", "reports", "templates"])
    def test_a_listing_without_a_parent_that_is_not_there_is_a_failure_and_not_an_empty_one(self, name: str) -> None:
        site = Site(faults={STREAMS[name].path: lambda _: ResourceGone("Mailchimp answered 404")})
        reader = Reader(site, STREAMS[name], full_refresh=not STREAMS[name].incremental)

        assert not reader.sync()

        assert isinstance(reader.error, ResourceGone)
        assert "cursor" not in reader.state

    def test_what_is_below_a_listing_that_is_not_there_is_not_empty_either(self) -> None:
        site = segment(10, faults={"lists": lambda _: ResourceGone("Mailchimp answered 404")})
        reader = Reader(site, SEGMENT_MEMBERS, full_refresh=True)

        assert not reader.sync()

    @pytest.mark.parametrize("failing", [range(6), range(10, 23), range(20, 46)])
    def test_neighbours_that_fail_do_not_keep_the_others_waiting(self, failing: range) -> None:
        """Some in a row look like trouble of Mailchimp's own; when others are answered meanwhile, it isn't."""
        site = campaigns(900)
        rows = site.tables["reports"]
        for number in failing:
            site.faults[f"reports/{rows[number]['id']}/unsubscribed"] = lambda _: ServerFault("down")
        reader = Reader(site, UNSUBSCRIBES)

        assert not reader.sync()
        site.faults.clear()
        assert reader.sync()

        assert {row["campaign_id"] for row in reader.emitted} == ids(rows)

    def test_a_parent_that_fails_fails_its_children_and_nobody_waits_for_it(self) -> None:
        site = segment(10)
        site.faults["lists/l1/segments"] = lambda _: ServerFault("down")
        reader = Reader(site, SEGMENT_MEMBERS, full_refresh=True)

        assert not reader.sync()

        assert "segments could not be read" in str(reader.error)

    def test_a_sync_that_is_given_up_leaves_nothing_under_way(self, caplog: pytest.LogCaptureFixture) -> None:
        for kill in range(15):
            site = campaigns(30)
            Reader(site, UNSUBSCRIBES, page_size=5).sync(kill_after=kill)
            gc.collect()

        assert not [record.getMessage() for record in caplog.records if record.name == "asyncio"]


class TestLastingFailures:
    """What always fails holds up nothing else, and is never taken for read."""

    def test_one_campaign_that_always_fails_costs_no_news_of_the_others(self) -> None:
        site = campaigns(20)
        site.faults["reports/r0005/unsubscribed"] = lambda _: ServerFault("down")
        reader = Reader(site, UNSUBSCRIBES)
        assert not reader.sync()
        for email in ("e1", "e2"):
            for row in site.tables["reports"]:
                row["unsubscribed"] += 1
                leave(site, row, email, site.now - 1000)
            site.now += 10_000_000
            reader.emitted.clear()

            assert not reader.sync()

            assert {(row["campaign_id"], row["email_id"]) for row in reader.emitted} >= {
                (f"r{number:04}", email) for number in range(20) if number != 5
            }
        assert isinstance(reader.error, ServerFault)
        site.faults.clear()
        reader.emitted.clear()

        assert reader.sync()

        mine = {row["email_id"] for row in reader.emitted if row["campaign_id"] == "r0005"}
        assert mine == {"e0", "e1", "e2"}

    def test_a_quiet_account_is_asked_only_for_what_is_open(self, caplog: pytest.LogCaptureFixture) -> None:
        site = campaigns(20)
        site.faults["reports/r0005/unsubscribed"] = lambda _: ServerFault("down")
        reader = Reader(site, UNSUBSCRIBES)
        assert not reader.sync()
        site.requests.clear()
        site.now += 100

        with caplog.at_level(logging.WARNING):
            assert not reader.sync()

        assert [path for path, _ in site.requests if path.endswith("/unsubscribed")] == ["reports/r0005/unsubscribed"]
        assert "r0005" in caplog.text

    def test_a_full_refresh_goes_on_with_what_failed(self) -> None:
        site = campaigns(20)
        site.faults["reports/r0005/unsubscribed"] = lambda _: ServerFault("down")
        reader = Reader(site, UNSUBSCRIBES, full_refresh=True)
        assert not reader.sync()
        site.faults.clear()
        reader.emitted.clear()

        assert reader.sync()

        assert [row["campaign_id"] for row in reader.emitted] == ["r0005"]

    def test_a_parent_of_which_a_part_fails_lets_the_children_of_the_rest_be_read(self) -> None:
        site = segment(5)
        site.tables["lists"].append({"id": "l2"})
        site.tables["lists/l2/segments"] = [{"id": 8, "list_id": "l2"}]
        site.tables["lists/l2/segments/8/members"] = [{"id": "n0"}]
        site.faults["lists/l1/segments"] = lambda _: ServerFault("down")
        reader = Reader(site, SEGMENT_MEMBERS, full_refresh=True)

        assert not reader.sync()

        assert ids(reader.emitted) == {"n0"}
        assert "segments could not be read" in str(reader.error)
        site.faults.clear()
        assert reader.sync()
        assert ids(reader.emitted) == {"n0", *(f"m{number}" for number in range(5))}

    @pytest.mark.parametrize("waits", [1, 8])
    def test_hundreds_of_others_are_read_while_the_first_waits_for_its_next_try(self, waits: int) -> None:
        site = campaigns(600)
        failing = [f"reports/r{number:04}/unsubscribed" for number in range(waits)]
        for path in failing:
            site.faults[path] = lambda _: ServerFault("down")
        reader = Reader(site, UNSUBSCRIBES)
        reader.client.retry = RetryPolicy(attempts=4, first_wait=1000, longest_wait=1000, seconds=10_000)

        assert not reader.sync()

        order = [path for path, _ in site.requests if path.endswith("/unsubscribed")]
        last_try = max(index for index, path in enumerate(order) if path in failing)
        assert last_try >= len(order) - 3 * waits, "all others have been asked before"
        assert {row["campaign_id"] for row in reader.emitted} == {f"r{number:04}" for number in range(waits, 600)}


class TestRefusals:
    """A refusal is never taken for emptiness."""

    def test_what_is_below_a_refused_listing_is_not_empty(self, caplog: pytest.LogCaptureFixture) -> None:
        site = segment(10, faults={"lists": lambda _: refused()})
        for stream in (SEGMENT_MEMBERS, STREAMS["merge_fields"], STREAMS["list_members"], UNSUBSCRIBES):
            site.faults["reports"] = lambda _: refused()
            reader = Reader(site, stream, full_refresh=True)

            with caplog.at_level(logging.WARNING):
                assert not reader.sync()

            assert isinstance(reader.error, ParentRefused), stream.name
            assert ("reports" if stream is UNSUBSCRIBES else "lists") in str(reader.error)
            assert f"{stream.name} is not complete" in caplog.text

    def test_a_sync_that_could_read_nothing_at_all_is_a_failed_one(self) -> None:
        site = Site(faults={"lists": lambda _: refused()})
        reader = Reader(site, STREAMS["lists"])

        assert not reader.sync()

        assert isinstance(reader.error, PermissionDenied)

    def test_what_one_of_many_streams_may_not_read_is_a_warning(self, caplog: pytest.LogCaptureFixture) -> None:
        site = Site(tables={"templates": [{"id": 1}]}, faults={"lists": lambda _: refused()})
        reader = Reader(site, STREAMS["lists"], beside=[STREAMS["templates"]])

        with caplog.at_level(logging.WARNING):
            assert reader.sync()

        assert "lists is not available" in caplog.text

    @pytest.mark.parametrize("name", ["list_members", "merge_fields", "segments"])
    def test_a_full_refresh_without_a_refused_audience_is_not_complete(self, name: str) -> None:
        stream = STREAMS[name]
        site = Site(tables={"lists": [{"id": "l1"}, {"id": "l2"}]})
        site.tables["lists/l2/segments"] = site.tables["lists/l2/merge-fields"] = [{"id": 1, "merge_id": 1}]
        site.faults[stream.path.format(list_id="l1")] = lambda _: refused()
        whole = Reader(site, stream, full_refresh=True)

        assert not whole.sync()

        assert isinstance(whole.error, PartlyRefused)
        site.faults.clear()
        assert whole.sync()

    @pytest.mark.parametrize("name", ["list_members", "segments"])
    def test_what_is_new_is_read_without_a_refused_audience(self, name: str) -> None:
        stream = STREAMS[name]
        site = Site(tables={"lists": [{"id": "l1"}, {"id": "l2"}]})
        site.faults[stream.path.format(list_id="l1")] = lambda _: refused()

        assert Reader(site, stream).sync()


LAGS = pytest.mark.parametrize("lag", [60, 3_600, 86_400, 30 * 86_400], ids=["a minute", "an hour", "a day", "a month"])


@LAGS
class TestLateEvents:
    """What becomes visible after the sync that its date belongs to is found by the next one."""

    def synced(self, stream: Stream, site: Site) -> Reader:
        reader = Reader(site, stream, refresh_window_days=1)
        assert reader.sync()
        reader.emitted.clear()
        site.requests.clear()
        return reader

    def test_an_unsubscribe_shows_by_its_count(self, lag: int) -> None:
        site = campaigns(300)
        reader = self.synced(UNSUBSCRIBES, site)
        site.tables["reports"][7]["unsubscribed"] += 1
        leave(site, site.tables["reports"][7], "late", site.now - lag)
        site.now += 1_000

        assert reader.sync()

        assert ("r0007", "late") in {(row["campaign_id"], row["email_id"]) for row in reader.emitted}

    @pytest.mark.parametrize("name", ["email_activity", "open_details", "reports"])
    def test_an_open_shows_by_its_count_where_its_date_is_an_old_one(self, lag: int, name: str) -> None:
        """Few others are asked for its sake."""
        site = campaigns(300)
        stream = STREAMS[name]
        for row in site.tables["reports"]:
            row["opens"] = {"opens_total": 4, "last_open": date(3000)}
            site.tables[f"reports/{row['id']}/{name.replace('_', '-')}"] = [
                {"campaign_id": row["id"], "email_id": "e0", "activity": [{"action": "open", "timestamp": date(3000)}]}
            ]
        reader = self.synced(stream, site)
        row, at = site.tables["reports"][7], date(site.now - lag)
        row["opens"] = {"opens_total": 5, "last_open": at}
        site.tables[f"reports/{row['id']}/{name.replace('_', '-')}"].append(
            {"campaign_id": row["id"], "email_id": "late", "activity": [{"action": "open", "timestamp": at}]}
        )
        site.now += 1_000

        assert reader.sync()

        if name == "reports":
            assert "r0007" in ids(reader.emitted)
        else:
            assert ("r0007", "late") in {(row["campaign_id"], row["email_id"]) for row in reader.emitted}
            asked = {path for path, _ in site.requests if path.endswith(name.replace("_", "-"))}
            assert len(asked) <= 3


class TestParentsThatFail:
    """Nobody reads below what could not be read as if it were empty."""

    @pytest.mark.parametrize("name", ["list_members", "member_tags", "merge_fields", "segment_members"])
    def test_a_listing_of_audiences_that_fails_is_the_reason(self, name: str) -> None:
        site = segment(3, faults={"lists": lambda _: ServerFault("down")})
        for full_refresh in (True, not STREAMS[name].incremental):
            reader = Reader(site, STREAMS[name], full_refresh=full_refresh)

            assert not reader.sync()

            assert isinstance(reader.error, ParentFailed)
            assert "lists could not be read" in str(reader.error)


class TestVersions:
    """Of split campaigns, which other listings need not name."""

    def site(self, size: int) -> Site:
        site = Site(now=50_000_000)
        site.tables["reports"] = [{**report(f"p{number}", unsubscribed=1), "type": "variate"} for number in range(size)]
        for row in site.tables["reports"]:
            version = report(f"{row['id']}-a", unsubscribed=1)
            site.tables[f"reports/{row['id']}/sub-reports"] = [version]
            leave(site, version, "e0", 2000)
        return site

    @pytest.mark.parametrize("stream", [UNSUBSCRIBES, REPORTS], ids=lambda stream: stream.name)
    def test_a_request_that_mailchimp_will_not_carry_out_costs_that_campaigns_versions_only(
        self, stream: Stream, caplog: pytest.LogCaptureFixture
    ) -> None:
        site = self.site(6)
        site.faults["reports/p2/sub-reports"] = lambda _: RequestRefused("no", problem=Problem(400))
        reader = Reader(site, stream, beside=[UNSUBSCRIBES] if stream is REPORTS else [])

        with caplog.at_level(logging.WARNING):
            assert reader.sync()

        emitted = {row["campaign_id"] for row in reader.emitted} if stream is UNSUBSCRIBES else ids(reader.emitted)
        versions = {f"p{number}-a" for number in range(6) if number != 2}
        assert emitted == (versions if stream is UNSUBSCRIBES else ids(site.tables["reports"]))
        assert "versions of campaign p2 can't be listed" in caplog.text
        site.faults.clear()
        site.now += 10_000_000
        assert reader.sync()
        assert stream is REPORTS or "p2-a" in {row["campaign_id"] for row in reader.emitted}

    def test_versions_that_do_not_come_fail_what_looks_for_them_when_the_others_have_been_asked_for(self) -> None:
        site = self.site(6)
        site.faults["reports/p2/sub-reports"] = lambda _: ServerFault("down")
        reader = Reader(site, REPORTS, beside=[UNSUBSCRIBES])

        assert not reader.sync()

        asked = {path for path, _ in site.requests if path.endswith("/sub-reports")}
        assert len(asked) == 6
        assert reader.state["run"]["slices"] == {} or reader.state["run"]["after"], "its own rows have been read"
        assert ids(reader.emitted) == ids(site.tables["reports"])

    def test_a_key_that_is_revoked_ends_the_sync_also_where_reports_had_failed_before(self) -> None:
        site = self.site(6)
        site.faults["reports"] = lambda params: ServerFault("down") if params["offset"] else None
        for row in site.tables["reports"]:
            site.faults[f"reports/{row['id']}/sub-reports"] = lambda _: InvalidApiKey("revoked", field="credentials")

        with pytest.raises(InvalidApiKey):
            Reader(site, UNSUBSCRIBES, page_size=3).sync()

    def test_mailchimp_is_not_asked_for_the_versions_of_every_campaign_while_it_is_down(self) -> None:
        site = self.site(200)
        for row in site.tables["reports"]:
            site.faults[f"reports/{row['id']}/sub-reports"] = lambda _: ServerFault("down")

        assert not Reader(site, UNSUBSCRIBES).sync()

        assert len([path for path, _ in site.requests if path.endswith("/sub-reports")]) < 30


class TestVersionsCounted:
    """A split campaign whose report counts what its versions do is not asked for them while that stands still."""

    DAY = 86_400

    def split(self, opens: tuple[int, ...], counted: int) -> Site:
        """One split campaign, whose report counts so many opens, with versions that have had ``opens``."""
        site = Site(now=50_000_000)
        parent = {**report("p0"), "type": "variate", "emails_sent": len(opens)}
        parent["opens"] = {"opens_total": counted, "last_open": date(2000)}
        site.tables["reports"] = [parent]
        versions = [report(f"p0-{number}") for number in range(len(opens))]
        for row, count in zip(versions, opens, strict=True):
            row |= {"type": "variate-child", "emails_sent": 1, "opens": {"opens_total": count, "last_open": date(2000)}}
        site.tables["reports/p0/sub-reports"] = versions
        return site

    def asked(self, reader: Reader) -> int:
        """Sync a day later; how often the campaign was asked for its versions."""
        site = reader.world
        site.now += self.DAY
        site.requests.clear()
        assert reader.sync()
        return sum(path.endswith("/sub-reports") for path, _ in site.requests)

    @pytest.mark.parametrize(
        "opens, counted, again",
        [((2, 1), 3, 0), ((2, 1), 2, 1), ((2, 1), 4, 1), ((0, 0), 0, 1), ((), 0, 0), ((), 5, 0)],
        ids=["counts them", "too few", "too many", "nothing to count", "no versions", "no versions, opened"],
    )
    def test_only_a_report_that_counts_what_its_versions_do_speaks_for_them(
        self, opens: tuple[int, ...], counted: int, again: int
    ) -> None:
        reader = Reader(self.split(opens, counted), UNSUBSCRIBES)

        assert self.asked(reader) == 1
        assert [self.asked(reader) for _ in range(3)] == [again] * 3

    def leaves(self, site: Site, *, counted: bool) -> None:
        """Somebody leaves by a version, long after the others did."""
        version = site.tables["reports/p0/sub-reports"][1]
        version["unsubscribed"] = version.get("unsubscribed", 0) + 1
        if counted:
            site.tables["reports"][0]["unsubscribed"] += 1
        leave(site, version, "e1", 2000)

    def test_what_the_report_counts_is_looked_for_below_the_versions(self) -> None:
        site = self.split((2, 1), 3)
        reader = Reader(site, UNSUBSCRIBES)
        self.asked(reader)
        assert self.asked(reader) == 0
        self.leaves(site, counted=True)

        assert self.asked(reader) == 1

        assert [row["campaign_id"] for row in reader.emitted] == ["p0-1"]
        assert self.asked(reader) == 0

    def test_what_a_report_has_stopped_counting_is_found_within_a_month(self) -> None:
        site = self.split((2, 1), 3)
        reader = Reader(site, UNSUBSCRIBES)
        self.asked(reader)
        self.leaves(site, counted=False)

        asked = [self.asked(reader) for _ in range(32)]

        first = asked.index(1)
        assert 15 <= first < 30
        assert asked[first:] == [1] * (32 - first), "now it is known not to count them"
        assert {row["campaign_id"] for row in reader.emitted} == {"p0-1"}

    def test_a_campaign_that_did_not_let_its_versions_be_listed_is_asked_again(self) -> None:
        site = self.split((2, 1), 3)
        reader = Reader(site, UNSUBSCRIBES)
        self.asked(reader)
        self.leaves(site, counted=True)
        site.faults["reports/p0/sub-reports"] = lambda _: refused()
        assert self.asked(reader) == 1
        site.faults.clear()

        assert self.asked(reader) == 1

        assert [row["campaign_id"] for row in reader.emitted] == ["p0-1"]

    def test_a_version_that_could_not_be_read_is_asked_again(self) -> None:
        site = self.split((2, 1), 3)
        reader = Reader(site, UNSUBSCRIBES)
        self.leaves(site, counted=True)
        site.faults["reports/p0-1/unsubscribed"] = lambda _: ServerFault("down")
        assert not reader.sync()
        assert not reader.sync()
        site.faults.clear()

        assert self.asked(reader) == 1

        assert [row["campaign_id"] for row in reader.emitted] == ["p0-1"]


class TestMemory:
    def test_answers_that_wait_behind_slow_ones_take_no_more_memory_than_there_is(self) -> None:
        """Of each of five listings the second page fails for long, and the others come meanwhile."""
        streams = [STREAMS[name] for name in ("templates", "files", "campaign_folders", "stores", "batches")]
        rows = [{"id": number, "text": "x" * 20_000} for number in range(1200)]
        site = Site(tables={stream.path: rows for stream in streams}, workers=10)
        tried = Counter[str]()

        def fails(path: str, params: Mapping[str, Any]) -> Exception | None:
            second_page = params["offset"] == 59
            tried[path] += second_page
            return ServerFault("down") if second_page and tried[path] < 4 else None

        for stream in streams:
            site.faults[stream.path] = partial(fails, stream.path)
        alive, most = weakref.WeakSet[Page](), 0

        class WatchingFetcher(ModelFetcher):
            async def pages(self, path: str, params: Params, **options: Any) -> list[Page]:
                pages = await super().pages(path, params, **options)
                nonlocal most
                alive.update(pages)
                most = max(most, sum(page.size for page in list(alive)))
                return pages

        reader = Reader(site, streams[0], full_refresh=True, beside=streams[1:], page_size=60)
        reader.fetcher = WatchingFetcher
        reader.client.retry = RetryPolicy(first_wait=1000, longest_wait=1000, seconds=100_000)
        assert reader.sync()

        page = 60 * 20_000
        assert 20_000_000 < most <= 40_000_000 + 2 * len(streams) * page, "as docs/architecture.md has it"


class TestScope:
    def test_an_audience_that_is_added_later_is_read_from_its_beginning(self) -> None:
        site = campaigns(3)
        site.tables["reports"].append(report("other", audience="l2"))
        leave(site, site.tables["reports"][-1], "e9", 2000)
        for stream, key in ((REPORTS, "id"), (UNSUBSCRIBES, "campaign_id")):
            one = Reader(site, stream, list_ids=["l1"], refresh_window_days=1)
            assert one.sync()
            both = Reader(site, stream, list_ids=["l1", "l2"], refresh_window_days=1)
            both.state = one.state
            assert both.sync()

            assert "other" not in {row[key] for row in one.emitted}
            assert "other" in {row[key] for row in both.emitted}

    @pytest.mark.parametrize("full_refresh", [False, True])
    @pytest.mark.parametrize("name", ["reports", "unsubscribes"])
    def test_an_audience_that_is_added_after_a_kill_is_read_from_its_beginning(
        self,
        name: str,
        full_refresh: bool,  # noqa: FBT001
    ) -> None:
        """Its campaigns stand among those that the killed sync had passed. So they do if it was left out a while."""
        for begun, kill in itertools.product((0, 6, 20), range(2, 100, 7)):
            site = campaigns(30)
            site.tables["reports"].insert(15, report("r0014-other", audience="l2"))
            leave(site, site.tables["reports"][15], "e9", 2000)
            options: dict[str, Any] = {"page_size": 5, "refresh_window_days": 1, "full_refresh": full_refresh}
            both, one = (Reader(site, STREAMS[name], list_ids=ids, **options) for ids in (["l1", "l2"], ["l1"]))
            both.sync(kill_after=begun)
            one.state = both.state
            one.sync(kill_after=kill)
            both.state = one.state

            assert both.sync()

            key = "id" if name == "reports" else "campaign_id"
            emitted = {row[key] for row in [*one.emitted, *both.emitted]}
            assert emitted == ids(site.tables["reports"]), f"killed after {begun} and {kill} events"

    def test_a_number_in_place_of_an_audiences_id_says_nothing(self) -> None:
        """Where the row's parent names the audience, that decides; where nothing does, the row belongs to none."""
        site = Site(
            tables={
                "conversations": [{"id": "c1", "list_id": "l1"}, {"id": "c2", "list_id": "l2"}],
                "conversations/c1/messages": [{"id": "m1", "list_id": 17, "timestamp": date(5)}],
                "conversations/c2/messages": [{"id": "m2", "list_id": 18, "timestamp": date(5)}],
                "sms-campaigns": [{"id": "s1", "list_id": 17}],
            }
        )
        messages = Reader(site, STREAMS["conversation_messages"], list_ids=["l1"])
        texts = Reader(site, STREAMS["sms_campaigns"], full_refresh=True, list_ids=["l1"])

        assert messages.sync()
        assert texts.sync()

        assert (ids(messages.emitted), ids(texts.emitted)) == ({"m1"}, {"s1"})

    def test_a_quiet_account_has_no_news(self) -> None:
        site = campaigns(30)
        reader = Reader(site, UNSUBSCRIBES)
        assert reader.sync()
        site.requests.clear()
        site.now += 100

        assert reader.sync()

        assert [path for path, _ in site.requests if path.endswith("/unsubscribed")] == []
