"""Answers that no well-behaved service gives: edited ones, bodies without end, and compressed bombs."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from email.utils import formatdate
from typing import Any

import orjson

from mailchimp_simulator.contract.answers import Answer

Json = dict[str, Any]
_CHUNK = b" " * 65_536
_MEGABYTE = 1_048_576


def edited(answer: Answer, options: Json, now: int) -> Answer:
    """An answer with parts of it changed.

    Options: `body` (other content), `set` (`{dotted path: value}`), `remove` (dotted paths), `replace` (`{text of the
    body: other text}`, for what is no JSON), `status`, `headers`, `date_shift` (seconds by which the `Date` header is
    wrong). In a path a number is a place in a list, and `*` is each of them.
    """
    content: Any = options.get("body", ...)
    if content is ...:
        content = orjson.loads(answer.body) if answer.body else {}
    for path, value in options.get("set", {}).items():
        content = _put(content, path.split("."), value)
    for path in options.get("remove", []):
        _remove(content, path.split("."))
    headers = {**answer.headers, **options.get("headers", {})}
    if "date_shift" in options:
        headers["Date"] = formatdate(now + int(options["date_shift"]), usegmt=True)
    status = int(options.get("status", answer.status))
    raw = orjson.dumps(content)
    for text, other in options.get("replace", {}).items():
        raw = raw.replace(text.encode(), other.encode())
    return Answer(status, raw, answer.content_type, answer.rows, headers, answer.wrote)


def with_more(answer: Answer, by: int) -> Answer:
    """An answer whose `total_items` is larger by so much."""
    content = orjson.loads(answer.body)
    content["total_items"] = content.get("total_items", 0) + by
    return Answer(answer.status, orjson.dumps(content), answer.content_type, answer.rows, answer.headers, answer.wrote)


def _places(content: Any, part: str) -> list[Any]:
    """The keys or places that a part of a path names in a value."""
    if isinstance(content, list):
        return [n for n in range(len(content)) if part in ("*", str(n))]
    return [part] if isinstance(content, dict) else []


def _put(content: Any, parts: list[str], value: Any) -> Any:
    if not parts:
        return value
    for place in _places(content, parts[0]):
        before = content.get(place, {}) if isinstance(content, dict) else content[place]
        content[place] = _put(before, parts[1:], value)
    return content


def _remove(content: Any, parts: list[str]) -> None:
    for place in _places(content, parts[0]):
        if len(parts) > 1:
            inner = content.get(place) if isinstance(content, dict) else content[place]
            _remove(inner, parts[1:])
        elif isinstance(content, dict):
            content.pop(place, None)


def endless(megabytes: int) -> Iterator[bytes]:
    """The beginning of an object and then nothing but blanks: this many megabytes, and never an end."""
    yield b'{"total_items": 1, '
    for _ in range(megabytes * (_MEGABYTE // len(_CHUNK))):
        yield _CHUNK


def bomb(megabytes: int) -> Iterator[bytes]:
    """A gzip stream that unpacks to this many megabytes of blanks within an object; a thousandth of that is sent."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    yield packer.compress(b'{"total_items": 1')
    blanks = b" " * _MEGABYTE
    for _ in range(megabytes):
        yield packer.compress(blanks)
    yield packer.compress(b"}") + packer.flush()
