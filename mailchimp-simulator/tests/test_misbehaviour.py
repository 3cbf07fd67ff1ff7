"""Answers and people that no well-behaved service has: each knob does what it says."""

from __future__ import annotations

import hashlib
import time
import zlib
from email.utils import parsedate_to_datetime

import pytest
import requests

from mailchimp_simulator.client import Simulator
from tests.api import Api

MEMBERS = "/lists/{list_id}/members"


def digest(email: str) -> str:
    return hashlib.md5(email.lower().encode(), usedforsecurity=False).hexdigest()


def emails_of(api: Api, list_id: str, status: str, count: int = 1) -> list[str]:
    rows = api.get(f"/lists/{list_id}/members", status=status, count=count)["members"]
    return [row["email_address"] for row in rows]


def status_of(simulator: Simulator, list_id: str, email: str) -> str:
    status: str = simulator.control.contact(list_id, digest(email))["status"]
    return status


class TestEditedAnswers:
    """`edit` changes what an answer holds."""

    def test_parts_are_set_and_removed(self, api: Api, simulator: Simulator) -> None:
        simulator.control.fault("edit", "/lists", set={"total_items": None, "lists.0": None}, remove=["lists.*.stats"])

        answer = api.get("/lists")

        assert (answer["total_items"], answer["lists"][0]) == (None, None)
        assert ["stats" in row for row in answer["lists"][1:]] == [False, False]

    @pytest.mark.parametrize("body", [{}, {"title": "Nope", "status": 400}, [], None])
    def test_the_whole_body_is_another_one(self, api: Api, simulator: Simulator, body: object) -> None:
        simulator.control.fault("edit", "/lists", body=body, times=1)

        assert api.get("/lists") == body
        assert api.get("/lists")["total_items"] == 3

    def test_a_text_of_the_body_is_replaced_by_what_is_no_json(self, api: Api, simulator: Simulator) -> None:
        simulator.control.fault("edit", "/lists", replace={'"total_items":3': '"total_items":NaN'})

        assert '"total_items":NaN' in api.call("GET", "/lists").text

    def test_the_date_is_wrong_on_one_answer(self, api: Api, simulator: Simulator) -> None:
        simulator.control.clock(freeze=True)
        simulator.control.fault("edit", "/lists", date_shift=600, times=1)

        first, second = (parsedate_to_datetime(api.call("GET", "/lists").headers["date"]) for _ in range(2))

        assert (first - second).total_seconds() == 600

    def test_a_location_may_be_no_address(self, api: Api, simulator: Simulator) -> None:
        simulator.control.fault("status", "/lists", status=302, headers={"Location": ":: no address ::"})

        response = api.call("GET", "/lists", allow_redirects=False)

        assert (response.status_code, response.headers["location"]) == (302, ":: no address ::")

    def test_a_total_grows_with_each_answer(self, api: Api, simulator: Simulator) -> None:
        simulator.control.fault("grow_total", "/lists", by=5)

        assert [api.get("/lists")["total_items"] for _ in range(3)] == [8, 13, 18]

    def test_an_offset_is_ignored(self, api: Api, simulator: Simulator, list_id: str) -> None:
        simulator.control.fault("ignore_query", MEMBERS, names=["offset"])

        pages = [api.get(f"/lists/{list_id}/members", count=2, offset=offset)["members"] for offset in (0, 2)]

        assert pages[0] == pages[1]


class TestBodiesWithoutEnd:
    """Bodies that come slowly, or never end, or unpack to very much."""

    def raw(self, simulator: Simulator, path: str) -> requests.Response:
        return requests.get(
            simulator.api_url + path, auth=("any", simulator.api_key), stream=True, timeout=10,
            headers={"Accept-Encoding": "gzip"},
        )  # fmt: skip

    def test_a_body_drips(self, api: Api, simulator: Simulator) -> None:
        simulator.control.fault("drip", "/ping", seconds=0.01, bytes=4)
        begun = time.monotonic()

        answer = api.get("/ping")

        assert answer == {"health_status": "Everything's Chimpy!"}
        assert time.monotonic() - begun > 0.09

    def test_a_body_does_not_end(self, simulator: Simulator) -> None:
        simulator.control.fault("endless", "/ping")
        with self.raw(simulator, "/ping") as response:
            assert len(response.raw.read(4_000_000)) == 4_000_000

    def test_a_small_body_unpacks_to_very_much(self, simulator: Simulator) -> None:
        simulator.control.fault("bomb", "/ping", megabytes=20)
        with self.raw(simulator, "/ping") as response:
            packed = response.raw.read()

        assert len(packed) < 100_000
        assert len(zlib.decompress(packed, 31)) > 20_000_000


