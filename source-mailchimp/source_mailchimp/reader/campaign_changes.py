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

import zlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from source_mailchimp.dates import parse_date
from source_mailchimp.reader.context import Selected, SyncContext
from source_mailchimp.reader.parents import ParentRows
from source_mailchimp.reader.partitions import Partition
from source_mailchimp.reader.places import PartitionKey, lies_below, versions_key
from source_mailchimp.reader.state import StreamState
from source_mailchimp.stream import PARENT_CAMPAIGN, Record

_BUCKETS = 256

_PARTS = 3

Fingerprint = tuple[int, ...]
"""The sums of what only counts tell, by bucket of the campaign's id; then those of opens and clicks, in two ways.

States of before this had the first part only.
"""


def last_activity(report: Mapping[str, Any]) -> datetime | None:
    """The newest of send, open and click of a campaign; None where there is no date at all."""
    dates = [
        parse_date(report.get("send_time")),
        parse_date(_of(report, "opens").get("last_open")),
        parse_date(_of(report, "clicks").get("last_click")),
    ]
    return max((date for date in dates if date), default=None)


def activity_fingerprint(reports: Iterable[Mapping[str, Any]]) -> Fingerprint:
    """The sums over ``reports``."""
    sums = [0] * (_PARTS * _BUCKETS)
    for report in {report.get("id"): report for report in reports}.values():  # one that came twice counts once
        undated, *dated = _buckets(report)
        sums[undated] += _count(report)
        for bucket in dated:
            sums[bucket] += _dated(report)
    return tuple(sums)


class ReportChangeDetector:
    """Decides by the last completed sync: its cursor, and its ``fingerprint``.

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
    ) -> None:
        now = activity_fingerprint(reports)
        self._baseline = fingerprint is not None
        self.knows_all = fingerprint is not None and len(fingerprint) == len(now)
        """Whether whatever has changed shows: there is a whole fingerprint to compare with."""
        if fingerprint is None:
            self._changed = set()
        elif len(fingerprint) not in {_BUCKETS, _PARTS * _BUCKETS}:
            self._changed = set(range(_PARTS * _BUCKETS))  # unreadable: any of them may have changed
        else:
            self._changed = {bucket for bucket, count in enumerate(fingerprint) if count != now[bucket]}
        self.fingerprint = now
        self._recent = until - lookback

    def counts_changed(self, report: Mapping[str, Any]) -> bool:
        """Whether what only counts tell may have changed for the campaign since the last sync."""
        if not self._baseline:
            return _undated(report) > 0
        undated, *dated = _buckets(report)
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
        self._detector = detector(context, reports, state, until)
        self._below = [(item, detector(context, reports, item.state, until)) for item in below]

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


def detector(
    context: SyncContext, reports: Sequence[Record], state: StreamState, until: datetime
) -> ReportChangeDetector:
    """The detector for a stream that is as far as ``state`` says."""
    lookback = timedelta(days=context.config.activity_lookback_days)
    unknown = () if state.cursor or state.slices else None
    fingerprint = unknown if state.counts is None else state.counts
    return ReportChangeDetector(reports, until=until, lookback=lookback, fingerprint=fingerprint)


def _buckets(report: Mapping[str, Any]) -> tuple[int, int, int]:
    """The places of a campaign's sums."""
    digest = zlib.crc32(str(report.get("id")).encode())
    second, third = (digest >> 8) % _BUCKETS, (digest >> 16) % _BUCKETS
    return digest % _BUCKETS, _BUCKETS + second, 2 * _BUCKETS + third


def _count(report: Mapping[str, Any]) -> int:
    sent = report.get("emails_sent")
    return _undated(report) + (sent if isinstance(sent, int) else 0)


def _undated(report: Mapping[str, Any]) -> int:
    """The events of the campaign that no date in its report tells of."""
    bounces = _of(report, "bounces")
    values = [
        report.get("unsubscribed"),
        report.get("abuse_reports"),
        bounces.get("hard_bounces"),
        bounces.get("soft_bounces"),
        bounces.get("syntax_errors"),
    ]
    return sum(value for value in values if isinstance(value, int))


def _dated(report: Mapping[str, Any]) -> int:
    """The opens and clicks of the campaign."""
    values = (_of(report, "opens").get("opens_total"), _of(report, "clicks").get("clicks_total"))
    return sum(value for value in values if isinstance(value, int))


def _of(report: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = report.get(name)
    return value if isinstance(value, Mapping) else {}
