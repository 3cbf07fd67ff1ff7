"""Logging as LOG messages on standard output."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable

from connector_cli.errors import OutputLost
from connector_cli.messages import Level, log
from connector_cli.output import Output

_LEVELS: dict[int, Level] = {
    logging.CRITICAL: "FATAL",
    logging.ERROR: "ERROR",
    logging.WARNING: "WARN",
    logging.INFO: "INFO",
    logging.DEBUG: "DEBUG",
}


class _Handler(logging.Handler):
    def __init__(self, output: Output, echo: Callable[[str], None] | None) -> None:
        super().__init__()
        self._output = output
        self._echo = echo

    def emit(self, record: logging.LogRecord) -> None:
        text = record.getMessage()
        if record.exc_info and not record.exc_text:
            record.exc_text = logging.Formatter().formatException(record.exc_info)
        if record.exc_text:
            text = f"{text}\n{record.exc_text}"
        level = _LEVELS.get(record.levelno, "INFO")
        if self._echo and record.levelno >= logging.WARNING:
            self._echo(f"{level}: {record.getMessage()}")
        try:
            self._output.emit(log(level, text))
        except OutputLost:
            # Whoever logs can't do anything about it; the command ends as failed: ``Output.lost``.
            return


def log_to(output: Output, *, debug: bool = False, echo: Callable[[str], None] | None = None) -> None:
    """Send all logging to ``output``. Replaces handlers that others have installed.

    Loggers below ``airbyte`` speak from INFO on, with ``debug`` (or LOG_LEVEL=debug, as the platform has it) from
    DEBUG; all others from WARNING. ``echo`` gets warnings and errors as text as well, for a person who watches.
    """
    root = logging.getLogger()
    root.handlers[:] = [_Handler(output, echo)]
    root.setLevel(logging.WARNING)
    debug = debug or os.environ.get("LOG_LEVEL", "").lower() == "debug"
    logging.getLogger("airbyte").setLevel(logging.DEBUG if debug else logging.INFO)
    # Both quote request paths, which may hold personal data, and say nothing that a connector's own errors don't.
    for name in ("urllib3", "requests"):
        logging.getLogger(name).setLevel(logging.ERROR)