class TestPersons:
    """Somebody does something between two calls."""

    def test_before_the_second_call(self, api: Api, simulator: Simulator, list_id: str) -> None:
        (email,) = emails_of(api, list_id, "subscribed")
        simulator.control.person("unsubscribe", emails=[email], list_id=list_id, skip=1, times=1)

        api.get("/ping")
        before = status_of(simulator, list_id, email)
        seen = api.get(f"/lists/{list_id}/members/{digest(email)}")["status"]

        assert (before, seen) == ("subscribed", "unsubscribed")

    def test_after_a_call_that_matches(self, api: Api, simulator: Simulator, list_id: str) -> None:
        (email,) = emails_of(api, list_id, "subscribed")
        simulator.control.person(
            "archive", f"{MEMBERS}/{{subscriber_hash}}", emails=[email], list_id=list_id, when="after", times=1
        )

        seen = [api.get(f"/lists/{list_id}/members/{digest(email)}")["status"] for _ in range(2)]

        assert seen == ["subscribed", "archived"]

    def test_beside_another_fault(self, api: Api, simulator: Simulator, list_id: str) -> None:
        (email,) = emails_of(api, list_id, "subscribed")
        simulator.control.fault("status", "/ping", status=503, times=1)
        simulator.control.person("delete_permanent", "/ping", emails=[email], list_id=list_id, times=1)

        assert api.call("GET", "/ping").status_code == 503
        assert status_of(simulator, list_id, email) == "gone"


class TestContactFaults:
    """Contacts that the service can't take."""

    def test_a_batch_with_such_a_contact_fails_whole(self, api: Api, simulator: Simulator, list_id: str) -> None:
        simulator.control.contact_fault(["bad@example.com"], status=500)
        good, bad = ({"email_address": f"{name}@example.com", "status": "subscribed"} for name in ("good", "bad"))

        problem = api.problem("POST", f"/lists/{list_id}", json={"members": [good, bad]})

        assert (problem["status"], problem["title"]) == (500, "InternalServerError")
        assert simulator.control.contact(list_id, digest("good@example.com")) == {}
        assert api.problem("POST", f"/lists/{list_id}/members", json=bad)["status"] == 500
        assert api.call("POST", f"/lists/{list_id}/members", json=good).status_code == 200

    def test_its_tags_and_segments_fail_too(self, api: Api, simulator: Simulator, list_id: str) -> None:
        bad, good = emails_of(api, list_id, "subscribed", 2)
        simulator.control.contact_fault([bad], status=500, routes=["tags", "segment"])
        made = api.call("POST", f"/lists/{list_id}/segments", json={"name": "New", "static_segment": []}).json()
        segment = f"/lists/{list_id}/segments/{made['id']}"

        assert api.problem("POST", segment, json={"members_to_add": [good, bad]})["status"] == 500
        assert api.call("POST", segment, json={"members_to_add": [good]}).json()["total_added"] == 1
        tags = {"tags": [{"name": "New", "status": "active"}]}
        assert api.problem("POST", f"/lists/{list_id}/members/{digest(bad)}/tags", json=tags)["status"] == 500

    def test_a_refusal_has_its_own_words_for_a_while(self, api: Api, simulator: Simulator, list_id: str) -> None:
        text = "{email} was previously removed from this audience."
        simulator.control.contact_fault(["gone@example.com"], text=text, times=1)
        member = {"email_address": "gone@example.com", "status": "subscribed"}

        first, second = (api.call("POST", f"/lists/{list_id}", json={"members": [member]}).json() for _ in range(2))

        assert first["errors"][0]["error"] == "gone@example.com was previously removed from this audience."
        assert second["total_created"] == 1


