"""What the reports of campaigns count, in a few numbers however many campaigns there are: see ``campaign_changes``.

A split campaign's report counts what its versions did: so a program found that compared them (see the facts of the
simulator, ``split_totals``). Nobody promises it, so it is looked at whenever the versions are there, and remembered by
bucket of campaigns; where it doesn't hold, the versions are asked for with every sync.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from source_mailchimp.dates import parse_date
from source_mailchimp.stream import PARENT_CAMPAIGN

BUCKETS = 256

_SUMS = 3 * BUCKETS
# A month late is the latest that anything can be of versions whose campaign has stopped counting what they do.
_LONGEST_DAYS = 30
_SPREAD_DAYS = 10

Fingerprint = tuple[int, ...]
"""The sums of what only counts tell, by bucket of the campaign's id; then those of opens and clicks, in two ways; then
by bucket the day (of the calendar, from year 1) on which its split campaigns were last asked for their versions, and
found to count what these do: 0 if they don't, or nobody knows. Only versions of such campaigns are in the sums.

States of older versions have the first part only, or the first three.
"""

DAYS_UNKNOWN: Fingerprint = (0,) * BUCKETS

# Types that have no versions, of those that the contract and real accounts name.
_UNSPLIT = {"regular", "plaintext", "plain-text", "automation-email", "variate-child", "abtest-child"}


def may_be_split(report: Mapping[str, Any]) -> bool:
    """Whether the campaign may have been sent as several."""
    return report.get("type") not in _UNSPLIT and report.get(PARENT_CAMPAIGN) is None


def bucket_of(campaign_id: object) -> int:
    """The place of a campaign among the undated sums, and among the days."""
    return zlib.crc32(str(campaign_id).encode()) % BUCKETS


def last_activity(report: Mapping[str, Any]) -> datetime | None:
    """The newest of send, open and click of a campaign; None where there is no date at all."""
    dates = [
        parse_date(report.get("send_time")),
        parse_date(_of(report, "opens").get("last_open")),
        parse_date(_of(report, "clicks").get("last_click")),
    ]
    return max((date for date in dates if date), default=None)


def activity_fingerprint(reports: Iterable[Mapping[str, Any]], days: Fingerprint = DAYS_UNKNOWN) -> Fingerprint:
    """That of ``reports``; versions count where their campaign has none of the ``days``."""
    sums = [0] * _SUMS
    for report in {report.get("id"): report for report in reports}.values():  # one that came twice counts once
        parent = report.get(PARENT_CAMPAIGN)
        if parent is not None and days[bucket_of(parent)]:
            continue
        undated, *dated = places_of(report)
        sums[undated] += undated_count(report) + _int(report, "emails_sent")
        for place in dated:
            sums[place] += _dated_count(report)
    return (*sums, *days)


def sums_of(fingerprint: Fingerprint) -> Fingerprint:
    """Its sums, as many parts as it has. Empty if it is not one."""
    return fingerprint[:_SUMS] if len(fingerprint) in {BUCKETS, _SUMS, _SUMS + BUCKETS} else ()


def days_of(fingerprint: Fingerprint | None) -> Fingerprint:
    """Its days."""
    return fingerprint[_SUMS:] if fingerprint and len(fingerprint) == _SUMS + BUCKETS else DAYS_UNKNOWN


def is_whole(fingerprint: Fingerprint | None) -> bool:
    """Whether it has all the sums."""
    return fingerprint is not None and len(sums_of(fingerprint)) == _SUMS


def is_due(bucket: int, days: Fingerprint, today: int) -> bool:
    """Whether the split campaigns in ``bucket`` are asked for their versions, though nothing has changed."""
    return not (days[bucket] and 0 <= today - days[bucket] < _LONGEST_DAYS - bucket % _SPREAD_DAYS)


def days_after(
    reports: Sequence[Mapping[str, Any]], before: Fingerprint, asked: Mapping[str, bool], today: int
) -> Fingerprint:
    """The days as they are when the campaigns ``asked`` have told their versions, which are among ``reports``.

    ``asked``: by the campaign's id, whether it did tell them.
    """
    versions = versions_among(reports)
    after = [today] * BUCKETS
    for report in filter(may_be_split, reports):
        bucket = bucket_of(report.get("id"))
        campaign = str(report.get("id"))
        told = asked.get(campaign)
        if told is None:
            after[bucket] = min(after[bucket], before[bucket])
        elif not told or not counts_versions(report, versions.get(campaign, [])):
            after[bucket] = 0
    return tuple(after)


def places_of(report: Mapping[str, Any]) -> tuple[int, int, int]:
    """The places of a campaign's sums."""
    digest = zlib.crc32(str(report.get("id")).encode())
    second, third = (digest >> 8) % BUCKETS, (digest >> 16) % BUCKETS
    return digest % BUCKETS, BUCKETS + second, 2 * BUCKETS + third


def undated_count(report: Mapping[str, Any]) -> int:
    """The events of the campaign that no date in its report tells of."""
    return sum(_undated_counts(report))


def versions_among(reports: Iterable[Mapping[str, Any]]) -> dict[str, list[Mapping[str, Any]]]:
    """The versions of split campaigns, by the campaign's id."""
    versions: dict[str, list[Mapping[str, Any]]] = {}
    for report in reports:
        if report.get(PARENT_CAMPAIGN) is not None:
            versions.setdefault(str(report[PARENT_CAMPAIGN]), []).append(report)
    return versions


def counts_versions(report: Mapping[str, Any], versions: Sequence[Mapping[str, Any]]) -> bool:
    """Whether all that ``report`` counts is the sum of what its ``versions`` do, and that is something.

    One without versions misses none.
    """
    opens = _int(_of(report, "opens"), "opens_total")
    together = tuple(map(sum, zip(*map(_counts, versions), strict=True)))
    return not versions or (opens > 0 and _counts(report) == together)


def _counts(report: Mapping[str, Any]) -> tuple[int, ...]:
    opens, clicks = _int(_of(report, "opens"), "opens_total"), _int(_of(report, "clicks"), "clicks_total")
    return (_int(report, "emails_sent"), opens, clicks, *_undated_counts(report))


def _undated_counts(report: Mapping[str, Any]) -> tuple[int, ...]:
    bounces = _of(report, "bounces")
    return (
        _int(report, "unsubscribed"),
        _int(report, "abuse_reports"),
        *(_int(bounces, name) for name in ("hard_bounces", "soft_bounces", "syntax_errors")),
    )


def _dated_count(report: Mapping[str, Any]) -> int:
    return _int(_of(report, "opens"), "opens_total") + _int(_of(report, "clicks"), "clicks_total")


def _int(values: Mapping[str, Any], name: str) -> int:
    value = values.get(name)
    return value if isinstance(value, int) else 0


def _of(report: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = report.get(name)
    return value if isinstance(value, Mapping) else {}
