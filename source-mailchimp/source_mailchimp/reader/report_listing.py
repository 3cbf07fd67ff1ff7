"""What is new of the reports themselves, which list neither what changes in counts only nor all versions."""

from __future__ import annotations

from contextlib import aclosing
from datetime import datetime, timedelta

import orjson

from source_mailchimp.reader.campaign_changes import VersionsWanted, detector
from source_mailchimp.reader.context import SyncContext
from source_mailchimp.reader.fingerprints import Fingerprint, last_activity
from source_mailchimp.reader.parents import ParentRows
from source_mailchimp.reader.split_campaigns import versions_of
from source_mailchimp.reader.state import StreamState
from source_mailchimp.stream import Record, Reports, Stream


class ReportListing:
    """One run over ``reports``: they tell by themselves what is new.

    Reports without a newer date are withheld until all have come: only the whole listing tells whose counts moved.
    ``state``: how far the stream is. ``until``: the moment up to which the run reads. ``parent_rows``: where its rows
    are kept for those below, if for any; the versions of split campaigns are put there, too.
    """

    def __init__(
        self,
        context: SyncContext,
        stream: Stream,
        reading: Reports,
        state: StreamState,
        until: datetime,
        parent_rows: ParentRows | None,
    ) -> None:
        self._context = context
        self._stream = stream
        self._reading = reading
        self._state = state
        self._until = until
        self._parent_rows = parent_rows
        self._withheld: list[bytes] = []
        self.fingerprint: Fingerprint | None = None
        """What the campaigns' counts were in the reports that were read; there when all are."""

    @property
    def withholds(self) -> bool:
        """Whether rows have come that are neither emitted nor passed over yet, so that no state may pass them."""
        return bool(self._withheld)

    def changed(self, rows: list[Record], since: datetime | None) -> list[Record]:
        """Those with a newer date, or sent so lately that anything may have changed; the others wait."""
        if since is None:
            return rows
        window = since - timedelta(days=self._context.config.refresh_window_days)
        return [row for row in rows if self._reading.may_have_changed(row, window) or self._is_newer(row, since)]

    def _is_newer(self, row: Record, since: datetime) -> bool:
        latest = last_activity(row)
        if latest is None or latest >= since:
            return True
        self._withheld.append(orjson.dumps(row))
        return False

    def released(self) -> list[Record]:
        """All have come, and not for a full refresh: those of which the counts may have moved."""
        if self._parent_rows is None:
            return []
        moved = detector(self._context, self._parent_rows.so_far, self._state, self._until)
        self.fingerprint = moved.fingerprint
        rows = [orjson.loads(row) for row in self._withheld]
        self._withheld.clear()
        return [row for row in rows if moved.counts_changed(row)]

    async def add_versions(self) -> None:
        """All have come: let the streams below look under the versions of split campaigns, too."""
        context, parent_rows = self._context, self._parent_rows
        below = context.below(self._stream)
        if parent_rows is None or not below:
            return
        wanted = VersionsWanted(context, below, self._until)
        await self._add_versions(parent_rows, wanted.anyway(parent_rows.so_far))
        # With these versions there, their campaigns' sums are told apart from those of others.
        await self._add_versions(parent_rows, wanted.moved(parent_rows.so_far, parent_rows.asked))

    async def _add_versions(self, parent_rows: ParentRows, campaigns: list[str]) -> None:
        context = self._context
        listed = {str(row.get("id")) for row in parent_rows.so_far}
        answers = versions_of(context, self._reading.versions, campaigns, listed, parent_rows.unlisted)
        async with aclosing(answers):
            async for rows in answers:
                parent_rows.add([row for row in rows if context.record_in_scope(row)])
        parent_rows.asked.update({campaign: campaign not in parent_rows.unlisted for campaign in campaigns})