class TestLateness:
    """What happened before is seen only now, or is counted before it is listed."""

    @pytest.mark.parametrize("kind, path", [("unsubscribes", "unsubscribed"), ("opens", "open-details")])
    def test_events_come_late(self, api: Api, simulator: Simulator, kind: str, path: str) -> None:
        campaign = simulator.control.ground_truth("/reports", "keys")["keys"][0][0]
        before = api.get(f"/reports/{campaign}/{path}", count=1000)

        simulator.control.add_events([campaign], **{kind: 40}, ago=86_400)

        after = api.get(f"/reports/{campaign}/{path}", count=1000)
        moments = [row.get("timestamp") or event["timestamp"]
                   for rows in after.values() if isinstance(rows, list)
                   for row in rows if isinstance(row, dict) and "email_id" in row
                   for event in row.get("opens", [{}])]  # fmt: skip
        assert after["total_items"] > before["total_items"]
        assert max(moments) <= "2026-05-31T12:59:59+00:00"

    def test_a_report_counts_what_no_listing_shows_yet(self, api: Api, simulator: Simulator) -> None:
        campaign = simulator.control.ground_truth("/reports", "keys")["keys"][0][0]
        listed = f"/reports/{campaign}/unsubscribed"
        before, counted = api.get(listed)["total_items"], api.get(f"/reports/{campaign}")["unsubscribed"]

        simulator.control.add_events([campaign], unsubscribes=60, rows_after=3_600)

        assert api.get(f"/reports/{campaign}")["unsubscribed"] > counted
        assert api.get(listed)["total_items"] == before
        simulator.control.clock(advance=3_601)
        assert api.get(listed)["total_items"] > before

    def test_a_contact_changed_before_and_is_seen_now(self, api: Api, simulator: Simulator, list_id: str) -> None:
        (email,) = emails_of(api, list_id, "subscribed")
        simulator.control.clock(freeze=True)
        now = simulator.control.clock()

        (done,) = simulator.control.change("update", emails=[email], list_id=list_id, ago=300)

        assert done["at"] == now - 300
        assert api.get(f"/lists/{list_id}/members/{digest(email)}")["merge_fields"]["LNAME"].startswith("Changed")

    def test_a_contact_is_counted_and_never_listed(self, api: Api, simulator: Simulator, list_id: str) -> None:
        before = api.get(f"/lists/{list_id}/members", count=1000)
        simulator.control.unlist(list_id, [before["members"][3]["email_address"]])

        after = api.get(f"/lists/{list_id}/members", count=1000)

        assert after["total_items"] == before["total_items"]
        assert len(after["members"]) == len(before["members"]) - 1


def test_any_field_of_an_object_is_set(api: Api, simulator: Simulator, list_id: str) -> None:
    campaign = api.get("/campaigns", count=1)["campaigns"][0]["id"]
    (email,) = emails_of(api, list_id, "subscribed")

    simulator.control.set(f"/campaigns/{campaign}", send_time="-001-11-30T00:00:00+00:00", status="save")
    simulator.control.set(
        f"/lists/{list_id}/members/{digest(email)}", full_name="\udce9".encode("utf-8", "replace").decode()
    )

    assert api.get("/campaigns", count=1)["campaigns"][0]["send_time"] == "-001-11-30T00:00:00+00:00"
    assert campaign not in {row["id"] for row in api.get("/campaigns", since_send_time="2000-01-01")["campaigns"]}
    assert api.get(f"/lists/{list_id}/members/{digest(email)}")["full_name"] == "?"


def test_a_disabled_key_and_another_data_center_are_told(api: Api, simulator: Simulator) -> None:
    simulator.control.key(simulator.api_key)
    disabled = api.problem("GET", "/")
    simulator.control.key(simulator.api_key, disabled=False)
    simulator.control.data_center("us6")
    elsewhere = api.problem("GET", "/lists")

    assert (disabled["status"], disabled["detail"]) == (401, "API key has been disabled")
    assert (elsewhere["status"], elsewhere["title"]) == (403, "Forbidden")
    assert elsewhere["detail"] == "The API key provided is linked to datacenter 'us6'"
