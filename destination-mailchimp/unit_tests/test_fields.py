"""What is known of an audience before anything is written to it."""

from __future__ import annotations

import pytest
import requests_mock

from destination_mailchimp.audience.calls import Calls
from destination_mailchimp.audience.fields import (
    Interest,
    MergeField,
    Permission,
    read_audience,
    read_names,
    some_merge_fields,
)
from destination_mailchimp.contacts.contact import Json
from mailchimp_api.errors import AudienceNotFound, PermissionDenied, UnreadableAnswer
from unit_tests.builders import LIST, PROBLEM

FIELD = {"tag": "FNAME", "name": "First Name", "type": "text", "required": True}
AUDIENCE = {"id": "abc", "name": "News", "double_optin": True, "marketing_permissions": True}


class Account:
    """An audience with a field, two categories of groups, and contacts that show their permissions."""

    def __init__(self, mock: requests_mock.Mocker, **audience: object) -> None:
        self.mock = mock
        categories = [
            {"id": "c1", "title": "Help", "type": "checkboxes"},
            {"id": "c2", "title": "Plan", "type": "radio"},
        ]
        permission = {"marketing_permission_id": "p1", "text": "By e-mail", "enabled": False}
        mock.get(LIST, json={**AUDIENCE, **audience})
        mock.get(f"{LIST}/merge-fields", json={"merge_fields": [FIELD], "total_items": 1})
        mock.get(f"{LIST}/interest-categories", json={"categories": categories, "total_items": 2})
        for category, name in (("c1", "Donating"), ("c2", "Gold")):
            interests = [{"id": f"i{category}", "name": name}]
            url = f"{LIST}/interest-categories/{category}/interests"
            mock.get(url, json={"interests": interests, "total_items": 1})
        mock.get(f"{LIST}/members", json={"members": [{"marketing_permissions": [permission, {}]}]})

    @property
    def asked(self) -> set[str]:
        """The paths that were asked for, below the audience."""
        return {request.path.rpartition("/lists/abc")[2] for request in self.mock.request_history}


INTERESTS = [Interest("ic1", "Donating", "Help"), Interest("ic2", "Gold", "Plan", "c2")]


def test_all_of_it(calls: Calls, mock: requests_mock.Mocker) -> None:
    Account(mock)
    audience = read_audience(calls)

    assert (audience.name, audience.double_optin, audience.names_known) == ("News", True, True)
    assert audience.merge_fields == [MergeField("FNAME", "First Name", "text", required=True)]
    assert audience.interests == INTERESTS
    assert audience.permissions == [Permission("p1", "By e-mail")]


def test_groups_and_permissions_wait_until_a_column_may_hold_them(calls: Calls, mock: requests_mock.Mocker) -> None:
    account = Account(mock)
    audience = read_audience(calls, names=lambda fields: fields[0].tag != "FNAME")

    assert (audience.interests, audience.permissions, audience.names_known) == ([], [], False)
    assert "/interest-categories/c1/interests" not in account.asked
    assert read_names(calls, audience) == (INTERESTS, [Permission("p1", "By e-mail")])


def test_who_asks_for_no_permissions_is_not_asked_for_a_contact(calls: Calls, mock: requests_mock.Mocker) -> None:
    account = Account(mock, marketing_permissions=False)

    assert read_audience(calls).permissions == []
    assert "/members" not in account.asked


@pytest.mark.parametrize("lack", ["double_optin", "marketing_permissions", "id", "name"])
def test_an_audience_that_does_not_say_what_decides_is_no_audience(
    calls: Calls, mock: requests_mock.Mocker, lack: str
) -> None:
    Account(mock)
    mock.get(LIST, json={name: value for name, value in AUDIENCE.items() if name != lack})

    with pytest.raises(UnreadableAnswer, match=lack):
        read_audience(calls)


def test_what_is_read_beside_it_fails_as_itself_but_after_the_audience(
    calls: Calls, mock: requests_mock.Mocker
) -> None:
    def fail() -> None:
        raise KeyError("beside")

    Account(mock)
    with pytest.raises(KeyError, match="beside"):
        read_audience(calls, fail)

    gone = {"type": "x", "title": "Resource Not Found", "status": 404}
    mock.get(LIST, status_code=404, json=gone, headers=PROBLEM)
    with pytest.raises(AudienceNotFound):
        read_audience(calls, fail)


def test_fields_that_the_keys_user_may_not_read_are_named_as_such(calls: Calls, mock: requests_mock.Mocker) -> None:
    Account(mock)
    refused = {"type": "x", "title": "Forbidden", "status": 403}
    mock.get(f"{LIST}/merge-fields", status_code=403, json=refused, headers=PROBLEM)

    with pytest.raises(PermissionDenied, match="may not read the fields of the audience abc"):
        read_audience(calls)


@pytest.mark.parametrize(
    "row,field",
    [
        ({"tag": "A"}, MergeField("A", "A", "text")),
        (
            {"tag": "B", "name": "Plan", "type": "radio", "options": {"choices": ["x", 5]}},
            MergeField("B", "Plan", "radio", choices=("x", "5")),
        ),
        (
            {"tag": "C", "name": None, "type": "birthday", "options": {"date_format": "dd/mm"}},
            MergeField("C", "C", "birthday", date_format="dd/mm"),
        ),
    ],
)
def test_a_field_of_which_little_is_told(row: Json, field: MergeField) -> None:
    assert MergeField.from_row(row) == field
    assert field.day_first_birthday is (field.tag == "C")


def test_contacts_without_fields_show_none(calls: Calls, mock: requests_mock.Mocker) -> None:
    mock.get(f"{LIST}/members", json={"members": [{"merge_fields": {"A": "x"}}, {"merge_fields": None}, {}]})

    assert some_merge_fields(calls) == [{"A": "x"}]
