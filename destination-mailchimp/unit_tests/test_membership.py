"""Which contacts are archived is looked up before anything is written."""

from __future__ import annotations

import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests_mock

from destination_mailchimp.audience.calls import Calls
from destination_mailchimp.audience.keys import KeyIndex
from destination_mailchimp.writing import membership
from destination_mailchimp.writing.membership import StatusIndex
from mailchimp_api.errors import ServerFault, UnreadableAnswer
from mailchimp_api.members import subscriber_hash
from unit_tests.builders import LIST

HASHES = [subscriber_hash(f"{number}@example.com") for number in range(6000)]


class Archive:
    """Plays the listing of archived contacts and the look-up of one."""

    def __init__(self, mock: requests_mock.Mocker, archived: list[str]) -> None:
        self.archived = archived
        self.hidden: list[str] = []
        """Those that the pages never show, though the total counts them."""
        self.just_archived: list[str] = []
        """They are in no listing that ends before now."""
        self.after_first_page: Callable[[], None] = lambda: None
        self.listing = mock.get(f"{LIST}/members", json=self._page)
        for digest in HASHES[:10]:
            mock.get(f"{LIST}/members/{digest}", json=self._one)

    def _page(self, request: Any, _: Any) -> dict[str, Any]:
        query = {key: values[0] for key, values in request.qs.items()}
        rows = self.archived + ([] if "before_last_changed" in query else self.just_archived)
        if "since_last_changed" in query:
            rows = (self.just_archived or rows)[-2:]
        start, count = int(query.get("offset", 0)), int(query["count"])
        members = [{"id": digest} for digest in rows[start : start + count] if digest not in self.hidden]
        answer = {"members": members, "total_items": len(rows)}
        if members and "before_last_changed" in query:
            then, self.after_first_page = self.after_first_page, lambda: None
            then()
        return answer

    def _one(self, request: Any, _: Any) -> dict[str, Any]:
        return {"status": "archived" if request.path.rpartition("/")[2] in self.archived else "subscribed"}


