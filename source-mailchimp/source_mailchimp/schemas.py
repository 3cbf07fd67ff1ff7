"""The JSON schemas of the streams, as ``make schemas`` made them from the contract of Mailchimp's API."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files
from typing import Any

import orjson

from source_mailchimp.stream import Stream

ARRAY = "[]"
"""In a path of property names: what follows is said of each element of the array before it."""


def schema_of(stream: Stream) -> dict[str, Any]:
    """The schema of ``stream``'s records: JSON schema, draft 7. The caller may change what it gets.

    Raises:
        FileNotFoundError: a stream was added without ``make schemas``.
    """
    schema: dict[str, Any] = orjson.loads(_text_of(stream.name))
    return schema


def date_paths_of(stream: Stream) -> tuple[tuple[str, ...], ...]:
    """Where ``stream``'s records hold dates: ``("timestamp",)``, ``("stats", "last_sub_date")``, ….

    ``"[]"`` marks an array level: ``("opens", "[]", "timestamp")`` is the timestamp of each element of ``opens``.
    Mailchimp leaves unset dates ``""``; there they have to become null.
    """
    return _date_paths(stream.name)


@cache
def _date_paths(name: str) -> tuple[tuple[str, ...], ...]:
    return tuple(sorted(_dates_in(orjson.loads(_text_of(name)))))


@cache
def _text_of(name: str) -> bytes:
    return (files("source_mailchimp") / "schemas" / f"{name}.json").read_bytes()


def _dates_in(schema: Mapping[str, Any], *path: str) -> Iterator[tuple[str, ...]]:
    if schema.get("format") in {"date", "date-time"}:
        yield path
    for name, field in schema.get("properties", {}).items():
        yield from _dates_in(field, *path, name)
    if "items" in schema:
        yield from _dates_in(schema["items"], *path, ARRAY)
