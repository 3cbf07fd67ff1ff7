"""Which version of an address is the newest: compact arrays, about 30 bytes an address, whatever its length."""

from __future__ import annotations

import os
import tempfile
from array import array
from typing import Any

from destination_mailchimp.contacts.cursors import TEXT, Cursor

# One byte an address holds the kind of its cursor and two flags.
_KIND = 7
_SPILLED = 8
_WRITTEN = 16
_SMALL = 2**62


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
