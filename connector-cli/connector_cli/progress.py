"""What a long run says of itself: a LOG message now and then, and a line that moves where a person watches."""

from __future__ import annotations

import contextlib
import logging
import sys
import threading
import time
from collections.abc import Callable
from typing import Protocol

logger = logging.getLogger("airbyte.progress")

LOG_SECONDS = 30.0
_LINE_SECONDS = 0.5
_LINE_WIDTH = 110


class Terminal(Protocol):
    """Where the moving line goes: standard error, as a rule."""

    def write(self, text: str, /) -> object:
        """Show ``text``."""

    def flush(self) -> object:
        """Show it now."""


class Live:
    """One line of a terminal that is written again and again; other text scrolls by above it. Thread-safe."""

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal
        self._lock = threading.Lock()
        self._line = ""

    def show(self, line: str) -> None:
        """Put ``line`` in place of the one before."""
        with self._lock:
            self._line = line[:_LINE_WIDTH]
            self._put(f"\r\x1b[K{self._line}")

    def echo(self, text: str) -> None:
        """Let ``text`` scroll by."""
        with self._lock:
            self._put(f"\r\x1b[K{text}\n{self._line}")

    def end(self) -> None:
        """Leave the last line standing."""
        with self._lock:
            if self._line:
                self._put("\n")
                self._line = ""

    def _put(self, text: str) -> None:
        self._terminal.write(text)
        self._terminal.flush()


def live_line() -> Live | None:
    """The line for a person at a terminal, whose standard output goes elsewhere; None where nobody watches."""
    try:
        watched = sys.stderr.isatty() and not sys.stdout.isatty()
    except (AttributeError, ValueError):  # closed, or there is none
        return None
    return Live(sys.stderr) if watched else None


class Progress:
    """Tells how a run gets on, from entering the ``with`` block to leaving it.

    ``lines``: what to log now, one sentence each. ``line``: the same in a few words, for the moving line.
    Both are called from another thread; what they raise is logged, and ends nothing but the telling.
    """

    def __init__(
        self,
        lines: Callable[[], list[str]],
        line: Callable[[], str],
        *,
        live: Live | None = None,
        seconds: float = LOG_SECONDS,
    ) -> None:
        self._lines = lines
        self._line = line
        self._live = live
        self._seconds = seconds
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._run, name="progress", daemon=True)

    def __enter__(self) -> None:
        self._began = time.monotonic()
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._done.set()
        # It may be held up by a reader of the output that stands still: nothing waits for it.
        self._thread.join(_LINE_SECONDS)
        if self._live:
            self._live.show(f"{self._elapsed()}  {self._line()}")
            self._live.end()

    def _run(self) -> None:
        logged = self._began
        pause = _LINE_SECONDS if self._live else self._seconds
        try:
            while not self._done.wait(pause):
                if self._live:
                    self._live.show(f"{self._elapsed()}  {self._line()}")
                if time.monotonic() - logged >= self._seconds - pause / 2:
                    logged = time.monotonic()
                    with contextlib.suppress(RuntimeError):  # a collection that changed while it was looked at
                        for text in self._lines():
                            logger.info("%s", text)
        except Exception:
            logger.exception("The progress can't be told any more")

    def _elapsed(self) -> str:
        return duration(time.monotonic() - self._began)


def duration(seconds: float) -> str:
    """``0:07``, ``12:40``, ``1:02:03``."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
