"""An answer that waits to be decoded: it takes as much memory as came, and what is wrong with it shows anyway."""

from __future__ import annotations

import gzip
import hashlib
import json
import tracemalloc
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime

import pytest
import requests_mock as rm

from mailchimp_api import errors
from mailchimp_api.access import Access
from mailchimp_api.answers import MAX_BODY, Answer, read_json
from mailchimp_api.client import MailchimpClient
from unit_tests.canned import HTML, LISTS, ROOT


def row(number: int) -> dict[str, str]:
    identity = hashlib.md5(b"%d" % number, usedforsecurity=False).hexdigest()
    return {"id": identity, "name": "Somebody from somewhere", "date_created": "2026-01-01T00:00:00+00:00"}


PAGE = {"lists": [row(number) for number in range(1000)], "total_items": 1000}
BODY = json.dumps(PAGE).encode()
PACKED = gzip.compress(BODY)


@pytest.fixture
def client() -> MailchimpClient:
    return MailchimpClient(Access(ROOT, "Basic a2V5"))


def serve(requests_mock: rm.Mocker, content: bytes, **headers: str) -> None:
    requests_mock.get(LISTS, content=content, headers={"Content-Encoding": "gzip", **headers})


def ask(client: MailchimpClient) -> Answer:
    return client.answer_once("lists", items="lists")


def test_it_takes_no_more_memory_than_came(requests_mock: rm.Mocker, client: MailchimpClient) -> None:
    serve(requests_mock, PACKED)
    ask(client)
    tracemalloc.start()
    try:
        answers = [ask(client) for _ in range(20)]
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert len(BODY) > 3 * len(PACKED)
    assert held < 20 * 1.5 * len(PACKED)
    assert [read_json(answer, items="lists", counted=True) for answer in answers] == [PAGE] * 20


def test_one_that_is_too_large_unpacked_is_known_at_once(requests_mock: rm.Mocker, client: MailchimpClient) -> None:
    """So that it can be asked for in smaller pages."""
    serve(requests_mock, gzip.compress(b"{%s}" % (b" " * MAX_BODY), 1))

    with pytest.raises(errors.AnswerTooLarge):
        ask(client)


def test_one_in_several_members_that_are_too_large_together_is_refused(
    requests_mock: rm.Mocker, client: MailchimpClient
) -> None:
    half = b" " * (MAX_BODY // 2)
    serve(requests_mock, gzip.compress(b"{" + half, 1) + gzip.compress(half + b"}", 1))

    with pytest.raises(errors.AnswerTooLarge):
        read_json(ask(client), items="lists")


@pytest.mark.parametrize(
    "content",
    [
        gzip.compress(HTML.encode()),
        gzip.compress(f"<html>{'x' * 10_000}</html>".encode()),
        gzip.compress(b"[" + BODY + b"]"),
        gzip.compress(b""),
        gzip.compress(b" " * 10_000),
        b"",
        BODY,
        PACKED[:-1000],
        PACKED[:5],
    ],
    ids=[
        "a page", "a long page", "no object", "nothing", "blanks", "an empty body", "not packed", "cut short", "a head",
    ],
)  # fmt: skip
def test_what_is_no_answer_of_the_api_is_unreadable_and_tells_no_time(
    requests_mock: rm.Mocker, client: MailchimpClient, content: bytes
) -> None:
    """Such as the page of a proxy, with the proxy's clock."""
    wrong = datetime.now(timezone.utc) + timedelta(days=300)
    serve(requests_mock, content, Date=format_datetime(wrong, usegmt=True))

    with pytest.raises(errors.UnreadableAnswer, match="GET /lists"):
        ask(client)

    assert client.server_time() < wrong - timedelta(days=1)


@pytest.mark.parametrize("flip", [100, len(PACKED) // 2, -6], ids=["early", "in the middle", "the checksum"])
def test_a_broken_one_is_unreadable_when_it_is_decoded(
    requests_mock: rm.Mocker, client: MailchimpClient, flip: int
) -> None:
    content = bytearray(PACKED)
    content[flip] ^= 0xFF
    serve(requests_mock, bytes(content))

    with pytest.raises(errors.UnreadableAnswer, match=r"could not be unpacked|not JSON"):
        read_json(ask(client), items="lists")


def test_what_follows_blanks_is_looked_for(requests_mock: rm.Mocker, client: MailchimpClient) -> None:
    serve(requests_mock, gzip.compress(b"\r\n" * 500 + BODY))

    assert read_json(ask(client), items="lists") == PAGE
