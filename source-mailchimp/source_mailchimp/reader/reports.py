"""Reads ``reports``: they tell by themselves what is new, and where the streams below them have to look."""

from __future__ import annotations

from contextlib import aclosing
from datetime import datetime

import orjson

from source_mailchimp.reader.account import Account
from source_mailchimp.reader.children import children_of
from source_mailchimp.reader.gate import last_activity
from source_mailchimp.reader.news import News, gate_of
from source_mailchimp.reader.output import StreamOutput
from source_mailchimp.reader.sliced import SlicedReader
from source_mailchimp.reader.state import Run, StreamState
from source_mailchimp.stream import Record, Stream


class ReportsReader(SlicedReader):
    """Reads the reports of all campaigns, and lists those of their children for the streams below.

    An incremental sync begins anew after a kill: what has been emitted may have changed in its counts since, which
    only the whole listing tells, and that is read in any case.
    """

    def __init__(
        self, account: Account, stream: Stream, out: StreamOutput | None, state: StreamState, *, full_refresh: bool
    ) -> None:
        super().__init__(account, stream, out, state, full_refresh=full_refresh)
        if not full_refresh:
            self._state.run = None
        self._withheld: list[bytes] = []
        self._counts: tuple[int, ...] | None = None

    async def _open_news(self) -> News:
        return News(self._account, self._state)

    def _follows(self, row: Record, since: datetime) -> bool:
        latest = last_activity(row)
        if latest is None or latest >= since:
            return True
        self._withheld.append(orjson.dumps(row))
        return False

    def _may_checkpoint(self) -> bool:
        return not self._withheld  # what is withheld is not emitted yet

    async def _slice_read(self) -> None:
        """Emit reports without a newer date whose counts may have changed: known when all reports are."""
        if self._full or not self._feed or not self._out:
            return
        gate = await gate_of(self._account, self._feed.so_far, self._state)
        self._counts = gate.counts
        rows = [orjson.loads(row) for row in self._withheld]
        self._withheld.clear()
        await self._out.rows([row for row in rows if gate.counts_changed(row)], {})

    async def _all_read(self) -> None:
        """Let the streams below look under the children of campaigns, too."""
        if not self._feed or not any(self._stream in child.ancestors for child in self._account.states):
            return
        reports = list(self._feed.so_far)
        async with aclosing(
            children_of(self._account, self._account.sub_reports, reports, self._feed.unlisted)
        ) as answers:
            async for rows in answers:
                self._feed.add([row for row in rows if self._account.includes(row)])

    def _counts_of(self, run: Run) -> tuple[int, ...] | None:  # noqa: ARG002 - they are known when all is read
        return self._counts
