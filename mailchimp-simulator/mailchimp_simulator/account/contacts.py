"""The contacts of one audience: compact arrays, ordered views of them, and an overlay of what was changed.

A seeded contact is its index; its fields are computed from it (see `contact_rows`). Kept in arrays: status and
dates. Kept in the overlay, as JSON bytes: fields that a write has set. So a million contacts take about 20 MB.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from typing import TYPE_CHECKING, Any

import orjson

from mailchimp_simulator.account.people import address, subscriber_hash
from mailchimp_simulator.account.randomness import mix

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

STATUSES = ("subscribed", "unsubscribed", "cleaned", "pending", "transactional", "archived")
SUBSCRIBED, UNSUBSCRIBED, CLEANED, PENDING, TRANSACTIONAL, ARCHIVED, GONE = range(7)

# The statuses of sixty-four neighbouring contacts: all kinds in a realistic mixture.
_PATTERN = bytes(
    {5: 1, 11: 3, 17: 5, 23: 2, 29: 4, 31: 1, 37: 5, 41: 1, 47: 2, 53: 3, 59: 4, 61: 1, 9: 1, 26: 5}.get(i, 0)
    for i in range(64)
)
_YEARS = 3 * 365 * 86_400


class HashIndex:
    """Finds a contact by its hash: open addressing in two arrays, 16 bytes a contact."""

    def __init__(self, size: int, email_of: Callable[[int], str]) -> None:
        """Make room for `size` contacts; `email_of` tells the address of an index."""
        self.email_of = email_of
        self.used = 0
        self.capacity = 1 << max(8, (size * 2).bit_length())
        self.slots = array("I", bytes(4 * self.capacity))
        self.marks = array("I", bytes(4 * self.capacity))

    def add(self, index: int, digest: str) -> None:
        """Note that `index` has this hash."""
        if self.used * 10 > self.capacity * 7:
            self._grow()
        self._put(index + 1, int(digest[:8], 16))
        self.used += 1

    def _put(self, entry: int, mark: int) -> None:
        mask = self.capacity - 1
        slot = mark & mask
        while self.slots[slot]:
            slot = (slot + 1) & mask
        self.slots[slot] = entry
        self.marks[slot] = mark

    def _grow(self) -> None:
        old = [(e, m) for e, m in zip(self.slots, self.marks, strict=True) if e]
        self.capacity *= 2
        self.slots = array("I", bytes(4 * self.capacity))
        self.marks = array("I", bytes(4 * self.capacity))
        for entry, mark in old:
            self._put(entry, mark)

    def find(self, digest: str) -> int | None:
        """The index with this hash, or None."""
        try:
            mark = int(digest[:8], 16)
        except ValueError:
            return None
        mask = self.capacity - 1
        slot = mark & mask
        while self.slots[slot]:
            if self.marks[slot] == mark:
                found = int(self.slots[slot]) - 1
                if subscriber_hash(self.email_of(found)) == digest:
                    return found
            slot = (slot + 1) & mask
        return None


class Contacts:
    """All contacts of one audience, dead ones included (status GONE)."""

    def __init__(self, size: int, salt: int, people_salt: int, offset: int, now: int, import_size: int) -> None:
        """Seed `size` contacts. `offset` separates this audience's own people from those it shares with others."""
        self.salt = salt
        self.people_salt = people_salt
        self.offset = offset
        self.seeded = size
        self.status = bytearray((_PATTERN * (size // 64 + 1))[:size])
        start = now - _YEARS
        span = _YEARS - 86_400
        self.last_changed = array(
            "I", [start + (((i + 7) * 2_654_435_761 & 0xFFFFFFFF) * span >> 32) for i in range(size)]
        )
        block = min(import_size, size // 4)
        self.imported = range(size // 2, size // 2 + block)
        moment = start + span // 3
        self.last_changed[size // 2 : size // 2 + block] = array("I", [moment]) * block
        self.timestamp_opt = array(
            "I", [0 if i & 31 == 29 else t - (i * 40_503 & 0xFFFFF) for i, t in enumerate(self.last_changed)]
        )
        self.timestamp_signup = array("I", [0 if i % 3 else t for i, t in enumerate(self.timestamp_opt)])
        self.timestamp_opt[size // 2 : size // 2 + block] = array("I", [moment]) * block
        self.overlay: dict[int, bytes] = {}
        self.toggled: dict[int, int] = {}
        self.before_archive: dict[int, int] = {}
        self.forgotten: set[str] = set()
        self.gone: set[int] = set()
        self.left_by_api: set[int] = set()
        """Who was unsubscribed by a call of the API."""
        self.confirmations: dict[int, str] = {}
        """Who was asked to confirm, with the language that the call's `Accept-Language` named."""
        self.unlisted: set[int] = set()
        """Who is counted in listings and never shown there."""
        self.version = 0
        self._views: dict[tuple[str, str], array[int]] = {}
        self._index: HashIndex | None = None

    def __len__(self) -> int:
        """How many indexes there are."""
        return len(self.status)

    # -- who ---------------------------------------------------------------------------------------------

    def number(self, index: int) -> int:
        """The number of the person behind a seeded contact; a quarter are in the other audiences as well."""
        return index if index & 3 == 0 else self.offset + index

    def email(self, index: int) -> str:
        """The address as it is written."""
        if index in self.overlay:
            changed = orjson.loads(self.overlay[index])
            if "email_address" in changed:
                return str(changed["email_address"])
        number = self.number(index)
        return address(number, mix(number ^ self.people_salt))

    def hash(self, index: int) -> str:
        """The contact's id."""
        return subscriber_hash(self.email(index))

    def find(self, digest: str) -> int | None:
        """The index of a contact that exists (archived ones do), by its hash."""
        if self._index is None:
            self._index = HashIndex(len(self), self.email)
            for each in range(len(self)):
                if self.status[each] != GONE:
                    self._index.add(each, self.hash(each))
        index = self._index.find(digest.lower())
        return None if index is None or self.status[index] == GONE else index

    # -- views -------------------------------------------------------------------------------------------

    def values(self, sort: str) -> Sequence[int]:
        """The array that a view sorts by."""
        return {
            "last_changed": self.last_changed,
            "timestamp_opt": self.timestamp_opt,
            "timestamp_signup": self.timestamp_signup,
        }[sort]

    def view(self, status: str, sort: str) -> array[int]:
        """Indexes of the contacts with a status ("": all but archived), ascending by `sort`, ties by index."""
        key = (status, sort)
        if key not in self._views:
            wanted = _members_of(status)
            chosen = [i for i, s in enumerate(self.status) if s in wanted]
            if sort:
                values = self.values(sort)
                chosen.sort(key=values.__getitem__)
            self._views[key] = array("I", chosen)
        return self._views[key]

    def window(self, view: array[int], sort: str, since: int | None, before: int | None) -> tuple[int, int]:
        """The positions of `(since, before]` in a view sorted by the field itself."""
        values = self.values(sort)
        low = 0 if since is None else bisect_right(view, since, key=values.__getitem__)
        high = len(view) if before is None else bisect_right(view, before, key=values.__getitem__)
        return low, max(low, high)

    # -- changes -----------------------------------------------------------------------------------------

    def forget_views(self) -> None:
        """Before many changes at once: views are made again when they are asked for."""
        self._views.clear()

    def set(self, index: int, *, status: int | None = None, changed: int | None = None,
            opt: int | None = None, signup: int | None = None) -> None:  # fmt: skip
        """Change a contact's status or dates and keep the views in order."""
        self.version += 1
        for (name, sort), view in self._views.items():
            if self.status[index] in _members_of(name):
                del view[self._position(view, sort, index)]
        if status is not None:
            if status == ARCHIVED and self.status[index] != ARCHIVED:
                self.before_archive[index] = self.status[index]
            self.status[index] = status
        if changed is not None:
            self.last_changed[index] = changed
        if opt is not None:
            self.timestamp_opt[index] = opt
        if signup is not None:
            self.timestamp_signup[index] = signup
        for (name, sort), view in self._views.items():
            if self.status[index] in _members_of(name):
                view.insert(self._position(view, sort, index), index)

    def _position(self, view: array[int], sort: str, index: int) -> int:
        if not sort:
            return bisect_left(view, index)
        values = self.values(sort)
        return bisect_left(view, values[index] << 32 | index, key=lambda i: values[i] << 32 | i)

    def patch(self, index: int, fields: dict[str, Any]) -> None:
        """Lay fields over the computed ones; merge fields and interests key by key."""
        self.version += 1
        old = orjson.loads(self.overlay[index]) if index in self.overlay else {}
        for name in ("merge_fields", "interests"):
            if name in fields and name in old:
                fields = {**fields, name: {**(old[name] or {}), **(fields[name] or {})}}
        self.overlay[index] = _packed({**old, **fields})
        if "email_address" in fields and self._index is not None:
            self._index.add(index, self.hash(index))

    def add(self, email: str, status: int, now: int, fields: dict[str, Any], *, opt: int, signup: int) -> int:
        """A contact that was not there; its index."""
        self.find("0" * 32)
        index = len(self)
        self.version += 1
        self.status.append(status)
        self.last_changed.append(now)
        self.timestamp_opt.append(opt)
        self.timestamp_signup.append(signup)
        self.overlay[index] = _packed({"email_address": email, **fields})
        assert self._index is not None
        self._index.add(index, subscriber_hash(email))
        for (name, sort), view in self._views.items():
            if status in _members_of(name):
                view.insert(self._position(view, sort, index), index)
        return index

    def delete(self, index: int) -> None:
        """Forget a contact for good."""
        self.forgotten.add(self.hash(index))
        self.gone.add(index)
        self.set(index, status=GONE)

    def count(self, status: str = "") -> int:
        """How many have a status ("": all but archived)."""
        if status:
            return self.status.count(STATUSES.index(status))
        return len(self.status) - self.status.count(ARCHIVED) - self.status.count(GONE)


def _members_of(status: str) -> tuple[int, ...]:
    return (0, 1, 2, 3, 4) if not status else (STATUSES.index(status),)


def _packed(fields: dict[str, Any]) -> bytes:
    """Fields as JSON. Copied, because orjson hands out buffers of a kilobyte and more, however little is in them."""
    return bytes(memoryview(orjson.dumps(fields)))
