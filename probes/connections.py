"""The probe of the connection limit: do two keys of one user share the ten connections?

It goes over the limit on purpose, for a few seconds, so it comes last.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from typing import Any

from mailchimp_api.access import open_access
from mailchimp_api.client import MailchimpClient, RetryPolicy
from mailchimp_api.credentials import ApiKeyCredentials
from mailchimp_api.errors import MailchimpError, RateLimited
from probes.findings import Account, Finding, Probe, Unsettled
from probes.settings import Settings

_EACH = 7  # two times seven is more than ten, and seven is less
_ROUNDS = 3


def connection_limit_per(account: Account) -> Finding:
    """Is a request refused that is the user's eleventh, but this key's first few?"""
    first, second = account.settings.api_key, account.settings.second_api_key
    if second is None:
        raise Unsettled("MAILCHIMP_SECOND_API_KEY not set: a second key of the same user")
    # A client keeps to the limit by itself, so more than ten at once take two, also of one key.
    clients = [_client(account.settings, key) for key in (first, first, second)]
    try:
        if len({client.get("").get("login_id") for client in clients[1:]}) > 1:
            raise Unsettled("the two keys are of different users")
        path = _slow_path(account.client)
        with_one = _refused(clients[:2], path, account.settings.pause)
        if not with_one:
            raise Unsettled(
                f"{2 * _EACH} requests at once with one key were not refused, so with two that says nothing"
            )
        with_two = _refused(clients[1:], path, account.settings.pause)
    finally:
        for client in clients:
            client.close()
    return Finding("user" if with_two else "key", f"{2 * _EACH} requests at once, {_EACH} with each key")


def _client(settings: Settings, key: str) -> MailchimpClient:
    access = open_access(ApiKeyCredentials(apikey=key), api_url=settings.api_url)
    return MailchimpClient(access, user_agent="mailchimp-live-tests", retry=RetryPolicy(attempts=1))


def _slow_path(client: MailchimpClient) -> str:
    """The contacts of the largest audience: answers that take long enough to overlap."""
    lists = client.get("lists", {"count": 100}, items="lists")["lists"]
    if not lists:
        raise Unsettled("the account has no audience to ask for")
    largest = max(lists, key=lambda row: int((row.get("stats") or {}).get("member_count") or 0))
    return f"lists/{largest['id']}/members"


def _refused(clients: Sequence[MailchimpClient], path: str, pause: float) -> bool:
    """Whether any of seven requests at once with each client is refused, in a few rounds."""
    for _ in range(_ROUNDS):
        errors = _at_once(clients, path)
        time.sleep(pause)
        if any(isinstance(error, RateLimited) for error in errors):
            return True
        if errors:
            raise errors[0]
    return False


def _at_once(clients: Sequence[MailchimpClient], path: str) -> list[MailchimpError]:
    start = threading.Barrier(_EACH * len(clients))
    errors: list[MailchimpError] = []

    def ask(client: MailchimpClient) -> None:
        query: dict[str, Any] = {"count": 1000, "exclude_fields": "members._links"}
        start.wait()
        try:
            client.get(path, query)
        except MailchimpError as error:
            errors.append(error)

    threads = [threading.Thread(target=ask, args=(client,), daemon=True) for client in clients for _ in range(_EACH)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return errors


PROBES = (Probe("connection_limit_per", connection_limit_per),)
