"""A simulated way to Mailchimp for tests within one process."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests_mock

sys.path.insert(0, str(Path(__file__).parents[1]))

from destination_mailchimp.audience.calls import Calls
from mailchimp_api.access import Access
from mailchimp_api.client import RetryPolicy
from unit_tests.builders import LIST, ROOT


@pytest.fixture
def calls() -> Calls:
    """Calls to the audience ``abc``, tried four times with hardly a wait between."""
    return Calls(Access(ROOT, "Bearer x"), "abc", workers=2, retry=RetryPolicy(attempts=4, first_wait=0.001))


@pytest.fixture
def mock() -> Iterator[requests_mock.Mocker]:
    """Answers in place of Mailchimp; a request that none was given for fails the test. Nobody was archived lately."""
    with requests_mock.Mocker() as mocker:
        mocker.get(f"{LIST}/members?status=archived", json={"members": [], "total_items": 0})
        yield mocker
