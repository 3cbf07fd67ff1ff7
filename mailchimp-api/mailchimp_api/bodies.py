"""Decodes JSON bodies, also those in which a text holds something that is no character."""

from __future__ import annotations

import re
from typing import Any

import orjson

# An escape in a JSON text: a whole surrogate pair, half of one (kept by its name), or any other.
_ESCAPE = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(?P<half>u[dD][89a-fA-F][0-9a-fA-F]{2})|.)",
    re.DOTALL,
)
_REPLACEMENT = rb"\ufffd"


def decode_json(body: bytes) -> Any:
    r"""What ``body`` says in JSON.

    Half of a surrogate pair (``"\ud83d"``, where a program cut an emoji in two) and bytes that are no UTF-8 become
    U+FFFD, the replacement character: they cost themselves, not the thousand rows around them.

    Raises orjson.JSONDecodeError where it isn't JSON nevertheless.
    """
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        mended = _mended(body)
        if mended == body:
            raise
        return orjson.loads(mended)


def _mended(body: bytes) -> bytes:
    """``body`` with replacement characters for what orjson refuses to take for one."""
    readable = body.decode("utf-8", "replace").encode()
    return _ESCAPE.sub(lambda escape: _REPLACEMENT if escape["half"] else escape[0], readable)
