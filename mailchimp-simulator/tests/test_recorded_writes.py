"""What recorded answers of the real API say about writing contacts, and both readings where they disagree."""

from __future__ import annotations

import hashlib
from typing import Any, ClassVar

import pytest

from mailchimp_simulator.client import Simulator
from tests.api import Api

CANNOT_BE_REMOVED = "This list member cannot be removed. Can not archive a contact that is bounced, pending or archived"
UNVALIDATED = "The resource submitted could not be validated. For field-specific details, see the 'errors' array."


def digest(email: str) -> str:
    return hashlib.md5(email.lower().encode(), usedforsecurity=False).hexdigest()


def one_with(api: Api, list_id: str, status: str) -> str:
    email: str = api.get(f"/lists/{list_id}/members", status=status, count=1)["members"][0]["email_address"]
    return email


def batch(api: Api, list_id: str, *members: dict[str, Any], **options: Any) -> Any:
    response = api.call("POST", f"/lists/{list_id}", json={"members": members, **options})
    assert response.status_code == 200, response.text
    return response.json()


def row(api: Api, list_id: str, email: str) -> Any:
    return api.get(f"/lists/{list_id}/members/{digest(email)}")


def member_path(list_id: str, email: str) -> str:
    return f"/lists/{list_id}/members/{digest(email)}"


@pytest.mark.parametrize("status", ["pending", "cleaned", "archived"])
def test_a_contact_that_is_pending_cleaned_or_archived_is_not_archived(api: Api, list_id: str, status: str) -> None:
    email = one_with(api, list_id, status)

    response = api.call("DELETE", member_path(list_id, email))

    assert (response.status_code, response.headers["allow"]) == (405, "GET, PUT")
    assert (response.json()["title"], response.json()["detail"]) == ("Method Not Allowed", CANNOT_BE_REMOVED)
    assert row(api, list_id, email)["status"] == status


class TestSegmentCalls:
    """Only contacts that are subscribed to the list are added and taken out."""

    @pytest.fixture
    def segment(self, api: Api, list_id: str) -> str:
        made = api.call("POST", f"/lists/{list_id}/segments", json={"name": "New", "static_segment": []}).json()
        return f"/lists/{list_id}/segments/{made['id']}"

    @pytest.mark.parametrize("field", ["members_to_add", "members_to_remove"])
    def test_a_call_with_strangers_alone_is_refused(self, api: Api, list_id: str, segment: str, field: str) -> None:
        gone = one_with(api, list_id, "archived")

        problem = api.problem("POST", segment, json={field: ["nobody@example.com", gone]})

        assert (problem["status"], problem["title"]) == (400, "Invalid Resource")
        assert problem["errors"] == [
            {"field": field, "message": "None of the emails provided were subscribed to the list"}
        ]

    @pytest.mark.parametrize("taken", [True, False])
    def test_contacts_that_are_not_subscribed_count_or_not(
        self, api: Api, simulator: Simulator, list_id: str, segment: str, *, taken: bool
    ) -> None:
        simulator.control.facts(segments_take_unsubscribed=taken)
        emails = [one_with(api, list_id, status) for status in ("subscribed", "pending", "unsubscribed")]

        answer = api.call("POST", segment, json={"members_to_add": emails}).json()

        assert answer["errors"] == []
        assert [member["email_address"] for member in answer["members_added"]] == (emails if taken else emails[:1])

    def test_taking_out_who_is_not_in_it_makes_an_error_row(self, api: Api, list_id: str, segment: str) -> None:
        email = one_with(api, list_id, "subscribed")

        answer = api.call("POST", segment, json={"members_to_remove": [email]}).json()

        assert (answer["total_removed"], answer["error_count"]) == (0, 1)
        assert answer["errors"] == [
            {"email_addresses": [email], "error": "Email addresses do not exist in the static segment"}
        ]

    def test_the_totals_may_be_nothing(self, api: Api, simulator: Simulator, list_id: str, segment: str) -> None:
        simulator.control.facts(segment_totals_told=False)
        email = one_with(api, list_id, "subscribed")

        answer = api.call("POST", segment, json={"members_to_add": [email]}).json()

        assert (answer["total_added"], answer["members_added"], answer["errors"]) == (0, [], [])
        assert "New" in [tag["name"] for tag in row(api, list_id, email)["tags"]]

    @pytest.mark.parametrize("unique, status", [(False, 200), (True, 400)])
    def test_a_second_segment_of_a_name_is_made_or_refused(
        self, api: Api, simulator: Simulator, list_id: str, segment: str, *, unique: bool, status: int
    ) -> None:
        simulator.control.facts(segment_names_unique=unique)

        response = api.call("POST", f"/lists/{list_id}/segments", json={"name": "NEW", "static_segment": []})

        assert response.status_code == status
        assert segment not in (f"/lists/{list_id}/segments/{response.json().get('id')}", "")


