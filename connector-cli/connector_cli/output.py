"""Standard output: one JSON message a line, whole and in order, whichever thread writes it."""

from __future__ import annotations

import os
import select
import threading
import time
from typing import Protocol

from connector_cli.errors import OutputLost

_BUFFERED_BYTES = 1 << 16
_BUFFERED_SECONDS = 0.1


class Sink(Protocol):
    """What else can be written to, beside a file descriptor."""

    def write(self, data: bytes, /) -> object:
        """Take all of ``data``."""


class Output:
    """Writes lines to a file descriptor (default: standard output), or to a ``sink`` in the same process.

    It doesn't go through ``sys.stdout``: unbuffered (PYTHONUNBUFFERED), that drops the rest of a write that the system
    takes in parts, and it fails where the descriptor doesn't block. Here a line is always written to its end.

    A write that fails raises OutputLost, and so does every one after it; ``lost`` stays set for who can't be told.
    """

    def __init__(self, descriptor: int = 1, *, sink: Sink | None = None) -> None:
        self._descriptor = descriptor
        self._sink = sink
        self._lock = threading.RLock()
        self._waiting: list[bytes] = []
        self._bytes = 0
        self._written_at = time.monotonic()
        self.lost: OutputLost | None = None

    def emit(self, line: bytes) -> None:
        """Write one message (without its line feed), and all that waited before it, now."""
        with self._lock:
            self._waiting.append(line)
            self._waiting.append(b"\n")
            self._write()

    def add(self, lines: bytes) -> None:
        """Write messages, each with its line feed; they may wait a moment for others, at most until the next call."""
        with self._lock:
            self._waiting.append(lines)
            self._bytes += len(lines)
            if self._bytes >= _BUFFERED_BYTES or time.monotonic() - self._written_at >= _BUFFERED_SECONDS:
                self._write()

    def flush(self) -> None:
        """Write what waits."""
        with self._lock:
            self._write()

    def _write(self) -> None:
        if self.lost:
            raise self.lost
        data, self._waiting, self._bytes = b"".join(self._waiting), [], 0
        if not data:
            return
        try:
            if self._sink is not None:
                self._sink.write(data)
            else:
                write_all(self._descriptor, data)
        except OSError as error:
            self.lost = OutputLost(
                f"Standard output can't be written: {error.strerror or type(error).__name__}. "
                "Whoever reads it has gone, or the disk is full."
            )
            raise self.lost from None
        self._written_at = time.monotonic()


def write_all(descriptor: int, data: bytes) -> None:
    """Write all of ``data``, in as many parts as it takes, also where the descriptor doesn't block. Raises OSError."""
    rest = memoryview(data)
    while rest:
        try:
            rest = rest[os.write(descriptor, rest) :]
        except BlockingIOError:  # noqa: PERF203 - each part is a call to the system
            poll = select.poll()
            poll.register(descriptor, select.POLLOUT)
            poll.poll()
