"""Contacts whose record was deleted in the source."""

from __future__ import annotations

import pytest
import requests_mock

from destination_mailchimp.accounting.ledger import Outcome
from destination_mailchimp.audience.calls import Calls
from destination_mailchimp.contacts.contact import Json
from destination_mailchimp.writing.result import FollowUp, Result, Skipped, Step, Written
from unit_tests.builders import LIST, PROBLEM, Writing, config_of, people, row_of

CANNOT = {
    "type": "x",
    "title": "Method Not Allowed",
    "status": 405,
    "detail": "This list member cannot be removed. Can not archive a contact that is bounced, pending or archived",
}


class TestArchiving:
    """405 does not mean archived already: only the status tells."""

    def removed(self, calls: Calls, mock: requests_mock.Mocker, status: str, after: str = "unsubscribed") -> Result:
        (self.contact,), self.result = people(1), Result()
        path = f"{LIST}/members/{self.contact.hash}"
        mock.delete(path, status_code=405, json=CANNOT, headers=PROBLEM)
        mock.get(path, json={"status": status})
        self.patched = mock.patch(path, json=row_of(self.contact, status=after))
        writing = Writing(calls, config_of(deletes="archive"))
        writing.singles.run(FollowUp(self.contact, Step.REMOVE), self.result)
        return self.result

    def test_who_is_archived_is_removed(self, calls: Calls, mock: requests_mock.Mocker) -> None:
        assert self.removed(calls, mock, "archived").written == [Written(self.contact, Outcome.REMOVED)]
        assert self.patched.call_count == 0

    def test_who_is_pending_could_still_confirm_and_is_unsubscribed(
        self, calls: Calls, mock: requests_mock.Mocker
    ) -> None:
        assert self.removed(calls, mock, "pending").written == [Written(self.contact, Outcome.REMOVED)]
        assert [request.json() for request in self.patched.request_history] == [{"status": "unsubscribed"}]

    @pytest.mark.parametrize("status,after", [("cleaned", "cleaned"), ("pending", "pending")])
    def test_who_can_not_be_removed_is_rejected(
        self, calls: Calls, mock: requests_mock.Mocker, status: str, after: str
    ) -> None:
        result = self.removed(calls, mock, status, after)

        assert result.written == []
        assert [(refused.contact, refused.reject.reason) for refused in result.rejected] == [
            (self.contact, "not_removable")
        ]
        # Who is cleaned gets nothing, so their status is left as it is.
        assert self.patched.called is (status == "pending")

    def test_whom_this_sync_has_archived_no_later_record_brings_back(
        self, calls: Calls, mock: requests_mock.Mocker
    ) -> None:
        (contact,) = people(1)
        mock.delete(f"{LIST}/members/{contact.hash}", status_code=204)
        writing = Writing(calls, config_of(deletes="archive"))
        before = writing.archived.among([contact.hash])
        writing.singles.run(FollowUp(contact, Step.REMOVE), Result())

        assert (before, writing.archived.among([contact.hash])) == (set(), {contact.hash})


class TestUnsubscribing:
    def removed(self, calls: Calls, mock: requests_mock.Mocker, answer: Json | None = None) -> Result:
        (self.contact,), result = people(1), Result()
        path = f"{LIST}/members/{self.contact.hash}"
        self.patched = mock.patch(path, [answer or {"json": row_of(self.contact, status="unsubscribed")}])
        writing = Writing(calls, config_of(deletes="unsubscribe"))
        writing.singles.run(FollowUp(self.contact, Step.REMOVE), result)
        return result

    def test_it_is_a_call_that_makes_nobody_anew(self, calls: Calls, mock: requests_mock.Mocker) -> None:
        assert self.removed(calls, mock).written == [Written(self.contact, Outcome.REMOVED)]
        assert [request.json() for request in self.patched.request_history] == [{"status": "unsubscribed"}]

    def test_who_is_not_there_needs_none(self, calls: Calls, mock: requests_mock.Mocker) -> None:
        gone = {"type": "x", "title": "Resource Not Found", "status": 404}
        result = self.removed(calls, mock, {"status_code": 404, "json": gone, "headers": PROBLEM})

        assert result.skipped == [Skipped(self.contact, "not in the audience")]
