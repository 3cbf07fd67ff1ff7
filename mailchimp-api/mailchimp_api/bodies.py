"""Decodes JSON bodies, also those in which a text holds something that is no character."""

from __future__ import annotations

import json
import math
import re
from typing import Any

import orjson

# An escape in a JSON text: a whole surrogate pair, half of one (kept by its name), or any other.
_ESCAPE = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(?P<half>u[dD][89a-fA-F][0-9a-fA-F]{2})|.)",
    re.DOTALL,
)
_REPLACEMENT = rb"\ufffd"
# Signs of a number that JSON has none for, or that no double holds.
_NOT_FINITE = re.compile(rb"NaN|Infinity|[eE]\+?[0-9]{3}")


def decode_json(body: bytes) -> Any:
    r"""What ``body`` says in JSON.

    Half of a surrogate pair (``"\ud83d"``, where a program cut an emoji in two) and bytes that are no UTF-8 become
    U+FFFD, the replacement character: they cost themselves, not the thousand rows around them. So do numbers that are
    not finite (``NaN``, ``-Infinity``, ``1e999``): they become texts.

    Raises orjson.JSONDecodeError where it isn't JSON nevertheless.
    """
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        mended = _mended(body)
        if _NOT_FINITE.search(mended):
            return _with_texts(mended)
        if mended == body:
            raise
        return orjson.loads(mended)


def _with_texts(body: bytes) -> Any:
    """What ``body`` says, with texts for the numbers that are not finite."""
    try:
        return json.loads(body, parse_constant=str, parse_float=_finite, parse_int=orjson.loads)
    except (ValueError, RecursionError):
        return orjson.loads(body)  # which raises its own error


def _finite(text: str) -> float | str:
    number = float(text)
    return number if math.isfinite(number) else text


def _mended(body: bytes) -> bytes:
    """``body`` with replacement characters for what orjson refuses to take for one."""
    readable = body.decode("utf-8", "replace").encode()
    return _ESCAPE.sub(lambda escape: _REPLACEMENT if escape["half"] else escape[0], readable)
