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
    def __init__(self, output: Output, mask: Callable[[str], str], echo: Callable[[str], None] | None) -> None:
        super().__init__()
        self._output = output
        self._mask = mask
        self._echo = echo

    def emit(self, record: logging.LogRecord) -> None:
        text = sentence = self._mask(record.getMessage())
        if record.exc_info and not record.exc_text:
            record.exc_text = logging.Formatter().formatException(record.exc_info)
        if record.exc_text:
            text = f"{sentence}\n{self._mask(record.exc_text)}"
        level = _LEVELS.get(record.levelno, "INFO")
        if self._echo and record.levelno >= logging.WARNING:
            self._echo(f"{level}: {sentence}")
        try:
            self._output.emit(log(level, text))
        except OutputLost:
            # Whoever logs can't do anything about it; the command ends as failed: ``Output.lost``.
            return


def log_to(
    output: Output, *, mask: Callable[[str], str], debug: bool = False, echo: Callable[[str], None] | None = None
) -> None:
    """Send all logging to ``output``, through ``mask``. Replaces handlers that others have installed.

    Loggers below ``airbyte`` speak from INFO on, all others from WARNING; with ``debug`` (or LOG_LEVEL=debug, as the
    platform has it) everybody says everything. ``echo`` gets warnings and errors as text as well: for a person.
    """
    root = logging.getLogger()
    root.handlers[:] = [_Handler(output, mask, echo)]
    debug = debug or os.environ.get("LOG_LEVEL", "").lower() == "debug"
    root.setLevel(logging.DEBUG if debug else logging.WARNING)
    logging.getLogger("airbyte").setLevel(logging.DEBUG if debug else logging.INFO)
    # Both quote request paths, and say nothing that a connector's own errors don't.
    for name in ("urllib3", "requests"):
        logging.getLogger(name).setLevel(logging.DEBUG if debug else logging.ERROR)
