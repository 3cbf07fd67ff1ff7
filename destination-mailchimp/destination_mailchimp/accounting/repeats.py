"""Says the same thing a few times, and then counts it."""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

_TIMES = 3
_KEPT = 1000
"""How many different texts are told apart; of more than that each is shown."""


class _Repeats(logging.Filter):
    """Lets a warning pass a few times, and counts it from then on. Errors and all below a warning always pass."""

    def __init__(self) -> None:
        super().__init__()
        self._lock = threading.Lock()
        self.counts: Counter[str] = Counter()

    def filter(self, record: logging.LogRecord) -> bool:
        if record.levelno != logging.WARNING:
            return True
        text = record.getMessage()
        with self._lock:
            if text not in self.counts and len(self.counts) >= _KEPT:
                return True
            self.counts[text] += 1
            return self.counts[text] <= _TIMES


@contextmanager
def warnings_counted(logger: logging.Logger) -> Iterator[None]:
    """Equal warnings of a logger come three times; how often the others came is told at the end."""
    repeats = _Repeats()
    logger.addFilter(repeats)
    try:
        yield
    finally:
        logger.removeFilter(repeats)
        for text, count in repeats.counts.items():
            if count > _TIMES:
                logger.warning("%d more times: %s", count - _TIMES, text)
