"""Whoever is in a listing all the time is found in it, though contacts come, go and change while it is read."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from mailchimp_api.clock import ServerClock
from mailchimp_api.errors import AnswerTimeout, IncompleteListing
from mailchimp_api.listing import ContactListing, Listing, Page, Reading, read_listing
from mailchimp_api.readers import ContactPage

Params = Mapping[str, str | int | None]
# Long enough ago, so that all of it lies in the closed window.
BEGINNING = datetime.now(timezone.utc).replace(microsecond=0) - timedelta(days=1)


class Audience:
    """Contacts that change, ``churn`` of them on average before each answer. ``largest``: more rows time out."""

    def __init__(self, size: int, *, seed: int = 0, churn: float = 0.0, ties: int = 1, largest: int = 1000) -> None:
        self.random = random.Random(seed)  # noqa: S311 - a model, not a secret
        self.churn, self.largest = churn, largest
        self.lock = threading.Lock()
        self.asked: list[int] = []
        self.lies: Callable[[int], int] = lambda total: total
        self.contacts = {
            f"c{number}": (BEGINNING + timedelta(seconds=number // ties), number % 2 == 0) for number in range(size)
        }

    def happen(self) -> None:
        """Somebody is archived, comes back, or changes."""
        name = self.random.choice(list(self.contacts))
        self.contacts[name] = (datetime.now(timezone.utc).replace(microsecond=0), self.random.random() < 0.5)

    def archived(self) -> set[str]:
        return {name for name, (_, archived) in self.contacts.items() if archived}

    def ask(self, params: Params) -> ContactPage:
        with self.lock:
            count, offset = int(params["count"] or 0), int(params["offset"] or 0)
            self.asked.append(count)
            if count > self.largest:
                raise AnswerTimeout("too many")
            changes = self.churn
            while self.random.random() < changes:
                self.happen()
                changes -= 1
            since, before = (
                datetime.fromisoformat(str(params[name])) if params[name] else limit
                for name, limit in (
                    ("since_last_changed", datetime.min.replace(tzinfo=timezone.utc)),
                    ("before_last_changed", datetime.max.replace(tzinfo=timezone.utc)),
                )
            )
            rows = [
                {"id": name, "last_changed": changed.isoformat()}
                for name, (changed, archived) in self.contacts.items()
                if archived and since < changed <= before
            ]
            self.random.shuffle(rows)
            rows.sort(key=lambda row: row["last_changed"])
            return ContactPage(rows[offset : offset + count], self.lies(len(rows)))


def listing_of(audience: Audience, *, page_size: int = 20) -> ContactListing:
    clock = ServerClock()
    clock.note(datetime.now(timezone.utc))
    return ContactListing(audience.ask, clock, Reading(3, lambda _: None, page_size), status="archived")


def ids(batches: Any) -> set[str]:
    return {row["id"] for batch in batches for row in batch}


class TestContacts:
    @pytest.mark.parametrize("ties,often", [(1, 9), (7, 5), (1000, 0)])
    @pytest.mark.parametrize("churn", [0.5, 1.5])
    def test_nobody_who_is_archived_at_the_end_is_missed(self, churn: float, ties: int, often: int) -> None:
        """By plain offsets, with as many distinct rows as the total taken for complete, some were.

        All that tie in random order while some leave can't be proved: then it is an error.
        """
        found = 0
        for seed in range(12):
            audience = Audience(300, seed=seed, churn=churn, ties=ties)
            try:
                archived = ids(listing_of(audience).everybody())
            except IncompleteListing:
                continue

            assert audience.archived() <= archived, f"seed {seed}"
            found += 1
        assert found >= often

    def test_what_changes_later_is_found_by_asking_for_changes(self) -> None:
        audience = Audience(300)
        listing = listing_of(audience)
        archived = ids(listing.everybody())
        for _ in range(15):
            audience.happen()
            audience.happen()
            archived |= ids(listing.changed())

            assert audience.archived() <= archived

    def test_nothing_moves_then_every_page_is_asked_for_once(self) -> None:
        audience = Audience(400)

        assert ids(listing_of(audience).everybody()) == audience.archived()
        assert len(audience.asked) <= 13

    def test_pages_that_time_out_are_asked_for_in_parts(self) -> None:
        audience = Audience(900, largest=100)

        assert ids(listing_of(audience, page_size=400).everybody()) == audience.archived()

    @pytest.mark.parametrize("more", [1, 40, 10**6])
    def test_who_is_counted_but_never_shown_makes_it_incomplete(self, more: int) -> None:
        """Nobody knows who that is: it may be the very one who must not be subscribed."""
        audience = Audience(100)
        audience.lies = lambda total: total + more

        with pytest.raises(IncompleteListing):
            ids(listing_of(audience).everybody())
        assert len(audience.asked) < 500

    def test_an_error_of_a_page_ends_it(self) -> None:
        audience = Audience(200, largest=10)

        with pytest.raises(AnswerTimeout):
            ids(listing_of(audience).everybody())

    def test_a_wait_that_raises_ends_it(self) -> None:
        class Stopped(Exception):
            pass

        def wait(_: float) -> None:
            raise Stopped

        audience = Audience(100)
        audience.lies = lambda total: total + 1
        listing = listing_of(audience)
        listing.reading = Reading(3, wait, 20)

        with pytest.raises(Stopped):
            ids(listing.everybody())


class TestAnyListing:
    def test_a_total_that_is_wrong_proves_nothing(self) -> None:
        """The source may warn of it and go on: there a row too few is seen. Here it would decide."""
        listing = Listing(
            "fields", lambda offset, count: Page(offset, count, [{"id": 1}][offset:], 2), lambda r: r["id"]
        )

        with pytest.raises(IncompleteListing, match="1 of 2"):
            ids(read_listing(listing, Reading(2, lambda _: None)))

    @pytest.mark.parametrize("size", [1, 20])
    def test_a_server_that_ignores_the_offset_is_not_asked_for_ever(self, size: int) -> None:
        asked: list[int] = []

        def ask(offset: int, count: int) -> Page:
            asked.append(offset)
            assert len(asked) < 50
            return Page(offset, count, [{"id": number} for number in range(size)], 10**9)

        with pytest.raises(IncompleteListing, match=f"{size} of 1000000000"):
            ids(read_listing(Listing("numbers", ask, lambda row: row["id"]), Reading(3, lambda _: None, 20)))

    @pytest.mark.parametrize("size", [0, 1, 19, 20, 21, 39, 40, 200])
    def test_all_rows_come_at_every_border_of_pages(self, size: int) -> None:
        rows = [{"id": number} for number in range(size)]
        listing = Listing(
            "numbers", lambda offset, count: Page(offset, count, rows[offset : offset + count], size), lambda r: r["id"]
        )

        assert [row["id"] for batch in read_listing(listing, Reading(3, lambda _: None, 20)) for row in batch] == list(
            range(size)
        )
