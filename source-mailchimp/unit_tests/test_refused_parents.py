"""What is refused below one order or contact costs no other, and a full refresh says that it is missing."""

from __future__ import annotations

import asyncio
import gc
import logging
import weakref
from collections.abc import Mapping
from typing import Any

import pytest

from mailchimp_api.errors import Problem, ResourceRefused
from source_mailchimp.errors import ParentsRefused
from source_mailchimp.messages import failure_of
from source_mailchimp.reader.output import StreamOutput
from source_mailchimp.streams import STREAMS
from unit_tests.mailchimp_model import Reader, Site, every_state_goes_out
from unit_tests.sites import UNSUBSCRIBES, campaigns

MEMBERS = "lists/l1/members"


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


class Audience(Site):
    """One whose contacts are listed by their last change."""

    def page(self, path: str, params: Mapping[str, Any], items: str | None) -> dict[str, Any]:
        return self.members(params) if path == MEMBERS else super().page(path, params, items)


def audience(contacts: int) -> Site:
    site = Audience(tables={"lists": [{"id": "l1"}]})
    for number in range(contacts):
        contact = site.add(1_500 * number)  # an hour holds a few: some minutes are read again
        site.tables[f"{MEMBERS}/{contact.id}/goals"] = [{"goal_id": number}]
    return site


class TestRefused:
    @pytest.mark.parametrize("name", ["orders", "order_lines", "products"])
    def test_a_full_refresh_without_a_refused_store_is_not_complete(self, name: str) -> None:
        site = store(3)
        site.tables["ecommerce/stores"].append({"id": "s2"})
        site.tables["ecommerce/stores/s1/products"] = [{"id": "p1"}]
        for what in ("orders", "products"):
            site.faults[f"ecommerce/stores/s2/{what}"] = lambda _: refused()
        reader = Reader(site, STREAMS[name], full_refresh=True)

        assert not reader.sync()

        assert reader.emitted
        assert isinstance(reader.error, ParentsRefused)
        assert "refused below 1 of the stores" in str(reader.error)
        site.faults.clear()
        assert reader.sync()

    def test_a_full_refresh_without_a_refused_campaign_is_not_complete(self) -> None:
        site = campaigns(4)
        site.faults["reports/r0001/unsubscribed"] = lambda _: refused()

        assert not Reader(site, UNSUBSCRIBES, full_refresh=True).sync()
        assert Reader(site, UNSUBSCRIBES).sync()

    @pytest.mark.parametrize("full_refresh", [False, True])
    @pytest.mark.parametrize("name", ["unsubscribes", "click_detail_members"])
    def test_a_full_refresh_without_the_versions_of_a_campaign_is_not_complete(
        self,
        name: str,
        full_refresh: bool,  # noqa: FBT001
    ) -> None:
        site = campaigns(2)
        site.tables["reports"][0]["type"] = "variate"
        site.faults["reports/r0000/sub-reports"] = lambda _: refused()
        reader = Reader(site, STREAMS[name], full_refresh=full_refresh)

        assert reader.sync() is not full_refresh

        if full_refresh:
            assert "refused below 1 of the reports" in str(reader.error)
            site.faults.clear()
            assert reader.sync()

    @pytest.mark.parametrize("full_refresh", [False, True])
    def test_what_is_below_links_of_which_some_were_refused(self, full_refresh: bool) -> None:  # noqa: FBT001
        """What is new below the others can be told without them; a full refresh lacks rows."""
        site = campaigns(4)
        site.tables["reports"][1]["type"] = "variate"
        for row in site.tables["reports"]:
            path = f"reports/{row['id']}/click-details"
            site.tables[path] = [{"id": "u1", "campaign_id": row["id"]}]
            site.tables[f"{path}/u1/members"] = [{"email_id": "e1", "campaign_id": row["id"], "url_id": "u1"}]
        stream = STREAMS["click_detail_members"]
        for path in ("reports/r0001/click-details", "reports/r0001/sub-reports"):
            site.faults = {path: lambda _: refused()}
            for beside in ([], [STREAMS["click_details"]]):
                reader = Reader(site, stream, full_refresh=full_refresh, beside=beside)
                assert reader.sync() is not full_refresh
                assert {"r0000", "r0002", "r0003"} <= {row["campaign_id"] for row in reader.emitted}
                if full_refresh:
                    assert failure_of(reader.error or Exception()).failure_type == "config_error"

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
        site.faults[f"{MEMBERS}/c4/goals"] = lambda _: refused()
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
        site.faults[f"{MEMBERS}/c4/goals"] = lambda _: refused()

        assert Reader(site, STREAMS["member_goals"], include_archived=False).sync()

    def test_a_million_refusals_are_counted_and_not_kept(self) -> None:
        out = StreamOutput(STREAMS["member_goals"], asyncio.Queue(), rows_per_state=1)
        errors = [refused() for _ in range(100)]
        kept = [weakref.ref(error) for error in errors]
        while errors:
            out.note_refused(errors.pop())
        gc.collect()

        assert not [ref for ref in kept if ref() is not None]
        assert "refused below 100 of the list_members" in str(out.left_out)

    @pytest.mark.parametrize("name", ["order_lines", "member_goals"])
    def test_a_full_refresh_that_was_cut_short_behind_a_refusal_is_not_complete(self, name: str) -> None:
        """Whoever goes on with it passes by what was refused, or asks again."""
        asked_again = 0
        for kill in range(4, 40, 3):
            site = store(60) if name == "order_lines" else audience(60)
            refuses = "ecommerce/stores/s1/orders/o3/lines" if name == "order_lines" else f"{MEMBERS}/c4/goals"
            site.faults[refuses] = lambda _: refused()
            reader = Reader(site, STREAMS[name], full_refresh=True, page_size=10, include_archived=False)
            with every_state_goes_out():
                assert not reader.sync(kill_after=kill)
                if reader.error:
                    break
                site.requests.clear()

                assert not reader.sync(), f"killed after {kill} events"

            assert isinstance(reader.error, ParentsRefused)
            asked_again += refuses in {path for path, _ in site.requests}
            site.faults.clear()
            reader.emitted.clear()
            assert reader.sync()
            assert len(reader.emitted) == 60
        assert kill > 10
        assert asked_again < kill // 3 - 1
