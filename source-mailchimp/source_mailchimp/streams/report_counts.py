"""What a report counts of the rows below it, and what these rows show of it.

Nobody promises that the two are equal. Where they are, no row is late; where they aren't, rows may be late or deleted
with their contacts (see ``reader.late_rows``). So nothing is lost by a pair that is never equal: it costs requests.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from source_mailchimp.stream import Counted, Record


def _told(*names: str) -> Callable[[Mapping[str, Any]], tuple[int | None, ...]]:
    def told(report: Mapping[str, Any]) -> tuple[int | None, ...]:
        return tuple(_number(report, name) for name in names)

    return told


def _number(row: Mapping[str, Any], name: str) -> int | None:
    """The number under ``name``, such as ``opens.opens_total``."""
    value: object = row
    for part in name.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return value if isinstance(value, int) else None


def _one(_: Record) -> tuple[int, ...]:
    return (1,)


def _events(recipient: Record) -> tuple[int, ...]:
    events = Counter(
        event.get("type") if event.get("action") == "bounce" else event.get("action")
        for event in recipient.get("activity") or ()
    )
    return events["open"], events["click"], events["hard"], events["soft"]


def _opens(recipient: Record) -> tuple[int, ...]:
    return 1, _number(recipient, "opens_count") or 0


def _clicks(link: Record) -> tuple[int, ...]:
    return (_number(link, "total_clicks") or 0,)


def _sent(recipient: Record) -> tuple[int, ...]:
    status = recipient.get("status")
    return 1, _number(recipient, "open_count") or 0, int(status == "hard"), int(status == "soft")


def _summary(campaign: Record) -> tuple[int, ...]:
    return _number(campaign, "report_summary.opens") or 0, _number(campaign, "report_summary.clicks") or 0


_BOUNCES = ("bounces.hard_bounces", "bounces.soft_bounces")

EVENTS = Counted(_told("opens.opens_total", "clicks.clicks_total", *_BOUNCES), _events)
UNSUBSCRIBES = Counted(_told("unsubscribed"), _one)
OPENS = Counted(_told("opens.unique_opens", "opens.opens_total"), _opens)
CLICKS = Counted(_told("clicks.clicks_total"), _clicks)
RECIPIENTS = Counted(_told("emails_sent", "opens.opens_total", *_BOUNCES), _sent)
SUMMARY = Counted(_told("opens.opens_total", "clicks.clicks_total"), _summary)
ABUSE_REPORTS = Counted(_told("abuse_reports"), _one)
