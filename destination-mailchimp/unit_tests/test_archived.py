"""What becomes of the records of archived contacts, and of contacts that a call has brought back."""

from __future__ import annotations

import pytest
import requests_mock

from destination_mailchimp.audience.calls import Calls
from destination_mailchimp.contacts.contact import Contact
from destination_mailchimp.writing.archived import ArchivedPolicy
from destination_mailchimp.writing.membership import StatusIndex
from destination_mailchimp.writing.result import FollowUp, Result, Skipped, Step
from unit_tests.builders import LIST, PROBLEM, config_of, people


def policy_of(calls: Calls, archived_contacts: str) -> ArchivedPolicy:
    """The policy that a configuration asks for."""
    return ArchivedPolicy(calls, config_of(archived_contacts=archived_contacts), StatusIndex(calls, "archived"))


def applied(calls: Calls, archived_contacts: str, *, removed: bool = False) -> tuple[Contact, Result]:
    """What the policy makes of one archived contact."""
    (contact,) = people(1)
    contact.removed = removed
    result = Result()
    policy_of(calls, archived_contacts).apply(contact, result)
    return contact, result


def test_it_is_left_alone(calls: Calls) -> None:
    contact, result = applied(calls, "leave")

    assert result == Result(skipped=[Skipped(contact, "archived")])


def test_it_is_rejected(calls: Calls) -> None:
    contact, result = applied(calls, "reject")

    assert [(rejected.contact, rejected.reject.reason) for rejected in result.rejected] == [(contact, "archived")]
    assert result.skipped == []


def test_it_is_brought_back(calls: Calls) -> None:
    contact, result = applied(calls, "revive")

    assert result == Result(follow_ups=[FollowUp(contact, Step.REVIVE)])


@pytest.mark.parametrize("archived_contacts", ["leave", "reject", "revive"])
def test_one_that_is_to_be_removed_is_out_already(calls: Calls, archived_contacts: str) -> None:
    contact, result = applied(calls, archived_contacts, removed=True)

    assert result == Result(skipped=[Skipped(contact, "archived already")])


class TestUndo:
    """Whoever was brought back against the policy gets nothing, whatever status they have come back with."""

    def undo(self, calls: Calls, mock: requests_mock.Mocker, code: int) -> list[tuple[str, object]]:
        """The calls that it takes if a DELETE is answered so, of a contact that counts as archived then."""
        (contact,) = people(1)
        index = StatusIndex(calls, "archived")
        mock.get(f"{LIST}/members", json={"members": [], "total_items": 0})
        assert index.among([contact.hash]) == set()
        answer = {"title": "Method Not Allowed", "status": code, "detail": "Can not archive a contact that is pending"}
        mock.delete(f"{LIST}/members/{contact.hash}", status_code=code, json=answer, headers=PROBLEM)
        mock.get(f"{LIST}/members/{contact.hash}", json={"id": contact.hash, "status": "pending"})
        mock.patch(f"{LIST}/members/{contact.hash}", json={"status": "unsubscribed"})
        result = Result()
        ArchivedPolicy(calls, config_of(), index).undo([contact], result)

        assert result == Result(skipped=[Skipped(contact, "archived again")])
        assert index.among([contact.hash]) == {contact.hash}
        made = (request for request in mock.request_history if request.method != "GET")
        return [(request.method, request.json() if request.body else None) for request in made]

    @pytest.mark.parametrize("code", [204, 404])
    def test_they_are_archived(self, calls: Calls, mock: requests_mock.Mocker, code: int) -> None:
        assert self.undo(calls, mock, code) == [("DELETE", None)]

    def test_who_is_pending_can_confirm_nothing(self, calls: Calls, mock: requests_mock.Mocker) -> None:
        """Mailchimp archives no pending contact (recorded)."""
        assert self.undo(calls, mock, 405) == [("DELETE", None), ("PATCH", {"status": "unsubscribed"})]

    def test_an_answer_that_was_lost_is_none_that_says_no(self, calls: Calls, mock: requests_mock.Mocker) -> None:
        """The first DELETE has archived the contact, so the second one is refused, and so would a PATCH be."""
        (contact,), result = people(1), Result()
        url = f"{LIST}/members/{contact.hash}"
        refused = {"title": "Method Not Allowed", "status": 405, "detail": "Can not archive a contact that is archived"}
        no = {"status_code": 405, "json": refused, "headers": PROBLEM}
        mock.get(url, json={"id": contact.hash, "status": "archived"})
        mock.delete(url, [{"status_code": 503, "text": ""}, no])
        patch = mock.patch(url, [no])
        ArchivedPolicy(calls, config_of(), StatusIndex(calls, "archived")).undo([contact], result)

        assert result == Result(skipped=[Skipped(contact, "archived again")])
        assert not patch.called
