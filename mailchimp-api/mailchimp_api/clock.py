"""Mailchimp's clock, judged by several of its answers and by the machine's own."""

from __future__ import annotations

import threading
import time
from collections import deque
from datetime import datetime, timedelta, timezone

_REMEMBERED = 15
_FEW = 3
_ALIKE_SECONDS = 3.0
_UNKNOWN_SECONDS = 600.0


class ServerClock:
    """Tells Mailchimp's time by the ``Date`` headers of its answers. Thread-safe.

    A single header proves nothing: one that is ten minutes ahead, on one answer, would move a saved cursor into the
    future, and what changes until then would never be read. So the middle one of the newest answers counts once most
    of them agree; until then whichever is earlier, it or the machine's own clock.
    A time that is too early costs rows read twice; one that is too late would cost rows.
    """

    def __init__(self) -> None:
        # The machine's clock, taken once: it may be set while a sync runs.
        self._own = datetime.now(timezone.utc)
        self._began = time.monotonic()
        self._lock = threading.Lock()
        self._offsets: deque[float] = deque(maxlen=_REMEMBERED)

    def note(self, date: datetime, *, received: float | None = None) -> None:
        """An answer carried ``date``. ``received``: when its headers came, by ``time.monotonic``; None: now."""
        own = self._machine(received)
        with self._lock:
            self._offsets.append((date - own).total_seconds())

    def now(self) -> datetime:
        """Mailchimp's clock (UTC, whole seconds), at most as late as it really is.

        Before any answer: our own clock less ten minutes, for it may be fast.
        """
        return self._at(self._offset())

    def latest(self) -> datetime:
        """The later one of Mailchimp's clock and the machine's own: what lies beyond is in the future by both."""
        return self._at(max(self._offset(), 0.0))

    @property
    def agreed(self) -> bool:
        """Whether nothing more need be asked: most answers agree, or the newest agrees with the machine's own."""
        with self._lock:
            offsets = list(self._offsets)
        return bool(offsets) and (_middle_if_alike(offsets) is not None or abs(offsets[-1]) < _ALIKE_SECONDS)

    def _offset(self) -> float:
        """Seconds to add to the machine's clock."""
        with self._lock:
            offsets = list(self._offsets)
        if not offsets:
            return -_UNKNOWN_SECONDS
        middle = _middle_if_alike(offsets)
        if middle is not None:
            return middle
        return min(0.0, *offsets[-_FEW:])

    def _machine(self, monotonic: float | None = None) -> datetime:
        passed = (time.monotonic() if monotonic is None else monotonic) - self._began
        return self._own + timedelta(seconds=passed)

    def _at(self, offset: float) -> datetime:
        return (self._machine() + timedelta(seconds=offset)).replace(microsecond=0)


def _middle_if_alike(offsets: list[float]) -> float | None:
    """The middle one of ``offsets`` if there are a few, and more than half of them lie within seconds of it."""
    middle = sorted(offsets)[(len(offsets) - 1) // 2]
    alike = sum(abs(offset - middle) <= _ALIKE_SECONDS for offset in offsets)
    return middle if alike >= _FEW and alike * 2 > len(offsets) else None
