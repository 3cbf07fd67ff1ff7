"""Dates as Mailchimp takes and gives them: ISO 8601 with offset, whole seconds."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

ONE_SECOND = timedelta(seconds=1)

_YEARS = range(1000, 9000)


def parse_date(text: object) -> datetime | None:
    """The moment (UTC) that ``text`` names; None for ``""``, null and what is no date.

    Mailchimp leaves unset dates empty, or gives a year like ``-001``. A date without offset is taken for UTC. A year
    that nobody means (before 1000, after 8999) is no date, so that a look-back from it stays within what there is.
    """
    if not isinstance(text, str) or not text:
        return None
    try:
        # Python 3.10 knows no "Z", and three or six digits of a second only.
        moment = datetime.fromisoformat(text[:-1] + "+00:00" if text.endswith(("Z", "z")) else text)
    except ValueError:
        return None
    if moment.year not in _YEARS:
        return None
    return moment.replace(tzinfo=timezone.utc) if moment.tzinfo is None else moment.astimezone(timezone.utc)


def format_date(moment: datetime) -> str:
    """``2026-11-23T01:02:03+00:00``: UTC, whole seconds (cut, not rounded)."""
    return moment.astimezone(timezone.utc).replace(microsecond=0).isoformat()
