"""Which sent campaigns have changed: the others cost an incremental sync nothing.

``/reports`` says when a campaign was last opened and clicked, so one listing tells about all of them (seen on
the real API). Bounces, unsubscribes, complaints and later sends show in counts only: a campaign is asked for some days
after it was sent, and later when the sum of such counts differs from the last sync's. The sums are kept by bucket,
a few hundred numbers however many campaigns there are.

An event may become visible long after it happened: a date in a report can then move and still be older than the last
sync. So the sums of opens and clicks are kept as well, in two ways of making buckets: a campaign has late ones where
both of its sums have moved, and hardly another one is asked for its sake.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from source_mailchimp.dates import parse_date
from source_mailchimp.reader.context import Selected, SyncContext
from source_mailchimp.reader.fingerprints import (
    Fingerprint,
    activity_fingerprint,
    bucket_of,
    days_after,
    days_of,
    is_due,
    is_whole,
    last_activity,
    may_be_split,
    places_of,
    sums_of,
    undated_count,
)
from source_mailchimp.reader.parents import ParentRows
from source_mailchimp.reader.partitions import Partition
from source_mailchimp.reader.places import PartitionKey, lies_below, versions_key
from source_mailchimp.reader.state import StreamState
from source_mailchimp.stream import PARENT_CAMPAIGN, Record


class ReportChangeDetector:
    """Decides by the last completed sync: its cursor, and its ``fingerprint``.

    ``asked``: the split campaigns that were asked for their versions, see ``days_after``.
    ``fingerprint=()``: there was a sync, and what its fingerprint was is not known (Airbyte's own connector keeps
    none): any campaign may have changed. ``None``: there was none, so the cursor is a start date, and a campaign that
    has any unsubscribes, complaints or bounces may have had them since.
    """

    def __init__(
        self,
        reports: Sequence[Mapping[str, Any]],
        *,
        until: datetime,
        lookback: timedelta,
        fingerprint: Fingerprint | None = None,
        asked: Mapping[str, bool] | None = None,
    ) -> None:
        before = days_of(fingerprint)
        after = days_after(reports, before, asked or {}, until.toordinal())
        # Versions count as they did, and besides where their campaign turns out not to count what they do.
        counted = tuple(day if after[bucket] else 0 for bucket, day in enumerate(before))
        now = sums_of(activity_fingerprint(reports, counted))
        self._baseline = fingerprint is not None
        self.knows_all = is_whole(fingerprint)
        """Whether whatever has changed shows: there is a whole fingerprint to compare with."""
        known = sums_of(fingerprint or ())
        if fingerprint is None:
            self._changed = set()
        elif not known:
            self._changed = set(range(len(now)))  # unreadable: any of them may have changed
        else:
            self._changed = {place for place, count in enumerate(known) if count != now[place]}
        self.fingerprint = activity_fingerprint(reports, after)
        speaking = [report for report in filter(may_be_split, reports) if counted[bucket_of(report.get("id"))]]
        self._speaks_for_versions = {str(report.get("id")): report for report in speaking}
        self._recent = until - lookback

    def counts_changed(self, report: Mapping[str, Any]) -> bool:
        """Whether what only counts tell may have changed for the campaign since the last sync."""
        if not self._baseline:
            return undated_count(report) > 0
        campaign = self._speaks_for_versions.get(str(report.get(PARENT_CAMPAIGN)))
        if campaign is not None:
            return self.counts_changed(campaign)  # of any of its versions
        undated, *dated = places_of(report)
        return undated in self._changed or all(bucket in self._changed for bucket in dated)

    def is_recent(self, report: Mapping[str, Any]) -> bool:
        """Whether the campaign was sent within the look-back."""
        sent = parse_date(report.get("send_time"))
        return sent is not None and sent > self._recent

    def changed_since(self, report: Mapping[str, Any], cursor: datetime | None) -> bool:
        """Whether anything can have happened to the campaign since ``cursor``."""
        if cursor is None or self.is_recent(report) or self.counts_changed(report):
            return True
        latest = last_activity(report)
        # No date at all says nothing either way. The second of the cursor itself may have had more.
        return latest is None or latest >= cursor


class CampaignChanges:
    """What the reports tell one stream in one run: which campaigns have changed for it, and for those below it.

    ``state``: how far the stream is; ``below``: what is wanted of the rows below its own.
    """

    def __init__(
        self, context: SyncContext, parent_rows: ParentRows, state: StreamState, until: datetime, below: list[Selected]
    ) -> None:
        reports = parent_rows.so_far
        self._list_ids = context.config.list_ids
        self._state = state
        self._reports = {str(report["id"]): report for report in reports}
        self._unlisted = [versions_key(campaign_id) for campaign_id in parent_rows.unlisted]
        asked = parent_rows.asked
        self._detector = detector(context, reports, state, until, asked)
        self._below = [(item, detector(context, reports, item.state, until, asked)) for item in below]

    @classmethod
    async def open(
        cls, context: SyncContext, parent_rows: ParentRows, state: StreamState, below: list[Selected]
    ) -> CampaignChanges:
        """Wait for all reports. Raises ParentFailed."""
        await parent_rows.rows()
        return cls(context, parent_rows, state, await context.upper_bound(), below)

    @property
    def fingerprint(self) -> Fingerprint:
        """What the campaigns' counts are now."""
        return self._detector.fingerprint

    @property
    def knows_all(self) -> bool:
        """Whether whatever has changed shows, and so a campaign is asked because it has."""
        return self._detector.knows_all

    def report_of(self, partition: Partition) -> Record:
        """The report of the campaign that the partition is about; empty where there is none."""
        return self._reports.get(str(partition.values.get("campaign_id")), {})

    def in_partition(self, partition: Partition, since: datetime | None) -> bool:
        """Whether there may be something new in the partition."""
        return self._detector.changed_since(self.report_of(partition), since)

    def in_campaign(self, campaign_id: object, since: datetime) -> bool:
        """Whether the campaign was sent, and something of it may be new."""
        report = self._reports.get(str(campaign_id))
        return report is not None and self._detector.changed_since(report, since)

    def below_partition(self, partition: Partition) -> bool:
        """Whether a stream that looks under this one has not seen all there is in the partition."""
        report = self.report_of(partition)
        return any(
            detector.changed_since(report, self._oldest_below(partition, item)) for item, detector in self._below
        )

    def other_names(self, partition: Partition) -> tuple[PartitionKey, ...]:
        """What the state may know the partition by, beside its id: as one of a campaign's versions."""
        parent = self.report_of(partition).get(PARENT_CAMPAIGN)
        return () if parent is None else (versions_key(parent),)

    def unlisted(self) -> dict[PartitionKey, datetime | None]:
        """How far the versions were read of campaigns that do not let them be listed."""
        return {key: self._state.cursor_of(key) for key in self._unlisted}

    def _oldest_below(self, partition: Partition, item: Selected) -> datetime | None:
        """From when on a stream below wants to see what is under ``partition``; None: from the beginning."""
        state = item.state
        if item.full_refresh or not state.covers(partition.audience, self._list_ids):
            return None
        above = self.other_names(partition)
        cursors = [state.cursor]
        cursors += [at for key, at in state.slices.items() if key in above or lies_below(key, partition.id)]
        return None if None in cursors else min(at for at in cursors if at)


