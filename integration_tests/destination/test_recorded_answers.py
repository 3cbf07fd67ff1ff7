"""Plays every recorded answer of the real API to a write of contacts to the part that makes such a call."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import requests_mock

from destination_mailchimp.accounting.ledger import Outcome, StreamLedger
from destination_mailchimp.audience.calls import Calls
from destination_mailchimp.config import read_config
from destination_mailchimp.contacts.contact import Contact
from destination_mailchimp.writing.batches import BatchWriter
from destination_mailchimp.writing.consent import StatusPolicy
from destination_mailchimp.writing.membership import StatusIndex
from destination_mailchimp.writing.result import FollowUp, Result, Step, TagChange
from destination_mailchimp.writing.singles import Singles
from destination_mailchimp.writing.tags import Tagger, TagIds
from mailchimp_api.access import Access
from mailchimp_api.client import RetryPolicy
from mailchimp_simulator.contract.evidence import Recorded, recorded_answers

ROOT = "http://127.0.0.1:9/3.0"
LIST = f"{ROOT}/lists/abc"
CONFIG = {"credentials": {"auth_type": "apikey", "apikey": "0" * 32 + "-us1"}, "list_id": "abc", "deletes": "archive"}
PROBLEM = {"Content-Type": "application/problem+json"}
REASONS = {
    "looks fake or invalid": "looks_fake",
    "valid email address": "looks_fake",
    "permanently deleted": "forgotten",
    "compliance state": "compliance_state",
    'status is "cleaned': "compliance_state",
    "lot of lists very recently": "too_many_signups",
    "merge fields were invalid": "field_refused",
    "Data did not match": "field_refused",
    "should not be blank": "field_refused",
    "already in this list": "refused",
    "not a valid choice": "status_refused",
    "already a list member": "refused",
    "could not be validated": "refused",
    "Invalid interest ID": "refused",
}
"""What a refusal is counted as, by a part of its text."""


def answers(method: str, path: str) -> list[Any]:
    """The recorded answers to one kind of call."""
    return [
        pytest.param(recorded, id=recorded.name)
        for recorded in recorded_answers()
        if (recorded.method, recorded.path) == (method, path)
    ]


def reason_in(text: str) -> str:
    """The reason that a refusal's text stands for."""
    return next(reason for part, reason in REASONS.items() if part in text)


def text_of(body: Any) -> str:
    """All that a problem says."""
    errors = body.get("errors") or ()
    return " ".join([str(body.get("detail") or ""), *(str(error.get("message")) for error in errors)])


class Player:
    """The parts of the destination that make calls, and Mailchimp's answers to them."""

    def __init__(self, mock: requests_mock.Mocker) -> None:
        self.mock = mock
        # Looks before a call is repeated.
        mock.get(requests_mock.ANY, json={"status": "subscribed", "last_changed": ""})
        mock.get(f"{LIST}/members", json={"members": [], "total_items": 0})
        retry = RetryPolicy(attempts=2, first_wait=0.001)
        self.calls = Calls(Access(ROOT, "Bearer x"), "abc", workers=2, retry=retry)
        config, policy, archived = read_config(CONFIG), StatusPolicy("subscribed"), StatusIndex(self.calls, "archived")
        self.writer = BatchWriter(self.calls, config, policy, archived)
        self.singles = Singles(self.calls, config, policy, self.writer.limit, archived, self.writer.stubborn)
        self.tagger = Tagger(self.calls, TagIds(self.calls))
        self.ledger = StreamLedger("s")
        self.result = Result()

    def contact(self, address: str = "person1@example.org", request: object = None) -> Contact:
        """The contact that a recorded request was about."""
        body = {"email_address": address}
        if isinstance(request, dict) and isinstance(request.get("merge_fields"), dict):
            body["merge_fields"] = request["merge_fields"]
        return Contact(address, body, self.ledger.receive())

    def run(self, contact: Contact, step: Step, *tags: TagChange) -> Result:
        """A call about one contact."""
        self.singles.run(FollowUp(contact, step, tags), self.result)
        return self.result


@pytest.fixture
def player() -> Iterator[Player]:
    with requests_mock.Mocker() as mock:
        yield Player(mock)


@pytest.mark.parametrize(
    "recorded",
    [
        *answers("PUT", "/lists/{id}/members/{hash}"),
        *answers("PATCH", "/lists/{id}/members/{hash}"),
        *answers("POST", "/lists/{id}/members"),
    ],
)
def test_a_contact_counts_as_written_or_is_rejected_for_what_was_said(player: Player, recorded: Recorded) -> None:
    body = recorded.body
    if not isinstance(body, dict) or not (recorded.status == 200 or text_of(body).strip()):
        pytest.skip("nothing of the answer's content was recorded")
    if "web_id" not in body and "Required fields were not provided: permission_reminder" in text_of(body):
        pytest.skip("a test suite's stand-in: the refusal of a list, recorded under the path of a contact")
    player.mock.patch(requests_mock.ANY, status_code=recorded.status, json=body)
    address = body.get("email_address") or "person1@example.org"
    result = player.run(player.contact(address, recorded.request), Step.UPDATE)

    if recorded.status == 200:
        assert [written.outcome for written in result.written] == [Outcome.UPDATED]
        assert (result.rejected, result.lost_fields) == ([], [])
    else:
        assert result.written == []
        assert [rejected.reject.reason for rejected in result.rejected] == [reason_in(text_of(body))]


