"""Which sent campaigns have news: the others cost an incremental sync nothing.

``/reports`` says when a campaign was last opened and clicked, so one listing tells about all of them (seen on
the real API). Bounces, unsubscribes, complaints and later sends show in counts only: a campaign is asked for some days
after it was sent, and later when the sum of such counts differs from the last sync's. The sums are kept by bucket,
a few hundred numbers however many campaigns there are.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from source_mailchimp.dates import parse_date

_BUCKETS = 256


def last_activity(report: Mapping[str, Any]) -> datetime | None:
    """The newest of send, open and click of a campaign; None where there is no date at all."""
    dates = [
        parse_date(report.get("send_time")),
        parse_date(_of(report, "opens").get("last_open")),
        parse_date(_of(report, "clicks").get("last_click")),
    ]
    return max((date for date in dates if date), default=None)


def counts_of(reports: Iterable[Mapping[str, Any]]) -> list[int]:
    """The sums of what only counts tell, by bucket of the campaign's id."""
    sums = [0] * _BUCKETS
    for report in {report.get("id"): report for report in reports}.values():  # one that came twice counts once
        sums[_bucket(report)] += _count(report)
    return sums


class Gate:
    """Decides by the last completed sync: its ``cursor`` and its ``counts``.

    ``counts=()``: there was a sync, and what the counts were is not known (Airbyte's own connector keeps none): any
    campaign may have changed. ``None``: there was none, so the cursor is a start date, and a campaign that has any
    unsubscribes, complaints or bounces may have had them since.
    """

    def __init__(
        self,
        reports: Sequence[Mapping[str, Any]],
        *,
        until: datetime,
        lookback: timedelta,
        counts: tuple[int, ...] | None = None,
    ) -> None:
        now = counts_of(reports)
        self._baseline = counts is not None
        if counts is None:
            self._changed = set()
        elif len(counts) != _BUCKETS:
            self._changed = set(range(_BUCKETS))  # unreadable: any of them may have changed
        else:
            self._changed = {bucket for bucket in range(_BUCKETS) if counts[bucket] != now[bucket]}
        self.counts = tuple(now)
        self._fresh = until - lookback

    def counts_changed(self, report: Mapping[str, Any]) -> bool:
        """Whether what only counts tell may have changed for the campaign since the last sync."""
        return _bucket(report) in self._changed if self._baseline else _undated(report) > 0

    def is_recent(self, report: Mapping[str, Any]) -> bool:
        """Whether the campaign was sent within the look-back."""
        sent = parse_date(report.get("send_time"))
        return sent is not None and sent > self._fresh

    def has_news(self, report: Mapping[str, Any], cursor: datetime | None) -> bool:
        """Whether anything can have happened to the campaign since ``cursor``."""
        if cursor is None or self.is_recent(report) or self.counts_changed(report):
            return True
        latest = last_activity(report)
        # No date at all says nothing either way. The second of the cursor itself may have had more.
        return latest is None or latest >= cursor


def _bucket(report: Mapping[str, Any]) -> int:
    return zlib.crc32(str(report.get("id")).encode()) % _BUCKETS


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


def _of(report: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = report.get(name)
    return value if isinstance(value, Mapping) else {}
