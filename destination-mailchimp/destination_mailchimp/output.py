"""Standard output: one JSON message a line, whole and at once, whichever thread writes it."""

from __future__ import annotations

import logging
import sys
import threading
import time
from typing import BinaryIO

import orjson

from destination_mailchimp.failures import SyncFailure
from mailchimp_api.masking import mask, mask_logging

_LEVELS = {
    logging.CRITICAL: "FATAL",
    logging.ERROR: "ERROR",
    logging.WARNING: "WARN",
    logging.INFO: "INFO",
    logging.DEBUG: "DEBUG",
}


class Output:
    """Writes lines and flushes each, so that a STATE never sits in a buffer while the process dies."""

    def __init__(self, stream: BinaryIO | None = None) -> None:
        self._stream = stream or sys.stdout.buffer
        self._lock = threading.Lock()

    def emit(self, line: bytes) -> None:
        """Write one message."""
        with self._lock:
            self._stream.write(line + b"\n")
            self._stream.flush()

    def trace(self, failure: SyncFailure, cause: BaseException | None = None) -> None:
        """Write the ERROR trace that ends a failed run."""
        internal = f"{type(cause).__name__}: {cause}" if cause is not None else failure.message
        message = {
            "type": "TRACE",
            "trace": {
                "type": "ERROR",
                "emitted_at": time.time() * 1000,
                "error": {
                    "message": mask(failure.message),
                    "internal_message": mask(internal),
                    "failure_type": failure.failure_type,
                },
            },
        }
        self.emit(orjson.dumps(message))


class _Handler(logging.Handler):
    def __init__(self, output: Output) -> None:
        super().__init__()
        self._output = output

    def emit(self, record: logging.LogRecord) -> None:
        text = record.getMessage()
        if record.exc_text:
            text = f"{text}\n{record.exc_text}"
        level = _LEVELS.get(record.levelno, "INFO")
        line = orjson.dumps({"type": "LOG", "log": {"level": level, "message": text}}, option=orjson.OPT_NON_STR_KEYS)
        self._output.emit(line)


def log_to(output: Output) -> None:
    """Send all logging there as LOG messages, masked. Replaces handlers that others have installed."""
    mask_logging()
    root = logging.getLogger()
    root.handlers[:] = [_Handler(output)]
    root.setLevel(logging.WARNING)
    logging.getLogger("airbyte").setLevel(logging.INFO)
    # Both quote request paths, which hold subscriber hashes, and say nothing that our own errors don't.
    for name in ("urllib3", "requests"):
        logging.getLogger(name).setLevel(logging.ERROR)