class TestTagsOfOneContact:
    """`POST members/{hash}/tags` takes contacts of every status and moves their date."""

    @pytest.mark.parametrize("status", ["archived", "unsubscribed", "cleaned", "pending"])
    def test_contacts_of_every_status_are_tagged(self, api: Api, list_id: str, status: str) -> None:
        email = one_with(api, list_id, status)

        response = api.call(
            "POST", f"{member_path(list_id, email)}/tags", json={"tags": [{"name": "T", "status": "active"}]}
        )

        assert (response.status_code, row(api, list_id, email)["status"]) == (204, status)
        assert "T" in [tag["name"] for tag in row(api, list_id, email)["tags"]]

    @pytest.mark.parametrize("moves", [True, False])
    @pytest.mark.parametrize("route", ["member", "segment"])
    def test_a_tag_moves_the_date_of_change_or_not(
        self, api: Api, simulator: Simulator, list_id: str, route: str, *, moves: bool
    ) -> None:
        fact = {"member": "member_tags_move_last_changed", "segment": "segment_joins_move_last_changed"}[route]
        simulator.control.facts(**{fact: moves})
        email = one_with(api, list_id, "subscribed")
        before = row(api, list_id, email)["last_changed"]
        if route == "member":
            path = f"{member_path(list_id, email)}/tags"
            body: dict[str, Any] = {"tags": [{"name": "T", "status": "active"}]}
        else:
            made = api.call("POST", f"/lists/{list_id}/segments", json={"name": "T", "static_segment": []}).json()
            path, body = f"/lists/{list_id}/segments/{made['id']}", {"members_to_add": [email]}

        api.call("POST", path, json=body)

        assert (row(api, list_id, email)["last_changed"] > before) is moves

    def test_tags_that_change_nothing_move_no_date(self, api: Api, list_id: str) -> None:
        email = one_with(api, list_id, "subscribed")
        before = row(api, list_id, email)["last_changed"]

        nothing: list[list[dict[str, str]]] = [[], [{"name": "unheard of", "status": "inactive"}]]
        for tags in nothing:
            assert api.call("POST", f"{member_path(list_id, email)}/tags", json={"tags": tags}).status_code == 204

        assert row(api, list_id, email)["last_changed"] == before


class TestBatches:
    """`POST /lists/{list_id}`."""

    def test_status_if_new_alone_creates_and_updates(self, api: Api, list_id: str) -> None:
        left = one_with(api, list_id, "unsubscribed")
        members = [{"email_address": email, "status_if_new": "pending"} for email in ("new@example.com", left)]

        answer = batch(api, list_id, *members, update_existing=True)

        assert [member["status"] for member in answer["new_members"]] == ["pending"]
        assert [member["status"] for member in answer["updated_members"]] == ["unsubscribed"]

    def test_an_unknown_address_without_any_status_is_refused(self, api: Api, list_id: str) -> None:
        (error,) = batch(api, list_id, {"email_address": "new@example.com"}, update_existing=True)["errors"]

        assert (error["error"], error["error_code"], error["field"]) == (UNVALIDATED, "ERROR_GENERIC", "")

    def test_an_empty_status_refuses_the_whole_call(self, api: Api, list_id: str) -> None:
        members = [
            {"email_address": "good@example.com", "status": "subscribed"},
            {"email_address": "bad@example.com", "status": ""},
        ]

        problem = api.problem("POST", f"/lists/{list_id}", json={"members": members})

        assert [error["field"] for error in problem["errors"]] == ["members.item:1.status"]
        assert api.call("GET", member_path(list_id, "good@example.com")).status_code == 404

    def test_an_unknown_interest_is_named_in_the_text(self, api: Api, list_id: str) -> None:
        member = {"email_address": "new@example.com", "status": "subscribed", "interests": {"abc": False}}

        (error,) = batch(api, list_id, member)["errors"]

        assert (error["error"], error["field"]) == ("Invalid interest ID: 'abc'.", "")

    @pytest.mark.parametrize("named", [True, False])
    def test_a_row_names_the_merge_field_or_not(self, api: Api, simulator: Simulator, list_id: str, named: Any) -> None:
        simulator.control.facts(batch_row_names_field=named)
        member = {"email_address": "n@example.com", "status": "subscribed", "merge_fields": {"BIRTHDAY": "never"}}

        (error,) = batch(api, list_id, member)["errors"]
        single = api.problem("POST", f"/lists/{list_id}/members", json=member)

        assert (error["error"], error["field"]) == ("Your merge fields were invalid.", "BIRTHDAY" if named else "")
        assert [one["field"] for one in single["errors"]] == ["BIRTHDAY"]

    def test_a_status_may_silently_stay(self, api: Api, simulator: Simulator, list_id: str) -> None:
        simulator.control.facts(resubscribe_silently_ignored=True)
        email = one_with(api, list_id, "unsubscribed")

        answer = batch(api, list_id, {"email_address": email, "status": "subscribed"}, update_existing=True)

        assert [member["status"] for member in answer["updated_members"]] == ["unsubscribed"]
        assert answer["errors"] == []


