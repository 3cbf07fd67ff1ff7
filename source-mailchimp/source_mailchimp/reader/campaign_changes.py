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

from collections.abc import Mapping, Sequence
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
    is_whole,
    last_activity,
    may_be_split,
    places_of,
    sums_of,
    undated_count,
    versions_among,
)
from source_mailchimp.reader.late_rows import LOOKS, LateRows, look_is_due
from source_mailchimp.reader.parents import ParentRows
from source_mailchimp.reader.partitions import Partition
from source_mailchimp.reader.places import PartitionKey, lies_below, versions_key
from source_mailchimp.reader.state import StreamState
from source_mailchimp.stream import PARENT_CAMPAIGN, Counted, Record


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
        self._until = until
        self._lookback = lookback

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
        return sent is not None and sent > self._until - self._lookback

    def changed_since(self, report: Mapping[str, Any], cursor: datetime | None) -> bool:
        """Whether anything can have happened to the campaign since ``cursor``."""
        if cursor is None or self.is_recent(report) or self.counts_changed(report):
            return True
        latest = last_activity(report)
        # No date at all says nothing either way. The second of the cursor itself may have had more.
        return latest is None or latest >= cursor

    def moved_since(self, report: Mapping[str, Any], cursor: datetime | None, lately: timedelta) -> bool:
        """Whether what is counted of the campaign has changed since ``cursor``.

        Where nothing is known until then, or not all, only its own dates tell: whether something happened ``lately``.
        """
        latest = last_activity(report)
        if cursor is None or not self.knows_all:
            return latest is not None and latest > self._until - lately
        return self.counts_changed(report) or (latest is not None and latest >= cursor)


class CampaignChanges:
    """What the reports tell one stream in one run: which campaigns have changed for it, and for those below it.

    ``state``: how far the stream is; ``until``: up to where it reads, and ``now`` those that begin now; ``below``: what
    is wanted of the rows below its own.
    """

    def __init__(
        self,
        context: SyncContext,
        parent_rows: ParentRows,
        state: StreamState,
        below: list[Selected],
        *,
        until: datetime,
        now: datetime,
    ) -> None:
        reports = parent_rows.so_far
        self._list_ids = context.config.list_ids
        self._state = state
        self._reports = {str(report["id"]): report for report in reports}
        self._unlisted = [versions_key(campaign_id) for campaign_id in parent_rows.unlisted]
        self._versions = versions_among(reports)
        asked = parent_rows.asked
        self._until = until
        self._now = now
        self._detector = detector(context, reports, state, now, asked)
        self._late = LateRows(state.late, last=state.cursor, until=until, most=context.most_left_open)
        self._below = [(item, detector(context, reports, item.state, now, asked)) for item in below]

    @classmethod
    async def open(
        cls, context: SyncContext, parent_rows: ParentRows, state: StreamState, below: list[Selected]
    ) -> CampaignChanges:
        """Wait for all reports. Raises ParentFailed."""
        await parent_rows.rows()
        now = await context.upper_bound()
        return cls(context, parent_rows, state, below, until=(state.run and state.run.until) or now, now=now)

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
        report = self.report_of(partition)
        return self._detector.changed_since(report, since) or self._late.is_due(_late_key(report))

    def in_campaign(self, campaign: Record, since: datetime | None, counted: Counted | None) -> bool:
        """Whether it was sent, and something of it may be new; its row may come later than its report, too."""
        report = self._reports.get(str(campaign.get("id")))
        if report is None:
            return False
        is_new = self._detector.changed_since(report, since) or self._late.is_due(_late_key(report))
        if counted:
            self._note(report, counted, list(counted.shown(campaign)), since)
        return is_new

    def expect_late_rows(self) -> None:
        """Rows of each campaign whose counts have moved may come late: these rows can't tell whether all are there.

        Also where nothing is there to be asked: a link may be as late as what is below it.
        """
        for report in self._reports.values():
            known = self._state.covers(report.get("list_id"), self._list_ids)
            if self._detector.moved_since(report, self._state.cursor if known else None, LOOKS[-1]):
                self._late.expect(_late_key(report))

    def note_read(
        self, partition: Partition, since: datetime | None, counted: Counted, shown: list[int], *, was_open: bool
    ) -> None:
        """The partition was read, of which everything was known until ``since``; its rows have ``shown`` so much.

        ``was_open``: when its counts have moved is known no more.
        """
        self._note(self.report_of(partition), counted, shown, since, was_open=was_open)

    def _note(
        self, report: Record, counted: Counted, shown: list[int], since: datetime | None, *, was_open: bool = False
    ) -> None:
        key = _late_key(report)
        if self._are_all(report, counted, shown):
            if key == report.get("id"):  # of versions, it holds for the others, too
                self._late.settle(key)
        elif was_open or self._detector.moved_since(report, since, LOOKS[-1]):
            self._late.expect(key)

    def _are_all(self, report: Record, counted: Counted, shown: list[int]) -> bool:
        """Whether what ``report`` counts is shown by its own rows, or counted by its versions."""
        told = counted.told(report)
        if list(told) == shown:
            return True
        versions = self._versions.get(str(report.get("id")), [])
        by_versions = zip(*map(counted.told, versions), strict=True)
        return bool(versions) and all(
            count is not None and None not in below and count == own + sum(filter(None, below))
            for count, own, below in zip(told, shown, by_versions, strict=True)
        )

    def still_late(self) -> dict[PartitionKey, datetime]:
        """Of which campaigns rows may come yet when the run has come to its end."""
        return self._late.after()

    def below_partition(self, partition: Partition) -> bool:
        """Whether a stream that looks under this one has not seen all there is in the partition."""
        report = self.report_of(partition)
        return any(
            detector.changed_since(report, self._oldest_below(partition, item))
            or look_is_due(item.state.late, _late_key(report), item.state.cursor, self._now)
            for item, detector in self._below
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


def _late_key(report: Record) -> PartitionKey:
    """Under which name it is known that rows of the campaign may come yet: versions are asked together."""
    parent = report.get(PARENT_CAMPAIGN)
    return PartitionKey(str(report.get("id"))) if parent is None else versions_key(parent)


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
