"""What becomes visible late is found by the next sync."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from source_mailchimp.stream import Stream
from source_mailchimp.streams import STREAMS
from unit_tests.mailchimp_model import Reader, Site, date, every_state_goes_out
from unit_tests.sites import UNSUBSCRIBES, campaigns, ids, leave


@pytest.fixture(autouse=True)
def _every_state_goes_out() -> Iterator[None]:
    with every_state_goes_out():
        yield


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


class TestCountedBeforeListed:
    """Unsubscribes that reports count already, and that are listed after the sync."""

    def counted(self, size: int) -> tuple[Site, Reader]:
        """A site that has been read, and in whose reports one unsubscribe more is counted."""
        site = campaigns(size)
        reader = Reader(site, UNSUBSCRIBES)
        assert reader.sync()
        site.now += 3_600
        for row in site.tables["reports"]:
            row["unsubscribed"] += 1
        return site, reader

    def listed(self, site: Site, reader: Reader) -> set[str]:
        """The campaigns whose late unsubscribe the next sync reads."""
        for row in site.tables["reports"]:
            leave(site, row, "late", site.now - 100)
        site.now += 3_600
        reader.emitted.clear()
        assert reader.sync()
        return {row["campaign_id"] for row in reader.emitted if row["email_id"] == "late"}

    @pytest.mark.parametrize("days, asked", [(1, True), (6, True), (8, False)])
    def test_the_first_sync_leaves_those_open_that_were_opened_lately(self, days: int, asked: bool) -> None:  # noqa: FBT001
        """What is missing of others was most likely deleted long ago."""
        site = campaigns(20)
        for row in site.tables["reports"]:
            row["unsubscribed"] += 1
            row["opens"] = {"opens_total": 1, "last_open": date(site.now - days * 86_400)}
        reader = Reader(site, UNSUBSCRIBES)
        assert reader.sync()
        site.now += 3_600

        assert self.listed(site, reader) == (ids(site.tables["reports"]) if asked else set())

        site.now += 7 * 86_400
        reader.emitted.clear()
        assert reader.sync()
        site.now += 3_600
        site.requests.clear()
        assert reader.sync()
        assert not [path for path, _ in site.requests if path.endswith("unsubscribed")]

    @pytest.mark.parametrize("kill", [10, 25, 40])
    def test_a_sync_that_is_cut_short_forgets_none(self, kill: int) -> None:
        site, reader = self.counted(20)
        site.now += 60
        assert not reader.sync(kill_after=kill)
        assert reader.sync()

        assert self.listed(site, reader) == ids(site.tables["reports"])

    @pytest.mark.parametrize("kill", [None, 60, 120])
    def test_more_than_a_state_can_name_are_asked_again_with_the_others(self, kill: int | None) -> None:
        site, reader = self.counted(100)
        reader.most_left_open = 30
        if kill:
            assert not reader.sync(kill_after=kill)
        assert reader.sync()

        assert max(len(state.get("slices", {})) for state in reader.states) <= 30
        assert self.listed(site, reader) == ids(site.tables["reports"])