class TestOneContact:
    """POST, PUT and PATCH of a member."""

    def test_post_brings_an_archived_contact_back_with_what_it_had(self, api: Api, list_id: str) -> None:
        email = one_with(api, list_id, "subscribed")
        before = row(api, list_id, email)
        api.call("DELETE", member_path(list_id, email))

        answer = api.call("POST", f"/lists/{list_id}/members", json={"email_address": email, "status": "subscribed"})

        assert (answer.status_code, answer.json()["status"]) == (200, "subscribed")
        assert (answer.json()["merge_fields"], answer.json()["tags"]) == (before["merge_fields"], before["tags"])

    @pytest.mark.parametrize("lets", [True, False])
    def test_who_was_unsubscribed_by_the_api_is_subscribed_by_it_or_not(
        self, api: Api, simulator: Simulator, list_id: str, *, lets: bool
    ) -> None:
        simulator.control.facts(resubscribe_after_api=lets)
        path = member_path(list_id, one_with(api, list_id, "subscribed"))
        assert api.call("PUT", path, json={"status": "unsubscribed"}).json()["status"] == "unsubscribed"

        answer = api.call("PUT", path, json={"status": "subscribed"})

        if lets:
            assert answer.json()["status"] == "subscribed"
        else:
            assert answer.json()["title"] == "Member In Compliance State"

    def test_one_answer_names_all_merge_fields_that_it_refuses(self, api: Api) -> None:
        list_id = api.lists()[1]
        body = {"status_if_new": "subscribed", "email_address": "n@example.com",
                "merge_fields": {"POINTS": "many", "BIRTHDAY": "never", "FNAME": "N"}}  # fmt: skip

        problem = api.problem("PUT", member_path(list_id, "n@example.com"), json=body)

        assert problem["detail"] == "Your merge fields were invalid."
        assert {e["field"]: e["message"] for e in problem["errors"]} == {
            "POINTS": "Please enter a number",
            "BIRTHDAY": "Please enter a month (01-12) and a day (01-31)",
        }

    @pytest.mark.parametrize(
        "field, body",
        [
            ("language", {"language": "klingon"}),
            ("ip_opt", {"ip_opt": "300.1.1.1"}),
            ("location.latitude", {"location": {"latitude": 91.5}}),
            ("timestamp_signup", {"timestamp_signup": "yesterday"}),
            ("marketing_permissions", {"marketing_permissions": [{"marketing_permission_id": "x", "enabled": True}]}),
        ],
    )
    def test_other_values_are_refused_by_field(self, api: Api, field: str, body: dict[str, Any]) -> None:
        list_id = api.lists()[1]

        problem = api.problem("PUT", member_path(list_id, one_with(api, list_id, "subscribed")), json=body)

        assert [error["field"] for error in problem["errors"]] == [field]

    def test_permissions_are_shown_with_every_contact_and_set_by_id(self, api: Api) -> None:
        list_id = api.lists()[1]
        email = one_with(api, list_id, "subscribed")
        shown = row(api, list_id, email)["marketing_permissions"]
        body = {"marketing_permissions": [{**shown[1], "enabled": True}]}

        after = api.call("PATCH", member_path(list_id, email), json=body).json()["marketing_permissions"]

        assert [one["text"] for one in after] == [one["text"] for one in shown]
        assert [one["enabled"] for one in after] == [False, True, False]

    def test_an_address_moves_to_a_free_one_only(self, api: Api, simulator: Simulator, list_id: str) -> None:
        path = member_path(list_id, one_with(api, list_id, "subscribed"))
        archived, pending = one_with(api, list_id, "archived"), one_with(api, list_id, "pending")

        assert api.problem("PATCH", path, json={"email_address": pending})["title"] == "Member Exists"
        assert 'status of "archived"' in api.problem("PATCH", path, json={"email_address": archived})["detail"]
        assert api.call("PATCH", path, json={"email_address": "moved@example.com"}).status_code == 200
        simulator.control.facts(email_change_of_unsubscribed=False)
        problem = api.problem("PATCH", member_path(list_id, pending), json={"email_address": "free@example.com"})
        assert "You can only update email addresses" in problem["detail"]

    @pytest.mark.parametrize("day_first", [True, False])
    def test_a_birthday_is_month_first_unless_the_field_says_otherwise(
        self, api: Api, simulator: Simulator, list_id: str, *, day_first: bool
    ) -> None:
        simulator.control.facts(birthday_as_field_says=day_first)
        field = {"name": "Born", "tag": "BORN", "type": "birthday", "options": {"date_format": "DD/MM"}}
        assert api.call("POST", f"/lists/{list_id}/merge-fields", json=field).json()["options"] == field["options"]
        path = member_path(list_id, one_with(api, list_id, "subscribed"))

        answers = {value: api.call("PATCH", path, json={"merge_fields": {"BORN": value}}).status_code
                   for value in ("31/12", "12/31")}  # fmt: skip

        assert answers == {"31/12": 200 if day_first else 400, "12/31": 400 if day_first else 200}

    @pytest.mark.parametrize("reading, status", [("accepted", 200), ("refused", 400)])
    def test_an_address_without_a_state(
        self, api: Api, simulator: Simulator, list_id: str, reading: str, status: int
    ) -> None:
        simulator.control.facts(empty_state=reading)
        path = member_path(list_id, one_with(api, list_id, "subscribed"))
        address = {"addr1": "1 Rue", "city": "Paris", "state": "", "zip": "75001", "country": "FR"}

        assert api.call("PATCH", path, json={"merge_fields": {"ADDRESS": address}}).status_code == status
        del address["state"]
        problem = api.problem("PATCH", path, json={"merge_fields": {"ADDRESS": address}})
        assert problem["errors"] == [
            {"field": "merge_fields.ADDRESS", "message": "Data did not match any of the schemas described in anyOf."}
        ]

    def test_a_confirmation_is_asked_for_in_the_language_of_the_call(
        self, api: Api, simulator: Simulator, list_id: str
    ) -> None:
        member = {"email_address": "new@example.com", "status": "pending", "language": "fr"}

        api.call("POST", f"/lists/{list_id}/members", json=member, headers={"Accept-Language": "de"})

        assert simulator.control.contact(list_id, digest("new@example.com"))["confirmation_language"] == "de"

    def test_a_new_contact_of_a_double_opt_in_audience_may_become_pending(self, api: Api, simulator: Simulator) -> None:
        simulator.control.facts(double_optin_by_api=True)
        member = {"email_address": "new@example.com", "status": "subscribed"}

        answers = [batch(api, list_id, member)["new_members"][0]["status"] for list_id in api.lists()]

        assert answers == ["subscribed", "subscribed", "pending"]


