"""Each way in which an endpoint hands out its rows is read to its end, or said not to be."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any
from unittest.mock import patch

import pytest

from mailchimp_api.errors import Problem, ResourceGone, ResourceRefused
from source_mailchimp.errors import IncompleteListing, ParentsRefused
from source_mailchimp.streams import STREAMS
from unit_tests.mailchimp_model import Reader, Site, date

EVENTS = STREAMS["member_events"]


class Sorted(Site):
    """A listing that has no offset, but an order."""

    def page(self, path: str, params: Mapping[str, Any], items: str | None) -> dict[str, Any]:
        rows = sorted(self.tables[path], key=lambda row: row["created_at"], reverse=params.get("sort_dir") == "DESC")
        return {items or "": rows[: params["count"]], "total_items": len(rows)}


class Chained(Site):
    """A listing by cursor; ``stuck``: the cursor comes again and again."""

    stuck = False

    def page(self, path: str, params: Mapping[str, Any], items: str | None) -> dict[str, Any]:
        if not path.startswith("audiences/"):
            return super().page(path, params, items)
        since = params.get("updated_since", "")
        rows = [row for row in self.tables[path] if row["last_updated_at"] > since]
        begin = int(params.get("cursor", 0))
        end = begin + params["count"]
        following = "0" if self.stuck else str(end) if end < len(rows) else None
        return {items or "": rows[begin:end], "next_cursor": following}


def chain(size: int) -> Chained:
    return Chained(
        tables={
            "audiences": [{"id": "a1"}],
            "audiences/a1/contacts": [{"id": f"c{n}", "last_updated_at": date(n)} for n in range(size)],
        }
    )


class TestCountOnly:
    @pytest.mark.parametrize("size", [0, 1, 999, 1000, 1001, 1999, 2000])
    def test_two_ends_make_a_whole(self, size: int) -> None:
        site = Sorted(tables={"landing-pages": [{"id": f"p{n}", "created_at": date(n)} for n in range(size)]})
        reader = Reader(site, STREAMS["landing_pages"], full_refresh=True)

        assert reader.sync()

        assert sorted(row["id"] for row in reader.emitted) == sorted(f"p{n}" for n in range(size))

    def test_a_middle_that_can_not_be_had_is_an_error(self) -> None:
        site = Sorted(tables={"landing-pages": [{"id": f"p{n}", "created_at": date(n)} for n in range(2001)]})
        reader = Reader(site, STREAMS["landing_pages"], full_refresh=True)

        assert not reader.sync()

        assert isinstance(reader.error, IncompleteListing)

    @pytest.mark.parametrize("size", [999, 1000])
    def test_a_full_page_without_a_total_is_not_taken_for_all(self, size: int) -> None:
        class Untold(Sorted):
            def page(self, path: str, params: Mapping[str, Any], items: str | None) -> dict[str, Any]:
                body = super().page(path, params, items)
                del body["total_items"]
                return body

        site = Untold(tables={"landing-pages": [{"id": f"p{n}", "created_at": date(n)} for n in range(size)]})
        reader = Reader(site, STREAMS["landing_pages"], full_refresh=True)

        assert reader.sync() == (size < 1000)

        assert size < 1000 or "1000 of an unknown number of rows were seen" in str(reader.error)


class TestAllAtOnce:
    def test_what_is_paged_nevertheless_is_read_by_pages(self) -> None:
        class Ten(Site):
            def page(self, path: str, params: Mapping[str, Any], items: str | None) -> dict[str, Any]:
                return super().page(path, {"count": 10, **params}, items)

        site = Ten(tables={"verified-domains": [{"domain": f"d{n}"} for n in range(35)]})
        reader = Reader(site, STREAMS["verified_domains"], full_refresh=True)

        assert reader.sync()

        assert sorted(row["domain"] for row in reader.emitted) == sorted(f"d{n}" for n in range(35))

    @pytest.mark.parametrize("size", [0, 9, 10, 11, 35])
    @pytest.mark.parametrize("paged", [True, False])
    def test_ten_rows_without_a_total_are_not_taken_for_all(self, size: int, paged: bool) -> None:  # noqa: FBT001
        class Untold(Site):
            def page(self, path: str, params: Mapping[str, Any], items: str | None) -> dict[str, Any]:
                if path == "campaigns":
                    return super().page(path, params, items)
                rows = self.tables[path]
                offset = params.get("offset", 0)
                return {items or "": rows[offset : offset + params.get("count", 10)] if paged else rows}

        site = Untold(tables={"campaigns": [{"id": "c1", "status": "save"}]})
        site.tables["campaigns/c1/send-checklist"] = [{"id": number} for number in range(size)]
        reader = Reader(site, STREAMS["campaign_send_checklist"], full_refresh=True)

        assert reader.sync()

        assert [row["id"] for row in reader.emitted] == list(range(size))


class TestTwins:
    """Two projects reported that a cart was listed twice once a line had been added to it."""

    @pytest.mark.parametrize("name, found", [("carts", ["c1", "c1", "c2"]), ("cart_lines", ["a", "a", "b", "z"])])
    def test_rows_of_one_key_that_differ_are_all_read(
        self, name: str, found: list[str], caplog: pytest.LogCaptureFixture
    ) -> None:
        lines = {"c1": ["a"], "c1 again": ["a", "b"], "c2": ["z"]}
        carts = [{"id": cart[:2], "lines": [{"id": line} for line in ids]} for cart, ids in lines.items()]
        site = Site(tables={"ecommerce/stores": [{"id": "s1"}], "ecommerce/stores/s1/carts": carts})
        reader = Reader(site, STREAMS[name], full_refresh=True)

        with caplog.at_level(logging.WARNING):
            assert reader.sync()

        assert [row["id"] for row in reader.emitted] == found
        assert len(site.requests) == 2
        assert caplog.text == ""

    def test_what_is_below_them_is_read_once(self) -> None:
        site = Site(tables={"ecommerce/stores": [{"id": "s1"}, {"id": "s1", "name": "again"}]})
        site.tables["ecommerce/stores/s1/orders"] = [{"id": "o1"}, {"id": "o2"}]
        reader = Reader(site, STREAMS["orders"], full_refresh=True)

        assert reader.sync()

        assert [row["id"] for row in reader.emitted] == ["o1", "o2"]


class TestCursor:
    @pytest.mark.parametrize("size", [0, 1, 9, 10, 11, 20, 35])
    def test_page_follows_page(self, size: int) -> None:
        reader = Reader(chain(size), STREAMS["audience_contacts"], full_refresh=True, page_size=10)

        assert reader.sync()

        assert [row["id"] for row in reader.emitted] == [f"c{n}" for n in range(size)]

    def test_pages_that_time_out_are_asked_for_in_smaller_ones(self) -> None:
        site = chain(195)
        site.largest = 50
        reader = Reader(site, STREAMS["audience_contacts"], full_refresh=True, page_size=100)

        assert reader.sync()

        assert [row["id"] for row in reader.emitted] == [f"c{n}" for n in range(195)]
        assert [params["count"] for path, params in site.requests if path.endswith("contacts")] == [100, 50, 50, 50, 50]

    @pytest.mark.parametrize("kill", range(2, 16))
    def test_a_killed_read_goes_on_by_the_date_it_had_come_to(self, kill: int) -> None:
        reader = Reader(chain(95), STREAMS["audience_contacts"], full_refresh=True, page_size=10)
        reader.sync(kill_after=kill)

        assert reader.sync()

        assert {row["id"] for row in reader.emitted} == {f"c{n}" for n in range(95)}

    def test_a_cursor_that_comes_again_ends_in_an_error_and_not_never(self) -> None:
        site = chain(95)
        site.stuck = True
        reader = Reader(site, STREAMS["audience_contacts"], full_refresh=True, page_size=10)

        assert not reader.sync()

        assert isinstance(reader.error, IncompleteListing)

    @pytest.mark.parametrize("cursor", [7, {"at": 7}, ["c"], True])
    def test_a_cursor_that_is_none_ends_in_an_error_that_says_so(self, cursor: object) -> None:
        site = chain(95)
        page = site.page
        with patch.object(site, "page", lambda *args: {**page(*args), "next_cursor": cursor}):
            reader = Reader(site, STREAMS["audience_contacts"], full_refresh=True, page_size=10)

            assert not reader.sync()

        assert isinstance(reader.error, IncompleteListing)


class TestPerContact:
    """One request for each contact."""

    def site(self, size: int) -> Site:
        class People(Site):
            def page(self, path: str, params: Mapping[str, Any], items: str | None) -> dict[str, Any]:
                if path == "lists/l1/members":
                    return self.members(params)
                return super().page(path, params, items)

        site = People(tables={"lists": [{"id": "l1"}]})
        for second in range(size):
            row = site.add(1000 + second)
            site.tables[f"lists/l1/members/{row.id}/events"] = [
                {"name": f"{row.id} {number}", "occurred_at": date(number)} for number in range(3)
            ]
        return site

    @pytest.mark.parametrize("page_size", [2, 7, 1000])
    def test_every_contact_is_asked_for_all_its_rows(self, page_size: int) -> None:
        site = self.site(40)
        reader = Reader(site, EVENTS, full_refresh=True, page_size=page_size)

        assert reader.sync()

        assert {row["name"] for row in reader.emitted} == {f"c{c} {n}" for c in range(1, 41) for n in range(3)}

    def test_an_event_that_happened_twice_in_a_second_costs_no_further_request(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        site = self.site(4)
        rows = site.tables["lists/l1/members/c2/events"]
        rows.append(rows[-1])
        reader = Reader(site, EVENTS, full_refresh=True)

        with caplog.at_level(logging.WARNING):
            assert reader.sync()

        assert len([path for path, _ in site.requests if path.endswith("c2/events")]) == 1
        assert (len(reader.emitted), caplog.text) == (13, "")

    @pytest.mark.parametrize("kill", range(3, 60, 8))
    def test_a_killed_read_loses_no_contact(self, kill: int) -> None:
        site = self.site(40)
        reader = Reader(site, EVENTS, full_refresh=True, page_size=5)
        reader.sync(kill_after=kill)

        assert reader.sync()

        assert {row["subscriber_hash"] for row in reader.emitted} == set(site.rows)

    @pytest.mark.parametrize("refused", [range(1, 7), range(30, 31)], ids=["the first ones", "a later one"])
    def test_a_contact_that_goes_or_is_refused_costs_no_other(
        self, refused: range, caplog: pytest.LogCaptureFixture
    ) -> None:
        site = self.site(40)
        site.faults["lists/l1/members/c7/events"] = lambda _: ResourceGone("gone")
        for number in refused:
            site.faults[f"lists/l1/members/c{number}/events"] = lambda _: ResourceRefused("no", problem=Problem(403))
        reader = Reader(site, EVENTS, full_refresh=True)

        with caplog.at_level(logging.WARNING):
            assert not reader.sync()

        assert isinstance(reader.error, ParentsRefused)
        skipped = {"c7", *(f"c{number}" for number in refused)}
        assert {row["subscriber_hash"] for row in reader.emitted} == set(site.rows) - skipped
        assert "1 contact no longer exists" in caplog.text
        assert f"{len(refused)} contacts were refused" in caplog.text

    def test_a_plan_that_lacks_them_is_not_asked_for_every_contact(self, caplog: pytest.LogCaptureFixture) -> None:
        site = self.site(500)
        for name in site.rows:
            site.faults[f"lists/l1/members/{name}/events"] = lambda _: ResourceRefused("no", problem=Problem(403))
        reader = Reader(site, EVENTS, full_refresh=True)

        with caplog.at_level(logging.WARNING):
            assert reader.sync()

        asked = [path for path, _ in site.requests if path.endswith("/events")]
        assert len(asked) < 50
        assert "member_events" in caplog.text


def test_the_rows_of_a_listing_are_told_apart_by_what_was_answered_not_by_what_became_of_it() -> None:
    """A key of fields that the row lacks until it has become a record, over many pages of an untrusted total."""
    site = Site(
        tables={
            "lists": [{"id": "l1"}],
            "lists/l1/segments": [{"id": 7, "list_id": "l1"}],
            "lists/l1/segments/7/members": [{"id": f"m{number}"} for number in range(98)],
        }
    )
    reader = Reader(site, STREAMS["segment_members"], full_refresh=True, page_size=10)

    assert reader.sync()

    asked = [params for path, params in site.requests if path.endswith("7/members")]
    assert (len(reader.emitted), len(asked)) == (98, 11)
