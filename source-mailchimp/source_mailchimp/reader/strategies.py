"""What is new: one strategy for each way of reading partitions, composed into ``PartitionReader``.

A strategy answers for one run of one stream: which partitions have something new, from when on, by which of the
endpoint's own filters, and which of the rows that come are to be emitted.
"""

from __future__ import annotations

from contextlib import aclosing
from datetime import datetime, timedelta
from typing import Any

import orjson

from source_mailchimp.dates import ONE_SECOND, format_date, parse_date
from source_mailchimp.reader.campaign_changes import CampaignChanges, VersionsWanted, detector
from source_mailchimp.reader.context import SyncContext, look_back
from source_mailchimp.reader.fingerprints import Fingerprint, last_activity
from source_mailchimp.reader.parents import ParentRows
from source_mailchimp.reader.partitions import Partition
from source_mailchimp.reader.places import PartitionKey
from source_mailchimp.reader.split_campaigns import versions_of
from source_mailchimp.reader.state import ResumePoint, StreamState
from source_mailchimp.stream import (
    LAST_ACTIVITY,
    PARENT_CHANGED,
    ChangedCampaigns,
    ChangedParents,
    Cursor,
    Filter,
    Record,
    Relist,
    Reports,
    Stream,
)

Filters = dict[str, str | int]

_LATE = timedelta(days=1)
"""So much later than its date may a parent's row have shown that it is settled."""

_ASKED_AGAIN = timedelta(days=7)
"""So long is a campaign asked whose report counts more rows than are listed: they may come, or be gone for good."""


class Full:
    """Everything is new: changes can't be seen, or everything is wanted. The other strategies differ where they must.

    ``state``: how far the stream is; nothing of it counts where ``full_refresh`` is set.
    """

    def __init__(self, context: SyncContext, state: StreamState, *, full_refresh: bool) -> None:
        self._context = context
        self._state = state
        self._full = full_refresh

    @property
    def fingerprint(self) -> Fingerprint | None:
        """What the campaigns' counts are as the run begins, None where they don't matter."""
        return None

    @property
    def withholds(self) -> bool:
        """Whether rows have come that are neither emitted nor passed over yet, so that no state may pass them."""
        return False

    def other_names(self, partition: Partition) -> tuple[PartitionKey, ...]:  # noqa: ARG002 - of the interface
        """What the state may know the partition by, beside its id."""
        return ()

    def unlisted(self) -> dict[PartitionKey, datetime | None]:
        """How far partitions were read that could not be listed, by the names that the state gives them."""
        return {}

    def cursor_of(self, partition: Partition) -> datetime | None:
        """How far the partition has been read; None: not at all."""
        return self._state.cursor_of(partition.id, *self.other_names(partition))

    def since(self, partition: Partition) -> datetime | None:
        """The moment from which on the partition is wanted, None for its beginning."""
        if self._full or not self._state.covers(partition.audience, self._context.config.list_ids):
            return None
        return self.cursor_of(partition)

    def is_new(self, partition: Partition, since: datetime | None) -> bool:  # noqa: ARG002 - of the interface
        """Whether there may be something new in the partition."""
        return True

    def is_new_below(self, partition: Partition) -> bool:  # noqa: ARG002 - of the interface
        """Whether streams that look under this one may find something new under the partition's rows."""
        return True

    def filters(self, since: datetime | None, until: datetime | None) -> Filters:  # noqa: ARG002 - of the interface
        """The endpoint's own date filters."""
        return {}

    def changed(self, rows: list[Record], since: datetime | None) -> list[Record]:  # noqa: ARG002 - of the interface
        """Those of ``rows`` that may be new since then."""
        return rows

    def added(self, partition: Partition) -> dict[str, Any]:
        """What each record of the partition gets beside its row."""
        return dict(partition.values)

    def released(self) -> list[Record]:
        """All rows of the partition have come: those withheld that are to be emitted after all."""
        return []

    def lacks_rows(self, partition: Partition, listed: int) -> bool:  # noqa: ARG002 - of the interface
        """Whether more rows are counted elsewhere than the ``listed`` ones, so that it is to be asked again soon."""
        return False

    async def all_read(self) -> None:
        """All partitions have been read, or have failed."""

    def fingerprint_at_end(self, run: ResumePoint) -> Fingerprint | None:
        """What the campaigns' counts were up to which all has been read: what came after it is still to come."""
        return run.counts


class Filtered(Full):
    """The endpoint filters by date. ``filtering``: whether it may: those who look under the rows need all of them."""

    def __init__(
        self, context: SyncContext, state: StreamState, cursor: Cursor, *, full_refresh: bool, filtering: bool
    ) -> None:
        super().__init__(context, state, full_refresh=full_refresh)
        self._cursor = cursor
        self._filtering = filtering

    def since(self, partition: Partition) -> datetime | None:
        """Some minutes before what has been read: rows become visible late. Not before the start date."""
        return look_back(super().since(partition), self._context.config.start)

    def filters(self, since: datetime | None, until: datetime | None) -> Filters:
        """Both ends open by a second: what shares the second of the border comes twice rather than not."""
        if not self._filtering:
            return {}
        return date_filters(self._cursor, since, None if self._full else until)

    def changed(self, rows: list[Record], since: datetime | None) -> list[Record]:
        """Those that are not older by their own date."""
        return not_older(rows, self._cursor, since)