@pytest.mark.parametrize("recorded", answers("DELETE", "/lists/{id}/members/{hash}"))
@pytest.mark.parametrize(
    "status,removed", [("archived", True), ("pending", True), ("cleaned", False), ("unsubscribed", False)]
)
def test_removed_is_only_who_is_archived_or_unsubscribed(
    player: Player,
    recorded: Recorded,
    status: str,
    removed: bool,  # noqa: FBT001
) -> None:
    contact = player.contact()
    player.mock.delete(requests_mock.ANY, status_code=recorded.status, json=recorded.body)
    player.mock.get(requests_mock.ANY, json={"status": status, "last_changed": ""})
    player.mock.patch(requests_mock.ANY, json={"status": "unsubscribed"})
    result = player.run(contact, Step.REMOVE)

    done = removed or recorded.status == 204
    assert [written.outcome for written in result.written] == [Outcome.REMOVED] * done
    assert [rejected.reject.reason for rejected in result.rejected] == ["not_removable"] * (not done)


@pytest.mark.parametrize("recorded", answers("POST", "/lists/{id}/members/{hash}/tags"))
@pytest.mark.parametrize("remove", [False, True])
def test_a_tag_counts_as_set_if_the_contact_is_there(
    player: Player,
    recorded: Recorded,
    remove: bool,  # noqa: FBT001
) -> None:
    player.mock.post(requests_mock.ANY, status_code=recorded.status, json=recorded.body or {}, headers=PROBLEM)
    result = player.run(player.contact(), Step.TAGS, TagChange("a", remove))

    assert len(result.tags_failed) == (recorded.status == 404 and not remove)


TAGS_CALLS = answers("POST", "/lists/{id}/segments/{n}")
[TOO_MANY] = [one.values[0] for one in TAGS_CALLS if "Maximum allowed" in str(one.values[0].body)]


def test_a_tags_call_that_is_too_large_is_made_smaller(player: Player) -> None:
    """We send as many as Mailchimp is known to take. Were it to take fewer, everybody would get the tag still."""
    contacts = [player.contact(f"person{number}@example.org") for number in range(200)]
    player.mock.get(f"{LIST}/segments", json={"segments": [{"id": 7, "name": "a"}], "total_items": 1})

    def answer(request: Any, context: Any) -> Any:
        addresses = request.json()["members_to_add"]
        if len(addresses) > 100:
            context.status_code = TOO_MANY.status
            return TOO_MANY.body
        return {"members_added": [{"email_address": address} for address in addresses]}

    player.mock.post(f"{LIST}/segments/7", json=answer)
    player.tagger.tag("a", contacts, player.result)

    assert (player.result.tags_failed, player.result.follow_ups) == ([], [])


@pytest.mark.parametrize("recorded", [one for one in TAGS_CALLS if one.values[0] != TOO_MANY])
def test_no_answer_to_a_tags_call_is_a_failure(player: Player, recorded: Recorded) -> None:
    """Who it confirms has the tag; the others are asked about one by one."""
    remove = "members_to_remove" in str(recorded.request)
    contacts = [player.contact("person1@example.org"), player.contact("person2@example.org")]
    player.mock.get(f"{LIST}/segments", json={"segments": [{"id": 7, "name": "a"}], "total_items": 1})
    asked = player.mock.post(f"{LIST}/segments/7", status_code=recorded.status, json=recorded.body)
    player.tagger.tag("a", contacts, player.result, remove=remove)

    named = {address for row in recorded.body.get("errors") or () for address in row.get("email_addresses") or ()}
    told = recorded.body.get("total_removed" if remove else "total_added", 0)
    rest = [contact for contact in contacts if contact.address not in named]
    assert asked.call_count == 1
    assert player.result.tags_failed == []
    assert [after.contact for after in player.result.follow_ups] == ([] if len(rest) == told else rest)


@pytest.mark.parametrize("recorded", answers("POST", "/lists/{id}"))
def test_every_row_of_a_batch_answer_is_accounted_for(player: Player, recorded: Recorded) -> None:
    rows = recorded.body.get("errors") or []
    shown = [row for name in ("new_members", "updated_members") for row in recorded.body.get(name) or ()]
    addresses = [str(row.get("email_address") or "") for row in (*rows, *shown) if isinstance(row, dict)]
    contacts = [player.contact(address or "person9@example.org") for address in addresses or ["person9@example.org"]]
    asked = player.mock.post(LIST, status_code=recorded.status, json=recorded.body)
    player.writer.create(contacts, player.result)
    result = player.result

    told = {
        **{written.contact.address: "written" for written in result.written},
        **{after.contact.address: "asked about alone" for after in (*result.follow_ups, *result.put_off)},
        **{rejected.contact.address: rejected.reject.reason for rejected in result.rejected},
    }
    assert set(told) == {contact.address for contact in contacts}
    assert asked.call_count < 10
    for row in rows if recorded.status == 200 else ():
        reason = reason_in(row["error"])
        alone = reason in ("refused", "field_refused", "too_many_signups")
        assert told[row["email_address"]] == ("asked about alone" if alone else reason)