class TestSms:
    """`POST /audiences/{audience_id}/contacts`."""

    BODY: ClassVar[dict[str, Any]] = {
        "email_channel": {"email": "sms@example.com"},
        "sms_channel": {"sms_phone": "+15550100123", "marketing_consent": {"status": "confirmed"}},
    }

    def test_an_account_without_sms_refuses_it(self, api: Api, list_id: str) -> None:
        problem = api.problem("POST", f"/audiences/{list_id}/contacts", json=self.BODY)

        assert (problem["status"], problem["title"]) == (403, "User action not permitted")

    def test_a_number_stands_with_the_contact(self, api: Api, simulator: Simulator, list_id: str) -> None:
        simulator.control.facts(audience_has_sms=True)

        made = api.call("POST", f"/audiences/{list_id}/contacts", json=self.BODY)

        assert made.status_code == 200, made.text
        shown = row(api, list_id, "sms@example.com")
        assert (shown["sms_phone_number"], shown["sms_subscription_status"]) == ("+15550100123", "subscribed")

    @pytest.mark.parametrize("reading, status", [("taken", 200), ("refused", 400)])
    def test_a_contact_that_exists_takes_a_number_or_not_and_keeps_its_status(
        self, api: Api, simulator: Simulator, list_id: str, reading: str, status: int
    ) -> None:
        simulator.control.facts(audience_has_sms=True, sms_update_of_existing=reading)
        email = one_with(api, list_id, "unsubscribed")
        body = {**self.BODY, "email_channel": {"email": email}, "update_existing": True}

        assert api.call("POST", f"/audiences/{list_id}/contacts", json=body).status_code == status
        assert row(api, list_id, email)["status"] == "unsubscribed"
