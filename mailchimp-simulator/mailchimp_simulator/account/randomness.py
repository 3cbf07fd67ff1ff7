"""Deterministic pseudo-random numbers: the same seed and position always give the same value.

Nothing is drawn from a stream of random numbers, so any row can be computed alone, from its index.
"""

from __future__ import annotations

import hashlib

_MASK = (1 << 64) - 1
_ID_SPACE = 1 << 40
_ID_FACTOR = 0x9E3779B97F & (_ID_SPACE - 1) | 1
_ID_INVERSE = pow(_ID_FACTOR, -1, _ID_SPACE)


def mix(value: int) -> int:
    """Scramble a 64-bit number (splitmix64); close inputs give unrelated outputs."""
    value = (value + 0x9E3779B97F4A7C15) & _MASK
    value = ((value ^ (value >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    value = ((value ^ (value >> 27)) * 0x94D049BB133111EB) & _MASK
    return value ^ (value >> 31)


def salt_of(*parts: object) -> int:
    """A 64-bit number for a tuple of parts, the same in every process."""
    digest = hashlib.blake2b("\x1f".join(map(str, parts)).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big")


def hex_id(index: int, salt: int) -> str:
    """A ten-digit hexadecimal id; distinct for distinct indexes under one salt."""
    return f"{((index + 1) * _ID_FACTOR + salt) % _ID_SPACE:010x}"


def index_of_hex_id(text: str, salt: int) -> int | None:
    """The index that `hex_id` made `text` from, or None if it is no such id."""
    if len(text) != 10:
        return None
    try:
        value = int(text, 16)
    except ValueError:
        return None
    return ((value - salt) * _ID_INVERSE) % _ID_SPACE - 1


def number_id(index: int, salt: int) -> int:
    """A numeric id; distinct for distinct indexes (below a million) under one salt."""
    return (salt % 899_999 + 1) * 1_000_000 + index


def index_of_number_id(text: str, salt: int) -> int | None:
    """The index that `number_id` made `text` from, or None if it is no such id."""
    if not text.isdigit():
        return None
    index = int(text) - number_id(0, salt)
    return index if 0 <= index < 1_000_000 else None
