"""The versions of split campaigns, which other listings need not name."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from mailchimp_api.errors import (
    InvalidApiKey,
    Problem,
    RequestRefused,
    ServerFault,
)
from source_mailchimp.stream import Stream
from unit_tests.mailchimp_model import Reader, Site, date, every_state_goes_out
from unit_tests.sites import REPORTS, UNSUBSCRIBES, ids, leave, refused, report


@pytest.fixture(autouse=True)
def _every_state_goes_out() -> Iterator[None]:
    with every_state_goes_out():
        yield


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
        """One split campaign, whose report counts this many opens, with versions that have had ``opens``."""
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


class TestWinners:
    """The version that won went to the rest of the recipients; whether the sub-reports name it nobody has shown."""

    def site(self, winner: str, *, counted: int) -> Site:
        """A split campaign with one version that is listed, whose report counts so many opens."""
        site = Site(now=50_000_000)
        opened = {"opens": {"opens_total": 2, "last_open": date(2000)}}
        site.tables["reports"] = [
            {**report("p0"), "type": "variate", "opens": {"opens_total": counted, "last_open": date(2000)}},
            {**report("listed"), "type": "variate-child", **opened},
        ]
        site.tables["reports/p0/sub-reports"] = [{**report("p0-a"), "type": "variate-child", **opened}]
        site.tables["campaigns"] = [
            {"id": "p0", "variate_settings": {"winning_campaign_id": winner}},
            {"id": "other", "variate_settings": {"winning_campaign_id": "p9"}},
            {"id": "without"},
        ]
        return site

    @pytest.mark.parametrize(
        "winner, counted, warned",
        [("p0-w", 5, True), ("p0-w", 2, False), ("p0-a", 5, False), ("listed", 5, False), ("", 5, False)],
        ids=["in no listing", "counted by the others", "a sub-report", "a report", "none yet"],
    )
    def test_one_that_is_in_no_listing_is_warned_of(
        self,
        winner: str,
        counted: int,
        warned: bool,  # noqa: FBT001
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        with caplog.at_level(logging.WARNING):
            assert Reader(self.site(winner, counted=counted), UNSUBSCRIBES).sync()

        assert ("winning version p0-w of campaign p0 is in no listing" in caplog.text) == warned
        assert "p9" not in caplog.text

    def test_nothing_else_is_missing_where_campaigns_can_not_be_read(self) -> None:
        site = self.site("p0-w", counted=5)
        site.faults["campaigns"] = lambda _: refused()
        leave(site, site.tables["reports/p0/sub-reports"][0], "e0", 2000)
        reader = Reader(site, UNSUBSCRIBES)

        assert reader.sync()

        assert [row["campaign_id"] for row in reader.emitted] == ["p0-a"]
