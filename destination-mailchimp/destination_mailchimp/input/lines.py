"""Reads Airbyte messages from standard input, in a thread of its own, and survives whatever comes."""

from __future__ import annotations

import json
import os
import re
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import orjson

_CHUNK = 1 << 20
_CHUNKS_AHEAD = 4

Lines = list[bytes]

# An escaped backslash (which begins no escape), a pair of surrogates, or one without the other.
_HALVES = re.compile(
    rb"\\\\|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\u[dD][89a-fA-F][0-9a-fA-F]{2}"
)


def decode(line: bytes) -> Any:
    """Decode one line; raises ValueError if it is not JSON.

    orjson alone is quick and strict. Some sources write NaN, which Python's own decoder takes, cut a text in the
    middle of a character, or encode it otherwise: better to lose one value than a whole record. Every text that
    comes out can be encoded again.
    """
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError:
        try:
            return json.loads(_HALVES.sub(_whole, line).decode("utf-8-sig", "replace"))
        except RecursionError:
            raise ValueError("nested too deeply") from None


def _whole(match: re.Match[bytes]) -> bytes:
    """Half of a surrogate pair becomes the sign for a broken character; everything else stays."""
    return b"\\ufffd" if len(match[0]) == 6 else match[0]  # noqa: PLR2004 - one escape alone


def lines_of(descriptor: int) -> Iterator[tuple[Lines, bool]]:
    """Yield the complete lines of a file descriptor as they come, without waiting for more.

    The second value is False for a last line that no line feed ends.
    """
    parts: Lines = []
    while chunk := os.read(descriptor, _CHUNK):
        end = chunk.rfind(b"\n")
        if end < 0:
            parts.append(chunk)
            continue
        parts.append(chunk[:end])
        yield b"".join(parts).split(b"\n"), True
        parts = [chunk[end + 1 :]] if end + 1 < len(chunk) else []
    if tail := b"".join(parts):
        yield [tail], False


@dataclass(frozen=True)
class Chunk:
    """Complete lines of input."""

    lines: Lines


@dataclass(frozen=True)
class Tail:
    """A last line that no line feed ends."""

    line: bytes


@dataclass(frozen=True)
class EndOfInput:
    """No more input comes; ``error`` if it could not be read to its end."""

    error: Exception | None = None


InputEvent = Chunk | Tail | EndOfInput


class Reader(threading.Thread):
    """Hands chunks of lines, and at the end EndOfInput, to ``put``.

    It stays at most a few chunks ahead: whoever has dealt with one calls ``done_with``.
    """

    def __init__(self, source: Iterable[tuple[Lines, bool]], put: Callable[[InputEvent], None]) -> None:
        super().__init__(name="stdin", daemon=True)
        self._source = source
        self._put = put
        self._ahead = threading.Semaphore(_CHUNKS_AHEAD)

    def done_with(self) -> None:
        """One chunk has been dealt with, another may be read."""
        self._ahead.release()

    def run(self) -> None:
        """Read to the end of input."""
        error: Exception | None = None
        try:
            for lines, complete in self._source:
                self._ahead.acquire()
                self._put(Chunk(lines) if complete else Tail(lines[0]))
        except Exception as caught:  # noqa: BLE001 - handed on to the main thread, which ends the sync with it
            error = caught
        self._put(EndOfInput(error))
