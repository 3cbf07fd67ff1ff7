"""The command line: ``source-mailchimp spec | check | discover | read``."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import io
import os
import signal
import sys
import threading
from collections.abc import Mapping
from types import FrameType
from typing import Any

from airbyte_cdk.entrypoint import AirbyteEntrypoint
from airbyte_cdk.logger import PRINT_BUFFER
from airbyte_cdk.models import ConnectorSpecification

from mailchimp_api.masking import mask_logging
from source_mailchimp.reader.fetcher import THREADS
from source_mailchimp.source import SourceMailchimp

_SIGNAL_EXIT = 128  # and the signal's number, as shells have it
_GRACE_SECONDS = 5.0
_M_ARENA_MAX = -8  # malloc.h


class Entrypoint(AirbyteEntrypoint):
    """The CDK's commands, without its own look at the configuration before ``check``.

    That prints the values it complains about, keys among them, and names no field. ``parse_config`` does better.
    """

    @staticmethod
    def validate_connection(source_spec: ConnectorSpecification, config: Mapping[str, Any]) -> None:
        """Leave it to the source's ``check``."""


def main(args: list[str] | None = None) -> None:
    """Run one command of the connector with ``args`` (default: those of the process); exits non-zero on failure."""
    # Records are many and short-lived, and hold no cycles: collecting seldom saves a quarter of the CPU.
    gc.freeze()
    gc.set_threshold(50_000, 50, 100)
    _share_one_heap()
    _buffer_output()
    source = SourceMailchimp()
    asked_to_end: list[int] = []

    def end(number: int, _frame: FrameType | None) -> None:
        asked_to_end.append(number)
        source.stop()
        # A reader of our output that stands still must not keep us.
        timer = threading.Timer(_GRACE_SECONDS, os._exit, (_SIGNAL_EXIT + number,))
        timer.daemon = True
        timer.start()

    # Ctrl-C as well: as an exception it would have Python wait for the requests under way, and for their retries.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)
    mask_logging()
    arguments = sys.argv[1:] if args is None else args
    parsed = Entrypoint.parse_args(arguments)
    code = 0
    try:
        with PRINT_BUFFER:
            for message in Entrypoint(source).run(parsed):
                print(f"{message}\n", end="")  # noqa: T201 - the protocol
    except Exception:  # noqa: BLE001 - the CDK's hook makes a trace of whatever it is
        sys.excepthook(*sys.exc_info())
        code = 1
    if asked_to_end:
        code = _SIGNAL_EXIT + asked_to_end[0]
    PRINT_BUFFER.flush()
    sys.stdout.flush()
    if any(thread.name.startswith(THREADS) for thread in threading.enumerate()):
        # Requests under way would be waited for, minutes if they are being retried: leave them.
        os._exit(code)
    sys.exit(code)


def _buffer_output() -> None:
    """Buffer stdout, also where PYTHONUNBUFFERED says otherwise; the CDK flushes it.

    Without a buffer a write that a signal interrupts ends early, and Python drops the rest without a word: a hole in
    the output, before the last lines of a sync that is asked to end.
    """
    out = sys.__stdout__
    if out is not None and isinstance(out.buffer, io.RawIOBase):
        sys.stdout = sys.__stdout__ = open(out.fileno(), "w", encoding="utf-8", closefd=False)  # type: ignore[misc] # noqa: SIM115 - for the life of the process


def _share_one_heap() -> None:
    """One heap for all threads: glibc's separate ones keep a third more memory than is in use, for no speed here.

    Only glibc knows ``mallopt``; elsewhere there is nothing to do.
    """
    with contextlib.suppress(AttributeError, OSError):
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, 1)
