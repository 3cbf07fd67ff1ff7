"""The simulator's own clock, which tests may set, advance and skew."""

from __future__ import annotations

import time
from email.utils import formatdate


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
