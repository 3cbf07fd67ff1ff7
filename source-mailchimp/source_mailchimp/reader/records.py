"""Makes records of the rows that Mailchimp answers."""

from __future__ import annotations

import hashlib
import zlib
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping
from typing import Any, Protocol

import orjson

from source_mailchimp.schemas import date_paths_of, schema_of
from source_mailchimp.stream import ChangedCampaigns, Flattened, PathValues, Record, Stream
from source_mailchimp.values import ValueFitter

_SORTED = orjson.OPT_SORT_KEYS


class Shape(Protocol):
    """Gives records another shape than they have in Mailchimp's answer, see ``contact_shape``."""

    apply: Callable[[Record], None]
    """Changes a finished record in place."""
    lost: Counter[tuple[str, str]]
    """As ``RecordMaker.lost``."""


class RecordMaker:
    """Turns rows of one stream into records, in place where it can.

    Path parameters are put in where the row lacks them, links go, values become what the schema declares (see
    ``values``), and keys are made where there is no natural one. ``shape`` has the last word.
    """

    def __init__(self, stream: Stream, shape: Shape | None = None) -> None:
        flattened = flattened_of(stream)
        self._flatten = flattened.flatten if flattened else None
        self._shape = shape
        self._reshape = shape.apply if shape else None
        self._values = ValueFitter(schema_of(stream))
        self._fit = self._values.fit
        self._hashed = stream.hash_key
        self._hash_name = stream.key[-1] if stream.hash_key else ""
        self._dates = {path[0] for path in date_paths_of(stream) if len(path) == 1}

    @property
    def one_of_each_row(self) -> bool:
        """Whether there are as many records as rows."""
        return self._flatten is None

    @property
    def lost(self) -> Mapping[tuple[str, str], int]:
        """How many values became null that were not what is declared, by property and by what that is."""
        return Counter(self._values.lost) + self._shape.lost if self._shape else self._values.lost

    def records(self, rows: Iterable[Record], params: PathValues) -> list[Record]:
        """The records of ``rows``, read with the path parameters ``params``."""
        if self._flatten:
            rows = [record for row in rows for record in self._flatten(row, params)]
        return [self._finish(row, params) for row in rows]

    def _finish(self, record: Record, added: Mapping[str, Any]) -> Record:
        record.pop("_links", None)
        for name, value in added.items():
            if record.get(name) is None:
                record[name] = value
        if self._hashed:
            # Of the values as they came: two rows stay two, even if what tells them apart is no date and goes.
            record[self._hash_name] = hash_of(self._hashed_value(name, record.get(name)) for name in self._hashed)
        self._fit(record)
        if self._reshape:
            self._reshape(record)
        return record

    def _hashed_value(self, name: str, value: Any) -> Any:
        return None if value == "" and name in self._dates else value


def flattened_of(stream: Stream) -> Flattened | None:
    """How several records are made of each row, None where a row is one."""
    return stream.reading.flattened if isinstance(stream.reading, ChangedCampaigns) else None


def hash_of(values: Iterable[Any]) -> str:
    """A key made of ``values``: md5 of their JSON, so the same row has the same key in every sync."""
    return hashlib.md5(orjson.dumps(list(values), option=_SORTED), usedforsecurity=False).hexdigest()


def row_fingerprint(key: object) -> str:
    """A few letters that tell one row's key from its neighbours', the same in every process."""
    return f"{zlib.crc32(repr(key).encode()):08x}"


def row_key_of(stream: Stream) -> Callable[[Record], Hashable]:
    """A function that tells rows of one answer apart: by the key's fields that they hold, or by all they hold."""
    flattened = flattened_of(stream)
    names = flattened.row_key if flattened else stream.key
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
