"""What is refused below one order or contact costs no other, and a full refresh says that it is missing."""

from __future__ import annotations

import logging

import pytest

from mailchimp_api.errors import Problem, ResourceRefused
from source_mailchimp.errors import ParentsRefused
from source_mailchimp.streams import STREAMS
from unit_tests.mailchimp_model import Reader, Site, date


def refused() -> ResourceRefused:
    return ResourceRefused("no", problem=Problem(403, "Forbidden"))


def store(orders: int) -> Site:
    """Orders that show no lines in their rows, so that each is asked."""
    site = Site(tables={"ecommerce/stores": [{"id": "s1"}]})
    path = "ecommerce/stores/s1/orders"
    site.tables[path] = [{"id": f"o{number}", "lines": [], "order_total": 5} for number in range(orders)]
    for number in range(orders):
        site.tables[f"{path}/o{number}/lines"] = [{"id": f"line{number}"}]
    return site


def audience(contacts: int) -> Site:
    site = Site(tables={"lists": [{"id": "l1"}]})
    path = "lists/l1/members"
    site.tables[path] = [{"id": f"m{number}", "last_changed": date(number)} for number in range(contacts)]
    for number in range(contacts):
        site.tables[f"{path}/m{number}/goals"] = [{"goal_id": number}]
    return site


class TestRefused:
    def test_the_lines_of_one_order_cost_no_other(self, caplog: pytest.LogCaptureFixture) -> None:
        site = store(30)
        site.faults["ecommerce/stores/s1/orders/o3/lines"] = lambda _: refused()
        reader = Reader(site, STREAMS["order_lines"], full_refresh=True, page_size=10)

        with caplog.at_level(logging.WARNING):
            assert not reader.sync()

        assert {row["id"] for row in reader.emitted} == {f"line{number}" for number in range(30) if number != 3}
        assert isinstance(reader.error, ParentsRefused)
        assert "1 of the orders" in str(reader.error)
        assert "skipped o3" in caplog.text
        site.faults.clear()
        reader.emitted.clear()
        assert reader.sync()
        assert "line3" in {row["id"] for row in reader.emitted}

    def test_a_full_refresh_without_the_rows_of_one_contact_is_not_complete(self) -> None:
        site = audience(30)
        site.faults["lists/l1/members/m3/goals"] = lambda _: refused()
        reader = Reader(site, STREAMS["member_goals"], full_refresh=True, include_archived=False)

        assert not reader.sync()

        assert {row["goal_id"] for row in reader.emitted} == set(range(30)) - {3}
        assert isinstance(reader.error, ParentsRefused)
        site.faults.clear()
        reader.emitted.clear()
        assert reader.sync()
        assert 3 in {row["goal_id"] for row in reader.emitted}

    def test_news_are_read_without_the_rows_of_one_contact(self) -> None:
        site = audience(30)
        site.faults["lists/l1/members/m3/goals"] = lambda _: refused()

        assert Reader(site, STREAMS["member_goals"], include_archived=False).sync()
