"""Makes records of the rows that Mailchimp answers."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Callable, Hashable, Iterable, Mapping
from typing import Any

import orjson

from source_mailchimp.schemas import date_paths_of
from source_mailchimp.stream import PathValues, Record, Stream

_SORTED = orjson.OPT_SORT_KEYS


class RecordMaker:
    """Turns rows of one stream into records, in place where it can.

    Path parameters are put in where the row lacks them, empty dates become null (Mailchimp's unset date is ``""``),
    links go, and keys are made where there is no natural one.
    """

    def __init__(self, stream: Stream) -> None:
        self._expand = stream.expand
        paths = date_paths_of(stream)
        self._dates = [path[0] for path in paths if len(path) == 1]
        self._nested = [path for path in paths if len(path) > 1]
        self._texts = stream.as_text
        self._hashed = stream.hash_key
        self._hash_name = stream.key[-1] if stream.hash_key else ""

    def records(self, rows: Iterable[Record], params: PathValues) -> list[Record]:
        """The records of ``rows``, read with the path parameters ``params``."""
        if self._expand:
            rows = [record for row in rows for record in self._expand(row, params)]
        return [self._finish(row, params) for row in rows]

    def _finish(self, record: Record, added: Mapping[str, Any]) -> Record:
        record.pop("_links", None)
        for name, value in added.items():
            if record.get(name) is None:
                record[name] = value
        for name in self._texts:
            if isinstance(record.get(name), int):
                record[name] = str(record[name])
        for name in self._dates:
            if record.get(name) == "":
                record[name] = None
        for path in self._nested:
            _clear_empty(record, path, 0)
        if self._hashed:
            record[self._hash_name] = hash_of(record.get(name) for name in self._hashed)
        return record


def hash_of(values: Iterable[Any]) -> str:
    """A key made of ``values``: md5 of their JSON, so the same row has the same key in every sync."""
    return hashlib.md5(orjson.dumps(list(values), option=_SORTED), usedforsecurity=False).hexdigest()


def row_fingerprint(key: object) -> str:
    """A few letters that tell one row's key from its neighbours', the same in every process."""
    return f"{zlib.crc32(repr(key).encode()):08x}"


def row_key_of(stream: Stream) -> Callable[[Record], Hashable]:
    """A function that tells rows of one answer apart: by the key's fields that they hold, or by all they hold."""
    names = stream.row_key or stream.key
    only = names[0]

    def whole(row: Record) -> Hashable:
        return orjson.dumps(row, option=_SORTED)

    def key(row: Record) -> Hashable:
        values = tuple([row.get(name) for name in names])
        try:
            hash(values)
        except TypeError:  # a list or an object, where a text or a number should be
            return whole(row)
        return values if any(value is not None for value in values) else whole(row)

    def single(row: Record) -> Hashable:
        value = row.get(only)
        return value if isinstance(value, (str, int)) else whole(row)

    if stream.hash_key:
        return whole
    return single if len(names) == 1 else key


def _clear_empty(value: Any, path: tuple[str, ...], depth: int) -> None:
    """Make empty strings at ``path`` null; ``[]`` in it stands for each item of an array."""
    name = path[depth]
    if name == "[]":
        if isinstance(value, list):
            for item in value:
                _clear_empty(item, path, depth + 1)
        return
    if not isinstance(value, dict):
        return
    if depth == len(path) - 1:
        if value.get(name) == "":
            value[name] = None
    elif name in value:
        _clear_empty(value[name], path, depth + 1)
