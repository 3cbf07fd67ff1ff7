"""Which version of an address is the newest: compact arrays, about 30 bytes an address, whatever its length."""

from __future__ import annotations

import math
import os
import re
import tempfile
from array import array
from datetime import date
from typing import Any

NONE, NUMBER, MOMENT, TEXT = range(4)
_SPILLED = 8
_WRITTEN = 16
_KIND = 7

_MOMENT = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?\s?(Z|z|[+-]\d\d(?::?\d\d)?)?)?",
)
_SMALL = 2**62

Cursor = tuple[int, Any]
"""A kind, and a value that compares with others of its kind."""


def read_cursor(value: Any) -> Cursor:
    """Make a cursor value comparable: numbers, moments (any ISO form, to the nanosecond, UTC if unsaid), or text.

    ``(NONE, None)`` for what has no order.
    """
    if isinstance(value, str):
        match = _MOMENT.fullmatch(value)
        if match:
            try:
                return MOMENT, _nanoseconds(match)
            except ValueError:
                return TEXT, value
        if value.isdecimal() and value.isascii() and len(value) < 40:  # noqa: PLR2004 - longer ones are codes
            return NUMBER, int(value)
        return (TEXT, value) if value else (NONE, None)
    if isinstance(value, int) and not isinstance(value, bool):
        return NUMBER, value
    if isinstance(value, float) and math.isfinite(value):
        return NUMBER, int(value) if value.is_integer() else value
    return NONE, None


def _nanoseconds(match: re.Match[str]) -> int:
    year, month, day, hour, minute, second, fraction, zone = match.groups()
    seconds = date(int(year), int(month), int(day)).toordinal() * 86_400
    if hour is not None:
        seconds += int(hour) * 3600 + int(minute) * 60 + int(second or 0)
    if zone and zone not in "Zz":
        offset = int(zone[1:3]) * 3600 + int(zone[-2:]) * 60 * (len(zone) > 3)  # noqa: PLR2004 - +HH alone has three
        seconds -= offset if zone[0] == "+" else -offset
    # Counted from 1970, so that today's moments fit the array.
    return (seconds - 719_163 * 86_400) * 10**9 + int((fraction or "0").ljust(9, "0"))


class Versions:
    """Remembers the greatest cursor of every address of the sync, and whether a version was sent.

    Open addressing over the 64-bit hash of the address. At a million addresses the odds that two share a hash
    are below one in ten million. Cursors that don't fit into eight bytes go to a temporary file.
    """

    def __init__(self, capacity: int = 1 << 12) -> None:
        self._size = capacity
        self._used = 0
        self._hashes = array("Q", bytes(8 * capacity))
        self._values = array("q", bytes(8 * capacity))
        self._kinds = bytearray(capacity)
        self._spill = -1
        self._spill_end = 0

    def __len__(self) -> int:
        """How many addresses have been seen."""
        return self._used

    def admit(self, key: str, cursor: Cursor) -> tuple[bool, bool]:
        """Whether a version is to be written, and whether an earlier one was handed on for writing already.

        It is not, if its cursor is smaller than the greatest seen. With cursors that are equal, missing or not
        comparable the later arrival counts.
        """
        digest = _digest(key)
        slot = self._slot(digest)
        kind = self._kinds[slot]
        if not self._hashes[slot]:
            if self._used * 10 >= self._size * 6:
                self._grow()
                slot = self._slot(digest)
            self._hashes[slot] = digest
            self._used += 1
        elif cursor[0] and kind & _KIND == cursor[0] and cursor[1] < self._value(slot):
            return False, bool(kind & _WRITTEN)
        if cursor[0]:
            self._store(slot, cursor, kind & _WRITTEN)
        return True, bool(kind & _WRITTEN)

    def sent(self, key: str) -> None:
        """A version of this address has been handed on for writing."""
        self._kinds[self._slot(_digest(key))] |= _WRITTEN

    def close(self) -> None:
        """Give the temporary file back."""
        if self._spill >= 0:
            os.close(self._spill)
            self._spill = -1

    def _slot(self, digest: int) -> int:
        hashes, mask = self._hashes, self._size - 1
        slot = digest & mask
        while (found := hashes[slot]) and found != digest:
            slot = (slot + 1) & mask
        return slot

    def _value(self, slot: int) -> Any:
        value, kind = self._values[slot], self._kinds[slot]
        if not kind & _SPILLED:
            return value
        raw = os.pread(self._spill, value & 0xFFFFF, value >> 20)
        if kind & _KIND == TEXT:
            return raw.decode("utf-8", "surrogatepass")
        return float(raw) if b"." in raw or b"e" in raw else int(raw)

    def _store(self, slot: int, cursor: Cursor, written: int) -> None:
        kind, value = cursor
        if isinstance(value, int) and -_SMALL < value < _SMALL:
            self._values[slot] = value
            self._kinds[slot] = kind | written
            return
        text = value if isinstance(value, str) else repr(value)
        raw = text.encode("utf-8", "surrogatepass")[:0xFFFFF]
        if self._spill < 0:
            self._spill, name = tempfile.mkstemp(prefix="mailchimp-cursors-")
            os.unlink(name)  # noqa: PTH108 - gone from the folder at once, so that a kill leaves nothing behind
        os.pwrite(self._spill, raw, self._spill_end)
        self._values[slot] = self._spill_end << 20 | len(raw)
        self._kinds[slot] = kind | _SPILLED | written
        self._spill_end += len(raw)

    def _grow(self) -> None:
        hashes, values, kinds = self._hashes, self._values, self._kinds
        self._size *= 2
        self._hashes = array("Q", bytes(8 * self._size))
        self._values = array("q", bytes(8 * self._size))
        self._kinds = bytearray(self._size)
        for old, digest in enumerate(hashes):
            if digest:
                slot = self._slot(digest)
                self._hashes[slot] = digest
                self._values[slot] = values[old]
                self._kinds[slot] = kinds[old]


def _digest(key: str) -> int:
    return hash(key) & 0xFFFFFFFFFFFFFFFF or 1  # 0 marks a free slot
