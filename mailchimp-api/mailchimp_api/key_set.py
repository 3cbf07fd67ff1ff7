"""Counts distinct keys by the million in little memory."""

from __future__ import annotations

from array import array
from collections.abc import Hashable


class KeySet:
    """A set that can only grow and be asked for its size: a million keys take sixteen megabytes.

    It keeps a 64-bit hash of each key in an open-addressing table; two of a million keys share one with a
    probability below one in ten million, which would show as one row too few, never as one too many.
    """

    _FIRST_SLOTS = 1024
    _MASK64 = (1 << 64) - 1

    def __init__(self) -> None:
        self._slots = array("Q", bytes(8 * self._FIRST_SLOTS))
        self._mask = self._FIRST_SLOTS - 1
        self._size = 0

    def __len__(self) -> int:
        """How many distinct keys were added."""
        return self._size

    def add(self, key: Hashable) -> bool:
        """Put ``key`` in; True if it was not there."""
        # Zero marks an empty slot. The multiplication spreads hashes that are small numbers.
        digest = (hash(key) * 0x9E3779B97F4A7C15 & self._MASK64) or 1
        slots, mask = self._slots, self._mask
        index = digest >> 20 & mask
        while found := slots[index]:
            if found == digest:
                return False
            index = index + 1 & mask
        slots[index] = digest
        self._size += 1
        if self._size * 3 > mask * 2:
            self._grow()
        return True

    def _grow(self) -> None:
        old, mask = self._slots, self._mask * 2 + 1
        slots = array("Q", bytes(8 * (mask + 1)))
        for digest in old:
            if digest:
                index = digest >> 20 & mask
                while slots[index]:
                    index = index + 1 & mask
                slots[index] = digest
        self._slots, self._mask = slots, mask
