"""Which contact holds which key of the source is known only where it is certain."""

from __future__ import annotations

import requests_mock

from destination_mailchimp.audience.calls import Calls
from destination_mailchimp.audience.keys import KeyIndex
from destination_mailchimp.contacts.contact import Json
from unit_tests.builders import LIST


def row(digest: str, key: object) -> Json:
    """A contact as a listing shows it."""
    moment = "2026-11-22T10:00:00+00:00"
    return {"id": digest * 32, "last_changed": moment, "merge_fields": {"KEY": key}}


def index_of(calls: Calls, mock: requests_mock.Mocker, *rows: Json) -> KeyIndex:
    """An index of an audience that holds these contacts; nobody is archived."""

    def page(request: requests_mock.request._RequestObjectProxy, _: object) -> Json:
        shown = [] if "status" in request.qs or "since_last_changed" in request.qs else list(rows)
        return {"members": shown, "total_items": len(shown)}

    mock.get(f"{LIST}/members", json=page)
    return KeyIndex(calls, "KEY")


class TestKeyIndex:
    """The audience is listed once, when it is first asked."""

    def test_who_holds_a_key(self, calls: Calls, mock: requests_mock.Mocker) -> None:
        keys = index_of(calls, mock, row("a", "17"), row("b", 18), row("c", ""))

        assert (keys.holder("17"), keys.holder("18"), keys.holder("19")) == ("a" * 32, "b" * 32, None)
        asked = mock.call_count
        assert keys.holder("17") == "a" * 32
        assert mock.call_count == asked

    def test_a_key_that_several_hold_tells_nobody_apart(self, calls: Calls, mock: requests_mock.Mocker) -> None:
        keys = index_of(calls, mock, row("a", "17"), row("b", "17"))

        assert keys.holder("17") is None
        assert keys.has_several("17")
        assert not keys.has_several("18")

    def test_it_is_told_of_what_this_sync_does(self, calls: Calls, mock: requests_mock.Mocker) -> None:
        keys = index_of(calls, mock, row("a", "17"))
        assert keys.holder("17") == "a" * 32
        keys.note("17", "b" * 32)
        assert keys.holder("17") == "b" * 32
        keys.forget("17")
        assert keys.holder("17") is None

    def test_one_key_with_two_addresses_in_a_sync_is_claimed_by_the_first(
        self, calls: Calls, mock: requests_mock.Mocker
    ) -> None:
        keys = index_of(calls, mock)

        assert [keys.claim("1", digest) for digest in ("a", "a", "b")] == [True, True, False]
