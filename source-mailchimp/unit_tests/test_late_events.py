"""What becomes visible late is found by the next sync."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import pytest

from mailchimp_api.errors import ServerFault
from source_mailchimp.reader.places import ALL_PARTITIONS
from source_mailchimp.stream import Record, Stream
from source_mailchimp.streams import STREAMS
from unit_tests.mailchimp_model import Reader, Site, date, every_state_goes_out
from unit_tests.sites import UNSUBSCRIBES, campaigns, ids, leave, report


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

        assert max(len(state.get("slices", {})) + len(state.get("late", {})) for state in reader.states) <= 30
        assert self.listed(site, reader) == ids(site.tables["reports"])

    def test_one_time_with_more_than_a_state_can_name_is_over_after_a_week(self) -> None:
        """Though each sync finds unsubscribes of a few campaigns that are counted and not listed yet."""
        site, reader = self.counted(50)
        reader.most_left_open = 30
        assert reader.sync()
        assert self.listed(site, reader) == ids(site.tables["reports"])

        for number in range(8 * 24):
            row = site.tables["reports"][number % 3]
            row["unsubscribed"] += 1
            site.now += 3_600
            site.requests.clear()
            assert reader.sync()
            leave(site, row, f"e{number}", site.now)

        assert 1 <= len([path for path, _ in site.requests if path.endswith("unsubscribed")]) <= 3
        emitted = {row["email_id"] for row in reader.emitted}
        assert emitted >= {f"e{number}" for number in range(8 * 24 - 1)}
        assert ALL_PARTITIONS not in reader.state.get("late", {})


MINUTE, HOUR, DAY = 60, 3_600, 86_400
WEEK = 7 * DAY
OPENED = {"action": "open", "timestamp": date(3000)}
BELOW_REPORTS: dict[str, tuple[str, Record, dict[str, Any]]] = {
    "email_activity": (
        "email-activity",
        {"email_id": "late", "activity": [OPENED]},
        {"opens": {"opens_total": 1, "last_open": date(3000)}},
    ),
    "open_details": (
        "open-details",
        {"email_id": "late", "opens_count": 1},
        {"opens": {"opens_total": 1, "unique_opens": 1, "last_open": date(3000)}},
    ),
    "click_details": (
        "click-details",
        {"id": "late", "total_clicks": 1},
        {"clicks": {"clicks_total": 1, "last_click": date(3000)}},
    ),
    "sent_to": ("sent-to", {"email_id": "late", "status": "sent", "open_count": 0}, {"emails_sent": 1}),
    "unsubscribes": ("unsubscribed", {"email_id": "late", "timestamp": date(3000)}, {"unsubscribed": 1}),
    "campaign_abuse_reports": ("abuse-reports", {"id": 1, "email_id": "late"}, {"abuse_reports": 1}),
    "domain_performance": ("domain-performance", {"domain": "late"}, {"bounces": {"soft_bounces": 1}}),
    "campaign_locations": (
        "locations",
        {"country_code": "late"},
        {"opens": {"opens_total": 1, "last_open": date(3000)}},
    ),
}
"""By stream: the last part of its path, a row, and what counts it in the report."""


def quiet(size: int = 20) -> Site:
    """Campaigns that were sent long ago, and of which nothing is counted."""
    site = Site(now=50_000_000)
    site.tables["reports"] = [
        {
            **report(f"r{number:04}"),
            "opens": {"opens_total": 0, "unique_opens": 0, "last_open": ""},
            "clicks": {"clicks_total": 0, "last_click": ""},
            "bounces": {"hard_bounces": 0, "soft_bounces": 0},
            "emails_sent": 0,
            "abuse_reports": 0,
        }
        for number in range(size)
    ]
    return site


def with_campaigns() -> Site:
    """The same, with the campaigns of its reports, whose summaries count nothing yet."""
    site = quiet()
    sent = {"status": "sent", "create_time": date(500), "send_time": date(1000)}
    site.tables["campaigns"] = [
        {"id": row["id"], **sent, "report_summary": {"opens": 0, "clicks": 0}} for row in site.tables["reports"]
    ]
    return site


class Account:
    """Whose only news is one row of ``stream`` below ``r0007``, which its report counts before it is listed."""

    def __init__(self, stream: str) -> None:
        self.site = quiet()
        self.reader = Reader(self.site, STREAMS[stream], activity_lookback_days=0)
        self.address, self.row, self.counts = BELOW_REPORTS[stream]
        assert self.reader.sync()

    def count(self) -> None:
        """The report counts the row, and a sync sees it."""
        self.site.now += HOUR
        for name, value in self.counts.items():
            before = self.site.tables["reports"][7].get(name)
            self.site.tables["reports"][7][name] = {**before, **value} if isinstance(before, dict) else value
        self.site.now += MINUTE
        assert self.reader.sync()

    def list(self) -> None:
        """The row is listed."""
        self.site.tables.setdefault(f"reports/r0007/{self.address}", []).append({"campaign_id": "r0007", **self.row})

    def sync_after(self, seconds: int) -> int:
        """How often a sync so much later asks for the campaign's rows."""
        self.site.now += seconds
        self.site.requests.clear()
        assert self.reader.sync()
        return sum(path.startswith("reports/") for path, _ in self.site.requests)

    def has_come(self) -> bool:
        """Whether the row was read."""
        return any("late" in record.values() for record in self.reader.emitted)


