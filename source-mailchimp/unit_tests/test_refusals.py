"""A refusal is never taken for emptiness."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import orjson
import pytest

from mailchimp_api.errors import (
    PermissionDenied,
)
from source_mailchimp.errors import ParentRefused, PartlyRefused
from source_mailchimp.streams import STREAMS
from unit_tests.mailchimp_model import Reader, Site, every_state_goes_out
from unit_tests.sites import SEGMENT_MEMBERS, UNSUBSCRIBES, campaigns, ids, refused, segment


@pytest.fixture(autouse=True)
def _every_state_goes_out() -> Iterator[None]:
    with every_state_goes_out():
        yield


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
        reader.most_left_open = 100
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
        reader.most_left_open = 100

        with caplog.at_level(logging.WARNING):
            assert reader.sync()

        assert {row["campaign_id"] for row in reader.emitted} == ids(site.tables["reports"][1::2])
        assert "350 of 700 reports were refused and skipped; too many" in caplog.text
        assert reader.state == {"version": 1}
