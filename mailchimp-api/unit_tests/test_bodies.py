"""What is no character in a body costs itself, not the answer around it."""

from __future__ import annotations

import pytest

from mailchimp_api.answers import Answer, read_json
from mailchimp_api.errors import UnreadableAnswer


def name_in(text: bytes) -> str:
    """The name that is read from a page of one contact, with ``text`` between its quotes."""
    page = read_json(Answer(200, {}, b'{"members": [{"name": "' + text + b'"}]}', "GET /x"), items="members")
    name: str = page["members"][0]["name"]
    return name


class TestDecoding:
    @pytest.mark.parametrize(
        "text, name",
        [
            (rb"Zo\ud83d", "Zo\ufffd"),
            (rb"\uDE00Zo", "\ufffdZo"),
            (rb"a\ud83db", "a\ufffdb"),
            (rb"\ud83d\ud83d\ude00", "\ufffd\U0001f600"),
            (rb"\ud83d\u00e9", "\ufffd\u00e9"),
            (rb"\\ud83d \ud83d", "\\ud83d \ufffd"),
            (b"Zo\xc3", "Zo\ufffd"),
        ],
        ids=["first half", "second half", "between", "before a pair", "before another", "after a backslash", "bytes"],
    )
    def test_half_a_character_becomes_the_replacement_character(self, text: bytes, name: str) -> None:
        assert name_in(text) == name

    @pytest.mark.parametrize("text", [rb"\ud83d\ude00", "\U0001f600".encode()])
    def test_a_whole_one_stays(self, text: bytes) -> None:
        assert name_in(text) == "\U0001f600"

    @pytest.mark.parametrize("text", [rb"\ud83", rb"\x", b'"', b"\n"])
    def test_what_is_no_json_stays_unreadable(self, text: bytes) -> None:
        with pytest.raises(UnreadableAnswer):
            name_in(text)

    @pytest.mark.parametrize(
        "number, read",
        [
            (b"NaN", "NaN"),
            (b"-Infinity", "-Infinity"),
            (b"1e999", "1e999"),
            (b"1e100", 1e100),
            (b"18446744073709551616", 2.0**64),
        ],
        ids=str,
    )
    def test_a_number_that_is_not_finite_becomes_a_text(self, number: bytes, read: object) -> None:
        """The rows around it are read; what the text is worth where a number is declared, its reader says."""
        body = b'{"members": [{"score": ' + number + b', "big": 18446744073709551616}], "total_items": 1}'

        page = read_json(Answer(200, {}, body, "GET /x"), items="members")

        assert page == {"members": [{"score": read, "big": 2.0**64}], "total_items": 1}

    @pytest.mark.parametrize("body", [b'{"members": [NaN', b"[" * 5000 + b"NaN", b'{"members": [NaNa]}'])
    def test_no_json_around_such_a_number_stays_unreadable(self, body: bytes) -> None:
        with pytest.raises(UnreadableAnswer):
            read_json(Answer(200, {}, body, "GET /x"), items="members")
