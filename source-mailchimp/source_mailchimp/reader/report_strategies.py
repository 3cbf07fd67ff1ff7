"""What is new of campaigns that were sent: by their reports."""

from __future__ import annotations

from contextlib import aclosing
from datetime import datetime, timedelta
from typing import Any

import orjson

from source_mailchimp.dates import format_date
from source_mailchimp.reader.campaign_changes import CampaignChanges, VersionsWanted, detector
from source_mailchimp.reader.context import SyncContext
from source_mailchimp.reader.fingerprints import Fingerprint, last_activity
from source_mailchimp.reader.parents import ParentRows
from source_mailchimp.reader.partitions import Partition
from source_mailchimp.reader.places import PartitionKey
from source_mailchimp.reader.split_campaigns import versions_of
from source_mailchimp.reader.state import ResumePoint, StreamState
from source_mailchimp.reader.strategies import Filtered, Filters, Full
from source_mailchimp.stream import (
    LAST_ACTIVITY,
    ChangedCampaigns,
    Record,
    Reports,
    Stream,
)

_ASKED_AGAIN = timedelta(days=7)
"""So long is a campaign asked whose report counts more rows than are listed: they may come, or be gone for good."""


class ReportListing(Full):
    """``reports``: they tell by themselves what is new, and list the versions of split campaigns for those below.

    Reports without a newer date are withheld until all have come: only the whole listing tells whose counts moved.
    """

    def __init__(
        self,
        context: SyncContext,
        state: StreamState,
        stream: Stream,
        reading: Reports,
        *,
        full_refresh: bool,
        parent_rows: ParentRows | None,
    ) -> None:
        super().__init__(context, state, full_refresh=full_refresh)
        self._stream = stream
        self._reading = reading
        self._parent_rows = parent_rows
        self._withheld: list[bytes] = []
        self._fingerprint: Fingerprint | None = None
        self._until: datetime | None = None

    async def open(self) -> None:
        """Find out up to when this run reads."""
        self._until = await self._context.upper_bound()

    @property
    def withholds(self) -> bool:
        """Whether a report waits for the others."""
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
        """Those whose counts may have moved."""
        if self._full or self._parent_rows is None or self._until is None:
            return []
        moved = detector(self._context, self._parent_rows.so_far, self._state, self._until)
        self._fingerprint = moved.fingerprint
        rows = [orjson.loads(row) for row in self._withheld]
        self._withheld.clear()
        return [row for row in rows if moved.counts_changed(row)]

    async def all_read(self) -> None:
        """Let the streams below look under the versions of split campaigns, too."""
        context, parent_rows = self._context, self._parent_rows
        below = context.below(self._stream)
        if parent_rows is None or self._until is None or not below:
            return
        wanted = VersionsWanted(context, below, self._until)
        await self._add_versions(parent_rows, wanted.anyway(parent_rows.so_far))
        # With these versions there, their campaigns' sums are told apart from those of others.
        await self._add_versions(parent_rows, wanted.moved(parent_rows.so_far, parent_rows.asked))

    async def _add_versions(self, parent_rows: ParentRows, campaigns: list[str]) -> None:
        context = self._context
        known = {str(row.get("id")) for row in parent_rows.so_far}
        answers = versions_of(context, self._reading.versions, campaigns, known, parent_rows.unlisted)
        async with aclosing(answers):
            async for rows in answers:
                parent_rows.add([row for row in rows if context.record_in_scope(row)])
        parent_rows.asked.update({campaign: campaign not in parent_rows.unlisted for campaign in campaigns})

    def fingerprint_at_end(self, run: ResumePoint) -> Fingerprint | None:  # noqa: ARG002 - known when all is read
        """That of the reports that were read."""
        return self._fingerprint


class Changed(Filtered):
    """Below reports: only campaigns whose report shows something new are asked."""

    def __init__(
        self,
        context: SyncContext,
        state: StreamState,
        reading: ChangedCampaigns,
        *,
        full_refresh: bool,
        filtering: bool,
        changes: CampaignChanges,
        until: datetime,
    ) -> None:
        super().__init__(context, state, reading.cursor, full_refresh=full_refresh, filtering=filtering)
        self._dated = reading.cursor.field != LAST_ACTIVITY
        self._flattened = reading.flattened is not None
        self._counted = reading.counted
        self._changes = changes
        self._until = until

    def since(self, partition: Partition) -> datetime | None:
        """By the report a campaign is new or not, so there is nothing to look back for. Not before the start date."""
        dates = (Full.since(self, partition), self._context.config.start)
        return max((date for date in dates if date), default=None)

    @property
    def fingerprint(self) -> Fingerprint:
        """That of the reports."""
        return self._changes.fingerprint

    def other_names(self, partition: Partition) -> tuple[PartitionKey, ...]:
        """As one of a campaign's versions, which could not be listed before."""
        return self._changes.other_names(partition)

    def unlisted(self) -> dict[PartitionKey, datetime | None]:
        """The versions of campaigns that don't let them be listed."""
        return self._changes.unlisted()

    def is_new(self, partition: Partition, since: datetime | None) -> bool:
        """By the campaign's report, unless it was left open: what it had is known no more."""
        names = (partition.id, *self.other_names(partition))
        return any(name in self._state.open for name in names) or self._changes.in_partition(partition, since)

    def is_new_below(self, partition: Partition) -> bool:
        """By the campaign's report."""
        return self._changes.below_partition(partition)

    def filters(self, since: datetime | None, until: datetime | None) -> Filters:
        """Only by the start date: what the campaign had before may have become visible since, with its old date.

        By ``since`` where it is asked because nothing is known of it, as after a state of Airbyte's own connector.
        """
        return super().filters(self._from(since), until)

    def changed(self, rows: list[Record], since: datetime | None) -> list[Record]:
        """By the same date; all, where the rows have none of their own."""
        return super().changed(rows, self._from(since)) if self._dated and not self._flattened else rows

    def lacks_rows(self, partition: Partition, listed: int) -> bool:
        """By the campaign's report, for some days after its count has moved: rows may be gone for good.

        Of a campaign that is read for the first time, its newest date tells how long ago that may have been.
        """
        report = self._changes.report_of(partition)
        moved = self.cursor_of(partition) or last_activity(report)
        if self._full or self._counted is None or moved is None or self._until - moved > _ASKED_AGAIN:
            return False
        counted = report.get(self._counted)
        return isinstance(counted, int) and counted > listed

    def _from(self, since: datetime | None) -> datetime | None:
        return self._context.config.start if self._changes.knows_all else since

    def added(self, partition: Partition) -> dict[str, Any]:
        """The newest date of the campaign, where it is the cursor."""
        added = super().added(partition)
        if not self._dated:
            latest = last_activity(self._changes.report_of(partition))
            added[LAST_ACTIVITY] = format_date(latest) if latest else None
        return added
