"""Keeps secrets and personal data out of logs and error messages.

One function masks a text, one logging filter applies it to every record a handler writes.
"""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Iterable

_ADDRESS = re.compile(r"([^\s@<>\"',;:(){}\[\]/\\=&?]{1,64})(?:@|%40)([^\s@<>\"',;:(){}\[\]/\\=&?]{1,255})")
_API_KEY = re.compile(r"\b[0-9a-f]{32}-us\d+\b", re.IGNORECASE)
# A subscriber hash is md5 of an address: anyone who has the address can recognise it.
_SUBSCRIBER_HASH = re.compile(r"\b[0-9a-f]{32}\b", re.IGNORECASE)
_MASK = "***"

_secrets: set[str] = set()
_lock = threading.Lock()


def register_secrets(values: Iterable[str]) -> None:
    """From now on ``mask`` replaces these exact strings; blank and very short ones are left alone."""
    with _lock:
        _secrets.update(value for value in values if len(value.strip()) >= 4)  # noqa: PLR2004 - see docstring


def mask_address(address: str) -> str:
    """``jane@example.com`` → ``j***@e***``: enough to recognise one's own contact, not enough to write to it."""
    local, _, domain = address.partition("@")
    return f"{local[:1]}{_MASK}@{domain[:1]}{_MASK}"


def mask(text: str) -> str:
    """Return ``text`` without registered secrets, API keys, e-mail addresses and subscriber hashes."""
    for secret in sorted(_secrets, key=len, reverse=True):
        text = text.replace(secret, _MASK)
    text = _API_KEY.sub(_MASK, text)
    text = _ADDRESS.sub(lambda match: f"{match[1][:1]}{_MASK}@{match[2][:1]}{_MASK}", text)
    return _SUBSCRIBER_HASH.sub(_MASK, text)


class MaskingFilter(logging.Filter):
    """Masks the message, its arguments and the text of its traceback."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Rewrite ``record`` in place; always lets it pass."""
        record.msg = mask(record.getMessage())
        record.args = ()
        if record.exc_info and not record.exc_text:
            record.exc_text = logging.Formatter().formatException(record.exc_info)
        if record.exc_text:
            record.exc_text = mask(record.exc_text)
            record.exc_info = None
        return True


def mask_logging() -> None:
    """Put the filter on every handler of the root logger, and of the loggers that have handlers of their own."""
    loggers = [logging.getLogger(), *(item for item in logging.Logger.manager.loggerDict.values())]
    for logger in loggers:
        for handler in getattr(logger, "handlers", ()):
            if not any(isinstance(item, MaskingFilter) for item in handler.filters):
                handler.addFilter(MaskingFilter())
