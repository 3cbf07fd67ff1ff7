"""The account changes while it is read, and vanishes in parts."""

from __future__ import annotations

from typing import Any

import pytest

from mailchimp_simulator.client import Simulator
from tests.api import Api

MEMBERS = "/lists/{list_id}/members"


def ids(api: Api, path: str, **query: Any) -> list[str]:
    return [row["id"] for row in api.get(path, count=1000, **query)["members"]]


def test_contacts_change_after_each_page_and_move_to_now(api: Api, simulator: Simulator, list_id: str) -> None:
    path = f"/lists/{list_id}/members"
    simulator.control.drift(2, kinds=["update"], list_id=list_id, seed=4)
    simulator.control.clock(advance=3600)
    before = api.get(path, sort_field="last_changed", sort_dir="DESC")["members"][0]["last_changed"]

    after = api.get(path, sort_field="last_changed", sort_dir="DESC")["members"]

    assert sum(row["last_changed"] > before for row in after) == 2
    assert all(row["merge_fields"]["LNAME"].startswith("Changed") for row in after[:2])


def test_each_kind_of_change_does_what_it_says(api: Api, simulator: Simulator, list_id: str) -> None:
    path = f"/lists/{list_id}/members"
    now = simulator.control.clock(advance=60)
    truth = simulator.control.ground_truth(MEMBERS, "count", [list_id])["by_status"]

    def done(kind: str) -> tuple[str, dict[str, int]]:
        (change,) = simulator.control.change(kind, list_id=list_id)
        return change["hash"], simulator.control.ground_truth(MEMBERS, "count", [list_id])["by_status"]

    joined, counts = done("join")
    assert counts["subscribed"] == truth["subscribed"] + 1
    assert joined in ids(api, path)
    left, counts = done("unsubscribe")
    assert counts["unsubscribed"] == truth["unsubscribed"] + 1
    assert api.get(f"{path}/{left}")["status"] == "unsubscribed"
    hidden, counts = done("archive")
    assert counts["archived"] == truth["archived"] + 1
    assert hidden not in ids(api, path)
    assert hidden in ids(api, path, status="archived", since_last_changed="2026-06-01T11:00:00+00:00")
    back, counts = done("unarchive")
    assert counts["archived"] == truth["archived"]
    assert back in ids(api, path)
    gone, _ = done("delete_permanent")
    assert simulator.control.contact(list_id, gone) == {"status": "gone"}
    assert api.problem("GET", f"{path}/{gone}")["status"] == 404
    assert now > 0


def test_every_listing_stays_in_order_and_whole_while_contacts_change(
    api: Api, simulator: Simulator, list_id: str
) -> None:
    path = f"/lists/{list_id}/members"
    for sort in ("last_changed", "timestamp_opt"):
        api.get(path, sort_field=sort)
    for number in range(60):
        kind = ("update", "join", "unsubscribe", "archive", "unarchive", "delete_permanent")[number % 6]
        simulator.control.clock(advance=1)
        simulator.control.change(kind, list_id=list_id)
        if number % 10 == 0:
            api.get(path, status="archived", sort_field="last_changed")

    keys = simulator.control.ground_truth(MEMBERS, "keys", [list_id])["keys"]

    for status in ("", "archived"):
        rows = api.get(path, count=1000, sort_field="last_changed", **({"status": status} if status else {}))["members"]
        assert [r["last_changed"] for r in rows] == sorted(r["last_changed"] for r in rows)
        assert sorted(r["id"] for r in rows) == sorted(k[1] for k in keys if (k[2] == "archived") is bool(status))