@pytest.mark.parametrize("stream", BELOW_REPORTS)
class TestRowsAfterTheirCount:
    """A row that is listed after a sync has seen its count is read by a later one, though nothing moves any more."""

    @pytest.mark.parametrize(
        "lag, every",
        [
            (MINUTE, HOUR),
            (MINUTE, 30 * DAY),
            (HOUR, HOUR),
            (10 * HOUR, HOUR),
            (DAY, DAY),
            (3 * DAY, HOUR),
            (6 * DAY, DAY),
        ],
        ids=str,
    )
    def test_it_is_found_when_the_time_it_was_late_has_passed_once_more(
        self, stream: str, lag: int, every: int
    ) -> None:
        account = Account(stream)
        account.count()
        assert not account.has_come()
        passed = 0
        while passed + every <= lag:
            passed += every
            account.sync_after(every)
        account.list()
        while not account.has_come() and passed <= 2 * lag + 2 * every:
            passed += every
            account.sync_after(every)

        assert account.has_come()
        assert passed <= 2 * lag + every

    def test_one_that_never_comes_costs_few_requests_and_none_after_a_week(self, stream: str) -> None:
        account = Account(stream)
        account.count()

        asked = [account.sync_after(3 * HOUR) for _ in range(9 * 8)]

        assert sum(asked) <= 11
        assert not sum(asked[8 * 8 :])
        assert "late" not in account.reader.state

    def test_one_that_came_with_its_count_is_asked_for_no_more(self, stream: str) -> None:
        account = Account(stream)
        account.list()
        account.count()
        assert account.has_come()

        asked = [account.sync_after(HOUR) for _ in range(48)]

        tells = stream not in {"domain_performance", "campaign_locations"}
        assert sum(asked) == 0 if tells else 0 < sum(asked) <= 9

    def test_a_campaign_that_could_not_be_read_when_its_count_moved_is_no_exception(self, stream: str) -> None:
        account = Account(stream)
        address = f"reports/r0007/{account.address}"
        account.site.faults[address] = lambda _: ServerFault("down")
        account.site.now += HOUR
        with pytest.raises(AssertionError):
            account.count()
        account.site.faults.clear()
        account.sync_after(HOUR)
        account.list()

        account.sync_after(HOUR)

        assert account.has_come()