class VersionsWanted:
    """Which split campaigns are asked for their versions, for the streams ``below`` that look under these."""

    def __init__(self, context: SyncContext, below: list[Selected], until: datetime) -> None:
        self._context = context
        self._below = below
        self._until = until

    def anyway(self, reports: Sequence[Record]) -> list[str]:
        """Those whose reports can't tell, or have told for so long that it is to be looked at again."""
        names = {str(report.get("id")) for report in reports}
        return [
            str(report["id"])
            for report in filter(may_be_split, reports)
            if any(self._is_due(item, report, names) for item in self._below)
        ]

    def moved(self, rows: Sequence[Record], asked: Mapping[str, bool]) -> list[str]:
        """Of the others, those whose reports show something new. ``rows``: with the versions of those ``asked``."""
        detectors = [(item, detector(self._context, rows, item.state, self._until, asked)) for item in self._below]
        return [
            str(report["id"])
            for report in filter(may_be_split, rows)
            if str(report["id"]) not in asked
            and any(item_detector.changed_since(report, _oldest(item, report)) for item, item_detector in detectors)
        ]

    def _is_due(self, item: Selected, report: Record, names: Collection[str]) -> bool:
        state = item.state
        return (
            item.full_refresh
            or not state.covers(report.get("list_id"), self._context.config.list_ids)
            # A version that was left open must be among what is read, or it would be forgotten.
            or any(key.split("/")[0] not in names for key in state.slices)
            or is_due(bucket_of(report["id"]), days_of(state.counts), self._until.toordinal())
        )


def _oldest(item: Selected, report: Record) -> datetime | None:
    """From when on a stream wants to see what is under a campaign; None: from the beginning."""
    state = item.state
    campaign = str(report["id"])
    cursors = [state.cursor, *(at for key, at in state.slices.items() if key.split("/")[0] == campaign)]
    return None if None in cursors else min(at for at in cursors if at)


def detector(
    context: SyncContext,
    reports: Sequence[Record],
    state: StreamState,
    until: datetime,
    asked: Mapping[str, bool] | None = None,
) -> ReportChangeDetector:
    """The detector for a stream that is as far as ``state`` says."""
    lookback = timedelta(days=context.config.activity_lookback_days)
    unknown = () if state.cursor or state.slices else None
    fingerprint = unknown if state.counts is None else state.counts
    return ReportChangeDetector(reports, until=until, lookback=lookback, fingerprint=fingerprint, asked=asked)
