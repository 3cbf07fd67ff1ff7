"""Lines of standard input."""

from __future__ import annotations

import json
import random
import socket
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from destination_mailchimp.input.lines import decode, lines_of


class TestInput:
    """Lines come whole, however the pipe cuts them."""

    @given(st.lists(st.text("\na\r\xe9", min_size=1).map(str.encode), max_size=20))
    def test_lines_survive_any_cut(self, pieces: list[bytes]) -> None:
        """Each of ``pieces`` comes by itself, as packets do."""
        read, write = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with read:
            with write:
                for piece in pieces:
                    write.send(piece)
            found = list(lines_of(read.fileno()))
        *lines, rest = b"".join(pieces).split(b"\n")

        assert [line for chunk, complete in found if complete for line in chunk] == lines
        assert [chunk for chunk, complete in found if not complete] == [[rest]] * bool(rest)

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
