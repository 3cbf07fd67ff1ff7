"""Mailchimp's notation of time."""

from __future__ import annotations

import re
from datetime import datetime, timezone

_DATE = re.compile(
    r"^\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|[+-]\d{2}:?\d{2})?)?$",
)


class _TimesOfDay(dict[int, str]):
    """`T20:17:57+00:00` by the second of the day; each is made when it is first asked for."""

    def __missing__(self, second: int) -> str:
        text = self[second] = f"T{second // 3600:02d}:{second // 60 % 60:02d}:{second % 60:02d}+00:00"
        return text


_DAYS: dict[int, str] = {}
_TIMES = _TimesOfDay()


def iso(seconds: int) -> str:
    """Mailchimp's notation, `2023-11-06T20:17:57+00:00`; 0 stands for a date that is not set: an empty string."""
    if not seconds:
        return ""
    day, rest = divmod(seconds, 86_400)
    text = _DAYS.get(day)
    if text is None:
        text = _DAYS[day] = datetime.fromtimestamp(day * 86_400, timezone.utc).strftime("%Y-%m-%d")
    return text + _TIMES[rest]


def parse_time(text: str) -> int:
    """Seconds since 1970 of an ISO 8601 text, without fractions; ValueError for anything else, an empty text too."""
    # A "+" of the offset that was not percent-encoded arrives as a blank.
    text = re.sub(r" (\d{2}:?\d{2})$", r"+\1", text) if re.search(r"\d{2}:\d{2}:\d{2} \d{2}:?\d{2}$", text) else text
    if not _DATE.match(text):
        message = f"not a date: {text!r}"
        raise ValueError(message)
    text = re.sub(r"\.\d+", "", text.replace("Z", "+00:00"))
    text = re.sub(r"([+-]\d{2})(\d{2})$", r"\1:\2", text) if "T" in text or " " in text else text
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=timezone.utc)
    return int(moment.timestamp())


def parse_bound(text: str) -> int:
    """The same of a filter (`since_…`, `before_…`), whose offset counts for nothing (facts.md)."""
    moment = parse_time(text)
    offset = re.search(r":\d{2}(?:\.\d+)?([+ -])(\d{2}):?(\d{2})$", text)
    if offset is None:
        return moment
    ahead = int(offset[2]) * 3600 + int(offset[3]) * 60
    return moment - ahead if offset[1] == "-" else moment + ahead
