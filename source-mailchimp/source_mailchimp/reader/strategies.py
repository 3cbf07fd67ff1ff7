"""What is new: for each way of reading partitions a ``Strategy``, composed of functions.

A strategy answers for one run of one stream: which partitions have something new, from when on, by which of the
endpoint's own filters, and which of the rows that come are to be emitted.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from source_mailchimp.dates import ONE_SECOND, format_date, parse_date
from source_mailchimp.reader.campaign_changes import CampaignChanges
from source_mailchimp.reader.context import SyncContext, look_back
from source_mailchimp.reader.fingerprints import Fingerprint, last_activity
from source_mailchimp.reader.parents import ParentRows
from source_mailchimp.reader.partitions import Partition
from source_mailchimp.reader.places import PartitionKey
from source_mailchimp.reader.report_listing import ReportListing
from source_mailchimp.reader.state import StreamState
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


@dataclass(frozen=True)
class Past:
    """How far the stream is; nothing of it counts for a ``full_refresh``.

    ``other_names``: what the state may know a partition by, beside its id.
    """

    context: SyncContext
    state: StreamState
    full_refresh: bool
    other_names: Callable[[Partition], tuple[PartitionKey, ...]] = lambda _: ()

    def cursor_of(self, partition: Partition) -> datetime | None:
        """How far the partition has been read; None: not at all."""
        return self.state.cursor_of(partition.id, *self.other_names(partition))

    def read_to(self, partition: Partition) -> datetime | None:
        """The same, as far as it counts."""
        if self.full_refresh or not self.state.covers(partition.audience, self.context.config.list_ids):
            return None
        return self.cursor_of(partition)

    def looking_back(self, partition: Partition) -> datetime | None:
        """Some minutes before that: rows become visible late. Not before the start date."""
        return look_back(self.read_to(partition), self.context.config.start)

    def within_dates(self, partition: Partition) -> datetime | None:
        """As far as it has been read, not before the start date."""
        dates = (self.read_to(partition), self.context.config.start)
        return max((date for date in dates if date), default=None)


@dataclass(frozen=True)
class Strategy:
    """Where nothing else is said, everything is new: changes can't be seen, or everything is wanted.

    ``since``: the moment from which on a partition is wanted, None for its beginning. ``is_new``: whether there may be
    something new in it since then. ``is_new_below``: whether streams that look under this one may find something new
    under its rows. ``filters``: the endpoint's own, since a moment and until another. ``changed``: those of the rows
    that may be new since then. ``added``: what each record of the partition gets beside its row. ``tally``: is told
    the rows of a partition as they were listed, and ``note_read`` that these were all. ``still_late``: of which
    campaigns rows may come yet, see ``late_rows``.
    ``unlisted``: how far partitions were read that could not be listed, by the names that the state gives them.
    ``fingerprint``: what the campaigns' counts are as the run begins, None where they don't matter. ``reports``: where
    the stream is that of the reports, what becomes of them when all are there.
    """

    past: Past
    since: Callable[[Partition], datetime | None]
    is_new: Callable[[Partition, datetime | None], bool] = lambda *_: True
    is_new_below: Callable[[Partition], bool] = lambda _: True
    filters: Callable[[datetime | None, datetime | None], Filters] = lambda *_: {}
    changed: Callable[[list[Record], datetime | None], list[Record]] = lambda rows, _: rows
    added: Callable[[Partition], dict[str, Any]] = lambda partition: dict(partition.values)
    tally: Callable[[Partition, list[Record]], None] = lambda *_: None
    note_read: Callable[[Partition], None] = lambda _: None
    still_late: Callable[[], dict[PartitionKey, datetime]] = dict
    unlisted: Callable[[], dict[PartitionKey, datetime | None]] = dict
    fingerprint: Fingerprint | None = None
    reports: ReportListing | None = None


async def open_strategy(
    context: SyncContext, stream: Stream, state: StreamState, *, full_refresh: bool, parent_rows: ParentRows | None
) -> Strategy:
    """The strategy for one run of ``stream``. ``parent_rows``: where its rows are kept for those below, if for any.

    Waits for the reports where they count. Raises ParentFailed.
    """
    past = Past(context, state, full_refresh)
    filtering = parent_rows is None  # those who look under the rows need all of them
    match stream.reading:
        case Filter(cursor):
            return filtered(ByDate(past, cursor, filtering=filtering))
        case ChangedParents() as reading:
            return below_changed_parents(past, reading)
        case Relist() as reading:
            reports = None if full_refresh else reading.reports
            return relisted(past, reading, await _changes(past, stream, reports) if reports else None)
        case Reports() as reading:
            until = await context.upper_bound()
            listing = ReportListing(context, stream, reading, state, until, parent_rows)
            return Strategy(past, since=past.read_to, changed=listing.changed, reports=listing)
        case ChangedCampaigns() as reading:
            above = next(item for item in stream.ancestors if isinstance(item.reading, Reports))
            changes = await _changes(past, stream, above)
            return below_reports(past, reading, changes, filtering=filtering)
    return everything(past)


async def _changes(past: Past, stream: Stream, reports: Stream) -> CampaignChanges:
    context = past.context
    return await CampaignChanges.open(context, context.parents[reports.name], past.state, context.below(stream))


def everything(past: Past) -> Strategy:
    """What was not read yet by a run that was cut short."""
    return Strategy(past, since=past.read_to)


@dataclass(frozen=True)
class ByDate:
    """The endpoint filters by ``cursor``. ``filtering``: whether it may."""

    past: Past
    cursor: Cursor
    filtering: bool

    def filters(self, since: datetime | None, until: datetime | None) -> Filters:
        """Both ends open by a second: what shares the second of the border comes twice rather than not."""
        if not self.filtering:
            return {}
        return date_filters(self.cursor, since, None if self.past.full_refresh else until)

    def changed(self, rows: list[Record], since: datetime | None) -> list[Record]:
        """Those that are not older by their own date."""
        return not_older(rows, self.cursor, since)


def filtered(by_date: ByDate) -> Strategy:
    """The endpoint filters by date."""
    return Strategy(by_date.past, since=by_date.past.looking_back, filters=by_date.filters, changed=by_date.changed)


def relisted(past: Past, reading: Relist, changes: CampaignChanges | None) -> Strategy:
    """The whole listing is read; what may have changed is emitted. ``changes``: what the reports tell, if it counts."""
    test = reading.may_have_changed

    def changed(rows: list[Record], since: datetime | None) -> list[Record]:
        # Of all rows, also where all are new: that of a campaign may come later than its report.
        news = [changes is not None and changes.in_campaign(row, since, reading.counted) for row in rows]
        if since is None or test is None:
            return rows
        window = since - timedelta(days=past.context.config.refresh_window_days)
        return [row for row, is_new in zip(rows, news, strict=True) if is_new or test(row, window)]

    strategy = Strategy(past, since=past.read_to, changed=changed)
    if changes:
        return replace(
            strategy,
            is_new_below=changes.below_partition,
            still_late=changes.still_late,
            fingerprint=changes.fingerprint,
        )
    return strategy


def below_changed_parents(past: Past, reading: ChangedParents) -> Strategy:
    """Below rows that show whether anything below them can have changed; their newest date is the cursor."""

    def newest_of(partition: Partition) -> datetime | None:
        dates = [parse_date(partition.parent.get(name)) for name in reading.dates]
        return max((date for date in dates if date), default=None)

    def is_new(partition: Partition, since: datetime | None) -> bool:
        if since is None or not reading.settled(partition.parent):
            return True
        newest = newest_of(partition)
        return newest is None or newest >= since - _LATE

    def added(partition: Partition) -> dict[str, Any]:
        newest = newest_of(partition)
        return {**partition.values, PARENT_CHANGED: format_date(newest) if newest else None}

    return Strategy(past, since=past.read_to, is_new=is_new, added=added)


def below_reports(past: Past, reading: ChangedCampaigns, changes: CampaignChanges, *, filtering: bool) -> Strategy:
    """Below reports: only campaigns whose report shows something new are asked.

    By the report a campaign is new or not, so there is nothing to look back for.
    """
    past = replace(past, other_names=changes.other_names)
    if reading.counted is None and not past.full_refresh:
        changes.expect_late_rows()
    below = BelowReports(past, reading, changes, ByDate(past, reading.cursor, filtering=filtering))
    return Strategy(
        past,
        since=past.within_dates,
        is_new=below.is_new,
        is_new_below=changes.below_partition,
        filters=below.filters,
        changed=below.changed,
        added=below.added,
        tally=below.tally,
        note_read=below.note_read,
        still_late=changes.still_late,
        unlisted=changes.unlisted,
        fingerprint=changes.fingerprint,
    )


@dataclass(frozen=True)
class BelowReports:
    """What is new below the reports, in one run."""

    past: Past
    reading: ChangedCampaigns
    changes: CampaignChanges
    by_date: ByDate
    _shown: dict[PartitionKey, list[int]] = field(default_factory=dict)

    def is_new(self, partition: Partition, since: datetime | None) -> bool:
        """By the campaign's report, unless it was left open: what it had is known no more."""
        return self._was_open(partition) or self.changes.in_partition(partition, since)

    def filters(self, since: datetime | None, until: datetime | None) -> Filters:
        """Only by the start date: what the campaign had before may have become visible since, with its old date.

        By ``since`` where it is asked because nothing is known of it, as after a state of Airbyte's own connector.
        """
        return self.by_date.filters(self._from(since), until)

    def changed(self, rows: list[Record], since: datetime | None) -> list[Record]:
        """By the same date; all, where the rows have none of their own."""
        dated = self._has_dates and self.reading.flattened is None
        return self.by_date.changed(rows, self._from(since)) if dated else rows

    def added(self, partition: Partition) -> dict[str, Any]:
        """The newest date of the campaign, where it is the cursor."""
        added = dict(partition.values)
        if not self._has_dates:
            latest = last_activity(self.changes.report_of(partition))
            added[LAST_ACTIVITY] = format_date(latest) if latest else None
        return added

    def tally(self, partition: Partition, rows: list[Record]) -> None:
        """Add up what the rows show of what a report counts."""
        counted = self.reading.counted
        if counted and not self.past.full_refresh:
            shown = map(counted.shown, rows)
            self._shown[partition.id] = [sum(counts) for counts in zip(self._so_far(partition), *shown, strict=True)]

    def note_read(self, partition: Partition) -> None:
        """All rows have come; more may come yet, by the campaign's report."""
        counted = self.reading.counted
        if counted and not self.past.full_refresh:
            shown, was_open = self._so_far(partition), self._was_open(partition)
            self._shown.pop(partition.id, None)
            self.changes.note_read(partition, self.past.read_to(partition), counted, shown, was_open=was_open)

    def _so_far(self, partition: Partition) -> list[int]:
        counted = self.reading.counted
        return self._shown.get(partition.id) or [0] * (len(counted.told({})) if counted else 0)

    def _was_open(self, partition: Partition) -> bool:
        return any(name in self.past.state.open for name in (partition.id, *self.past.other_names(partition)))

    @property
    def _has_dates(self) -> bool:
        return self.reading.cursor.field != LAST_ACTIVITY

    def _from(self, since: datetime | None) -> datetime | None:
        return self.past.context.config.start if self.changes.knows_all else since


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
