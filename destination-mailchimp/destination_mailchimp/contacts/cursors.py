"""Makes the values of a cursor column comparable, whatever they are."""

from __future__ import annotations

import math
import re
from datetime import date
from typing import Any

NONE, NUMBER, MOMENT, TEXT = range(4)
"""The kinds of values. Only those of one kind compare, and ``NONE`` with nothing."""

_MOMENT = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?\s?(Z|z|[+-]\d\d(?::?\d\d)?)?)?",
)

Cursor = tuple[int, Any]
"""A kind, and a value that compares with others of its kind."""


def read_cursor(value: Any) -> Cursor:
    """Make a cursor value comparable: numbers, moments (any ISO form, to the nanosecond, UTC if unsaid), or text.

    ``(NONE, None)`` for what has no order.
    """
    if isinstance(value, str):
        match = _MOMENT.fullmatch(value)
        if match:
            try:
                return MOMENT, _nanoseconds(match)
            except ValueError:
                return TEXT, value
        if value.isdecimal() and value.isascii() and len(value) < 40:  # noqa: PLR2004 - longer ones are codes
            return NUMBER, int(value)
        return (TEXT, value) if value else (NONE, None)
    if isinstance(value, int) and not isinstance(value, bool):
        return NUMBER, value
    if isinstance(value, float) and math.isfinite(value):
        return NUMBER, int(value) if value.is_integer() else value
    return NONE, None


def _nanoseconds(match: re.Match[str]) -> int:
    year, month, day, hour, minute, second, fraction, zone = match.groups()
    seconds = date(int(year), int(month), int(day)).toordinal() * 86_400
    if hour is not None:
        seconds += int(hour) * 3600 + int(minute) * 60 + int(second or 0)
    if zone and zone not in "Zz":
        offset = int(zone[1:3]) * 3600 + int(zone[-2:]) * 60 * (len(zone) > 3)  # noqa: PLR2004 - +HH alone has three
        seconds -= offset if zone[0] == "+" else -offset
    # Counted from 1970, so that today's moments fit the array.
    return (seconds - 719_163 * 86_400) * 10**9 + int((fraction or "0").ljust(9, "0"))
