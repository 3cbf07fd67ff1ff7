"""What is cut short goes on where it stopped."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from source_mailchimp.streams import STREAMS
from unit_tests.mailchimp_model import Reader, date, every_state_goes_out
from unit_tests.sites import MEMBERS, REPORTS, SEGMENT_MEMBERS, UNSUBSCRIBES, campaigns, ids, leave, report, segment


@pytest.fixture(autouse=True)
def _every_state_goes_out() -> Iterator[None]:
    with every_state_goes_out():
        yield


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
