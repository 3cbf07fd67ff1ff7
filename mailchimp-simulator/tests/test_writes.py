"""Writing contacts, tags and merge fields, with the refusals that the real API is known for."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from mailchimp_simulator.client import Simulator
from tests.api import Api


def digest(email: str) -> str:
    return hashlib.md5(email.lower().encode(), usedforsecurity=False).hexdigest()


def batch(api: Api, list_id: str, members: list[dict[str, Any]], query: str = "", **options: Any) -> Any:
    response = api.call("POST", f"/lists/{list_id}{query}", json={"members": members, **options})
    assert response.status_code == 200, response.text
    return response.json()


def some(api: Api, list_id: str, status: str) -> dict[str, Any]:
    """A contact with a status."""
    row: dict[str, Any] = api.get(f"/lists/{list_id}/members", status=status, count=1)["members"][0]
    return row


def put(api: Api, list_id: str, email: str, **body: object) -> Any:
    body = {"email_address": email, "status_if_new": "subscribed", **body}
    return api.call("PUT", f"/lists/{list_id}/members/{digest(email)}", json=body)


def now_of(api: Api, list_id: str, email: str) -> Any:
    return api.get(f"/lists/{list_id}/members/{digest(email)}")


def test_a_batch_creates_then_refuses_those_that_exist_then_updates_them(api: Api, list_id: str) -> None:
    members = [
        {"email_address": f"Ann{n}@example.com", "status": "pending", "merge_fields": {"FNAME": "Ann"}}
        for n in range(3)
    ]

    created = batch(api, list_id, members)
    again = batch(api, list_id, members, update_existing=False)
    updated = batch(api, list_id, [{**m, "merge_fields": {"LNAME": "Lee"}} for m in members], update_existing=True)

    assert (created["total_created"], created["error_count"]) == (3, 0)
    assert [m["status"] for m in created["new_members"]] == ["pending"] * 3
    assert {e["error_code"] for e in again["errors"]} == {"ERROR_CONTACT_EXISTS"}
    assert again["error_count"] == 3
    assert updated["total_updated"] == 3
    assert (
        updated["updated_members"][0]["merge_fields"] | {"FNAME": "Ann", "LNAME": "Lee"}
        == updated["updated_members"][0]["merge_fields"]
    )


def test_a_batch_takes_five_hundred_members(api: Api, list_id: str) -> None:
    members = [{"email_address": f"b{n}@example.com", "status": "subscribed"} for n in range(501)]

    assert api.problem("POST", f"/lists/{list_id}", json={"members": members})["status"] == 400
    assert batch(api, list_id, members[:500])["total_created"] == 500


def test_a_batch_that_names_an_address_twice_is_refused_or_keeps_the_first(api: Api, list_id: str) -> None:
    twins = [{"email_address": "Twin@example.com", "status": "subscribed", "merge_fields": {"FNAME": name}}
             for name in ("one", "two")]  # fmt: skip

    assert api.problem("POST", f"/lists/{list_id}", json={"members": twins})["title"] == "Invalid Resource"
    quiet = batch(api, list_id, twins, query="?skip_duplicate_check=true")
    assert (quiet["total_created"], quiet["error_count"]) == (1, 0)
    assert now_of(api, list_id, "twin@example.com")["merge_fields"]["FNAME"] == "one"


@pytest.mark.parametrize(
    "email, text",
    [
        ("nonsense", "valid email address"),
        ("", "valid email address"),
        ("fake@example.com", "looks fake or invalid"),
        ("a@host.invalid", "looks fake or invalid"),
        ("toomany@example.com", "signed up to a lot of lists"),
    ],
)
def test_addresses_are_refused_with_the_cause_in_the_text(api: Api, list_id: str, email: str, text: str) -> None:
    (error,) = batch(api, list_id, [{"email_address": email, "status": "subscribed"}])["errors"]

    assert (error["email_address"], error["error_code"]) == (email, "ERROR_GENERIC")
    assert text in error["error"]


def test_someone_who_left_is_not_resubscribed_unless_the_service_lets_it(
    api: Api, simulator: Simulator, list_id: str
) -> None:
    email = some(api, list_id, "unsubscribed")["email_address"]

    (error,) = batch(api, list_id, [{"email_address": email, "status": "subscribed"}], update_existing=True)["errors"]
    refused = put(api, list_id, email, status="subscribed").json()
    assert "compliance state" in error["error"]
    assert (refused["status"], refused["title"]) == (400, "Member In Compliance State")
    assert put(api, list_id, email, merge_fields={"FNAME": "X"}).json()["status"] == "unsubscribed"

    simulator.control.facts(resubscribe_succeeds=True)
    assert put(api, list_id, email, status="subscribed").json()["status"] == "subscribed"


def test_an_update_without_status_leaves_it_or_is_refused(api: Api, simulator: Simulator, list_id: str) -> None:
    row = some(api, list_id, "cleaned")
    member = {"email_address": row["email_address"], "merge_fields": {"FNAME": "New"}}

    (updated,) = batch(api, list_id, [member], update_existing=True)["updated_members"]
    assert (updated["status"], updated["merge_fields"]["FNAME"]) == ("cleaned", "New")

    simulator.control.facts(batch_update_without_status=False)
    (error,) = batch(api, list_id, [member], update_existing=True)["errors"]
    assert (error["error_code"], error["field"]) == ("ERROR_GENERIC", "status")


@pytest.mark.parametrize("reading", ["exists", "exists_generic", "revives"])
def test_a_create_call_finds_an_archived_contact(api: Api, simulator: Simulator, list_id: str, reading: str) -> None:
    simulator.control.facts(archived_in_create=reading)
    email = some(api, list_id, "archived")["email_address"]

    answer = batch(api, list_id, [{"email_address": email, "status": "subscribed"}], update_existing=False)

    status = simulator.control.contact(list_id, digest(email))["status"]
    if reading == "revives":
        assert (answer["total_updated"], status) == (1, "subscribed")
    else:
        code = "ERROR_CONTACT_EXISTS" if reading == "exists" else "ERROR_GENERIC"
        assert ([e["error_code"] for e in answer["errors"]], status) == ([code], "archived")


def test_an_archived_contact_is_revived_by_put_and_refused_to_patch(api: Api, list_id: str) -> None:
    email = some(api, list_id, "archived")["email_address"]
    path = f"/lists/{list_id}/members/{digest(email)}"

    assert api.problem("PATCH", path, json={"status": "subscribed"})["status"] == 405
    assert put(api, list_id, email).json()["status"] == "archived"
    assert put(api, list_id, email, status="subscribed").json()["status"] == "subscribed"
    assert api.call("DELETE", path).status_code == 204
    assert now_of(api, list_id, email)["status"] == "archived"


def test_a_forgotten_contact_cannot_come_back(api: Api, list_id: str) -> None:
    email = some(api, list_id, "subscribed")["email_address"]
    assert api.call("POST", f"/lists/{list_id}/members/{digest(email)}/actions/delete-permanent").status_code == 204

    refused = put(api, list_id, email).json()
    (error,) = batch(api, list_id, [{"email_address": email, "status": "subscribed"}])["errors"]

    assert (refused["status"], refused["title"]) == (400, "Forgotten Email Not Subscribed")
    assert "permanently deleted" in error["error"]


def test_put_upserts_one_and_leaves_an_existing_status_alone(api: Api, list_id: str) -> None:
    assert put(api, list_id, "New@Example.com", status_if_new="pending").json()["status"] == "pending"
    again = put(api, list_id, "new@example.com", status_if_new="subscribed", vip=True, language="de").json()

    assert (again["status"], again["vip"], again["language"]) == ("pending", True, "de")
    taken = api.problem(
        "POST", f"/lists/{list_id}/members", json={"email_address": "new@example.com", "status": "subscribed"}
    )
    assert taken["title"] == "Member Exists"
    without = api.problem(
        "PUT", f"/lists/{list_id}/members/{digest('o@example.com')}", json={"email_address": "o@example.com"}
    )
    assert "status_if_new" in without["errors"][0]["message"]


def test_tags_of_a_put_or_a_batch_count_or_not(api: Api, simulator: Simulator, list_id: str) -> None:
    def tags(email: str) -> list[str]:
        return [tag["name"] for tag in now_of(api, list_id, email)["tags"]]

    put(api, list_id, "n@example.com", tags=["First"])
    put(api, list_id, "n@example.com", tags=["Second"])
    member = {"email_address": "n@example.com", "tags": ["Third"]}
    batch(api, list_id, [member], update_existing=True)
    assert tags("n@example.com") == ["First"]

    simulator.control.facts(put_tags_ignored_for_existing=False, batch_takes_tags=True)
    put(api, list_id, "n@example.com", tags=["Second"])
    batch(api, list_id, [member], update_existing=True)
    assert tags("n@example.com") == ["First", "Second", "Third"]

    batch(api, list_id, [{**member, "tags": ["FIRST"]}], update_existing=True, sync_tags=True)
    assert tags("n@example.com") == ["First"]


def test_tags_in_bulk(api: Api, list_id: str) -> None:
    rows = api.get(f"/lists/{list_id}/members", count=3)["members"]
    emails = [row["email_address"] for row in rows]
    segments = f"/lists/{list_id}/segments"
    made = api.call("POST", segments, json={"name": "Grün", "static_segment": []}).json()

    answer = api.call(
        "POST", f"{segments}/{made['id']}", json={"members_to_add": [*emails, "nobody@example.com"]}
    ).json()

    assert (answer["total_added"], answer["errors"]) == (3, [])
    after = now_of(api, list_id, emails[0])
    assert "Grün" in [tag["name"] for tag in after["tags"]]
    assert after["tags_count"] == len(after["tags"])
    assert after["last_changed"] == rows[0]["last_changed"], "tagging moved last_changed"
    again = api.call(
        "POST", f"{segments}/{made['id']}", json={"members_to_add": emails, "members_to_remove": emails[:1]}
    ).json()
    assert (again["total_added"], again["total_removed"]) == (0, 1)
    assert again["errors"] == [
        {"email_addresses": emails, "error": "Email addresses already exist in the static segment"}
    ]
    many = [f"x{n}@example.com" for n in range(501)]
    assert api.problem("POST", f"{segments}/{made['id']}", json={"members_to_add": many})["status"] == 400


def test_tags_of_one_contact(api: Api, list_id: str) -> None:
    email = some(api, list_id, "subscribed")["email_address"]
    path = f"/lists/{list_id}/members/{digest(email)}/tags"

    def names() -> set[str]:
        return {tag["name"] for tag in api.get(path)["tags"]}

    before = names()
    assert api.call("POST", path, json={"tags": [{"name": "Solo", "status": "active"}]}).status_code == 204
    assert names() == before | {"Solo"}
    assert api.call("POST", path, json={"tags": ["Other"]}).status_code == 204
    assert names() == before | {"Solo"}
    assert api.call("POST", path, json={"tags": [{"name": "SOLO", "status": "inactive"}]}).status_code == 204
    assert names() == before


@pytest.mark.parametrize(
    "tag, good, bad",
    [
        ("BIRTHDAY", "02/29", "13/01"),
        ("POINTS", 12.5, "many"),
        ("JOINED", "2024-05-01", "May"),
        ("SITE", "https://example.com", "example"),
        ("PLAN", "paid", "stolen"),
        ("SIZE", "M", "XXL"),
        ("ZIPCODE", "04200", "abc"),
        (
            "ADDRESS",
            {"addr1": "1 Main St", "city": "Gary", "state": "IN", "zip": "46401"},
            {"addr1": "1 Main St", "city": "", "state": "IN", "zip": "46401"},
        ),
    ],
)
def test_merge_fields_take_what_their_type_allows(api: Api, tag: str, good: Any, bad: object) -> None:
    list_id = api.lists()[1]
    email = "typed@example.com"

    taken = put(api, list_id, email, merge_fields={tag: good}).json()["merge_fields"][tag]
    refused = put(api, list_id, email, merge_fields={tag: bad}).json()

    assert taken == good or taken.items() >= good.items()
    assert [error["field"] for error in refused["errors"]] == [tag]
    assert put(api, list_id, email, merge_fields={tag: ""}).json()["merge_fields"][tag] == ""


def test_an_incomplete_address_may_be_ignored(api: Api, simulator: Simulator, list_id: str) -> None:
    simulator.control.facts(incomplete_address="ignored")

    row = put(api, list_id, "home@example.com", merge_fields={"ADDRESS": {"addr1": "x"}, "FNAME": "Home"}).json()

    assert (row["merge_fields"]["ADDRESS"], row["merge_fields"]["FNAME"]) == ("", "Home")


def test_required_merge_fields_are_required_unless_that_is_skipped(api: Api, list_id: str) -> None:
    fields = api.get(f"/lists/{list_id}/merge-fields")["merge_fields"]
    number = next(f["merge_id"] for f in fields if f["tag"] == "LNAME")
    api.call("PATCH", f"/lists/{list_id}/merge-fields/{number}", json={"name": "Last Name", "required": True})
    members = [{"email_address": "bare@example.com", "status": "subscribed", "merge_fields": {"FNAME": "B"}}]

    (error,) = batch(api, list_id, members)["errors"]
    assert (error["field"], error["error"]) == ("LNAME", "Your merge fields were invalid.")
    bad = [{**members[0], "merge_fields": {"BIRTHDAY": "never"}}]
    assert batch(api, list_id, bad, query="?skip_merge_validation=true")["errors"][0]["field"] == "BIRTHDAY"
    assert batch(api, list_id, members, query="?skip_merge_validation=true")["total_created"] == 1


def test_merge_fields_are_made_within_limits_and_show_on_every_contact(api: Api, list_id: str) -> None:
    path = f"/lists/{list_id}/merge-fields"
    made = api.call("POST", path, json={"name": "Score", "tag": "SCORE", "type": "number"}).json()

    assert (made["tag"], made["type"], made["list_id"]) == ("SCORE", "number", list_id)
    rows = api.get(f"/lists/{list_id}/members", count=1000)["members"]
    assert all(row["merge_fields"]["SCORE"] == "" for row in rows if row["merge_fields"])
    for tag in ("SCORE", "ELEVENCHARS", "A-B"):
        assert api.problem("POST", path, json={"name": "X", "tag": tag, "type": "text"})["errors"][0]["field"] == "tag"
    for number in range(30 - api.get(path)["total_items"]):
        assert api.call("POST", path, json={"name": f"F{number}", "type": "text"}).status_code == 200
    assert api.problem("POST", path, json={"name": "Last", "type": "text"})["status"] == 400


def test_what_is_created_is_there_and_what_is_deleted_is_not(api: Api) -> None:
    store = {"id": "shop", "list_id": api.lists()[0], "name": "Läden", "currency_code": "EUR"}
    assert api.call("POST", "/ecommerce/stores", json=store).status_code == 200
    assert api.problem("POST", "/ecommerce/stores", json=store)["status"] == 400

    assert api.get("/ecommerce/stores/shop")["name"] == "Läden"
    assert api.get("/ecommerce/stores/shop/products")["products"] == []
    product = {"id": "p1", "title": "Tee", "variants": [{"id": "v1", "title": "grün"}]}
    assert api.call("POST", "/ecommerce/stores/shop/products", json=product).status_code == 200
    assert api.call("PATCH", "/ecommerce/stores/shop/products/p1", json={"title": "Tea"}).json()["title"] == "Tea"
    assert [p["title"] for p in api.get("/ecommerce/stores/shop/products")["products"]] == ["Tea"]
    assert api.call("DELETE", "/ecommerce/stores/shop").status_code == 204
    assert api.problem("GET", "/ecommerce/stores/shop/products")["status"] == 404


def test_a_new_interest_is_a_key_of_every_contact_and_moves_nothing(api: Api, list_id: str) -> None:
    before = {r["id"]: r["last_changed"] for r in api.get(f"/lists/{list_id}/members", count=1000)["members"]}
    category = api.get(f"/lists/{list_id}/interest-categories")["categories"][0]["id"]
    path = f"/lists/{list_id}/interest-categories/{category}/interests"

    made = api.call("POST", path, json={"name": "Näheres"}).json()["id"]

    rows = api.get(f"/lists/{list_id}/members", count=1000)["members"]
    assert all(row["interests"][made] is False for row in rows if row["interests"] is not None)
    assert {row["id"]: row["last_changed"] for row in rows} == before
    chosen = put(api, list_id, rows[0]["email_address"], interests={made: True}).json()
    assert chosen["interests"][made] is True


def test_a_batch_answer_can_forget_members(api: Api, simulator: Simulator, list_id: str) -> None:
    simulator.control.fault("forget_members", "/lists/{list_id}", method="POST", members=2, times=1)
    members = [{"email_address": f"f{n}@example.com", "status": "subscribed"} for n in range(5)]

    answer = batch(api, list_id, members)

    assert (answer["total_created"], len(answer["new_members"]), answer["error_count"]) == (3, 3, 0)
    assert all(simulator.control.contact(list_id, digest(m["email_address"])) for m in members)


def test_a_changed_address_moves_the_contact_to_its_new_hash(api: Api, list_id: str) -> None:
    row = some(api, list_id, "subscribed")

    moved = api.call(
        "PATCH", f"/lists/{list_id}/members/{row['id']}", json={"email_address": "Moved@example.com"}
    ).json()

    assert moved["id"] == digest("moved@example.com")
    assert now_of(api, list_id, "moved@example.com")["email_address"] == "Moved@example.com"
    assert api.problem("GET", f"/lists/{list_id}/members/{row['id']}")["status"] == 404
