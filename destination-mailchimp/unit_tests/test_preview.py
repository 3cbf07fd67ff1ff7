"""A dry run decides as a sync would, by the same rules, and makes no writing call."""

from __future__ import annotations

from typing import Any

import pytest

from destination_mailchimp.accounting.ledger import Outcome, StreamLedger
from destination_mailchimp.audience.statuses import CurrentStatuses
from destination_mailchimp.failures import NewContactLimitReached
from destination_mailchimp.writing.consent import StatusPolicy
from destination_mailchimp.writing.preview import Preview
from destination_mailchimp.writing.result import Result
from unit_tests.builders import config_of, contact_of, people


class Statuses(CurrentStatuses):
    """The audience as it is: statuses by hash."""

    def __init__(self, found: dict[str, str]) -> None:  # no calls, so nothing else to be set up
        self.found = found

    def of(self, hashes: list[str]) -> dict[str, str]:
        """Those that are there."""
        return {digest: self.found[digest] for digest in hashes if digest in self.found}


def outcome_of(present: str, wanted: str | None = None, *, removed: bool = False, **options: Any) -> tuple[str, str]:
    """What would come of a record whose contact has a status (or is not there), and the log's words on statuses."""
    contact = contact_of(StreamLedger("s"), "a@example.com")
    contact.status, contact.removed = wanted, removed
    config = config_of(**options)
    policy = StatusPolicy("subscribed", update=config.update_status, allow_resubscribe=config.allow_resubscribe)
    preview = Preview(Statuses({contact.hash: present} if present else {}), config, policy, None)
    result = Result()
    preview.write_batch([contact], result)
    (change,) = preview._changes or [("s", present, present)]
    outcomes = [w.outcome.value for w in result.written] + ["skipped" for _ in result.skipped]
    outcomes += ["rejected" for _ in result.rejected]
    return outcomes[0], change[2]


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
