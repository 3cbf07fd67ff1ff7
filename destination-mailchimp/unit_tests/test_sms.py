"""A mobile number is written beside the contact, and never costs anybody's consent to e-mail."""

from __future__ import annotations

import pytest
import requests_mock

from destination_mailchimp.accounting.causes import anonymised
from destination_mailchimp.audience.calls import Calls
from destination_mailchimp.contacts.contact import Json
from destination_mailchimp.writing.result import FollowUp, Result, Step
from unit_tests.builders import LIST, PROBLEM, ROOT, Writing, people

LONG_AGO, NOW = "2024-02-01T09:00:00+00:00", "2099-01-01T00:00:00+00:00"


class Mailchimp:
    """Shows one contact with one status after the other, and takes every number."""

    def __init__(self, mock: requests_mock.Mocker, *shown: Json) -> None:
        self.contacts = people(2)
        self.contact = self.contacts[0]
        for contact in self.contacts:
            contact.sms = {"phone": "+15555550100", "consent": "consented"}
            member = f"{LIST}/members/{contact.hash}"
            mock.get(member, [{"json": {"id": contact.hash, "timestamp_opt": LONG_AGO, **row}} for row in shown])
            mock.delete(member, status_code=204)
            mock.patch(member, json=lambda request, _: request.json())
        self.numbers = mock.post(f"{ROOT}/audiences/abc/contacts", json={"sms_channel": {"sms_phone": "+15555550100"}})
        self.mock = mock

    def write(self, calls: Calls) -> Result:
        """Write the numbers of both."""
        result = Result()
        singles = Writing(calls).singles
        for contact in self.contacts:
            singles.run(FollowUp(contact, Step.SMS), result)
        return result

    def undone(self) -> list[tuple[str, Json | None]]:
        """What was done to the contact itself."""
        requests = (one for one in self.mock.request_history if one.path.endswith(self.contact.hash))
        return [(one.method, one.json() if one.body else None) for one in requests if one.method != "GET"]


def status(name: str, **more: str) -> Json:
    """A contact with a status."""
    return {"status": name, **more}


def test_a_status_that_stays_leaves_the_number(calls: Calls, mock: requests_mock.Mocker) -> None:
    mailchimp = Mailchimp(mock, status("unsubscribed"))
    result = mailchimp.write(calls)

    assert (mailchimp.numbers.call_count, result.notes, mailchimp.undone()) == (2, [], [])


def test_who_is_archived_gets_none(calls: Calls, mock: requests_mock.Mocker) -> None:
    mailchimp = Mailchimp(mock, status("archived"))
    result = mailchimp.write(calls)

    assert mailchimp.numbers.call_count == 0
    assert {noted.what for noted in result.notes} == {"SMS not written: the contact is archived"}


def test_who_is_archived_before_it_is_tried_again_gets_none(calls: Calls, mock: requests_mock.Mocker) -> None:
    mailchimp = Mailchimp(mock, status("subscribed"), status("archived"))
    numbers = mock.post(f"{ROOT}/audiences/abc/contacts", [{"status_code": 503, "text": ""}, {"json": {}}])
    result = Result()
    Writing(calls).singles.run(FollowUp(mailchimp.contact, Step.SMS), result)

    assert numbers.call_count == 1
    assert [noted.what for noted in result.notes] == ["SMS not written: the contact is archived"]


def test_who_was_brought_back_by_it_is_archived_again(calls: Calls, mock: requests_mock.Mocker) -> None:
    mailchimp = Mailchimp(mock, status("subscribed"), status("subscribed", timestamp_opt=NOW))
    mailchimp.write(calls)

    assert mailchimp.undone() == [("DELETE", None)]


def test_who_is_new_stays(calls: Calls, mock: requests_mock.Mocker) -> None:
    """They opted in a moment before, in the same second by Mailchimp's clock."""
    mailchimp = Mailchimp(mock, status("subscribed", timestamp_opt=NOW))
    mailchimp.write(calls)

    assert mailchimp.undone() == []


def test_a_number_that_is_refused_is_shown_nowhere(
    calls: Calls, mock: requests_mock.Mocker, caplog: pytest.LogCaptureFixture
) -> None:
    """In whichever way Mailchimp writes it; so all that are refused alike count as that."""
    singles, result = Writing(calls).singles, Result()
    for number, contact in enumerate(people(5)):
        contact.sms = {"phone": f"+1555555010{number}"}
        detail = f"(555) 555-010{number} of {contact.address} can't be used"
        problem = {"type": "x", "title": "Invalid Resource", "status": 400, "detail": detail}
        mock.get(f"{LIST}/members/{contact.hash}", json={"id": contact.hash, **status("subscribed")})
        mock.post(f"{ROOT}/audiences/abc/contacts", status_code=400, json=problem, headers=PROBLEM)
        singles.run(FollowUp(contact, Step.SMS), result)

    assert "Mailchimp has refused 5 mobile numbers in a row" in caplog.text
    assert not [text for text in (caplog.text, *(noted.what for noted in result.notes)) if "555-01" in text]
    assert len({anonymised(noted.what, noted.contact.address) for noted in result.notes}) == 1


@pytest.mark.parametrize(
    "before,restored", [("unsubscribed", "unsubscribed"), ("cleaned", "unsubscribed"), ("pending", "pending")]
)
def test_a_status_that_it_has_changed_is_what_it_was_and_no_other_number_is_written(
    calls: Calls, mock: requests_mock.Mocker, before: str, restored: str
) -> None:
    """Who was asked to confirm has not confirmed by getting a mobile number."""
    mailchimp = Mailchimp(mock, status(before), status("subscribed"))
    result = mailchimp.write(calls)

    assert mailchimp.undone() == [("PATCH", {"status": restored})]
    assert mailchimp.numbers.call_count == 1
    assert [(noted.contact, noted.what) for noted in result.notes] == [(mailchimp.contacts[1], "SMS not written")]
