"""A dry run decides as a sync would, by the same rules, and makes no writing call."""

from __future__ import annotations

from typing import Any

import pytest

from destination_mailchimp.accounting.ledger import Outcome, StreamLedger
from destination_mailchimp.accounting.lines import LinesFile
from destination_mailchimp.audience.statuses import CurrentStatuses
from destination_mailchimp.contacts.contact import Json
from destination_mailchimp.failures import NewContactLimitReached
from destination_mailchimp.writing.consent import StatusPolicy
from destination_mailchimp.writing.preview import Preview
from destination_mailchimp.writing.result import Result
from mailchimp_api.members import subscriber_hash
from unit_tests.builders import config_of, contact_of, people


class Statuses(CurrentStatuses):
    """The audience as it is: statuses by hash."""

    def __init__(self, found: dict[str, str]) -> None:  # no calls, so nothing else to be set up
        self.found = found

    def of(self, hashes: list[str]) -> dict[str, str]:
        """Those that are there."""
        return {digest: self.found[digest] for digest in hashes if digest in self.found}


class Told(LinesFile):
    """What a file of the dry run would hold."""

    def __init__(self) -> None:  # no file, so nothing else to be set up
        self.lines: list[Json] = []

    def append(self, line: Json) -> None:
        """Keep a line."""
        self.lines.append(line)


def outcome_of(present: str, wanted: str | None = None, *, removed: bool = False, **options: Any) -> tuple[str, str]:
    """What would come of a record whose contact has a status (or is not there), and the status that it would have."""
    contact = contact_of(StreamLedger("s"), "a@example.com")
    contact.status, contact.removed = wanted, removed
    config = config_of(**options)
    policy = StatusPolicy("subscribed", update=config.update_status, allow_resubscribe=config.allow_resubscribe)
    told, result = Told(), Result()
    preview = Preview(Statuses({contact.hash: present} if present else {}), config, policy, told)
    preview.write_batch([contact], result)
    if result.rejected:  # the rejects have a file of their own
        assert told.lines == []
        return "rejected", present
    [line] = told.lines
    [outcome] = [written.outcome for written in result.written] or [Outcome.SKIPPED for _ in result.skipped]
    assert line["outcome"] == outcome.value
    return outcome.value, line["status_after"] or ""


MAPPED = {"status_field": "s", "update_status": True}


@pytest.mark.parametrize(
    "present,wanted,options,expected",
    [
        ("", None, {}, ("created", "subscribed")),
        ("", None, {"update_only": True}, ("skipped", "")),
        ("subscribed", None, {}, ("updated", "subscribed")),
        ("unsubscribed", "subscribed", MAPPED, ("updated", "unsubscribed")),
        ("unsubscribed", "subscribed", {**MAPPED, "allow_resubscribe": True}, ("updated", "subscribed")),
        ("subscribed", "unsubscribed", MAPPED, ("updated", "unsubscribed")),
        ("pending", None, {"existing_contacts": "leave"}, ("skipped", "pending")),
        ("archived", None, {}, ("skipped", "archived")),
        ("archived", None, {"archived_contacts": "revive"}, ("updated", "subscribed")),
        ("archived", None, {"archived_contacts": "reject"}, ("rejected", "archived")),
    ],
)
def test_it_decides_as_a_sync_would(
    present: str, wanted: str | None, options: dict[str, Any], expected: tuple[str, str]
) -> None:
    assert outcome_of(present, wanted, **options) == expected


@pytest.mark.parametrize(
    "present,deletes,expected",
    [
        ("subscribed", "archive", ("removed", "archived")),
        ("pending", "archive", ("removed", "unsubscribed")),
        ("cleaned", "archive", ("rejected", "cleaned")),
        ("subscribed", "unsubscribe", ("removed", "unsubscribed")),
        ("", "archive", ("skipped", "")),
    ],
)
def test_deletions(present: str, deletes: str, expected: tuple[str, str]) -> None:
    assert outcome_of(present, removed=True, deletes=deletes) == expected


def test_it_stops_where_a_sync_would_stop() -> None:
    result = Result()
    preview = Preview(Statuses({}), config_of(max_new_contacts=2), StatusPolicy("subscribed"), None)

    with pytest.raises(NewContactLimitReached):
        preview.write_batch(people(3), result)
    assert [written.outcome for written in result.written] == [Outcome.CREATED] * 2


@pytest.mark.parametrize("theirs", ["jane@müller.example", "jane@xn--mller-kva.example"])
def test_a_contact_is_found_by_either_spelling_of_its_domain(theirs: str) -> None:
    contact, result = contact_of(StreamLedger("s"), "jane@müller.example"), Result()
    statuses = Statuses({subscriber_hash(theirs): "archived"})
    Preview(statuses, config_of(), StatusPolicy("subscribed"), None).write_batch([contact], result)

    assert [skipped.why for skipped in result.skipped] == ["archived"]
