"""Counts what requests took, so that one line at the end of a sync tells where its time went."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from mailchimp_api.errors import AnswerTimeout, RateLimited, TransientError


class Usage:
    """The requests of one client, repeated ones counted as often as they were made. Thread-safe.

    ``limit``: how many may be in flight. As text it is one sentence with the number of requests, the seconds from the
    first one's start to the last one's end, how many were in flight on average in between, and how many failed.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._lock = threading.Lock()
        self._first: float | None = None
        self._last = 0.0
        self._busy = 0.0
        self.shortest: float | None = None
        """The seconds that the shortest request took; None before one has ended."""
        self.requests = 0
        self.throttled = 0
        self.timed_out = 0
        self.failed = 0

    @contextmanager
    def request(self) -> Iterator[None]:
        """Count the request that is made in the block."""
        began = time.monotonic()
        with self._lock:
            if self._first is None:
                self._first = began
        try:
            yield
        finally:
            ended = time.monotonic()
            with self._lock:
                self.requests += 1
                self._busy += ended - began
                self.shortest = min(ended - began, self.shortest or ended - began)
                self._last = max(self._last, ended)

    def note(self, error: TransientError) -> None:
        """Count what became of a request that will be made again, or given up."""
        with self._lock:
            if isinstance(error, RateLimited):
                self.throttled += 1
            elif isinstance(error, AnswerTimeout):
                self.timed_out += 1
            else:
                self.failed += 1

    def __str__(self) -> str:
        with self._lock:
            seconds = self._last - self._first if self._first is not None and self._last else 0.0
            concurrent = self._busy / seconds if seconds else 0.0
            return (
                f"{self.requests:,} requests in {seconds:,.1f} s, "
                f"{concurrent:.1f} concurrent on average (limit {self._limit}); "
                f"{self.throttled:,} throttled, {self.timed_out:,} timed out, "
                f"{self.failed:,} failed"
            )
