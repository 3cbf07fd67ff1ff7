"""Keeps secrets and personal data out of logs and error messages.

One function masks a text; every error of ``errors`` and, after ``mask_logging``, every log record goes through it.
"""

from __future__ import annotations

import json
import logging
import re
import threading
from collections.abc import Iterable
from typing import Any
from urllib.parse import quote

# An @ as it is, and as it stands in a URL, encoded once or more often.
_AT = re.compile(r"@|%(?:25)*40")
# What may stand around an address in URLs, JSON and prose ends it. Word by word, the search stays linear.
# An apostrophe within a word belongs to it.
_WORD = re.compile(r"(?:[\w.+-]+')*[^\s<>\"',;:(){}\[\]\\/=&?]+")
_QUOTED_LOCAL_PART = re.compile(r'\\?"[^"\n]{1,64}"(?=@|%(?:25)*40)')
# A subscriber hash is md5 of an address: anyone who has the address can recognise it. An API key looks the same,
# with a data centre after it.
# Half of an address, as Mailchimp quotes it (NNRUG/it52-rails#70).
_PORTION = re.compile(r"(portion (?:before|after) the @: )[^)\n]*")
_HASH_OR_KEY = re.compile(r"(?<![0-9a-f])[0-9a-f]{32}(?:-[a-z]{2,}[0-9]+)?(?![0-9a-f])", re.IGNORECASE)
_MASK = "***"
_SHORTEST_SECRET = 4

_secrets: tuple[str, ...] = ()
_lock = threading.Lock()


def register_secrets(values: Iterable[str]) -> None:
    """From now on ``mask`` replaces these strings, also as they look escaped in JSON.

    Blank ones and those below four characters are left alone: replacing them would garble every message.
    """
    global _secrets  # noqa: PLW0603 - replaced as a whole, so that mask() may read it without the lock
    long_enough = [value for value in values if len(value.strip()) >= _SHORTEST_SECRET]
    shapes = {*long_enough, *(json.dumps(value)[1:-1] for value in long_enough)}
    with _lock:
        # The longest first: one secret may be a part of another.
        _secrets = tuple(sorted({*_secrets, *shapes}, key=lambda value: (-len(value), value)))


def forget_secrets() -> None:
    """From now on ``mask`` knows patterns only: for a process that is done with an account and goes on, as tests do."""
    global _secrets  # noqa: PLW0603 - likewise
    with _lock:
        _secrets = ()


def mask_address(address: str) -> str:
    """``jane@example.com`` → ``j***@e***``: enough to recognise one's own contact, not enough to write to it."""
    local, _, domain = address.partition("@")
    return f"{local[:1]}{_MASK}@{domain[:1]}{_MASK}"


def mask(text: str, address: str = "") -> str:
    """Return ``text`` without registered secrets, API keys, e-mail addresses and subscriber hashes.

    ``address``, where it is known whose a text is, is masked first, whatever characters it has, and also as it looks
    in a URL or escaped in JSON: patterns alone can't tell where an address with ``/`` in it begins.
    Masking what is masked already changes nothing.
    """
    for secret in _secrets:
        text = text.replace(secret, _MASK)
    if "@" in address:
        at = address.replace("@", "%40")
        shapes = {address, at, quote(address, safe=""), quote(address, safe="@"), json.dumps(address)[1:-1]}
        pattern = "|".join(re.escape(shape) for shape in sorted(shapes, key=len, reverse=True))
        text = re.sub(pattern, lambda _: mask_address(address), text, flags=re.IGNORECASE)
    if _AT.search(text):
        text = _PORTION.sub(rf"\1{_MASK}", text)
        text = _WORD.sub(_mask_word, _QUOTED_LOCAL_PART.sub(_MASK, text))
    return _HASH_OR_KEY.sub(_MASK, text)


def _mask_word(match: re.Match[str]) -> str:
    parts = _AT.split(match[0])
    # An @ by itself is none of an address.
    return match[0] if len(parts) == 1 or not any(parts) else "@".join(part[:1].strip("*") + _MASK for part in parts)


class MaskingFilter(logging.Filter):
    """Masks the records of one handler, for a process that leaves all others as they are."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Rewrite ``record`` in place; always lets it pass."""
        _masked(record)
        return True


def mask_logging() -> None:
    """From now on every log record of this process is masked: message, arguments, traceback and stack.

    At the source of the records, so that handlers and loggers set up later are covered as well.
    Fields passed as ``extra`` are not. Calling it again changes nothing.
    """
    make_record = logging.getLogRecordFactory()
    if getattr(make_record, "masks", False):
        return

    def make_masked_record(*args: Any, **kwargs: Any) -> logging.LogRecord:
        return _masked(make_record(*args, **kwargs))

    make_masked_record.masks = True  # type: ignore[attr-defined] # functions take attributes; mypy knows none
    logging.setLogRecordFactory(make_masked_record)


def _masked(record: logging.LogRecord) -> logging.LogRecord:
    try:
        message = record.getMessage()
    except Exception:  # noqa: BLE001 - like logging itself, never fail the caller for a message that does not format
        message = f"{record.msg} {record.args}"
    record.msg, record.args = mask(message), ()
    if record.exc_info:
        # As text only: a formatter of its own way would print the exception's chain unmasked.
        record.exc_text = mask(logging.Formatter().formatException(record.exc_info))
        record.exc_info = None
    if record.stack_info:
        record.stack_info = mask(record.stack_info)
    return record
