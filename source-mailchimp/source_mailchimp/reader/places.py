"""The names of partitions in a state, and the places at which reading them stopped."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NewType

from source_mailchimp.dates import format_date, parse_date

PartitionKey = NewType("PartitionKey", str)
"""What a state calls a partition: made by the functions below, or read from a state."""

Note = Callable[[str], None]
"""Is told the name of each member of a state that can't be read, such as ``run.slices.a1.offset``."""


def partition_key(ids: Iterable[object]) -> PartitionKey:
    """Of the partition below the parents with these ``ids``, outermost first; an id's own ``/`` and ``%`` are escaped.

    Below one level it is the parent's id, as in the states of Airbyte's own connector.
    """
    return PartitionKey("/".join(str(one).replace("%", "%25").replace("/", "%2F") for one in ids))


def pass_key(audience: PartitionKey, status: str) -> PartitionKey:
    """Of one pass over an audience's contacts: those of ``status``, or, if that is empty, the plain listing."""
    return PartitionKey(f"{audience}/{status}") if status else audience


def versions_key(campaign_id: object) -> PartitionKey:
    """Of the versions of a campaign, all together."""
    return PartitionKey(f"{campaign_id}/*")


ALL_PARTITIONS = PartitionKey("*")
"""Stands for each, where a state would have to name too many."""


def lies_below(key: PartitionKey, parent: PartitionKey) -> bool:
    """Whether ``key`` names a partition below a row of the partition ``parent``, and not its unlisted versions."""
    return key.startswith(f"{parent}/") and key != versions_key(parent)


@dataclass(frozen=True)
class Done:
    """Read to its end."""

    def dump(self) -> dict[str, Any]:
        """As it stands in the state."""
        return {"done": True}


@dataclass(frozen=True)
class AtOffset:
    """``offset`` rows were read, the last of them that of ``mark`` (see ``records.row_fingerprint``)."""

    offset: int = 0
    mark: str | None = None

    def dump(self) -> dict[str, Any]:
        """As it stands in the state."""
        return {"offset": self.offset, "mark": self.mark} if self.mark else {"offset": self.offset}


@dataclass(frozen=True)
class AtCursor:
    """The rows up to ``cursor`` were read."""

    cursor: datetime

    def dump(self) -> dict[str, Any]:
        """As it stands in the state."""
        return {"cursor": format_date(self.cursor)}


Place = Done | AtOffset | AtCursor
"""How far a partition was read by a run that was cut short. ``BEGINNING``: it is named, and not a row of it counts."""

BEGINNING = AtOffset()


def parse_place(raw: object, name: str, note: Note) -> Place:
    """The place in ``raw``, which stands under ``name``; the beginning where it can't be read."""
    if not isinstance(raw, Mapping):
        note(name)
        return BEGINNING
    if raw.get("done") is True:
        return Done()
    if "cursor" in raw:
        cursor = parse_date(raw["cursor"])
        if cursor:
            return AtCursor(cursor)
        note(f"{name}.cursor")
        return BEGINNING
    offset, mark = raw.get("offset"), raw.get("mark")
    if not isinstance(offset, int) or isinstance(offset, bool) or offset < 0:
        note(f"{name}.offset")
        return BEGINNING
    if not isinstance(mark, str | None):
        note(f"{name}.mark")
        return BEGINNING
    return AtOffset(offset, mark)
