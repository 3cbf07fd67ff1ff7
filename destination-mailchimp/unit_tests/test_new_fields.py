"""Merge fields made for columns."""

from __future__ import annotations

import threading
import time

import pytest
import requests_mock

from destination_mailchimp.accounting.ledger import Outcome
from destination_mailchimp.audience.calls import Calls
from destination_mailchimp.audience.new_fields import NewFields
from destination_mailchimp.failures import Stopped
from mailchimp_api.access import Access
from mailchimp_api.client import RetryPolicy
from mailchimp_api.errors import RequestRefused, ResourceRefused
from unit_tests.builders import LIST, ROOT, Sync


class TestNewFields:
    """Merge fields are made while the input waits, and a column is not blamed for the account."""

    def test_a_signal_ends_the_wait_for_a_field(self, mock: requests_mock.Mocker) -> None:
        calls = Calls(Access(ROOT, "Bearer x"), "abc", workers=2, retry=RetryPolicy(attempts=9))
        asked = mock.post(f"{LIST}/merge-fields", status_code=503, text="", headers={"Retry-After": "20"})
        sync = Sync(calls, create_missing_merge_fields=True)
        threading.Timer(0.3, sync.engine.stop).start()
        began = time.monotonic()
        sync.feed([{"id": 1, "email": "jane@example.com", "shoe": "42"}])

        assert isinstance(sync.engine.failure, Stopped)
        assert time.monotonic() - began < 5
        assert asked.call_count == 1
        assert (dict(sync.ledger.outcomes), sync.emitted) == ({Outcome.NOT_WRITTEN: 1}, [])

    @pytest.mark.parametrize(
        "status,title", [(400, "Account Export in Progress"), (403, "User action not permitted"), (403, "Forbidden")]
    )
    def test_what_is_the_matter_with_the_account_ends_the_sync_rather_than_lose_the_column(
        self, calls: Calls, mock: requests_mock.Mocker, status: int, title: str
    ) -> None:
        problem = {"type": "x", "title": title, "status": status, "detail": "Not now."}
        headers = {"Content-Type": "application/problem+json"}
        mock.post(f"{LIST}/merge-fields", status_code=status, json=problem, headers=headers)

        with pytest.raises((RequestRefused, ResourceRefused)):
            NewFields(calls).make("shoe", {}, "42", [])

    def test_a_refusal_of_this_column_costs_this_column_only(self, calls: Calls, mock: requests_mock.Mocker) -> None:
        problem = {"type": "x", "title": "Invalid Resource", "status": 400, "detail": "Too many merge fields."}
        mock.post(f"{LIST}/merge-fields", status_code=400, json=problem)
        mock.get(f"{LIST}/merge-fields", json={"merge_fields": [], "total_items": 0})

        assert NewFields(calls).make("shoe", {}, "42", []) is None
