"""The cap on requests in flight, and how it gives way when Mailchimp throttles."""

from __future__ import annotations

import heapq
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

# Mailchimp allows ten simultaneous connections per user (its documentation, "Fundamentals").
MAX_CONNECTIONS = 10
# A request is cut off by the server after this many seconds; until then it may hold its connection (documentation).
SERVER_CUTOFF_SECONDS = 120.0
_SHRINK = 0.7
_SHRINK_AT_MOST_EVERY = 1.0
_GROW_EVERY = 5.0
# What comes before the first collection of a path.
_GROUPS = frozenset({"ecommerce", "file-manager", "reporting"})


def kind_of(path: str) -> str:
    """``path`` without its ids, which take turns with the names of collections: ``lists/members``."""
    parts = path.split("/")
    return "/".join(parts[parts[0] in _GROUPS :: 2])


class Slot:
    """One request's place among those in flight. ``abandon`` it when the server may still be at work on it."""

    def __init__(self, cutoff_seconds: float) -> None:
        self._cutoff_seconds = cutoff_seconds
        self.held_until: float | None = None

    def abandon(self, *, sent_ago: float = 0.0) -> None:
        """We stopped waiting, the server may not have: the place stays taken until its cut-off.

        ``sent_ago``: how many seconds ago, at least, the server got the request.
        """
        self.held_until = time.monotonic() - sent_ago + self._cutoff_seconds


class Limiter:
    """At most ``limit`` requests in flight; fewer for a while after Mailchimp answered that it was too many.

    Thread-safe. The cap shrinks by 30 % (at most once a second, never below one) with every ``throttled()``
    and grows by one every five seconds of undisturbed work, up to ``limit`` again.

    Too many connections concern all requests. So what is throttled again and again while others of other kinds
    (``kind_of``) succeed undisturbed is throttled for a reason of its own, and costs the others nothing.
    """

    def __init__(self, limit: int, *, cutoff_seconds: float = SERVER_CUTOFF_SECONDS) -> None:
        if not 1 <= limit <= MAX_CONNECTIONS:
            raise ValueError(f"limit must be between 1 and {MAX_CONNECTIONS}, not {limit}")
        self._limit = limit
        self._cap = float(limit)
        self._in_flight = 0
        self._abandoned: list[float] = []
        self._cutoff_seconds = cutoff_seconds
        self._changed = threading.Condition()
        self._last_shrink = self._last_growth = float("-inf")
        self._succeeded: set[str] = set()
        self._successes = self._disturbances = 0
        self._refused: dict[str, tuple[int, int]] = {}  # by kind: the counts above at its last refusal, if none since

    @property
    def cap(self) -> int:
        """How many requests may be in flight now."""
        return int(self._cap)

    @property
    def in_flight(self) -> int:
        """How many requests hold a place now, abandoned ones included."""
        with self._changed:
            self._forget_abandoned()
            return self._in_flight + len(self._abandoned)

    @contextmanager
    def slot(self) -> Iterator[Slot]:
        """Wait for a place, hold it while the block runs."""
        with self._changed:
            while not self._free():
                # Wakes by itself for the next abandoned request that the server must have dropped.
                self._changed.wait(max(self._abandoned[0] - time.monotonic(), 0.01) if self._abandoned else None)
            self._in_flight += 1
        slot = Slot(self._cutoff_seconds)
        try:
            yield slot
        finally:
            with self._changed:
                self._in_flight -= 1
                if slot.held_until is not None and slot.held_until > time.monotonic():
                    heapq.heappush(self._abandoned, slot.held_until)
                self._changed.notify_all()

    def throttled(self, kind: str = "") -> None:
        """Mailchimp said to a request of ``kind`` that it was too much: go on with fewer, unless only it is refused."""
        with self._changed:
            if self._is_its_own(kind):
                return
            now = time.monotonic()
            if now - self._last_shrink >= _SHRINK_AT_MOST_EVERY:
                self._cap = max(1.0, self._cap * _SHRINK)
                self._last_shrink = now
            self._last_growth = now

    def succeeded(self, kind: str = "") -> None:
        """A request of ``kind`` went well: after some time without a refusal one more may be in flight."""
        self._successes += 1
        if kind in self._refused or kind not in self._succeeded:
            with self._changed:
                if not self._succeeded and kind not in self._refused:
                    self._cap = float(self._limit)  # only what was refused before anything succeeded is throttled
                    self._changed.notify_all()
                self._refused.pop(kind, None)
                self._succeeded.add(kind)
        if self._cap >= self._limit:
            return
        with self._changed:
            now = time.monotonic()
            if now - self._last_growth >= _GROW_EVERY:
                self._cap = min(float(self._limit), self._cap + 1)
                self._last_growth = now
                self._changed.notify_all()

    def _is_its_own(self, kind: str) -> bool:
        """Whether being throttled tells of ``kind`` only."""
        before = self._refused.get(kind)
        if before is None and kind in self._succeeded:
            self._disturbances += 1
        now = self._refused[kind] = self._successes, self._disturbances
        if before is None:
            # Nothing of this kind has ever succeeded while others do: it waits for its next try, the others go on.
            return kind not in self._succeeded and now[0] > 0
        return now[0] > before[0] and now[1] == before[1]

    def _free(self) -> bool:
        return self.in_flight < self.cap

    def _forget_abandoned(self) -> None:
        now = time.monotonic()
        while self._abandoned and self._abandoned[0] <= now:
            heapq.heappop(self._abandoned)