def test_ties_can_come_in_another_order_with_every_request(api: Api, simulator: Simulator, list_id: str) -> None:
    path = f"/lists/{list_id}/members"
    stable = ids(api, path, sort_field="last_changed")
    assert stable == ids(api, path, sort_field="last_changed")

    simulator.control.facts(tie_order="shuffled")
    one, two = (api.get(path, count=1000, sort_field="last_changed")["members"] for _ in range(2))

    assert [r["id"] for r in one] != [r["id"] for r in two]
    assert sorted(r["id"] for r in one) == sorted(stable)
    assert (
        [r["last_changed"] for r in one] == [r["last_changed"] for r in two] == sorted(r["last_changed"] for r in one)
    )


def test_news_moves_last_open_and_shows_in_the_activity(api: Api, simulator: Simulator) -> None:
    quiet = next(r for r in api.get("/reports", count=1000)["reports"] if r["opens"]["last_open"] == "")
    simulator.control.clock(advance=86_400)

    told = simulator.control.add_events([quiet["id"]], opens=2, clicks=1, unsubscribes=1)

    report = api.get(f"/reports/{quiet['id']}")
    assert report["opens"]["last_open"] == report["clicks"]["last_click"] == told["at"]
    rows = api.get(f"/reports/{quiet['id']}/email-activity", count=1000)["emails"]
    assert sum(len(row["activity"]) for row in rows) == 3
    [left] = api.get(f"/reports/{quiet['id']}/unsubscribed")["unsubscribes"]
    assert left["timestamp"] == told["at"]
    simulator.control.clock(advance=3600)
    assert api.get(f"/reports/{quiet['id']}/unsubscribed")["unsubscribes"] == [left]


@pytest.mark.parametrize("vanishes", [True, False])
def test_the_activity_of_who_was_deleted_for_good_vanishes_or_stays_and_the_sums_stay(
    api: Api,
    simulator: Simulator,
    vanishes: bool,  # noqa: FBT001
) -> None:
    simulator.control.facts(deletion_deletes_activity=vanishes)
    campaign = api.get("/reports")["reports"][0]
    simulator.control.add_events([campaign["id"]], opens=3, clicks=3, unsubscribes=3)
    report = f"/reports/{campaign['id']}"
    links = api.get(f"{report}/click-details")["urls_clicked"]
    listings = {"email-activity": "emails", "sent-to": "sent_to", "open-details": "members",
                "unsubscribed": "unsubscribes", f"click-details/{links[0]['id']}/members": "members"}  # fmt: skip

    def shown() -> dict[str, list[str]]:
        return {path: [row["email_id"] for row in api.get(f"{report}/{path}", count=1000)[items]]
                for path, items in listings.items()}  # fmt: skip

    before = shown()
    sums = api.get(report), api.get(f"{report}/click-details")
    second = api.get(f"{report}/email-activity")["emails"][1]

    simulator.control.change("delete_permanent", emails=[second["email_address"]], list_id=campaign["list_id"])

    assert all(second["email_id"] in ids for ids in before.values())
    left = {path: [id_ for id_ in ids if id_ != second["email_id"]] for path, ids in before.items()}
    assert shown() == (left if vanishes else before)
    counts = {path: api.get(f"{report}/{path}")["total_items"] for path in listings}
    assert counts == {path: len(ids) for path, ids in shown().items()}
    assert (api.get(report), api.get(f"{report}/click-details")) == sums
    last = left["email-activity"][-1]
    assert api.get(f"{report}/email-activity/{last}")["email_id"] == last


def test_a_parent_can_vanish(api: Api, simulator: Simulator, list_id: str) -> None:
    campaign = api.get("/reports")["reports"][0]["id"]

    simulator.control.delete(f"/campaigns/{campaign}")
    simulator.control.delete(f"/lists/{list_id}")

    assert campaign not in [c["id"] for c in api.get("/campaigns", count=1000)["campaigns"]]
    assert campaign not in [r["id"] for r in api.get("/reports", count=1000)["reports"]]
    assert api.problem("GET", f"/reports/{campaign}/email-activity")["title"] == "Resource Not Found"
    assert list_id not in api.lists()
    assert api.problem("GET", f"/lists/{list_id}/members")["title"] == "Resource Not Found"
