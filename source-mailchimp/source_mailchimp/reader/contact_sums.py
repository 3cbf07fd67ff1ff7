"""What the rows of contacts told at the last sync, in a few hundred numbers however many contacts an audience has.

Each contact has a fingerprint of what its row tells. It counts in three sums, one in each of three ways of dealing the
contacts to buckets. Who has changed moves all three; hardly anybody else's three have moved, so few are asked in vain.
"""

from __future__ import annotations

import base64
import binascii
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

import orjson

from source_mailchimp.reader.places import Note

_WAYS = 3
_WIDEST = 256
# By how many contacts an audience has at most: how many buckets a way.
_WIDTHS = ((1_000, 16), (10_000, 64))
_MODULUS = 2**32 - 1
_HASH_BYTES = 16
_OPEN = _MODULUS  # never a sum: what is in this bucket is not known

Places = tuple[int, ...]


@dataclass
class Sums:
    """The sums: ``width`` numbers for each way. Open ones agree with nothing."""

    values: list[int]

    @classmethod
    def empty(cls) -> Sums:
        """Those of no contact."""
        return cls([0] * (_WAYS * _WIDEST))

    @classmethod
    def load(cls, raw: object, name: str, note: Note) -> Sums | None:
        """From a state; None where there are none. ``note`` is told ``name`` if they can't be read."""
        if raw is None:
            return None
        try:
            packed = base64.b64decode(raw, validate=True) if isinstance(raw, str) else b""
        except binascii.Error:
            packed = b""
        if len(packed) // 4 // _WAYS not in {_WIDEST, *(width for _, width in _WIDTHS)} or len(packed) % (4 * _WAYS):
            note(name)
            return None
        return cls(list(struct.unpack(f"<{len(packed) // 4}I", packed)))

    def dump(self) -> str:
        """As they stand in a state: little-endian numbers of four bytes, in base64."""
        return base64.b64encode(struct.pack(f"<{len(self.values)}I", *self.values)).decode()

    @property
    def width(self) -> int:
        """How many buckets there are in each way."""
        return len(self.values) // _WAYS

    def add(self, contact: str, told: object) -> None:
        """Count a contact by what its row tells; None: it doesn't tell all, so the contact stays open."""
        if told is None:
            self.open(contact)
            return
        digest = blake2b(orjson.dumps([contact, told], option=orjson.OPT_SORT_KEYS), digest_size=4).digest()
        fingerprint = int.from_bytes(digest, "little")
        for place in self.places(contact):
            if self.values[place] != _OPEN:
                self.values[place] = (self.values[place] + fingerprint) % _MODULUS

    def open(self, contact: str) -> None:
        """What became of the contact is not known."""
        for place in self.places(contact):
            self.values[place] = _OPEN

    def places(self, contact: str) -> Places:
        """Of the sums in which it counts."""
        width = self.width
        digest = blake2b(contact.encode(), digest_size=_WAYS).digest()
        return tuple(way * width + byte % width for way, byte in enumerate(digest))

    def folded(self, width: int) -> Sums:
        """The same in fewer buckets."""
        folded = [0] * (_WAYS * width)
        for place, value in enumerate(self.values):
            way, bucket = divmod(place, self.width)
            to = way * width + bucket % width
            known = value != _OPEN and folded[to] != _OPEN
            folded[to] = (folded[to] + value) % _MODULUS if known else _OPEN
        return Sums(folded)


def width_for(contacts: int) -> int:
    """How many buckets are enough for an audience of this size."""
    return next((width for most, width in _WIDTHS if contacts <= most), _WIDEST)


class Moved:
    """Which contacts' rows may tell something else ``now`` (in full width) than ``before`` (None: nothing is known)."""

    def __init__(self, before: Sums | None, now: Sums) -> None:
        self._before = before
        self._changed: set[int] = set()
        if before:
            pairs = zip(before.values, now.folded(before.width).values, strict=True)
            self._changed = {place for place, (old, new) in enumerate(pairs) if old != new or _OPEN in {old, new}}

    def __contains__(self, contact: str) -> bool:
        return self._before is None or self._changed.issuperset(self._before.places(contact))


@dataclass
class Asking:
    """Contacts are asked in the order of ``ContactIds``; up to ``after`` all were, by ``seen`` rows."""

    seen: Sums
    after: str


@dataclass
class AskedContacts:
    """Of one audience: what its rows told when all was ``known``, and a run that was cut short."""

    known: Sums | None = None
    run: Asking | None = None

    @classmethod
    def load(cls, raw: object, name: str, note: Note) -> AskedContacts:
        """From a state. What can't be read counts as missing, so more is asked. ``note``: see ``Sums``."""
        if not isinstance(raw, Mapping):
            note(name)
            return cls()
        run = None
        if raw.get("seen") is not None:
            seen, after = Sums.load(raw["seen"], f"{name}.seen", note), raw.get("after")
            if seen and isinstance(after, str):
                run = Asking(seen, after)
            else:
                note(f"{name}.after")
        return cls(Sums.load(raw.get("known"), f"{name}.known", note), run)

    def dump(self) -> dict[str, Any]:
        """As it stands in a state."""
        return {
            **({"known": self.known.dump()} if self.known else {}),
            **({"seen": self.run.seen.dump(), "after": self.run.after} if self.run else {}),
        }


@dataclass
class ContactIds:
    """Ids of contacts, in an order that lasts (``order_of``) and each once; 16 bytes each where they are hashes."""

    _hashes: list[bytearray] = field(default_factory=lambda: [bytearray() for _ in range(256)])
    _others: set[str] = field(default_factory=set)

    def add(self, contact: str) -> None:
        """Add one."""
        packed = _packed(contact)
        if packed:
            self._hashes[packed[0]] += packed
        else:
            self._others.add(contact)

    def __iter__(self) -> Iterator[str]:
        for group in self._hashes:
            yield from _in_order(group)
        yield from sorted(self._others)

    def __len__(self) -> int:
        """How many were added."""
        return sum(map(len, self._hashes)) // _HASH_BYTES + len(self._others)

    def taken(self) -> Iterator[str]:
        """All of them, each of which is forgotten soon after."""
        for group in self._hashes:
            yield from _in_order(group)
            group.clear()
        yield from sorted(self._others)
        self._others.clear()


def order_of(contact: str) -> tuple[bool, str]:
    """The place of a contact in the order."""
    return not _packed(contact), contact


def _packed(contact: str) -> bytes:
    """The bytes of an MD5 hash in lower case, nothing of another id."""
    try:
        packed = bytes.fromhex(contact)
    except ValueError:
        return b""
    return packed if len(packed) == _HASH_BYTES and packed.hex() == contact else b""


def _in_order(group: bytearray) -> Iterator[str]:
    cut = (bytes(group[start : start + _HASH_BYTES]) for start in range(0, len(group), _HASH_BYTES))
    return (packed.hex() for packed in sorted(set(cut)))
