"""What readers hand on: records, checkpoints and what a client's progress display is made of."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from mailchimp_api.errors import ResourceRefused
from source_mailchimp.errors import ParentsRefused
from source_mailchimp.reader.context import SyncContext
from source_mailchimp.reader.deletions import Deletions
from source_mailchimp.reader.records import RecordMaker, Shape
from source_mailchimp.reader.state import FULL_REFRESH_COMPLETE
from source_mailchimp.stream import PathValues, Record, Stream

logger = logging.getLogger("airbyte.source_mailchimp")

_SECONDS_PER_STATE = 2.0  # for ten thousand small slices


@dataclass(frozen=True)
class Records:
    """Records of a stream, in order."""

    stream: Stream
    records: list[Record]


@dataclass(frozen=True)
class Checkpoint:
    """A state that holds for everything handed on before it."""

    stream: Stream
    state: dict[str, Any]


@dataclass(frozen=True)
class Estimate:
    """How many rows the stream will have, as far as is known yet."""

    stream: Stream
    rows: int


@dataclass(frozen=True)
class ParentsRead:
    """Of how many parents (audiences, campaigns, …) that the stream looks under all rows have been read."""

    stream: Stream
    done: int
    total: int


@dataclass(frozen=True)
class Started:
    """The stream is being read."""

    stream: Stream


@dataclass(frozen=True)
class Ended:
    """The stream is done; ``error`` is None if and only if it is complete."""

    stream: Stream
    error: Exception | None = None


Event = Records | Checkpoint | Estimate | ParentsRead | Started | Ended


class EventQueue(asyncio.Queue[Event]):
    """What waits to be printed: so little that readers wait for room, and no records pile up."""

    def __init__(self, maxsize: int) -> None:
        super().__init__(maxsize)
        self._in_line = asyncio.Lock()
        self._wanted = asyncio.Event()

    async def get(self) -> Event:
        """The next event, when there is one."""
        self._wanted.set()
        try:
            return await super().get()
        finally:
            self._wanted.clear()

    async def room(self) -> None:
        """Wait until somebody waits for an event and none is there: then is the time to decode a page.

        Those who wait are let go one after the other, the next one when there is still room.
        """
        async with self._in_line:
            while True:
                await self._wanted.wait()
                if self._wanted.is_set():  # not taken meanwhile
                    if self.empty():
                        return
                    self._wanted.clear()  # it is about to be taken


class RecordSink(Protocol):
    """Takes what a reader has read, in order."""

    async def emit_records(self, rows: list[Record], params: PathValues) -> None:
        """Hand on what becomes of ``rows``, which are the caller's no more; returns when there is room for more."""

    async def emit_state(self, dump: Callable[[], dict[str, Any]], *, now: bool = False) -> None:
        """Hand on a checkpoint, unless there was one a moment ago and ``now`` is not set."""

    def tell_parents(self, done: int, total: int) -> None:
        """Of how many of its parents everything has been read."""

    def expect(self, rows: int) -> None:
        """So many more rows will come."""


@dataclass
class StreamOutput:
    """One stream's way into the shared queue, which bounds what waits to be printed.

    ``rows_per_state``: the next checkpoint after this many rows is handed on; others only when some time has passed,
    and the last one. So a killed sync repeats little, and ten thousand small slices don't make ten thousand states.
    ``shape``: what becomes of the records at last. ``deletions``: keeps account of the rows there are.
    ``refused_before``: below how many rows of the parent the part of a full refresh was refused that is gone on with.
    """

    stream: Stream
    queue: asyncio.Queue[Event]
    rows_per_state: int
    shape: Shape | None = None
    deletions: Deletions | None = None
    refused_before: int = 0
    _rows_since_state: int = 0
    _last_state: float | None = None
    _expected: int = 0
    _announced: int = 0
    _state: dict[str, Any] = field(default_factory=dict)
    _parents_told: float = 0.0
    _refused: int = 0
    _first_refusal: str = "the log of the sync that was cut short says why"

    def __post_init__(self) -> None:
        self._maker = RecordMaker(self.stream, self.shape)

    async def emit_records(self, rows: list[Record], params: PathValues) -> None:
        """Make records of ``rows``, which are the caller's no more, and hand them on; returns when there is room."""
        records = self._maker.records(rows, params)
        rows.clear()  # or those who have read them would keep them until they have read the next
        if records:
            if self.deletions:
                self.deletions.note(records)
            self._rows_since_state += len(records)
            estimate = self._estimate()
            if estimate is not None:
                await self.queue.put(Estimate(self.stream, estimate))
            await self.queue.put(Records(self.stream, records))

    async def emit_state(self, dump: Callable[[], dict[str, Any]], *, now: bool = False) -> None:
        """Hand on a checkpoint, unless there was one a moment ago and ``now`` is not set."""
        moment = asyncio.get_running_loop().time()
        if self._last_state is None:
            self._last_state = moment
        waited = moment - self._last_state
        if now or self._rows_since_state >= self.rows_per_state or waited >= _SECONDS_PER_STATE:
            self._rows_since_state = 0
            self._last_state = moment
            self._state = dump()
            await self._put_state()

    def tell_parents(self, done: int, total: int) -> None:
        """Tell how many parents are done, at most once a second; not if something else waits to be printed."""
        now = asyncio.get_running_loop().time()
        if now - self._parents_told >= 1 and not self.queue.full():
            self._parents_told = now
            self.queue.put_nowait(ParentsRead(self.stream, done, total))

    async def emit_deletions(self, context: SyncContext) -> None:
        """Hand on tombstones of what is gone, and the last checkpoint once more, with what is known now."""
        if self.deletions:
            gone = await self.deletions.gone(context)
            if gone:
                await self.queue.put(Records(self.stream, gone))
            await self._put_state()

    def note_refused(self, reason: ResourceRefused) -> None:
        """What is below one row of the parent was refused, and is left out."""
        self._first_refusal = self._first_refusal if self._refused else str(reason)
        self._refused += 1

    @property
    def left_out(self) -> ParentsRefused | None:
        """Why a full refresh is not complete though the reader came to its end, None if it is."""
        refused = self.refused_before + self._refused
        if not refused:
            return None
        parents = self.stream.parent.name if self.stream.parent else "rows"
        return ParentsRefused(self.stream.name, refused=refused, parents=parents, reason=self._first_refusal)

    async def _put_state(self) -> None:
        state, refused = self._state, self.refused_before + self._refused
        if refused and FULL_REFRESH_COMPLETE not in state:
            state = {**state, "left_out": refused}  # whoever goes on passes by what was refused
        known = self.deletions.dump() if self.deletions else None
        await self.queue.put(Checkpoint(self.stream, {**state, "known": known} if known else state))

    def close(self) -> None:
        """Say which properties had values that are not what the schema declares, once for the whole stream."""
        for (name, kind), count in sorted(self._maker.lost.items()):
            logger.warning("%s: %s: %d values are no %s and became null", self.stream.name, name, count, kind)

    def expect(self, rows: int) -> None:
        """Add ``rows`` to the estimate; it is told with the next records, once it has grown by a tenth."""
        if self._maker.one_of_each_row:
            self._expected += rows

    def _estimate(self) -> int | None:
        """How many rows to announce now, None if that has been said."""
        if self._expected <= self._announced * 1.1:
            return None
        self._announced = self._expected
        return self._announced
