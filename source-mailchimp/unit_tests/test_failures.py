"""What fails is told, the rest is read, and the next sync asks again."""

from __future__ import annotations

import gc
import logging
from collections.abc import Iterator

import orjson
import pytest

from mailchimp_api.errors import (
    MailchimpError,
    ResourceGone,
    ServerFault,
)
from mailchimp_api.retries import RetryPolicy
from source_mailchimp.errors import ParentFailed
from source_mailchimp.streams import STREAMS
from unit_tests.mailchimp_model import Reader, Site, every_state_goes_out
from unit_tests.sites import MEMBERS, SEGMENT_MEMBERS, UNSUBSCRIBES, campaigns, ids, leave, once, refused, segment


@pytest.fixture(autouse=True)
def _every_state_goes_out() -> Iterator[None]:
    with every_state_goes_out():
        yield


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
            assert reader.sync() is isinstance(error, ResourceGone)  # a full refresh lacks what was refused

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
