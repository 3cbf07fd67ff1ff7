"""Every listing that decides something is seen to be whole, whatever moves while it is read."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
import requests_mock

from destination_mailchimp.audience.calls import Calls
from destination_mailchimp.audience.keys import KeyIndex
from destination_mailchimp.audience.statuses import CurrentStatuses
from destination_mailchimp.contacts.contact import Json
from destination_mailchimp.writing.membership import changed_since
from mailchimp_api.members import subscriber_hash
from unit_tests.builders import LIST, PROBLEM

BEGAN = datetime(2026, 11, 20, tzinfo=timezone.utc)


class Rows:
    """A collection of rows, of which some go or come while it is read. ``then``: what happens after the first page."""

    def __init__(self, mock: requests_mock.Mocker, path: str, items: str, rows: list[Json]) -> None:
        self.rows = rows
        self.items = items
        self.more = 0
        self.then: Callable[[], object] = lambda: None
        self.listing = mock.get(f"{LIST}/{path}", json=self._page)

    def _page(self, request: Any, _: Any) -> Json:
        start, count = (int(request.qs[name][0]) for name in ("offset", "count"))
        answer = {self.items: self.rows[start : start + count], "total_items": len(self.rows) + self.more}
        then, self.then = self.then, lambda: None
        then()
        return answer


class TestCollections:
    """Merge fields, interests and tags."""

    def rows(self, count: int) -> list[Json]:
        return [{"id": number, "name": f"tag {number}"} for number in range(count)]

    def ask(self, calls: Calls) -> list[int]:
        return [row["id"] for row in calls.pages("segments", "segments", {}, "id", "name")]

    def test_a_row_that_moves_up_while_another_goes_is_not_overlooked(
        self, calls: Calls, mock: requests_mock.Mocker
    ) -> None:
        site = Rows(mock, "segments", "segments", self.rows(1500))
        site.then = lambda: site.rows.pop(3)

        assert set(self.ask(calls)) >= {n for n in range(1500) if n != 3}

    def test_what_fits_one_answer_costs_one(self, calls: Calls, mock: requests_mock.Mocker) -> None:
        site = Rows(mock, "segments", "segments", self.rows(1000))

        assert self.ask(calls) == list(range(1000))
        assert site.listing.call_count == 1

    def test_a_total_that_stays_too_large_is_warned_of(
        self, calls: Calls, mock: requests_mock.Mocker, caplog: pytest.LogCaptureFixture
    ) -> None:
        """So two recorded answers have it."""
        site = Rows(mock, "segments", "segments", self.rows(3))
        site.more = 5

        assert self.ask(calls) == [0, 1, 2]
        assert "says that there are 8 rows" in caplog.text
        assert site.listing.call_count < 10


class Contacts:
    """The contacts of an audience by status, with their dates of change, as two listings show them."""

    def __init__(self, mock: requests_mock.Mocker, size: int, archived: int) -> None:
        self.now = BEGAN
        self.rows: dict[str, Json] = {}
        for number in range(size):
            self.put(f"{number}@example.com", "archived" if number < archived else "subscribed", number)
        self.then: Callable[[Json], object] = lambda _: None
        self.listing = mock.get(f"{LIST}/members", json=self._page)
        for digest in self.rows:
            mock.get(f"{LIST}/members/{digest}", json=self._one)

    def put(self, address: str, status: str, number: int | None = None) -> None:
        digest = subscriber_hash(address)
        self.now += timedelta(seconds=1)
        old = self.rows.get(digest, {"id": digest, "merge_fields": {"KEY": f"k{number}"}})
        self.rows[digest] = {**old, "status": status, "last_changed": self.now.isoformat()}

    def _page(self, request: Any, _: Any) -> Json:
        query = {key: values[0] for key, values in request.qs.items()}
        archived = query.get("status") == "archived"
        rows = sorted(
            (row for row in self.rows.values() if (row["status"] == "archived") == archived),
            key=lambda row: str(row["last_changed"]),
        )
        if "since_last_changed" in query:
            rows = [row for row in rows if str(row["last_changed"]) > query["since_last_changed"].upper()]
        if "before_last_changed" in query:
            rows = [row for row in rows if str(row["last_changed"]) <= query["before_last_changed"].upper()]
        start, count = int(query.get("offset", 0)), int(query["count"])
        answer = {"members": rows[start : start + count], "total_items": len(rows)}
        self.then(query)
        return answer

    def _one(self, request: Any, _: Any) -> Json:
        return self.rows[request.path.rpartition("/")[2]]


class TestContacts:
    def test_who_comes_back_between_two_listings_is_in_one_of_them(
        self, calls: Calls, mock: requests_mock.Mocker
    ) -> None:
        """A key that nobody seems to hold would be added a second time, under a new address."""
        site = Contacts(mock, 30, archived=10)

        def back(query: Json) -> None:
            if query.get("status") != "archived" and "since_last_changed" in query:
                site.then = lambda _: None
                site.now = datetime.now(timezone.utc)
                site.put("4@example.com", "subscribed")

        site.then = back
        keys = KeyIndex(calls, "KEY")

        assert keys.holder("k4") == subscriber_hash("4@example.com")

    def test_a_dry_run_overlooks_nobody_who_moves_while_it_lists(
        self, calls: Calls, mock: requests_mock.Mocker
    ) -> None:
        site = Contacts(mock, 2500, archived=0)

        def changes(query: Json) -> None:
            if "since_last_changed" not in query and query.get("count") == "1000":
                site.then = lambda _: None
                site.now = datetime.now(timezone.utc)
                for number in range(40):
                    site.put(f"{number}@example.com", "unsubscribed")

        site.then = changes
        statuses = CurrentStatuses(calls)
        hashes = [subscriber_hash(f"{number}@example.com") for number in range(2500)]
        statuses.of(hashes[:1])
        statuses.of(hashes[1:10])
        found = statuses.of(hashes)

        assert found == {digest: site.rows[digest]["status"] for digest in hashes}

    @pytest.mark.parametrize("hidden", [False, True])
    def test_what_has_changed_since_is_listed_or_looked_up(
        self,
        calls: Calls,
        mock: requests_mock.Mocker,
        hidden: bool,  # noqa: FBT001
    ) -> None:
        site = Contacts(mock, 30, archived=5)
        since = site.now
        site.put("7@example.com", "unsubscribed")
        site.put("8@example.com", "archived")
        if hidden:
            mock.get(f"{LIST}/members", json={"members": [], "total_items": 3})
        gone = {"title": "Resource Not Found", "status": 404}
        mock.get(f"{LIST}/members/{subscriber_hash('99@example.com')}", status_code=404, json=gone, headers=PROBLEM)
        # The last one has been deleted since.
        hashes = {subscriber_hash(f"{number}@example.com") for number in (*range(6, 12), 99)}
        found = changed_since(calls, since, hashes, ("status",))

        assert set(found) == {subscriber_hash("7@example.com")}
