"""Slices: the places where a stream's rows are, one for each row of its parent, in an order that lasts."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from source_mailchimp.reader.state import Position, Run
from source_mailchimp.stream import Record, Stream

# How far slices may be done beyond the first that is not: bounds the state.
_WINDOW = 200


@dataclass(frozen=True)
class SliceRef:
    """One slice: the path parameters, the parent's row, and its place in the order."""

    id: str
    position: Position
    params: dict[str, Any]
    parent: Record

    @property
    def audience(self) -> str | None:
        """The id of the audience (list) it belongs to, as far as is known: some rows have a number in its place."""
        value = self.params.get("list_id") or self.parent.get("list_id")
        return value if isinstance(value, str) and value else None


def slices_of(stream: Stream, parents: Iterable[Record]) -> list[SliceRef]:
    """The slices of ``stream`` under ``parents``, ordered by the campaign's send time, if any, and by ids.

    A campaign sent later comes later, so a position in this order keeps its meaning between runs.
    """
    own = stream.parameter
    if stream.parent is None or own is None:
        return [SliceRef("", ("",), {}, {})]
    slices: dict[str, SliceRef] = {}
    for row in parents:
        params = {name: row.get(name) for name in stream.parameters[:-1]}
        params[own] = row.get("id")
        if any(value in (None, "") for value in params.values()):
            continue
        names = [str(value) for value in params.values()]
        # Below one level it is the parent's id, as in the official connector's states.
        slice_id = "/".join(name.replace("%", "%25").replace("/", "%2F") for name in names)
        position = (str(row.get("send_time") or ""), *names)
        slices[slice_id] = SliceRef(slice_id, position, params, row)
    return sorted(slices.values(), key=lambda item: item.position)


class Progress:
    """Keeps ``run`` up to date while slices finish in any order."""

    def __init__(self, run: Run, pending: list[SliceRef]) -> None:
        self.run = run
        self._pending = pending
        self._closed = [False] * len(pending)
        self._first_open = 0
        self._moved = asyncio.Event()

    async def room(self, index: int) -> None:
        """Wait until slice ``index`` is near enough to the first that is not done."""
        while index >= self._first_open + _WINDOW:
            self._moved.clear()
            await self._moved.wait()

    def stand(self, item: SliceRef, **where: Any) -> None:
        """The slice has come to ``where``: an ``offset`` and the ``mark`` of the row before it, or a ``cursor``."""
        self.run.slices[item.id] = where

    def finish(self, index: int) -> None:
        """Slice ``index`` is done."""
        self.run.slices[self._pending[index].id] = {"done": True}
        self._close(index)

    def fail(self, index: int) -> None:
        """Slice ``index`` could not be read: it keeps its place in the state, and the others go on."""
        self.run.slices.setdefault(self._pending[index].id, {"offset": 0})
        self._close(index)

    def _close(self, index: int) -> None:
        self._closed[index] = True
        while self._first_open < len(self._pending) and self._closed[self._first_open]:
            item = self._pending[self._first_open]
            self.run.after = max(self.run.after, item.position)
            if self.run.slices.get(item.id, {}).get("done"):
                del self.run.slices[item.id]
            self._first_open += 1
        self._moved.set()
