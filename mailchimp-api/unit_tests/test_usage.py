"""A client tells what its requests took."""

from __future__ import annotations

import re
import threading
import time
from typing import Any

import pytest
import requests_mock as rm

from mailchimp_api.access import Access
from mailchimp_api.client import MailchimpClient, RetryPolicy
from mailchimp_api.errors import MailchimpError

ROOT = "https://us10.api.mailchimp.com/3.0"


@pytest.fixture
def client() -> MailchimpClient:
    retry = RetryPolicy(attempts=2, first_wait=0.001)
    return MailchimpClient(Access(ROOT, "Basic eDp5"), max_connections=4, retry=retry)


def test_every_attempt_counts_and_failures_by_what_they_mean(client: MailchimpClient, requests_mock: rm.Mocker) -> None:
    """Throttled, timed out, failed, and one that came after a failure."""
    requests_mock.get(f"{ROOT}/a", [{"status_code": 429}, {"json": {}}])
    requests_mock.get(f"{ROOT}/b", [{"status_code": 504}, {"status_code": 504}])
    requests_mock.get(f"{ROOT}/c", [{"text": "<html>"}, {"json": {}}])
    client.get("a")
    with pytest.raises(MailchimpError):
        client.get("b")
    client.get("c")

    usage = client.usage

    assert (usage.requests, usage.throttled, usage.timed_out, usage.failed) == (6, 1, 2, 1)
    assert "6 requests in" in str(usage)
    assert "1 throttled, 2 timed out, 1 failed" in str(usage)


def test_what_mailchimp_refuses_is_no_failure_of_a_request(client: MailchimpClient, requests_mock: rm.Mocker) -> None:
    """A 404 is an answer like any other."""
    requests_mock.get(f"{ROOT}/gone", status_code=404, json={"title": "Resource Not Found", "status": 404})
    with pytest.raises(MailchimpError):
        client.get("gone")

    assert (client.usage.requests, client.usage.failed) == (1, 0)


def test_it_tells_how_many_were_under_way_at_a_time(client: MailchimpClient, requests_mock: rm.Mocker) -> None:
    """Waiting for a place is no time of a request."""

    def slow(request: object, context: object) -> dict[str, Any]:
        time.sleep(0.2)
        return {}

    requests_mock.get(f"{ROOT}/slow", json=slow)
    threads = [threading.Thread(target=client.get, args=("slow",)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = re.search(r"([\d.]+) concurrent on average \(limit 4\)", str(client.usage))

    assert found
    assert 1.5 < float(found[1]) <= 4.0


def test_a_client_that_asked_for_nothing_says_so(client: MailchimpClient) -> None:
    assert str(client.usage).startswith("0 requests in 0.0 s, 0.0 concurrent on average")
