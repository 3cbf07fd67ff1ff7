"""The simulator's own clock, which tests may set, advance and skew, and Mailchimp's notation of time."""

from __future__ import annotations

import re
import time
from datetime import datetime, timezone
from email.utils import formatdate

_HMS = [f"T{s // 3600:02d}:{s // 60 % 60:02d}:{s % 60:02d}+00:00" for s in range(86_400)]
_DAYS: dict[int, str] = {}
_DATE = re.compile(
    r"^\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|[+-]\d{2}:?\d{2})?)?$",
)


class Clock:
    """Runs in real time from a chosen start and can be shifted. Whole seconds, as Mailchimp shows them."""

    def __init__(self, start: int | None = None) -> None:
        """Start at `start` (seconds since 1970), or at the machine's time."""
        now = time.time()
        self.start = int(now if start is None else start)
        self.shift = self.first_shift = self.start - now
        self.frozen: int | None = None

    def now(self) -> int:
        """Seconds since 1970 as the simulated service sees them."""
        return self.frozen if self.frozen is not None else int(time.time() + self.shift)

    def advance(self, seconds: float) -> None:
        """Move the clock by `seconds` (negative: back)."""
        if self.frozen is not None:
            self.frozen += int(seconds)
        self.shift += seconds

    def reset(self) -> None:
        """Undo every shift and let it run."""
        self.shift, self.frozen = self.first_shift, None

    def freeze(self, *, frozen: bool) -> None:
        """Stop the clock where it is, or let it run on from there."""
        if frozen and self.frozen is None:
            self.frozen = self.now()
        elif not frozen and self.frozen is not None:
            self.shift = self.frozen - time.time()
            self.frozen = None

    def http_date(self) -> str:
        """The value of the `Date` header."""
        return formatdate(self.now(), usegmt=True)


def iso(seconds: int) -> str:
    """Mailchimp's notation, `2023-11-06T20:17:57+00:00`; 0 stands for a date that is not set: an empty string."""
    if not seconds:
        return ""
    day, rest = divmod(seconds, 86_400)
    text = _DAYS.get(day)
    if text is None:
        text = _DAYS[day] = datetime.fromtimestamp(day * 86_400, timezone.utc).strftime("%Y-%m-%d")
    return text + _HMS[rest]


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