class TestLinksAndVersions:
    """Rows that are late below what is late itself."""

    def test_who_clicked_a_link_that_is_listed_after_its_clicks_are_counted(self) -> None:
        """The link is below the report, and who clicked it below the link."""
        site = quiet()
        reader = Reader(site, STREAMS["click_detail_members"], activity_lookback_days=0)
        assert reader.sync()
        site.now += HOUR
        site.tables["reports"][7]["clicks"] = {"clicks_total": 1, "last_click": date(site.now - MINUTE)}
        site.now += MINUTE
        assert reader.sync()
        site.tables["reports/r0007/click-details"] = [{"id": "k1", "campaign_id": "r0007", "total_clicks": 1}]
        site.now += HOUR
        assert reader.sync()
        members = "reports/r0007/click-details/k1/members"
        site.tables[members] = [{"email_id": "late", "campaign_id": "r0007", "url_id": "k1"}]
        site.now += DAY

        assert reader.sync()

        assert [(row["link_id"], row["email_id"]) for row in reader.emitted] == [("k1", "late")]

    def test_who_clicked_is_read_again_after_a_state_of_the_future(self) -> None:
        """The links are asked for, too: they are read for the sake of who clicked them only."""
        site = quiet()
        site.tables["reports"][7]["clicks"] = {"clicks_total": 1, "last_click": date(3000)}
        site.tables["reports/r0007/click-details"] = [{"id": "k1", "campaign_id": "r0007", "total_clicks": 1}]
        members = [{"email_id": "e1", "campaign_id": "r0007", "url_id": "k1"}]
        site.tables["reports/r0007/click-details/k1/members"] = members
        reader = Reader(site, STREAMS["click_detail_members"], activity_lookback_days=0)
        assert reader.sync()
        reader.state["cursor"] = date(site.now + 10 * DAY)
        reader.emitted.clear()
        site.now += HOUR

        assert reader.sync()

        assert [row["email_id"] for row in reader.emitted] == ["e1"]

    def test_what_happened_to_a_version_of_a_split_campaign(self) -> None:
        """Its campaign is asked for its versions again, which no other listing names."""
        site = quiet()
        site.tables["reports"][7] |= {"type": "variate", "opens": {"opens_total": 1, "last_open": date(2000)}}
        version = {**site.tables["reports"][7], "id": "r0007-a", "type": "variate-child"}
        site.tables["reports/r0007/sub-reports"] = [version]
        reader = Reader(site, UNSUBSCRIBES, activity_lookback_days=0)
        assert reader.sync()
        for row in (site.tables["reports"][7], version):
            row["unsubscribed"] += 1
        site.now += HOUR
        assert reader.sync()
        assert not reader.emitted
        leave(site, version, "late", site.now)
        site.now += HOUR

        assert reader.sync()

        assert [row["campaign_id"] for row in reader.emitted] == ["r0007-a"]
        site.requests.clear()
        site.now += 10 * DAY
        assert reader.sync()
        site.now += DAY
        site.requests.clear()
        assert reader.sync()
        assert not [path for path, _ in site.requests if path.startswith("reports/")]

    def test_the_summary_of_a_campaign_that_was_opened_before_the_first_sync(self) -> None:
        site = with_campaigns()
        site.tables["reports"][7]["opens"] = {"opens_total": 3, "last_open": date(site.now - MINUTE)}
        reader = Reader(site, STREAMS["campaigns"])
        assert reader.sync()
        site.tables["campaigns"][7]["report_summary"]["opens"] = 3
        reader.emitted.clear()
        site.now += HOUR

        assert reader.sync()

        assert [(row["id"], row["report_summary"]["opens"]) for row in reader.emitted] == [("r0007", 3)]

    def test_the_summary_of_a_campaign(self) -> None:
        site = with_campaigns()
        reader = Reader(site, STREAMS["campaigns"])
        assert reader.sync()
        site.tables["reports"][7]["opens"] = {"opens_total": 3, "last_open": date(site.now)}
        site.now += HOUR
        assert reader.sync()
        site.tables["campaigns"][7]["report_summary"]["opens"] = 3
        reader.emitted.clear()
        site.now += HOUR

        assert reader.sync()

        assert [(row["id"], row["report_summary"]["opens"]) for row in reader.emitted] == [("r0007", 3)]
        reader.emitted.clear()
        site.now += DAY
        assert reader.sync()
        assert not reader.emitted


@pytest.mark.parametrize("named", [5, 2_000])
@pytest.mark.parametrize("stream", ["unsubscribes", "email_activity", "domain_performance"])
def test_whatever_comes_late_in_whatever_order_has_come_in_the_end(stream: str, named: int) -> None:
    """Rows of many campaigns, up to two days after their counts, while every third sync is cut short.

    ``named``: so many campaigns a state can name.
    """
    site = quiet(30)
    chance = random.Random(named)  # noqa: S311 - a model, not a secret
    reader = Reader(site, STREAMS[stream], activity_lookback_days=0)
    reader.most_left_open = named
    assert reader.sync()
    address, row, counts = BELOW_REPORTS[stream]
    waiting: list[tuple[int, str, Record]] = []
    written: set[tuple[str, int]] = set()
    for hour in range(24 * 7):
        site.now += HOUR
        if hour < 48:
            number = chance.randrange(30)
            report_row = site.tables["reports"][number]
            for name in counts:
                _count_one_more(report_row, name)
            event = {**row, "campaign_id": report_row["id"], "number": hour}
            waiting.append((site.now + chance.choice([0, MINUTE, HOUR, DAY, 2 * DAY]), report_row["id"], event))
        for entry in [entry for entry in waiting if entry[0] <= site.now]:
            waiting.remove(entry)
            site.tables.setdefault(f"reports/{entry[1]}/{address}", []).append(entry[2])
            written.add((entry[1], entry[2]["number"]))
        reader.sync(kill_after=chance.randrange(2, 40) if chance.random() < 1 / 3 else None)
    assert reader.sync()

    assert {(record["campaign_id"], record["number"]) for record in reader.emitted} == written
    assert len(written) == 48


def _count_one_more(report_row: Record, name: str) -> None:
    if name == "opens":
        opens = report_row["opens"]
        report_row["opens"] = {**opens, "opens_total": opens["opens_total"] + 1}
    elif name == "bounces":
        bounces = report_row["bounces"]
        report_row["bounces"] = {**bounces, "soft_bounces": bounces["soft_bounces"] + 1}
    else:
        report_row[name] += 1
