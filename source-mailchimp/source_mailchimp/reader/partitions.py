"""Partitions: the places where a stream's rows are, one for each row of its parent, in an order that lasts."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from source_mailchimp.reader.bounds import LEFT_BEHIND, PARTITIONS_AHEAD
from source_mailchimp.reader.places import BEGINNING, Done, PartitionKey, Place, partition_key
from source_mailchimp.reader.state import Position, ResumePoint
from source_mailchimp.stream import ChangedParents, Record, Stream


@dataclass(frozen=True)
class Partition:
    """One place of a stream's rows: the path's values, the parent's row, and its place in the order."""

    id: PartitionKey
    position: Position
    values: dict[str, Any]
    parent: Record

    @property
    def audience(self) -> str | None:
        """The id of the audience (list) it belongs to, as far as is known: some rows have a number in its place."""
        value = self.values.get("list_id") or self.parent.get("list_id")
        return value if isinstance(value, str) and value else None


def partitions_of(stream: Stream, parents: Iterable[Record]) -> list[Partition]:
    """The partitions of ``stream`` under ``parents``, ordered by the campaign's send time, if any, and by ids.

    A campaign sent later comes later, so a position in this order keeps its meaning between runs.
    """
    own = stream.parameter
    if stream.parent is None or own is None:
        return [Partition(partition_key([]), ("",), {}, {})]
    partitions: dict[PartitionKey, Partition] = {}
    for row in parents:
        values = {name: row.get(name) for name in stream.parameters[:-1]}
        values[own] = row.get("id")
        if any(value in (None, "") for value in values.values()):
            continue
        key = partition_key(values.values())
        # The send time of a campaign that was not sent yet moves, and may move back.
        sent = "" if isinstance(stream.reading, ChangedParents) else str(row.get("send_time") or "")
        position = (sent, *map(str, values.values()))
        partitions[key] = Partition(key, position, values, row)
    return sorted(partitions.values(), key=lambda item: item.position)


class Progress:
    """Keeps ``run`` up to date while partitions finish in any order."""

    def __init__(self, run: ResumePoint, pending: list[Partition]) -> None:
        self.run = run
        self._pending = pending
        self._closed = [False] * len(pending)
        self._first_open = 0
        self._left_behind: set[int] = set()
        self._moved = asyncio.Event()

    async def wait_within_window(self, index: int) -> None:
        """Wait until partition ``index`` is near enough to the first that is not done.

        A few that take long are left behind, with entries of their own: one that fails must not hold up the others.
        """
        while index >= self._first_open + PARTITIONS_AHEAD:
            if len(self._left_behind) < LEFT_BEHIND:
                self._leave_behind()
                continue
            self._moved.clear()
            await self._moved.wait()

    def _leave_behind(self) -> None:
        index = self._first_open
        self._left_behind.add(index)
        self.run.slices.setdefault(self._pending[index].id, BEGINNING)
        self._close(index)

    def record_position(self, partition: Partition, place: Place) -> None:
        """It has come to ``place``."""
        self.run.slices[partition.id] = place

    def finish(self, index: int) -> None:
        """Partition ``index`` is done."""
        if index in self._left_behind:
            self._left_behind.remove(index)
            self.run.slices.pop(self._pending[index].id, None)  # it lies before ``after``
            self._moved.set()
            return
        self.run.slices[self._pending[index].id] = Done()
        self._close(index)

    def fail(self, index: int) -> None:
        """Partition ``index`` could not be read: it keeps its place in the state, and the others go on."""
        self.run.slices.setdefault(self._pending[index].id, BEGINNING)
        self._left_behind.discard(index)
        self._close(index)

    def _close(self, index: int) -> None:
        self._closed[index] = True
        while self._first_open < len(self._pending) and self._closed[self._first_open]:
            partition = self._pending[self._first_open]
            self.run.after = max(self.run.after, partition.position)
            if isinstance(self.run.slices.get(partition.id), Done):
                del self.run.slices[partition.id]
            self._first_open += 1
        self._moved.set()
