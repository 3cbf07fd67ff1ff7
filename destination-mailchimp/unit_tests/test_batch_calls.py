"""Calls that write a batch are sent, and sent again, only for those who are not in the archive by then."""

from __future__ import annotations

import pytest
import requests_mock

from destination_mailchimp.audience.calls import Calls
from destination_mailchimp.audience.forms import AcceptedForms
from destination_mailchimp.contacts.contact import Contact, Json
from destination_mailchimp.writing import membership
from destination_mailchimp.writing.batch_calls import BatchCalls
from destination_mailchimp.writing.batch_outcome import BatchOutcome
from destination_mailchimp.writing.consent import StatusPolicy
from mailchimp_api.errors import ServerFault
from unit_tests.builders import LIST, Writing, batch_answer, config_of, people, row_of

ARCHIVED = f"{LIST}/members?status=archived"
DOWN: Json = {"status_code": 503, "text": ""}
LATER = "2099-01-01T00:00:00+00:00"


class Sending:
    """One pass over some contacts. ``sent``: the addresses and statuses of each call; ``looks``: into the archive."""

    def __init__(self, calls: Calls, mock: requests_mock.Mocker, **options: object) -> None:
        config = config_of(**options)
        policy = StatusPolicy("subscribed", update=config.update_status, allow_resubscribe=config.allow_resubscribe)
        self.outcome = BatchOutcome()
        self.watch = Writing(calls, config).archived.watch()
        self._calls = BatchCalls(calls, config, policy, AcceptedForms())
        self._mock = mock

    def archive(self, *contacts: Contact) -> None:
        """These are archived by now."""
        rows = [{"id": contact.hash, "last_changed": LATER} for contact in contacts]
        self._mock.get(ARCHIVED, json={"members": rows, "total_items": len(rows)})

    def send(self, contacts: list[Contact], *, create: bool = True) -> None:
        """Send them."""
        self._calls.send(contacts, self.outcome, self.watch, create=create)

    @property
    def sent(self) -> list[dict[str, str | None]]:
        """Of each call, who was in it, with the status that was sent."""
        posts = (request for request in self._mock.request_history if request.method == "POST")
        return [{member["email_address"]: member.get("status") for member in post.json()["members"]} for post in posts]

    @property
    def looks(self) -> int:
        """How often it was looked who is archived."""
        return sum(request.method == "GET" for request in self._mock.request_history)


def test_what_has_just_been_looked_at_is_not_looked_at_again(calls: Calls, mock: requests_mock.Mocker) -> None:
    sending, contacts = Sending(calls, mock), people(3)
    mock.post(LIST, json=batch_answer(created=[row_of(contact, status="subscribed") for contact in contacts]))
    sending.send(contacts)

    assert (len(sending.sent), sending.looks) == (1, 0)


def test_a_call_is_repeated_without_who_is_archived_by_then(calls: Calls, mock: requests_mock.Mocker) -> None:
    sending, (gone, stays) = Sending(calls, mock), people(2)
    sending.archive(gone)
    mock.post(LIST, [DOWN, {"json": batch_answer(created=[row_of(stays, status="subscribed")])}])
    sending.send([gone, stays])

    assert [list(call) for call in sending.sent] == [[gone.address, stays.address], [stays.address]]
    assert (sending.outcome.archived, sending.outcome.created) == ([gone], [stays])
    assert gone.possibly_written_since is not None


def test_where_the_archived_ones_can_not_be_listed_each_is_looked_up(calls: Calls, mock: requests_mock.Mocker) -> None:
    """As of a server that ignores offsets."""
    sending, (gone, stays) = Sending(calls, mock), people(2)
    somebody = {"id": "f" * 32, "last_changed": LATER}
    mock.get(ARCHIVED, json={"members": [somebody], "total_items": 1_000_000})
    for contact, status in ((gone, "archived"), (stays, "subscribed")):
        mock.get(f"{LIST}/members/{contact.hash}", json={"id": contact.hash, "status": status})
    mock.post(LIST, [DOWN, {"json": batch_answer(created=[row_of(stays, status="subscribed")])}])
    sending.send([gone, stays])

    assert [list(call) for call in sending.sent] == [[gone.address, stays.address], [stays.address]]
    assert sending.outcome.archived == [gone]


def test_where_it_can_not_be_known_nothing_is_sent_again(calls: Calls, mock: requests_mock.Mocker) -> None:
    sending, contacts = Sending(calls, mock), people(2)
    mock.post(LIST, [DOWN, {"json": batch_answer(created=map(row_of, contacts))}])
    mock.get(LIST, json={"id": "abc"})
    mock.get(ARCHIVED, [DOWN])

    with pytest.raises(ServerFault):
        sending.send(contacts)
    assert len(sending.sent) == 1


def test_each_further_call_of_a_pass_is_looked_before(calls: Calls, mock: requests_mock.Mocker) -> None:
    """Who is in it may have been archived while the one before was under way."""
    sending, (refused, other) = Sending(calls, mock), people(2)
    sending.archive(other)
    fault = {"field": "members.item:0.email_address", "message": "This value is not valid."}
    refusal = {"title": "Invalid Resource", "status": 400, "detail": "Not validated.", "errors": [fault]}
    mock.post(LIST, [{"status_code": 400, "json": refusal}, {"json": batch_answer()}])
    sending.send([refused, other])

    assert [list(call) for call in sending.sent] == [[refused.address, other.address]]
    assert sending.outcome.archived == [other]


def test_it_is_looked_before_a_call_that_has_waited_for_long(
    calls: Calls, mock: requests_mock.Mocker, monkeypatch: pytest.MonkeyPatch
) -> None:
    sending, (gone,) = Sending(calls, mock), people(1)
    sending.archive(gone)
    monkeypatch.setattr(membership, "ARCHIVED_SECONDS", -1.0)
    sending.send([gone])

    assert (sending.sent, sending.outcome.archived) == ([], [gone])


def test_it_is_looked_before_an_update_that_carries_a_status(calls: Calls, mock: requests_mock.Mocker) -> None:
    sending, (gone, stays) = Sending(calls, mock, status_field="state", update_status=True), people(2)
    gone.status = stays.status = "unsubscribed"
    sending.archive(gone)
    mock.post(LIST, json=batch_answer(updated=[row_of(stays, status="unsubscribed")]))
    sending.send([gone, stays], create=False)

    assert sending.sent == [{stays.address: "unsubscribed"}]


@pytest.mark.parametrize("allowed", [False, True])
@pytest.mark.parametrize("wanted", ["subscribed", "pending", "transactional"])
def test_no_update_carries_a_status_that_anybody_receives_campaigns_in(
    calls: Calls, mock: requests_mock.Mocker, wanted: str, *, allowed: bool
) -> None:
    """Though the user allows to bring people back: who was archived a moment ago is not meant by that."""
    options = {"status_field": "state", "update_status": True, "allow_resubscribe": allowed}
    sending, (contact,) = Sending(calls, mock, **options), people(1)
    contact.status = wanted
    mock.post(LIST, json=batch_answer(updated=[row_of(contact, status="pending")]))
    sending.send([contact], create=False)

    assert sending.sent == [{contact.address: None}]
