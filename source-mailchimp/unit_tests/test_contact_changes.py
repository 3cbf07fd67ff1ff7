"""Tags of contacts: who is asked, what is remembered, and what a kill or a failure leaves open."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson
import pytest

from mailchimp_api.errors import ResourceGone, ServerFault
from source_mailchimp.errors import RowsMissing
from source_mailchimp.reader.contact_sums import AskedContacts, ContactIds, Moved, Sums, order_of, width_for
from source_mailchimp.streams import STREAMS
from source_mailchimp.streams.contacts import tags_told
from unit_tests.mailchimp_model import Reader, Site, every_state_goes_out
from unit_tests.sites import refused

TAGS = STREAMS["member_tags"]


def hashed(number: int) -> str:
    return hashlib.md5(str(number).encode(), usedforsecurity=False).hexdigest()


@dataclass
class Tagged(Site):
    """One audience whose contacts have tags. ``shown``: how many of them a row shows."""

    tags: dict[str, list[int]] = field(default_factory=dict)
    shown: int = 50

    def page(self, path: str, params: Mapping[str, Any], items: str | None) -> dict[str, Any]:
        fault = self.faults.get(path)
        error = fault(params) if fault else None
        if error:
            raise error
        if path == "lists/l1/members":
            body = self.members(params)
            for row in body["members"]:
                tags = self.tags.get(row["id"], [])
                row["tags_count"] = len(tags)
                row["tags"] = [{"id": tag, "name": f"tag {tag}"} for tag in tags[: self.shown]]
            return body
        return super().page(path, params, items)

    def put(self, contact: str, tags: list[int]) -> None:
        """Give the contact these tags and no others; nothing else of it changes."""
        self.tags[contact] = tags
        self.tables[f"lists/l1/members/{contact}/tags"] = [{"id": tag, "name": f"tag {tag}"} for tag in tags]


def tagged(size: int, *, every: int = 1) -> Tagged:
    """A number of contacts, of whom every n-th has a tag."""
    site = Tagged(tables={"lists": [{"id": "l1"}]})
    for number in range(size):
        row = site.add(1000 + number // 5, archived=number % 7 == 0)
        del site.rows[row.id]
        row.id = hashed(number)
        site.rows[row.id] = row
        if number % every == 0:
            site.put(row.id, [number % 3])
    return site


def asked(site: Site) -> list[str]:
    """The contacts who were asked since the last look."""
    paths = [path for path, _ in site.requests]
    site.requests.clear()
    return [path.split("/")[3] for path in paths if path.endswith("/tags")]


def emitted(reader: Reader) -> set[tuple[str, int]]:
    return {(row["subscriber_hash"], row["id"]) for row in reader.emitted}


def truth(site: Tagged) -> set[tuple[str, int]]:
    return {(contact, tag) for contact, tags in site.tags.items() if contact in site.rows for tag in tags}


@pytest.fixture(autouse=True)
def _every_state_goes_out() -> Iterator[None]:
    with every_state_goes_out():
        yield


class TestWhoIsAsked:
    def test_all_at_first_and_then_nobody(self) -> None:
        site = tagged(300, every=2)
        reader = Reader(site, TAGS)

        assert reader.sync()
        assert emitted(reader) == truth(site)
        assert sorted(asked(site)) == sorted(site.tags)
        reader.emitted.clear()
        assert reader.sync()

        assert (asked(site), reader.emitted) == ([], [])

    @pytest.mark.parametrize("touched", [False, True], ids=["last-changed-stays", "last-changed-moves"])
    @pytest.mark.parametrize("tags", [[0, 9], [9], [1, 2, 3]])
    def test_whose_tags_have_changed_and_hardly_anybody_else(self, tags: list[int], *, touched: bool) -> None:
        site = tagged(2000)
        reader = Reader(site, TAGS)
        assert reader.sync()
        changed = [hashed(number) for number in (0, 7, 300, 1999)]
        for contact in changed:
            site.put(contact, tags)
            if touched:
                site.touch(site.rows[contact])
        site.now += 1000
        asked(site)
        reader.emitted.clear()

        assert reader.sync()

        came = asked(site)
        assert set(changed) <= set(came)
        assert len(came) <= 10
        assert {(contact, tag) for contact in changed for tag in tags} <= emitted(reader)

    def test_a_contact_without_any_tag_left_is_not_asked(self) -> None:
        site = tagged(300)
        reader = Reader(site, TAGS)
        assert reader.sync()
        site.put(hashed(5), [])
        asked(site)

        assert reader.sync()

        assert hashed(5) not in asked(site)

    def test_who_has_more_tags_than_a_row_shows_is_asked_every_time(self) -> None:
        site = tagged(500)
        site.put(hashed(3), [1, 2, 3])
        site.shown = 2
        reader = Reader(site, TAGS)
        assert reader.sync()
        asked(site)

        for _ in range(2):
            assert reader.sync()
            came = asked(site)
            assert hashed(3) in came
            assert len(came) < 20

    def test_the_order_of_tags_in_a_row_means_nothing(self) -> None:
        tags = [{"id": 2, "name": "b"}, {"id": 10, "name": "a"}]

        assert tags_told({"tags_count": 2, "tags": tags}) == tags_told({"tags_count": 2, "tags": tags[::-1]})

    @pytest.mark.parametrize(
        "row", [{}, {"tags_count": 1}, {"tags": []}, {"tags_count": 2, "tags": [{"id": 1}]}, {"tags_count": 0}]
    )
    def test_a_row_that_does_not_hold_all_tags_tells_nothing(self, row: dict[str, object]) -> None:
        assert tags_told(row) is None

    def test_who_was_counted_and_not_listed_is_asked_when_listed(self) -> None:
        site = tagged(300)
        site.unlisted = {hashed(8)}
        reader = Reader(site, TAGS, page_size=10)

        assert not reader.sync()
        assert isinstance(reader.error, RowsMissing)
        assert truth(site) - emitted(reader) == {(hashed(8), 2)}
        site.unlisted = set()
        assert reader.sync()

        assert emitted(reader) == truth(site)


class TestWhatIsLeftOpen:
    @pytest.mark.parametrize("error", [ServerFault("down"), refused(), ResourceGone("gone")], ids=["500", "403", "404"])
    def test_who_could_not_be_asked_is_asked_by_the_next_sync(self, error: Exception) -> None:
        site = tagged(400)
        site.faults[f"lists/l1/members/{hashed(9)}/tags"] = lambda _: error
        reader = Reader(site, TAGS)

        assert reader.sync() is not isinstance(error, ServerFault)
        assert truth(site) - emitted(reader) == {(hashed(9), 0)}
        site.faults.clear()
        asked(site)
        assert reader.sync()

        assert emitted(reader) == truth(site)
        assert len(asked(site)) < 20

    def test_those_who_always_fail_hold_up_nobody_for_good(self) -> None:
        site = tagged(60)
        lasting = sorted(site.tags)[10:16]
        for contact in lasting:
            site.faults[f"lists/l1/members/{contact}/tags"] = lambda _: ServerFault("down")
        reader = Reader(site, TAGS)

        for _ in range(4):
            assert not reader.sync()

        assert {contact for contact, _ in truth(site) - emitted(reader)} == set(lasting)
        site.faults.clear()
        assert reader.sync()
        assert emitted(reader) == truth(site)

    def test_a_resumed_sync_that_is_refused_altogether_says_so_and_asks_once(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        site = tagged(400)
        reader = Reader(site, TAGS)
        reader.sync(kill_after=500)
        assert 50 < len(emitted(reader)) < 400
        for contact in site.tags:
            site.faults[f"lists/l1/members/{contact}/tags"] = lambda _: refused()
        asked(site)

        reader.sync()

        assert [message for message in caplog.messages if "is not available to this user, nothing read" in message]
        came = asked(site)
        assert len(came) == len(set(came))

    @pytest.mark.parametrize("path", ["lists/l1/members", "lists"])
    def test_a_walk_that_fails_leaves_the_state_as_it_was(self, path: str) -> None:
        site = tagged(300)
        reader = Reader(site, TAGS)
        assert reader.sync()
        before = reader.state["contacts"]
        site.put(hashed(4), [7])
        site.faults[path] = lambda _: ServerFault("down")

        assert not reader.sync()
        assert reader.state["contacts"] == before
        site.faults.clear()
        assert reader.sync()

        assert (hashed(4), 7) in emitted(reader)


class TestKills:
    @pytest.mark.parametrize("seed", range(12))
    def test_whenever_it_is_killed_and_whatever_changes_meanwhile_nothing_is_lost(self, seed: int) -> None:
        chance = random.Random(seed)  # noqa: S311 - repeatable
        site = tagged(150, every=2)
        reader = Reader(site, TAGS, page_size=20)
        ever: set[tuple[str, int]] = set()

        for _ in range(12):
            for contact in chance.sample(sorted(site.rows), 3):
                site.put(contact, chance.sample(range(5), chance.randrange(4)))
                if chance.random() < 0.5:
                    site.touch(site.rows[contact])
                if chance.random() < 0.3:
                    site.rows[contact].archived = not site.rows[contact].archived
            site.now += chance.choice((1, 100))
            reader.sync(kill_after=chance.randrange(2, 200))
            ever |= emitted(reader)
        site.now += 100
        reader.emitted = []
        before_last = {contact: list(tags) for contact, tags in site.tags.items()}
        assert reader.sync()

        assert truth(site) - emitted(reader) - ever == set()
        last = latest_of(reader)
        assert {contact: sorted(tags) for contact, tags in before_last.items() if contact in last} == last
        asked(site)
        assert reader.sync()
        assert len(asked(site)) <= 150

    def test_a_resumed_sync_asks_those_who_are_left(self) -> None:
        site = tagged(400)
        reader = Reader(site, TAGS)
        reader.sync(kill_after=500)
        before = emitted(reader)
        assert 50 < len(before) < 400
        asked(site)

        assert reader.sync()

        assert emitted(reader) == truth(site)
        assert len(asked(site)) <= 400 - len(before) + 30

    def test_who_changed_after_being_asked_is_asked_again_after_a_kill(self) -> None:
        site = tagged(400)
        reader = Reader(site, TAGS)
        reader.sync(kill_after=500)
        contact = min(emitted(reader))[0]
        site.put(contact, [8])

        assert reader.sync()

        assert (contact, 8) in emitted(reader)

    def test_a_change_while_others_are_asked_is_found(self) -> None:
        site = tagged(400)
        reader = Reader(site, TAGS)
        first = min(site.tags)

        def change(_: object) -> None:
            if reader.emitted and site.tags[first] != [8]:
                site.put(first, [8])

        assert reader.sync(on_event=change)
        assert (first, 8) not in emitted(reader)
        assert reader.sync()

        assert (first, 8) in emitted(reader)


def latest_of(reader: Reader) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for row in reader.emitted:
        found.setdefault(row["subscriber_hash"], []).append(row["id"])
    return {contact: sorted(set(tags)) for contact, tags in found.items()}


class TestState:
    def test_it_stays_small(self) -> None:
        site = tagged(12_000)
        reader = Reader(site, TAGS)
        reader.sync(kill_after=300)

        assert len(orjson.dumps(reader.state)) < 20_000

    @pytest.mark.parametrize(
        "contacts, broken",
        [
            (7, "contacts"),
            ({"l1": 7}, "contacts.l1"),
            ({"l1": {"known": "?"}}, "contacts.l1.known"),
            ({"l1": {"known": "AAAA"}}, "contacts.l1.known"),
            ({"l1": {"seen": "AAAA", "after": "a"}}, "contacts.l1.seen"),
        ],
    )
    def test_what_cannot_be_read_is_named_and_asked_again(self, contacts: object, broken: str) -> None:
        site = tagged(30)
        reader = Reader(site, TAGS)
        reader.state = {"version": 1, "contacts": contacts}
        told: list[str] = []
        if isinstance(contacts, dict):
            for name, raw in contacts.items():
                AskedContacts.load(raw, f"contacts.{name}", told.append)
            assert broken in told

        assert reader.sync()

        assert emitted(reader) == truth(site)

    @pytest.mark.parametrize("contacts", [0, 1_000, 1_001, 10_001, 10**6])
    def test_it_comes_back_as_it_went(self, contacts: int) -> None:
        sums = Sums.empty()
        for number in range(50):
            sums.add(hashed(number), number)
        sums.open(hashed(1))
        folded = sums.folded(width_for(contacts))

        assert Sums.load(folded.dump(), "known", lambda _: None) == folded
        assert hashed(1) in Moved(folded, sums)
        assert sum(hashed(number) in Moved(folded, sums) for number in range(2, 50)) < 10

    def test_sums_know_a_change_at_every_width(self) -> None:
        before, after = Sums.empty(), Sums.empty()
        for number in range(3000):
            before.add(hashed(number), "a")
            after.add(hashed(number), "b" if number == 77 else "a")

        for width in (16, 64, 256):
            moved = Moved(before.folded(width), after)
            assert hashed(77) in moved
            assert sum(hashed(number) in moved for number in range(3000)) < 10
            assert hashed(77) not in Moved(before.folded(width), before)


def test_ids_come_in_one_order_and_once() -> None:
    ids = ContactIds()
    given = [hashed(number) for number in range(300)] + ["c1", "ABCDEF" * 5 + "AB", "ff"] + [hashed(7)]
    for contact in random.Random(1).sample(given, len(given)):  # noqa: S311 - repeatable
        ids.add(contact)

    assert list(ids) == sorted(set(given), key=order_of)