class TestStatusIndex:
    """Who is archived is found out by whichever costs fewer calls."""

    def test_few_archived_contacts_are_listed_once(self, calls: Calls, mock: requests_mock.Mocker) -> None:
        archive = Archive(mock, HASHES[:1500])
        index = StatusIndex(calls, "archived")

        assert index.among(HASHES[1490:1510]) == set(HASHES[1490:1500])
        asked = archive.listing.call_count
        assert index.among(HASHES[:10]) == set(HASHES[:10])
        assert archive.listing.call_count == asked

    @pytest.mark.parametrize("archived,calls_more", [(48, 0), (1000, 0), (1001, 3)])
    def test_those_that_fit_one_answer_are_known_from_the_start(
        self, calls: Calls, mock: requests_mock.Mocker, archived: int, calls_more: int
    ) -> None:
        archive = Archive(mock, HASHES[:archived])
        index = StatusIndex(calls, "archived")
        index.prepare()

        assert archive.listing.call_count == 1
        assert index.among(HASHES[:2000]) == set(HASHES[:archived])
        assert archive.listing.call_count == 1 + calls_more

    def test_many_archived_contacts_are_looked_up_while_few_addresses_are_at_hand(
        self, calls: Calls, mock: requests_mock.Mocker
    ) -> None:
        archive = Archive(mock, HASHES[3:])
        index = StatusIndex(calls, "archived")

        assert index.among(HASHES[:5]) == set(HASHES[3:5])
        assert archive.listing.call_count == 1  # the total
        # Six pages would cost less than these and those before together.
        assert index.among(HASHES[:10]) == set(HASHES[3:10])
        assert archive.listing.call_count > 6

    def test_nobody_is_missed_though_some_come_back_while_as_many_are_archived(
        self, calls: Calls, mock: requests_mock.Mocker
    ) -> None:
        """The total stands still, as many are found as it says, and the next two have moved up to the page before."""
        archive = Archive(mock, HASHES[:1500])

        def swap() -> None:
            archive.archived = HASHES[2:1500]
            archive.just_archived = HASHES[1500:1502]

        archive.after_first_page = swap

        assert StatusIndex(calls, "archived").among(HASHES[995:1510]) == set(HASHES[995:1502])

    @pytest.mark.parametrize(
        "body",
        [
            {"total_items": 0},
            {"members": [], "total_items": None},
            {"members": [], "total_items": -1},
            {"members": [None], "total_items": 1},
            {"members": [{}], "total_items": 1},
            {"members": []},
        ],
    )
    def test_an_answer_that_does_not_say_who_is_archived_is_no_permission(
        self, calls: Calls, mock: requests_mock.Mocker, body: dict[str, Any]
    ) -> None:
        mock.get(
            f"{LIST}/members",
            json=lambda request, _: {"total_items": 3} if request.qs["count"] == ["0"] else body,
        )

        with pytest.raises(UnreadableAnswer):
            StatusIndex(calls, "archived").among(HASHES[:5])

    @pytest.mark.parametrize("total", [{}, {"total_items": None}, {"total_items": -1}, {"title": "x", "status": 500}])
    def test_nor_is_a_count_that_is_none(self, calls: Calls, mock: requests_mock.Mocker, total: dict[str, Any]) -> None:
        mock.get(f"{LIST}/members", json=total)

        with pytest.raises(UnreadableAnswer):
            StatusIndex(calls, "archived").among(HASHES[:5])

    def test_a_listing_that_stays_incomplete_is_not_used(self, calls: Calls, mock: requests_mock.Mocker) -> None:
        archive = Archive(mock, HASHES[:1500])
        archive.hidden = HASHES[3:5]

        assert StatusIndex(calls, "archived").among(HASHES[:10]) == set(HASHES[:10])

    def test_a_look_up_is_not_disturbed_by_another_thread_that_adds(self) -> None:
        """The hashes that come in stand before the one that is looked up, so its place moves all the time."""
        hashes = membership.HashSet()
        hashes.add(f"{number:016x}" for number in [*range(60_000), 1 << 63])

        def add() -> None:
            for part in range(1, 5):
                hashes.add(
                    f"{number:016x}" for number in range(part * 200_000, part * 200_000 + 60_000 + part * 20_000)
                )

        interval = sys.getswitchinterval()
        sys.setswitchinterval(1e-6)
        try:
            with ThreadPoolExecutor() as pool:
                adding = pool.submit(add)
                while not adding.done():
                    assert f"{1 << 63:016x}" in hashes
        finally:
            sys.setswitchinterval(interval)

    @pytest.mark.parametrize("refresh,learnt", [(3600.0, set()), (0.0, {HASHES[4]})], ids=["not yet", "later"])
    def test_who_is_archived_later_is_learnt_later(
        self, calls: Calls, mock: requests_mock.Mocker, refresh: float, learnt: set[str]
    ) -> None:
        archive = Archive(mock, HASHES[:2])
        index = StatusIndex(calls, "archived", refresh=refresh)
        assert index.among([HASHES[4]]) == set()
        archive.archived.append(HASHES[4])

        assert index.among([HASHES[4]]) == learnt

    def test_nobody_at_first_says_nothing_once_the_changes_can_not_be_listed(
        self, calls: Calls, mock: requests_mock.Mocker
    ) -> None:
        """The audience counts one that it does not list, so that who was archived since is looked up from then on."""
        archive = Archive(mock, [])
        index = StatusIndex(calls, "archived", refresh=0.0)
        index.prepare()
        assert index.among(HASHES[:5]) == set()
        archive.archived = HASHES[3:5]
        archive.hidden = HASHES[3:4]
        assert index.among(HASHES[:5]) == set(HASHES[3:5])

        assert index.among(HASHES[:5]) == set(HASHES[3:5])

    def test_if_it_can_not_be_found_out_nobody_is_taken_for_not_archived(
        self, calls: Calls, mock: requests_mock.Mocker
    ) -> None:
        mock.get(f"{LIST}/members", status_code=500, text="")

        with pytest.raises(ServerFault):
            StatusIndex(calls, "archived").among(HASHES[:5])


def test_an_audience_whose_count_can_not_be_read_is_asked_again(calls: Calls, mock: requests_mock.Mocker) -> None:
    """Who is overlooked would be added twice."""
    page = {"members": [{"id": "h1", "merge_fields": {"NO": "7"}}], "total_items": 1}
    answers = [{"json": {**page, "total_items": None}}, {"json": page}]
    mock.get(f"{LIST}/members", [*answers, *[{"json": page}] * 9])

    assert KeyIndex(calls, "NO").holder("7") == "h1"
