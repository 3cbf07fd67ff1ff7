"""Contacts whose address can be written in two ways are found under the id that Mailchimp has made of either."""

from __future__ import annotations

import re

import pytest
import requests_mock

from destination_mailchimp.accounting.ledger import Outcome, StreamLedger
from destination_mailchimp.audience.calls import Calls
from destination_mailchimp.writing.hashes import find_hashes
from destination_mailchimp.writing.result import Result
from mailchimp_api.members import subscriber_hash
from unit_tests.builders import LIST, PROBLEM, Writing, batch_answer, config_of, contact_of, people

LONG_AGO = "2024-02-01T09:00:00+00:00"
GONE = {"type": "x", "title": "Resource Not Found", "status": 404}
LETTERS, WIRE = "jane@müller.example", "jane@xn--mller-kva.example"


@pytest.mark.parametrize("ours,theirs", [(LETTERS, WIRE), (WIRE, LETTERS), (LETTERS, LETTERS), (WIRE, WIRE)])
class TestDomainBeyondAscii:
    """Nobody has shown which of two ways to write it Mailchimp makes the hash of, so it is looked."""

    def write(self, calls: Calls, mock: requests_mock.Mocker, ours: str, theirs: str, *, removed: bool) -> Result:
        """What comes of a record of somebody who is archived, or subscribed and to be removed."""
        digest, status = subscriber_hash(theirs), "subscribed" if removed else "archived"
        mock.register_uri(
            requests_mock.ANY, re.compile(f"{LIST}/members/.*"), status_code=404, json=GONE, headers=PROBLEM
        )
        mock.get(f"{LIST}/members/{digest}", json={"id": digest, "status": status})
        mock.delete(f"{LIST}/members/{digest}", status_code=204)
        listed = [] if removed else [{"id": digest, "last_changed": LONG_AGO}]
        mock.get(f"{LIST}/members?status=archived", json={"members": listed, "total_items": len(listed)})
        # Should it be sent after all, it would be brought back.
        mock.post(LIST, json=batch_answer(created=[{"email_address": theirs, "id": digest, "status": "subscribed"}]))
        contact, result = contact_of(StreamLedger("s"), ours), Result()
        contact.removed = removed
        writing = Writing(calls, config_of(deletes="archive", deleted_field="gone"))
        writing.writer.write_batch([contact], result)
        for follow_up in result.follow_ups:
            writing.singles.run(follow_up, result)
        return result

    def test_who_is_archived_is_left_alone(
        self, calls: Calls, mock: requests_mock.Mocker, ours: str, theirs: str
    ) -> None:
        result = self.write(calls, mock, ours, theirs, removed=False)

        assert [skipped.why for skipped in result.skipped] == ["archived"]
        assert {request.method for request in mock.request_history} == {"GET"}

    def test_who_is_deleted_in_the_source_is_taken_out(
        self, calls: Calls, mock: requests_mock.Mocker, ours: str, theirs: str
    ) -> None:
        result = self.write(calls, mock, ours, theirs, removed=True)

        assert [written.outcome for written in result.written] == [Outcome.REMOVED]


def test_what_follows_goes_to_the_contact_that_the_answer_shows(calls: Calls, mock: requests_mock.Mocker) -> None:
    (contact,), result = [contact_of(StreamLedger("s"), LETTERS)], Result()
    contact.permissions = [{"marketing_permission_id": "a", "enabled": True}]
    shown = {"email_address": WIRE, "id": subscriber_hash(WIRE), "status": "subscribed"}
    mock.register_uri(requests_mock.ANY, re.compile(f"{LIST}/members/.*"), status_code=404, json=GONE, headers=PROBLEM)
    patch = mock.patch(f"{LIST}/members/{subscriber_hash(WIRE)}", json=shown)
    mock.post(LIST, json=batch_answer(created=[shown]))
    writing = Writing(calls)
    writing.writer.write_batch([contact], result)
    for follow_up in result.follow_ups:
        writing.singles.run(follow_up, result)

    assert patch.called
    assert result.rejected == []


def test_a_plain_address_costs_no_call(calls: Calls, mock: requests_mock.Mocker) -> None:
    find_hashes(calls, people(3))

    assert mock.call_count == 0