class Relisted(Full):
    """The whole listing is read; what may have changed is emitted. ``changes``: what the reports tell, if it counts."""

    def __init__(
        self,
        context: SyncContext,
        state: StreamState,
        reading: Relist,
        *,
        full_refresh: bool,
        changes: CampaignChanges | None,
    ) -> None:
        super().__init__(context, state, full_refresh=full_refresh)
        self._test = reading.may_have_changed
        self._changes = changes

    @property
    def fingerprint(self) -> Fingerprint | None:
        """That of the reports, where they count."""
        return self._changes.fingerprint if self._changes else None

    def is_new_below(self, partition: Partition) -> bool:
        """By the reports, where they count."""
        return self._changes is None or self._changes.below_partition(partition)

    def changed(self, rows: list[Record], since: datetime | None) -> list[Record]:
        """Those that may have changed by what they say, or whose campaign was opened or clicked."""
        test = self._test
        if since is None or test is None:
            return rows
        window = since - timedelta(days=self._context.config.refresh_window_days)
        changes = self._changes
        return [row for row in rows if test(row, window) or (changes and changes.in_campaign(row.get("id"), since))]


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
        self._expands = reading.expand is not None
        self._dated = reading.cursor.field != LAST_ACTIVITY
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
        return super().changed(rows, self._from(since)) if self._dated and not self._expands else rows

    def lacks_rows(self, partition: Partition, listed: int) -> bool:
        """By the campaign's report, for some days after its count has moved: rows may be gone for good."""
        cursor = self.cursor_of(partition)
        if self._full or self._counted is None or cursor is None or self._until - cursor > _ASKED_AGAIN:
            return False
        counted = self._changes.report_of(partition).get(self._counted)
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


class BelowChanged(Full):
    """Below rows that show whether anything below them can have changed."""

    def __init__(
        self, context: SyncContext, state: StreamState, reading: ChangedParents, *, full_refresh: bool
    ) -> None:
        super().__init__(context, state, full_refresh=full_refresh)
        self._reading = reading

    def is_new(self, partition: Partition, since: datetime | None) -> bool:
        """By the parent's row."""
        if since is None or not self._reading.settled(partition.parent):
            return True
        newest = self._newest(partition)
        return newest is None or newest >= since - _LATE

    def added(self, partition: Partition) -> dict[str, Any]:
        """The parent's newest date, which is the cursor."""
        newest = self._newest(partition)
        return {**super().added(partition), PARENT_CHANGED: format_date(newest) if newest else None}

    def _newest(self, partition: Partition) -> datetime | None:
        dates = [parse_date(partition.parent.get(name)) for name in self._reading.dates]
        return max((date for date in dates if date), default=None)


async def open_strategy(
    context: SyncContext, stream: Stream, state: StreamState, *, full_refresh: bool, parent_rows: ParentRows | None
) -> Full:
    """The strategy for one run of ``stream``. ``parent_rows``: where its rows are kept for those below, if for any.

    Waits for the reports where they count. Raises ParentFailed.
    """
    reading = stream.reading
    filtering = parent_rows is None
    match reading:
        case Filter(cursor):
            return Filtered(context, state, cursor, full_refresh=full_refresh, filtering=filtering)
        case ChangedParents():
            return BelowChanged(context, state, reading, full_refresh=full_refresh)
        case Relist(reports=reports):
            changes = None
            if reports and not full_refresh:
                changes = await CampaignChanges.open(
                    context, context.parents[reports.name], state, context.below(stream)
                )
            return Relisted(context, state, reading, full_refresh=full_refresh, changes=changes)
        case Reports():
            listing = ReportListing(context, state, stream, reading, full_refresh=full_refresh, parent_rows=parent_rows)
            await listing.open()
            return listing
        case ChangedCampaigns():
            above = next(item for item in stream.ancestors if isinstance(item.reading, Reports))
            return Changed(
                context,
                state,
                reading,
                full_refresh=full_refresh,
                filtering=filtering,
                changes=await CampaignChanges.open(context, context.parents[above.name], state, context.below(stream)),
                until=await context.upper_bound(),
            )
    return Full(context, state, full_refresh=full_refresh)


def date_filters(cursor: Cursor, since: datetime | None, until: datetime | None) -> Filters:
    """What to ask an endpoint that filters by ``cursor``, a second more at both ends."""
    filters: Filters = {}
    if since and cursor.since:
        filters[cursor.since] = format_date(since - ONE_SECOND)
    if until and cursor.before:
        filters[cursor.before] = format_date(until + ONE_SECOND)
    return filters


def not_older(rows: list[Record], cursor: Cursor, since: datetime | None) -> list[Record]:
    """Those of ``rows`` whose date is not before ``since``, and those without one."""
    if since is None:
        return rows
    after = since - ONE_SECOND
    return [row for row in rows if (date := parse_date(row.get(cursor.field))) is None or date >= after]
