"""What the streams of one sync share: the requests, the clock, the options, and the rows of parents."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from source_mailchimp.config import Config
from source_mailchimp.reader import bounds
from source_mailchimp.reader.concurrency import Budget
from source_mailchimp.reader.fetcher import Fetcher
from source_mailchimp.reader.outcome import MOST_LEFT_OPEN
from source_mailchimp.reader.parents import ParentRows
from source_mailchimp.reader.records import Shape
from source_mailchimp.reader.sharing import SharedAnswers
from source_mailchimp.reader.state import StreamState
from source_mailchimp.stream import Record, Stream

logger = logging.getLogger("airbyte.source_mailchimp")

CONSISTENCY_LAG = timedelta(seconds=5)
"""The server's clock may run ahead of what its listings show; what is younger belongs to the next sync."""

LOOK_BACK = timedelta(minutes=10)
"""How late a row may become visible that is listed by its date: an incremental sync reads so much again.

Nobody has shown a bound. Another project, which compares what it reads, settled for ten minutes and saw less than four.
"""


def look_back(cursor: datetime | None, start: datetime | None) -> datetime | None:
    """From when on to read what has been read up to ``cursor``, not before ``start``; None: from the beginning."""
    if cursor is None:
        return start
    return max(cursor - LOOK_BACK, start) if start else cursor - LOOK_BACK


@dataclass(frozen=True)
class Selected:
    """A stream that somebody wants. ``full_refresh``: all of it, or what is new since ``state``.

    ``shape``: what becomes of its records at last. ``known``: what the state has of rows that may be gone by now;
    None where nobody asks.
    """

    stream: Stream
    state: StreamState
    full_refresh: bool
    shape: Shape | None = None
    known: Mapping[str, Any] | None = None


@dataclass
class SyncContext:
    """One account during one sync.

    ``memory`` bounds the bytes of answers that wait, over all streams. ``parents``: by name, the streams that others
    look under. ``selected``: what is read for somebody. ``most_left_open``: partitions of a stream that a state can
    name.
    """

    config: Config
    fetcher: Fetcher
    memory: Budget
    shared: SharedAnswers
    parents: Mapping[str, ParentRows] = field(default_factory=dict)
    selected: tuple[Selected, ...] = ()
    most_left_open: int = MOST_LEFT_OPEN
    _began: float = field(default_factory=time.monotonic)
    _upper_bound: asyncio.Task[datetime] | None = None
    _told: set[str] = field(default_factory=set)

    @property
    def prefetch(self) -> int:
        """Pages or partitions of one stream under way at once."""
        return bounds.prefetch(self.fetcher.workers)

    def below(self, stream: Stream) -> list[Selected]:
        """What somebody wants of the rows below those of ``stream``, whose states say nothing of the future any more.

        To be asked when Mailchimp has answered something, and so told its clock.
        """
        items = [item for item in self.selected if stream in item.stream.ancestors]
        for item in items:
            if not item.full_refresh:
                self.check_dates(item.stream.name, item.state)
        return items

    async def parent_rows(self, stream: Stream) -> list[Record]:
        """The rows that ``stream`` looks under, when all are there; none for a stream without a parent.

        Raises ParentFailed.
        """
        return await self.parents[stream.parent.name].rows() if stream.parent else []

    def now(self) -> datetime:
        """Mailchimp's clock."""
        return self.fetcher.client.server_time()

    def check_dates(self, name: str, state: StreamState) -> None:
        """Forget what ``state`` of stream ``name`` says of the future: a wrong clock has told it to an earlier sync."""
        if state.forget_future(self.fetcher.client.clock.latest()) and name not in self._told:
            self._told.add(name)  # its reader has a copy of the state
            logger.warning(
                "%s: the state has a date that lies in the future by Mailchimp's clock and by that of this machine, so "
                "what it stands for is read from the beginning", name,
            )  # fmt: skip

    def stable_until(self) -> datetime:
        """The moment up to which listings show by now what happened."""
        return self.now() - CONSISTENCY_LAG

    async def upper_bound(self) -> datetime:
        """The end of what this sync reads: what is newer belongs to the next one.

        It lies before the first listing was asked for, so that no listing has missed what is older.
        """
        if self._upper_bound is None:
            self._upper_bound = asyncio.ensure_future(self._find_upper_bound())
        return await asyncio.shield(self._upper_bound)

    async def _find_upper_bound(self) -> datetime:
        await self.fetcher.get_object("ping", {})
        passed = timedelta(seconds=time.monotonic() - self._began)
        return (self.stable_until() - passed).replace(microsecond=0)

    def record_in_scope(self, record: Mapping[str, Any]) -> bool:
        """Whether ``list_ids`` lets ``record`` in, by the audience that it names itself."""
        recipients = record.get("recipients")
        return self.audience_selected(
            record.get("list_id") or (recipients.get("list_id") if isinstance(recipients, dict) else None)
        )

    def audience_selected(self, audience: object) -> bool:
        """Whether ``list_ids`` lets in what belongs to ``audience``; what belongs to none always is.

        A number is none: by the contract some rows have one where others have the id, and nothing tells whose it is.
        """
        wanted = self.config.list_ids
        return not wanted or not isinstance(audience, str) or not audience or audience in wanted
