"""A contact whose address has changed in the source is moved, or nothing is done; it is never made a second time."""

from __future__ import annotations

import pytest
import requests_mock

from destination_mailchimp.audience.calls import Calls
from destination_mailchimp.audience.keys import KeyIndex
from destination_mailchimp.contacts.contact import Contact, Json
from destination_mailchimp.writing.moves import Mover
from destination_mailchimp.writing.result import Result
from unit_tests.builders import LIST, PROBLEM, config_of, people

MISSING = {"type": "x", "title": "Resource Not Found", "status": 404}


class Case:
    """A record with the key 17 and a new address; the key is held by a contact with another one."""

    def __init__(self, calls: Calls, mock: requests_mock.Mocker, status: str = "subscribed", **options: object) -> None:
        self.contact, self.old = people(2)
        self.contact.source_key = "17"
        moment = "2026-11-22T10:00:00+00:00"
        row = {"id": self.old.hash, "last_changed": moment, "merge_fields": {"KEY": "17"}}

        def page(request: requests_mock.request._RequestObjectProxy, _: object) -> Json:
            rows = [] if "status" in request.qs or "since_last_changed" in request.qs else [row]
            return {"members": rows, "total_items": len(rows)}

        mock.get(f"{LIST}/members", json=page)
        mock.get(f"{LIST}/members/{self.old.hash}", json={"status": status, "last_changed": moment})
        mock.get(f"{LIST}/members/{self.contact.hash}", status_code=404, json=MISSING, headers=PROBLEM)
        moved = {"email_address": self.contact.address, "status": status}
        self.patch = mock.patch(f"{LIST}/members/{self.old.hash}", json=moved)
        self.mover = Mover(calls, config_of(key_field="KEY", **options), KeyIndex(calls, "KEY"))

    def run(self) -> tuple[list[Contact], list[Contact], Result]:
        """Those whom the key does not find, those who are there, and what came of the others."""
        result = Result()
        others, holders = self.mover.sort_out([self.contact], result)
        return others, holders, result


class TestMover:
    """By the key of the record."""

    def test_the_contact_gets_the_new_address_and_no_status(self, calls: Calls, mock: requests_mock.Mocker) -> None:
        case = Case(calls, mock)
        others, holders, result = case.run()

        assert (others, holders) == ([], [case.contact])
        assert case.contact.must_exist
        assert case.patch.request_history[0].json() == {"email_address": case.contact.address}
        assert [note.what for note in result.notes] == ["moved from another address"]

    def test_who_can_not_be_moved_is_rejected_and_not_added(self, calls: Calls, mock: requests_mock.Mocker) -> None:
        case = Case(calls, mock, "unsubscribed")
        problem = {"type": "x", "title": "Invalid Resource", "status": 400, "detail": "Not for this one."}
        mock.patch(f"{LIST}/members/{case.old.hash}", status_code=400, json=problem, headers=PROBLEM)
        others, holders, result = case.run()

        assert (others, holders) == ([], [])
        assert [rejected.contact for rejected in result.rejected] == [case.contact]

    def test_who_keeps_the_old_address_without_a_word_is_rejected_and_not_added(
        self, calls: Calls, mock: requests_mock.Mocker
    ) -> None:
        case = Case(calls, mock)
        unchanged = {"email_address": case.old.address, "status": "subscribed"}
        mock.patch(f"{LIST}/members/{case.old.hash}", json=unchanged)
        others, holders, result = case.run()

        assert (others, holders) == ([], [])
        assert [rejected.reject.reason for rejected in result.rejected] == ["refused"]

    @pytest.mark.parametrize(
        "status,options,skipped",
        [
            ("archived", {}, "archived"),
            ("subscribed", {"existing_contacts": "leave"}, "in the audience already, with another address"),
        ],
    )
    def test_who_is_to_be_left_is_not_moved(
        self, calls: Calls, mock: requests_mock.Mocker, status: str, options: dict[str, str], skipped: str
    ) -> None:
        case = Case(calls, mock, status, **options)
        others, holders, result = case.run()

        assert (others, holders, case.patch.call_count) == ([], [], 0)
        assert [one.why for one in result.skipped] == [skipped]
