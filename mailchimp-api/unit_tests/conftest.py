"""What the tests of mailchimp_api share: a machine without settings of its own, and time that does not pass."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from mailchimp_api.access import Access
from mailchimp_api.client import MailchimpClient, RetryPolicy
from mailchimp_api.masking import forget_secrets

# How long an example takes says something of the machine's other work, not of the code.
settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")

ROOT = "https://us10.api.mailchimp.com/3.0"


@pytest.fixture(autouse=True)
def bare_machine(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No proxy, no certificates from the environment, no secrets left over from another test."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy", "requests_ca_bundle", "curl_ca_bundle"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    forget_secrets()
    make_record = logging.getLogRecordFactory()
    yield
    logging.setLogRecordFactory(make_record)


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The waits between attempts, in seconds: written down instead of slept."""
    waited: list[float] = []
    monkeypatch.setattr("tenacity.nap.time.sleep", waited.append)
    return waited


@pytest.fixture
def client(waits: list[float]) -> Iterator[MailchimpClient]:
    """A client of an account in us10, by API key, that tries three times and does not wait in between."""
    client = MailchimpClient(Access(ROOT, "Basic a2V5"), retry=RetryPolicy(attempts=3))
    yield client
    client.close()
