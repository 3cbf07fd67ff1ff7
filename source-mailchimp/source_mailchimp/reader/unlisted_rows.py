"""Finds the seconds of a window in which more rows are counted than listed."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timezone
from itertools import accumulate

from source_mailchimp.dates import ONE_SECOND, parse_date

_MOST_GAPS = 50
_BEFORE_ANY_ROW = datetime(2001, 1, 1, tzinfo=timezone.utc)  # when Mailchimp began


@dataclass(frozen=True)
class Gap:
    """A ``second`` of which ``missing`` rows are counted and never listed."""

    second: datetime
    missing: int


async def find_gaps(
    since: datetime | None,
    until: datetime,
    seen: Counter[str],
    total_of: Callable[[datetime, datetime], Awaitable[int]],
) -> list[Gap] | None:
    """The seconds in ``(since, until]`` of which fewer rows were ``seen`` (by their date) than ``total_of`` counts.

    ``total_of``: asks how many rows lie later than its first and up to its second moment.
    None where it can't be told: rows have left meanwhile, or there are too many gaps.
    """
    dated = [(date, count) for text, count in seen.items() if (date := parse_date(text))]
    dated.sort()
    dates, sums = [date for date, _ in dated], [0, *accumulate(count for _, count in dated)]

    def seen_in(begin: datetime, end: datetime) -> int:
        return sums[bisect_right(dates, end)] - sums[bisect_right(dates, begin)]

    begin = since or _BEFORE_ANY_ROW
    counted = await total_of(begin, until)
    gaps: list[Gap] = []
    open_parts = [(begin, until, counted)]
    while open_parts:
        low, high, total = open_parts.pop()
        missing = total - seen_in(low, high)
        if missing <= 0:
            continue
        seconds = int((high - low) / ONE_SECOND)
        if seconds <= 1:
            gaps.append(Gap(high, missing))
            if len(gaps) > _MOST_GAPS:
                return None
            continue
        middle = low + seconds // 2 * ONE_SECOND
        first = await total_of(low, middle)
        open_parts += [(middle, high, total - first), (low, middle, first)]
    # If rows have left, some of those that were seen make up for others that were not.
    unchanged = await total_of(begin, until) == counted
    explained = sum(gap.missing for gap in gaps) == counted - seen_in(begin, until)
    return gaps if gaps and unchanged and explained else None
