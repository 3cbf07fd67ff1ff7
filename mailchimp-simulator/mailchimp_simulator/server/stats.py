"""What happened: requests, how many at once, refusals, writes. Times are seconds since the counts began."""

from __future__ import annotations

import time
from collections import Counter
from typing import Any

Json = dict[str, Any]
LOG_LIMIT = 500_000


class Stats:
    """Counts and a log of requests."""

    def __init__(self) -> None:
        """Begin to count."""
        self.in_flight = 0
        self.reset()

    def reset(self) -> None:
        """Begin again; requests that are under way stay in flight."""
        self.began = time.monotonic()
        self.most = self.in_flight
        self.area = 0.0
        self.changed = 0.0
        self.first = self.last = -1.0
        self.by_operation: Counter[str] = Counter()
        self.by_path: Counter[str] = Counter()
        self.by_status: Counter[int] = Counter()
        self.writes: Counter[str] = Counter()
        self.not_simulated: Counter[str] = Counter()
        self.refused = 0
        self.own_errors = 0
        self.rows = 0
        self.bytes = 0
        self.log: list[tuple[float, float, str, str, str, int, int]] = []

    def now(self) -> float:
        """Seconds since the counts began."""
        return time.monotonic() - self.began

    def start(self) -> float:
        """A request has come; its start."""
        now = self.now()
        if self.first < 0:
            self.first = now
        self.area += self.in_flight * max(0.0, now - self.changed)
        self.changed = now
        self.in_flight += 1
        self.most = max(self.most, self.in_flight)
        return now

    def end(self, start: float, method: str, template: str, path: str, query: str, status: int, rows: int) -> None:
        """It has been answered, or its connection is gone. `status` 0: no answer was given."""
        now = self.now()
        self.area += self.in_flight * max(0.0, now - self.changed)
        self.changed = self.last = now
        self.in_flight -= 1
        self.by_operation[f"{method} {template}"] += 1
        self.by_path[f"{method} {path}"] += 1
        self.by_status[status] += 1
        self.rows += rows
        if status == 501:
            self.not_simulated[f"{method} {template}"] += 1
        if len(self.log) < LOG_LIMIT:
            self.log.append((round(start, 6), round(now, 6), method, path, query, status, rows))

    def summary(self) -> Json:
        """All counts as JSON."""
        length = self.last - self.first
        return {
            "requests": sum(self.by_operation.values()),
            "in_flight": self.in_flight,
            "most_in_flight": self.most,
            "mean_in_flight": round(self.area / length, 4) if length > 0 else 0.0,
            "seconds": round(max(0.0, length), 6),
            "refused": self.refused,
            "own_errors": self.own_errors,
            "rows": self.rows,
            "bytes": self.bytes,
            "by_operation": dict(self.by_operation),
            "by_path": dict(self.by_path),
            "by_status": {str(key): value for key, value in self.by_status.items()},
            "writes": dict(self.writes),
            "not_simulated": dict(self.not_simulated),
        }
