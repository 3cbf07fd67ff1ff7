"""Lines of standard input."""

from __future__ import annotations

import json
import os
import random
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from destination_mailchimp.input.lines import decode, lines_of


class TestInput:
    """Lines come whole, however the pipe cuts them."""

    @given(st.lists(st.binary(max_size=30).map(lambda raw: raw.replace(b"\n", b"")), max_size=20), st.booleans())
    def test_lines_survive_any_cut(self, lines: list[bytes], closed: bool) -> None:  # noqa: FBT001
        content = b"\n".join(lines) + (b"\n" if closed and lines else b"")
        read, write = os.pipe()
        os.write(write, content)
        os.close(write)
        found = list(lines_of(read))
        os.close(read)
        whole = [line for chunk, complete in found if complete for line in chunk]
        tail = [line for chunk, complete in found if not complete for line in chunk]

        assert b"\n".join(whole + tail) + (b"\n" if whole and not tail else b"") == content
        assert len(tail) <= 1

    @given(st.binary(max_size=200))
    def test_no_line_whatever_breaks_it(self, line: bytes) -> None:
        try:
            message = decode(line)
        except ValueError:
            return
        assert_can_be_written(message)

    @pytest.mark.parametrize(
        "text,read",
        [
            (b"\\ud800", "\ufffd"),
            (b"\\ud83d\\ude00", "😀"),
            (b"\\\\ud800", "\\ud800"),
            (b"\xed\xa0\xbd\xed\xb8\x80", "\ufffd" * 6),
            (b"Jos\xe9", "Jos\ufffd"),
        ],
        ids=["half a pair", "a pair", "no escape at all", "a pair encoded as two", "Latin 1"],
    )
    def test_a_broken_character_costs_that_character_only(self, text: bytes, read: str) -> None:
        assert decode(b'{"name":"%s","age":5}' % text) == {"name": read, "age": 5}

    def test_random_damage_to_a_message_is_survived(self) -> None:
        message = orjson.dumps({"type": "RECORD", "record": {"stream": "s", "data": {"a": [1, "é", None]}}})
        chance = random.Random(1)  # noqa: S311 - repeatable on purpose
        for _ in range(2000):
            damaged = bytearray(message)
            for _ in range(chance.randrange(1, 4)):
                damaged[chance.randrange(len(damaged))] = chance.randrange(256)
            try:
                read = decode(bytes(damaged))
            except ValueError:
                continue
            assert_can_be_written(read)


def assert_can_be_written(message: Any) -> None:
    """Its texts are such as any encoder takes, so that it can't break the call of five hundred others."""
    json.dumps(message, ensure_ascii=False).encode()
