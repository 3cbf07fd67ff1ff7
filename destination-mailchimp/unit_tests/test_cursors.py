"""Cursor values of one kind compare; those of two kinds never do."""

from __future__ import annotations

import pytest

from destination_mailchimp.contacts.cursors import MOMENT, NONE, NUMBER, TEXT, read_cursor
from destination_mailchimp.contacts.source_keys import key_text


@pytest.mark.parametrize(
    "value,kind",
    [
        (5, NUMBER),
        ("5", NUMBER),
        (5.5, NUMBER),
        ("2026-11-22", MOMENT),
        ("2026-11-22T10:00:00Z", MOMENT),
        ("2026-13-45", TEXT),
        ("v7", TEXT),
        ("", NONE),
        (None, NONE),
        (True, NONE),
        (float("nan"), NONE),
        ([1], NONE),
    ],
)
def test_the_kind(value: object, kind: int) -> None:
    assert read_cursor(value)[0] == kind


@pytest.mark.parametrize(
    "earlier,later",
    [
        ("2026-11-22T10:00:00Z", "2026-11-22T10:00:00.000000001Z"),
        ("2026-11-22T12:00:00+02:00", "2026-11-22T10:00:01Z"),
        ("2026-11-22", "2026-11-22 00:00:01"),
        (9, "10"),
        (1, 1.5),
    ],
)
def test_the_order(earlier: object, later: object) -> None:
    assert read_cursor(earlier) < read_cursor(later)


def test_one_moment_in_two_time_zones_is_one() -> None:
    assert read_cursor("2026-11-22T12:00:00+02:00") == read_cursor("2026-11-22T10:00:00Z")


@pytest.mark.parametrize(
    "key,text", [(17, "17"), (17.0, "17"), (" a ", "a"), ([1, "b"], "1 b"), ([1, None], ""), (None, ""), (True, "")]
)
def test_a_key_as_a_field_holds_it(key: object, text: str) -> None:
    assert key_text(key) == text
