"""Reads one partition of a stream, whichever way its endpoint hands out rows."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import replace
from datetime import datetime
from typing import Any
from urllib.parse import quote

from mailchimp_api.readers import Lacking, told_total
from source_mailchimp.config import MAX_PAGE_SIZE
from source_mailchimp.dates import ONE_SECOND, parse_date
from source_mailchimp.errors import IncompleteListing
from source_mailchimp.reader.concurrency import Budget
from source_mailchimp.reader.context import SyncContext
from source_mailchimp.reader.fetcher import Page, Params
from source_mailchimp.reader.listing import Batch, Listing, ListingReader
from source_mailchimp.reader.places import BEGINNING, AtCursor, AtOffset, Place
from source_mailchimp.reader.records import row_fingerprint, row_key_of
from source_mailchimp.stream import Paging, PathValues, Stream

_RESUME_OVERLAP = 10
_ROWS_BY_DEFAULT = 10  # that Mailchimp shows to whom doesn't say how many


def path_of(stream: Stream, params: PathValues) -> str:
    """The path with its parameters filled in."""
    return stream.path.format_map({name: quote(str(value), safe="") for name, value in params.items()})


def params_of(stream: Stream, extra: Mapping[str, str | int] | None = None) -> Params:
    """Query parameters of every request of ``stream``: links are left out, they make up half of an answer."""
    if "fields" in stream.params:  # names what is wanted; Mailchimp takes either of the two
        return {**stream.params, **(extra or {})}
    links = f"{stream.items}._links,_links" if stream.items else "_links"
    return {"exclude_fields": links, **stream.params, **(extra or {})}


def listing_of(stream: Stream, params: PathValues, extra: Mapping[str, str | int] | None = None) -> Listing:
    """What to ask for to list the rows of ``stream`` under ``params``."""
    return Listing(
        kind=stream.name,
        path=path_of(stream, params),
        items=stream.items or "",
        key_of=row_key_of(stream),
        params=params_of(stream, extra),
        trust_total=stream.trust_total,
        may_repeat=bool(stream.hash_key),
    )


class PageReader:
    """Reads partitions of ``stream``. ``memory``: bounds its pages in memory, if not the sync's."""

    def __init__(self, context: SyncContext, stream: Stream, *, memory: Budget | None = None) -> None:
        self._context = context
        self._stream = stream
        self._memory = memory or context.memory

    def batches(
        self,
        params: PathValues,
        filters: Mapping[str, str | int] | None = None,
        *,
        after: Place = BEGINNING,
    ) -> AsyncGenerator[Batch, None]:
        """All rows under ``params``, or those ``after`` the place where a run was cut short.

        If the row of its mark is not before that place any more, rows have moved since, and all are read.
        """
        match self._stream.paging:
            case Paging.OFFSET:
                return self._by_offset(params, filters, after)
            case Paging.CURSOR:
                return self._by_cursor(params, filters or {}, after.cursor if isinstance(after, AtCursor) else None)
            case Paging.COUNT_ONLY:
                return self._by_count(params, filters)
            case Paging.NONE:
                return self._at_once(params, filters)
            case Paging.OBJECT:
                return self._object(params, filters)

    async def _by_offset(
        self,
        params: PathValues,
        filters: Mapping[str, str | int] | None,
        after: Place = BEGINNING,
        *,
        counted: bool = True,
    ) -> AsyncGenerator[Batch, None]:
        """``counted``: its answers tell how many rows there are; else the end shows as a short page."""
        context, (start, mark) = self._context, _start_of(after)
        listing = listing_of(self._stream, params, filters)
        listing = replace(listing, trust_total=listing.trust_total and counted)
        reader = ListingReader(context.fetcher, listing, prefetch=context.prefetch, memory=self._memory)
        first = await reader.page_at(start) if start else None
        if first and _offset_of(mark, first, listing) is None:
            start, first = 0, None
        async with aclosing(reader.rows(start=start, first=first)) as batches:
            async for batch in batches:
                yield batch

    async def resumed_at(self, params: PathValues, filters: Mapping[str, str | int] | None, place: Place) -> int:
        """How many of the first rows an earlier run that came to ``place`` has read for sure."""
        start, mark = _start_of(place)
        if not start or self._stream.paging is not Paging.OFFSET:
            return 0
        listing = listing_of(self._stream, params, filters)
        reader = ListingReader(self._context.fetcher, listing, prefetch=1, memory=self._memory)
        at = _offset_of(mark, await reader.page_at(start), listing)
        return 0 if at is None else max(at - _RESUME_OVERLAP, 0)

    async def _at_once(
        self, params: PathValues, filters: Mapping[str, str | int] | None
    ) -> AsyncGenerator[Batch, None]:
        """No paging is documented. Where ``total_items`` says that there is more, there is paging nevertheless.

        So it was seen of an automation's e-mails, and Mailchimp's support says it of every listing
        (python-mailchimp#143, #246). Without a total, as many rows as come by default may be a first page.
        """
        stream = self._stream
        items = stream.items or ""
        body = await self._answer(params, filters, items)
        total, came = told_total(body), len(body[items])
        if came == _ROWS_BY_DEFAULT if total is None else total > came:
            async with aclosing(self._by_offset(params, filters, counted=total is not None)) as batches:
                async for batch in batches:
                    yield Batch(batch.rows, batch.total)
        else:
            yield Batch(body[items], came)

    async def _object(self, params: PathValues, filters: Mapping[str, str | int] | None) -> AsyncGenerator[Batch, None]:
        yield Batch([await self._answer(params, filters, None)], 1)

    async def _answer(
        self, params: PathValues, filters: Mapping[str, str | int] | None, items: str | None
    ) -> dict[str, Any]:
        """The one answer that there is below ``params``; with ``items``, there is a list of objects under that key."""
        context, path, query = self._context, path_of(self._stream, params), params_of(self._stream, filters)
        if context.shared.concern(self._stream.path):
            body = await context.shared.get(path, query)
            if items is None or _is_page(body, items):
                return body
        return await context.fetcher.get_object(path, query, items=items)

    async def _by_count(
        self, params: PathValues, filters: Mapping[str, str | int] | None
    ) -> AsyncGenerator[Batch, None]:
        """A listing without offset: beyond one page only its other end can be had."""
        stream = self._stream
        items = stream.items or ""
        query = {**params_of(stream, filters), "count": MAX_PAGE_SIZE}
        body = await self._context.fetcher.get_object(path_of(stream, params), query, items=items)
        rows, total = body[items], told_total(body)
        key_of = row_key_of(stream)
        # Before they are handed on: rows become records, which hold other things.
        seen, came = {key_of(row) for row in rows}, len(rows)
        yield Batch(rows, came)
        if came >= MAX_PAGE_SIZE if total is None else total > came:
            for direction in ("ASC", "DESC"):
                query |= {"sort_field": "created_at", "sort_dir": direction}
                body = await self._context.fetcher.get_object(path_of(stream, params), query, items=items)
                new = [row for row in body[items] if key_of(row) not in seen]
                seen |= {key_of(row) for row in new}
                yield Batch(new)
            if total is None or len(seen) < total:
                raise IncompleteListing(stream.name, seen=len(seen), total=total)

    async def _by_cursor(
        self, params: PathValues, filters: Mapping[str, str | int], resume: datetime | None
    ) -> AsyncGenerator[Batch, None]:
        """Page after page, oldest change first; a row's date tells where a later run may go on."""
        stream, context = self._stream, self._context
        cursor = stream.cursor
        query: dict[str, str | int] = {**params_of(stream, filters)}
        if cursor and cursor.sort:
            query |= {"sort_field": cursor.sort, "sort_dir": "ASC"}
        if resume and cursor and cursor.since:
            query[cursor.since] = resume.isoformat()
        followed: set[str] = set()
        seen = 0
        while True:
            body = await context.fetcher.get_cursor_page(
                path_of(stream, params), query, items=stream.items or "", kind=stream.name
            )
            rows, following = body[stream.items or ""], body.get("next_cursor")
            seen += len(rows)
            last = parse_date(rows[-1].get(cursor.field)) if rows and cursor and cursor.sort else None
            # The second at a page's end goes on on the next page, so it is read again.
            yield Batch(rows, len(rows), AtCursor(last - 2 * ONE_SECOND) if last else None)
            if not following:
                return
            if not isinstance(following, str) or following in followed:
                raise IncompleteListing(stream.name, seen=seen, total=None)
            followed.add(following)
            query["cursor"] = following


def _start_of(place: Place) -> tuple[int, str | None]:
    """From which offset on to read after ``place``, and the mark of the row that lies a little behind it."""
    return (max(place.offset - _RESUME_OVERLAP, 0), place.mark) if isinstance(place, AtOffset) else (0, None)


def _is_page(body: Mapping[str, Any], items: str) -> bool:
    rows = body.get(items)
    try:
        told_total(body)
    except Lacking:
        return False
    return isinstance(rows, list) and all(isinstance(row, dict) for row in rows)


def _offset_of(mark: str | None, pages: list[Page], listing: Listing) -> int | None:
    """The offset of the row of ``mark``, if it is on ``pages``."""
    for page in pages:
        for index, row in enumerate(page.rows):
            if row_fingerprint(listing.key_of(row)) == mark:
                return page.offset + index
    return None
