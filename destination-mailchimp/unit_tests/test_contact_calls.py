"""A call about one contact that carries a status is sent, and sent again, only while their present one admits it."""

from __future__ import annotations

import time

import pytest
import requests_mock

from destination_mailchimp.audience.calls import Calls
from destination_mailchimp.audience.forms import AcceptedForms
from destination_mailchimp.contacts.contact import Json
from destination_mailchimp.writing.consent import StatusPolicy
from destination_mailchimp.writing.contact_calls import ContactCalls, StatusChanged, is_archived, is_not_archived
from destination_mailchimp.writing.result import Result
from mailchimp_api.errors import ServerFault
from unit_tests.builders import LIST, PROBLEM, people, row_of

DOWN: Json = {"status_code": 503, "text": ""}


class One:
    """A contact that shows one status after the other, and the calls about it."""

    def __init__(self, calls: Calls, mock: requests_mock.Mocker, *statuses: str) -> None:
        (self.contact,) = people(1)
        self.calls = ContactCalls(calls, StatusPolicy("subscribed"), AcceptedForms())
        self.url = f"{LIST}/members/{self.contact.hash}"
        self._mock = mock
        mock.get(self.url, [{"json": {"id": self.contact.hash, "status": status}} for status in statuses] or [DOWN])

    def answers(self, *answers: Json) -> None:
        """What writing calls are answered, one after the other."""
        for method in ("PUT", "PATCH"):
            self._mock.register_uri(method, self.url, list(answers))

    def takes(self, status: str) -> Json:
        """The answer to a call that went well."""
        return {"json": row_of(self.contact, status=status)}

    @property
    def made(self) -> list[str]:
        """The methods of all calls, in their order."""
        return [request.method for request in self._mock.request_history]


@pytest.fixture
def subscribed(calls: Calls, mock: requests_mock.Mocker) -> One:
    """One who is subscribed, and of whom each writing call is taken."""
    one = One(calls, mock, "subscribed")
    one.answers(one.takes("subscribed"))
    return one


def test_who_exists_is_written_by_a_call_that_brings_nobody_back(subscribed: One) -> None:
    subscribed.calls.write(subscribed.contact, None, Result(), create=False)

    assert subscribed.made == ["PATCH"]


def test_who_may_be_new_is_looked_at_first(subscribed: One, mock: requests_mock.Mocker) -> None:
    subscribed.calls.write(subscribed.contact, None, Result(), create=True)

    assert subscribed.made == ["GET", "PUT"]
    assert mock.request_history[-1].json() == {**subscribed.contact.body, "status_if_new": "subscribed"}


def test_what_the_caller_has_just_seen_is_believed_for_the_first_attempt_alone(
    calls: Calls, mock: requests_mock.Mocker
) -> None:
    one = One(calls, mock, "archived")
    one.answers(DOWN, one.takes("subscribed"))

    with pytest.raises(StatusChanged):
        one.calls.write(one.contact, "subscribed", Result(), create=False, looked_at=time.monotonic())
    assert one.made == ["PATCH", "GET"]


def test_what_was_seen_a_while_ago_is_looked_at_again(calls: Calls, mock: requests_mock.Mocker) -> None:
    one = One(calls, mock, "archived")

    with pytest.raises(StatusChanged):
        one.calls.write(one.contact, "subscribed", Result(), create=False, looked_at=time.monotonic() - 10)
    assert one.made == ["GET"]


@pytest.mark.parametrize("seen", [False, True])
def test_after_a_refused_value_it_is_looked_again(calls: Calls, mock: requests_mock.Mocker, *, seen: bool) -> None:
    one = One(calls, mock, *["subscribed"] * (not seen), "archived")
    one.contact.body["language"] = "xx"
    errors = [{"field": "language", "message": "No."}]
    one.answers({"status_code": 400, "json": {"title": "Invalid Resource", "status": 400, "errors": errors}})

    with pytest.raises(StatusChanged):
        one.calls.write(
            one.contact, "unsubscribed", Result(), create=False, looked_at=time.monotonic() if seen else None
        )
    assert one.made == [*["GET"] * (not seen), "PATCH", "GET"]


@pytest.mark.parametrize("method,wanted", [("PATCH", "subscribed"), ("PUT", "transactional")])
@pytest.mark.parametrize("left", ["unsubscribed", "cleaned", "archived"])
def test_a_status_is_not_set_again_for_who_has_left_meanwhile(
    calls: Calls, mock: requests_mock.Mocker, method: str, wanted: str, left: str
) -> None:
    one = One(calls, mock, left)
    one.answers(DOWN, one.takes(wanted))

    with pytest.raises(StatusChanged) as changed:
        one.calls.set_status(one.contact, wanted, lambda now: now == "pending")
    assert (one.made, changed.value.status) == ([method, "GET"], left)


def test_who_is_back_by_a_lost_answer_is_not_brought_back_again(calls: Calls, mock: requests_mock.Mocker) -> None:
    """They may have unsubscribed since."""
    one = One(calls, mock, "archived", "unsubscribed")
    one.answers(DOWN, one.takes("subscribed"))

    with pytest.raises(StatusChanged):
        one.calls.write(one.contact, "subscribed", Result(), create=True, only_if=is_archived)
    assert one.made == ["GET", "PUT", "GET"]


def test_where_it_can_not_be_looked_nothing_is_sent(calls: Calls, mock: requests_mock.Mocker) -> None:
    one = One(calls, mock)

    with pytest.raises(ServerFault):
        one.calls.write(one.contact, "subscribed", Result(), create=False)
    assert set(one.made) == {"GET"}


def test_405_tells_of_the_archive_only_where_the_status_does(calls: Calls, mock: requests_mock.Mocker) -> None:
    one = One(calls, mock, "archived")
    problem = {"type": "x", "title": "Method Not Allowed", "status": 405}
    one.answers({"status_code": 405, "json": problem, "headers": PROBLEM})

    with pytest.raises(StatusChanged):
        one.calls.patch(one.contact, {})


def test_the_statuses_that_a_call_may_meet() -> None:
    assert [is_not_archived(status) for status in ("subscribed", None, "archived")] == [True, True, False]
    assert [is_archived(status) for status in ("archived", None, "pending")] == [True, False, False]
