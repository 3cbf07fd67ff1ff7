"""An audience's segments: tags (static segments) and saved ones, and who is in them.

Whether a contact is in a seeded segment is a bit computed from its index; a write toggles bits in a mask that is
kept per contact. So nothing is stored for contacts that nobody has tagged.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mailchimp_simulator.account.fixtures import seeds
from mailchimp_simulator.account.randomness import mix, number_id
from mailchimp_simulator.contract.times import iso

if TYPE_CHECKING:
    from mailchimp_simulator.account.contacts import Contacts

SEEDED_NAMES: tuple[str, ...] = tuple(seeds("segments")["names"])
SEEDED_WITH_MEMBERS = 8


@dataclass
class Segment:
    """A tag or a saved segment."""

    bit: int
    id: int
    name: str
    type: str
    created: int
    updated: int
    options: dict[str, Any] | None = None


class Segments:
    """All segments of one audience."""

    def __init__(self, contacts: Contacts, count: int, now: int) -> None:
        """Seed `count` segments, every fourth a saved one."""
        self.contacts = contacts
        self.salt = mix(contacts.salt + 77)
        self.row_count_override: int | None = None
        self.version = 0
        self.items: list[Segment] = []
        self.by_name: dict[str, Segment] = {}
        self.by_id: dict[int, Segment] = {}
        for bit in range(count):
            name = SEEDED_NAMES[bit] if bit < len(SEEDED_NAMES) else f"Segment {bit}"
            created = now - 400 * 86_400 + bit * 3_600
            self._add(Segment(bit, number_id(bit, self.salt), name, "saved" if bit % 4 == 3 else "static",
                              created, created + bit % 3 * 86_400))  # fmt: skip
        self._seeded_bits = (1 << min(count, SEEDED_WITH_MEMBERS)) - 1
        self._lists: dict[int, tuple[int, list[int]]] = {}

    def _add(self, segment: Segment) -> None:
        self.items.append(segment)
        self.by_id[segment.id] = segment
        if segment.type == "static":
            self.by_name.setdefault(segment.name.lower(), segment)

    def create(self, name: str, now: int, options: dict[str, Any] | None = None) -> Segment:
        """A new tag, or a saved segment if it has conditions."""
        bit = self.items[-1].bit + 1 if self.items else 0
        bit = max(bit, SEEDED_WITH_MEMBERS, getattr(self, "_next_bit", 0))
        self._next_bit = bit + 1
        segment = Segment(bit, number_id(bit, self.salt), name, "saved" if options else "static", now, now, options)
        self._add(segment)
        return segment

    def _index_names(self) -> None:
        """Tags by name; of several that share one, the first."""
        self.by_name = {s.name.lower(): s for s in reversed(self.items) if s.type == "static"}

    def rename(self, segment: Segment, name: str, now: int) -> None:
        """Another name, which moves the date of change."""
        segment.name, segment.updated = name, now

    def remove(self, segment: Segment) -> None:
        """Delete a segment."""
        self.items.remove(segment)
        del self.by_id[segment.id]
        self._index_names()
        self.version += 1

    def mask(self, index: int) -> int:
        """The bits of the segments that a contact is in, deleted ones included."""
        seeded = self.seeded_mask(index)
        return seeded ^ self.contacts.toggled.get(index, 0) if self.contacts.toggled else seeded

    def seeded_mask(self, index: int) -> int:
        """The bits before any write."""
        if index >= self.contacts.seeded:
            return 0
        bits = mix(index ^ self.contacts.salt)
        return bits >> 40 & bits >> 48 & self.seeded_bits()

    def seeded_bits(self) -> int:
        """The bits of the segments that seeded contacts may be in."""
        return self._seeded_bits

    def has(self, segment: Segment, index: int) -> bool:
        """Whether a contact is in a segment."""
        if self.row_count_override is not None and segment.bit < len(self.items):
            return index < self.row_count_override
        return bool(self.mask(index) >> segment.bit & 1)

    def put(self, segment: Segment, index: int, *, member: bool) -> bool:
        """Add a contact to a tag or take it out; whether that changed anything. `last_changed` stays (facts.md)."""
        if bool(self.mask(index) >> segment.bit & 1) is member:
            return False
        self.contacts.toggled[index] = self.contacts.toggled.get(index, 0) ^ 1 << segment.bit
        self.version += 1
        return True

    def tags_of(self, index: int) -> list[Segment]:
        """The tags of a contact."""
        return self.tags_in(self.mask(index))

    def tags_in(self, mask: int) -> list[Segment]:
        """The tags that a mask stands for."""
        return [s for s in self.items if s.type == "static" and mask >> s.bit & 1]

    def members(self, segment: Segment) -> list[int]:
        """The contacts in a segment that are neither archived nor gone."""
        stamp = self.version + self.contacts.version
        cached = self._lists.get(segment.id)
        if cached is None or cached[0] != stamp:
            view = self.contacts.view("", "")
            if self.row_count_override is not None:
                chosen = list(view[: self.row_count_override])
            else:
                chosen = [i for i in view if self.mask(i) >> segment.bit & 1]
            cached = self._lists[segment.id] = (stamp, chosen)
        return cached[1]

    def row(self, segment: Segment, list_id: str) -> dict[str, Any]:
        """A segment as the API shows it."""
        shown = sum(1 for i in self.members(segment) if self.contacts.status[i] in (0, 3))
        row: dict[str, Any] = {
            "id": segment.id, "name": segment.name, "member_count": shown, "type": segment.type,
            "created_at": iso(segment.created), "updated_at": iso(segment.updated), "list_id": list_id,
        }  # fmt: skip
        if segment.type == "saved":
            row["options"] = segment.options or seeds("segments")["options"]
        return row
