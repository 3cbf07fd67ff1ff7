"""Finds out which rows of a stream are gone since the last sync, where the stream is small enough to remember them.

Mailchimp tells of no deletion. With the option ``report_deletions`` the state keeps the key of every row that was
emitted or listed, under ``known``::

    {"version": 1, …, "known": {"scope": null, "rows": "eJx…"}}

``rows`` is JSON, compressed and in base64: a list of ``[key, …, cursor]``. ``scope``: the audiences that ``list_ids``
named then (null: all); with others, what is missing may only be out of scope, so nothing of it counts.

At the end of a sync the keys are listed once more, on their own, which costs a page for each thousand rows. A row that
was known and is not listed any more goes out as a tombstone: its key, its cursor, and the date in ``DELETED_AT``.
"""

from __future__ import annotations

import base64
import binascii
import logging
import zlib
from collections.abc import Collection, Iterable
from contextlib import aclosing
from dataclasses import replace
from typing import Any

import orjson

from mailchimp_api.errors import ResourceGone, ResourceRefused
from source_mailchimp.dates import format_date
from source_mailchimp.errors import IncompleteListing
from source_mailchimp.reader.context import SyncContext
from source_mailchimp.reader.paging import PageReader
from source_mailchimp.reader.partitions import Partition, partitions_of
from source_mailchimp.reader.records import RecordMaker
from source_mailchimp.reader.state import Scope, scope_of
from source_mailchimp.stream import Record, Stream

logger = logging.getLogger("airbyte.source_mailchimp")

DELETED_AT = "_ab_cdc_deleted_at"
"""What Airbyte's destinations delete a row by, or mark it with."""
MOST_ROWS = 50_000
"""Of more rows than these no keys are kept: the state goes to and fro with every sync."""
_FEW = 10

Key = tuple[Any, ...]


class _NotAllListed(IncompleteListing):
    """More rows are counted than come, however often they are listed: those may be there."""


class Deletions:
    """The rows of ``stream`` that are known, and those that are gone. ``saved``: what the state has under ``known``."""

    def __init__(self, stream: Stream, saved: object, list_ids: Collection[str]) -> None:
        self._stream = stream
        self._cursor = stream.cursor.field if stream.cursor else None
        self._scope: Scope = scope_of(list_ids)
        self._known = _loaded(saved, self._scope, stream)
        self._dumped: dict[str, Any] | None = None

    def note(self, records: Iterable[Record]) -> None:
        """These have been emitted: should they be gone later, somebody must be told."""
        for record in records:
            self._known[self._key_of(record)] = record.get(self._cursor) if self._cursor else None
        self._dumped = None

    def dump(self) -> dict[str, Any] | None:
        """As it stands in the state; None where there are too many rows to keep."""
        if len(self._known) > MOST_ROWS:
            return None
        if self._dumped is None:
            rows = sorted(([*key, cursor] for key, cursor in self._known.items()), key=str)
            packed = base64.b64encode(zlib.compress(orjson.dumps(rows), 9)).decode()
            self._dumped = {"scope": None if self._scope is None else list(self._scope), "rows": packed}
        return self._dumped

    async def gone(self, context: SyncContext) -> list[Record]:
        """Tombstones of the rows that are known and not listed any more; from now on they aren't known either.

        None where a listing is refused, counts more rows than it shows, or shows nothing where there were many: that
        says nothing of what is deleted.
        Raises what reading the stream raises.
        """
        name = self._stream.name
        if len(self._known) > MOST_ROWS:
            logger.warning("%s: has more than %d rows: deletions are not reported", name, MOST_ROWS)
            return []
        try:
            listed = await self._listed(context)
        except (ResourceRefused, _NotAllListed) as error:
            logger.warning("%s: keys could not be listed, deletions are not reported: %s", name, error)
            return []
        if not listed and len(self._known) >= _FEW:
            logger.warning(
                "%s: none of %d known rows is listed any more, perhaps by mistake: deletions are not reported",
                name,
                len(self._known),
            )
            return []
        now = format_date(context.now())
        tombstones = [self._tombstone(key, now) for key in self._known if key not in listed]
        self._known, self._dumped = listed, None
        if tombstones:
            logger.info("%s: %d rows no longer exist; reported as deleted", name, len(tombstones))
        return tombstones

    def _tombstone(self, key: Key, now: str) -> Record:
        cursor = {self._cursor: self._known[key]} if self._cursor else {}
        return {**cursor, **dict(zip(self._stream.key, key, strict=True)), DELETED_AT: now}

    async def _listed(self, context: SyncContext) -> dict[Key, Any]:
        stream = _keys_only(self._stream, self._cursor, scoped=bool(context.config.list_ids))
        maker, pages = RecordMaker(self._stream), PageReader(context, stream)
        found: dict[Key, Any] = {}
        parents = await context.parent_rows(self._stream)
        for partition in partitions_of(self._stream, parents):
            if not context.audience_selected(partition.audience):
                continue
            seen, total = 0, 0
            try:
                async with aclosing(pages.batches(partition.values)) as batches:
                    async for batch in batches:
                        seen, total = seen + len(batch.rows), total if batch.total is None else batch.total
                        rows = [row for row in batch.rows if self._in_scope(row, partition, context)]
                        for record in maker.records(rows, partition.values):
                            found[self._key_of(record)] = record.get(self._cursor) if self._cursor else None
            except ResourceGone:
                if stream.parent is None:
                    raise
                continue
            if stream.trust_total and seen < total:
                raise _NotAllListed(stream.name, seen=seen, total=total)
        return found

    def _in_scope(self, row: Record, partition: Partition, context: SyncContext) -> bool:
        if partition.audience:
            return True
        return context.audience_selected(row.get("id")) if self._stream.is_audience else context.record_in_scope(row)

    def _key_of(self, record: Record) -> Key:
        return tuple(record.get(name) for name in self._stream.key)


def _keys_only(stream: Stream, cursor: str | None, *, scoped: bool) -> Stream:
    """``stream`` with nothing in its answers but keys and cursor, and whose audience a row is where that is asked."""
    wanted = [*stream.key, *([cursor] if cursor else []), *(["list_id", "recipients.list_id"] if scoped else [])]
    fields = ",".join([*(f"{stream.items}.{name}" for name in dict.fromkeys(wanted)), "total_items"])
    return replace(stream, params={**stream.params, "fields": fields})


def _loaded(saved: object, scope: Scope, stream: Stream) -> dict[Key, Any]:
    """What a state has kept of ``stream``; nothing where it can't be read, or holds for other audiences."""
    if not saved:
        return {}
    kept: Any = saved
    parts = len(stream.key)
    try:
        then = kept["scope"]
        if (tuple(then) if isinstance(then, list) else then) != scope:
            return {}
        rows = orjson.loads(zlib.decompress(base64.b64decode(str(kept["rows"]), validate=True)))
        return {tuple(row[:parts]): row[parts] for row in rows}
    except (binascii.Error, zlib.error, ValueError, TypeError, LookupError):
        logger.warning(
            "%s: the state's list of rows can't be read: deletions before this sync are not reported", stream.name
        )
        return {}
