"""Reads streams slice by slice: whole, by a date filter, what may have changed, or where there are news."""

from __future__ import annotations

import asyncio
import logging
from contextlib import aclosing
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from mailchimp_api.errors import ConfigError, MailchimpError, RequestRefused, ResourceGone, ResourceRefused
from source_mailchimp.dates import format_date, parse_date
from source_mailchimp.reader.account import Account
from source_mailchimp.reader.gate import last_activity
from source_mailchimp.reader.news import News, news_of
from source_mailchimp.reader.output import StreamOutput
from source_mailchimp.reader.pages import PageReader
from source_mailchimp.reader.slices import Progress, SliceRef, slices_of
from source_mailchimp.reader.state import Run, StreamState, scope_of
from source_mailchimp.reader.window import ONE_SECOND
from source_mailchimp.stream import Reading, Record, Stream

logger = logging.getLogger("airbyte.source_mailchimp")

_AUDIENCES = {"lists", "audiences"}  # the streams whose rows are audiences
_CAMPAIGN_LAST_ACTIVITY = "campaign_last_activity"
# After so many slices in a row that could not be read, the trouble is not theirs.
_HOPELESS = 3
# Each slice that failed or was refused has an entry in the state.
_MOST_FAILURES = 100
_MOST_REFUSED = 2_000  # a line of the state for each; beyond that it does not pass them
_SHOWN_WARNINGS = 3


class SlicedReader:
    """Reads ``stream`` into ``out``, or, without ``out``, only for those that look under it.

    ``state``: of the last sync; ``full_refresh``: whether everything is wanted, or what is new.
    """

    def __init__(
        self, account: Account, stream: Stream, out: StreamOutput | None, state: StreamState, *, full_refresh: bool
    ) -> None:
        self._account = account
        self._stream = stream
        self._out = out
        self._scope = scope_of(account.config.list_ids)
        self._state = state.begin(full_refresh=full_refresh, scope=self._scope)
        self._full = full_refresh
        self._feed = account.parents.get(stream.name)
        self._pages = PageReader(account, stream)
        self._news = News(account, self._state)
        self._gone = 0
        self._refused: list[tuple[SliceRef, ResourceRefused]] = []
        self._failures: list[MailchimpError] = []
        self._failed_in_a_row = 0
        self._not_found = set(account.config.list_ids) if stream.name in _AUDIENCES else set()

    async def read(self) -> None:
        """Read to the end; raise the first error of a slice when all others are done."""
        resumed = bool(self._state.run)
        if resumed and self._feed is None:
            self._not_found.clear()  # some were found before
        await self._run_once()
        if resumed and not self._full:
            # The run that had been cut short ended where it meant to; now for what happened since.
            await self._run_once()

    async def _run_once(self) -> None:
        account, state, stream = self._account, self._state, self._stream
        self._gone, self._refused = 0, []
        if self._feed:
            self._feed.restart()
        parents = await account.parents[stream.parent.name].rows() if stream.parent else []
        until = None if self._full else await account.until()
        self._news = await self._open_news()
        run = state.run or Run(until=until, full_refresh=self._full, scope=self._scope, counts=self._news.counts)
        slices = [item for item in slices_of(stream, parents) if account.admits(item.audience)]
        pending = [
            item
            for item in slices
            if (self._feed is not None or not self._is_done(item, run)) and self._is_wanted(item)
        ]
        state.run = run
        # In the state from the first checkpoint on: a run that is cut short passes by them, too.
        state.slices = {**self._news.unlisted(), **state.slices}
        progress = Progress(run, pending)
        await self._read_all(pending, progress)
        try:
            await self._all_read()
        except ConfigError:
            raise
        except MailchimpError as error:
            self._failures.append(error)
        self._warn(len(pending))
        if self._failures:
            await self._checkpoint(now=True)
            raise self._failures[0]
        self._state = self._finished(run, len(pending))
        await self._checkpoint(now=True)

    async def _read_all(self, pending: list[SliceRef], progress: Progress) -> None:
        numbered = iter(enumerate(pending))

        async def work() -> None:
            for index, item in numbered:
                await progress.room(index)
                if self._failed_in_a_row >= _HOPELESS or len(self._failures) >= _MOST_FAILURES:
                    progress.fail(index)  # others may go on, and must not wait for a slice that nobody reads
                    return
                await self._read_slice(index, item, progress)

        workers = [asyncio.ensure_future(work()) for _ in range(min(self._account.ahead, len(pending)))]
        try:
            await asyncio.gather(*workers)
        finally:
            for worker in workers:
                worker.cancel()
            await asyncio.gather(*workers, return_exceptions=True)

    async def _read_slice(self, index: int, item: SliceRef, progress: Progress) -> None:
        try:
            await self._read_rows(item, progress)
            await self._slice_read()
        except ConfigError:
            raise
        except ResourceRefused as error:
            self._refused.append((item, error))
            # Asked again after a kill, or nobody would know any more that it was never read.
            progress.fail(index)
            if self._too_many_refused:
                self._state.run = None  # too many to name: after a kill this run begins anew
        except MailchimpError as error:
            if isinstance(error, ResourceGone) and self._stream.parent:
                self._gone += 1
                progress.finish(index)
                return
            self._failures.append(error)
            # A refusal is the slice's own; anything else may be the trouble of all.
            self._failed_in_a_row += not isinstance(error, RequestRefused)
            progress.fail(index)
        else:
            self._failed_in_a_row = 0
            progress.finish(index)
            await self._checkpoint()

    async def _read_rows(self, item: SliceRef, progress: Progress) -> None:
        run = progress.run
        done = self._feed is not None and self._is_done(item, run)
        entry = run.slices.get(item.id, {})
        offset, mark = run.offset_of(item.id), entry.get("mark")
        since = self._since(item)
        emits = not done and self._has_news(item, since)
        extra = self._added(item)
        filters = self._filters(since, run)
        if self._feed:
            # A parent is read from its beginning in any case: those below need all of it.
            offset = await self._pages.resumed_at(item.params, filters, offset, mark)
        batches = self._pages.batches(
            item.params,
            filters,
            offset=0 if self._feed else offset,
            mark=mark,
            resume=parse_date(entry.get("cursor")),
        )
        first = True
        async with aclosing(batches):
            async for batch in batches:
                rows = self._included(batch.rows, item)
                if self._feed:
                    self._feed.add(rows, extra)
                if self._out and emits and not (self._feed and batch.offset is not None and batch.offset <= offset):
                    if first and batch.total and not self._stream.expand:
                        self._out.expect(batch.total)
                    first = False
                    await self._out.rows(self._changed(rows, since), extra)
                    if not self._may_checkpoint():
                        continue
                    if batch.offset is not None:
                        progress.stand(item, offset=batch.offset, mark=batch.mark)
                        await self._checkpoint()
                    elif batch.cursor is not None:
                        progress.stand(item, cursor=format_date(batch.cursor))
                        await self._checkpoint()

    def _included(self, rows: list[Record], item: SliceRef) -> list[Record]:
        """Those of ``rows`` that ``list_ids`` lets in: all, where the slice belongs to an audience as a whole."""
        account = self._account
        if not account.config.list_ids or item.audience:
            return rows
        if self._stream.name in _AUDIENCES:
            self._not_found.difference_update(str(row.get("id")) for row in rows)
            return [row for row in rows if account.admits(row.get("id"))]
        return [row for row in rows if account.includes(row)]

    def _added(self, item: SliceRef) -> dict[str, Any]:
        """What each record of the slice gets beside its row."""
        added = dict(item.params)
        if _CAMPAIGN_LAST_ACTIVITY in self._stream.adds:
            latest = last_activity(self._news.report_of(item))
            added[_CAMPAIGN_LAST_ACTIVITY] = format_date(latest) if latest else None
        return added

    # -- which slices and rows are new

    async def _open_news(self) -> News:
        """What tells the run which slices and rows are new."""
        return await news_of(self._account, self._stream, self._state, full_refresh=self._full)

    def _since(self, item: SliceRef) -> datetime | None:
        """The moment from which on the slice is wanted, None for its beginning."""
        start = self._account.config.start if self._stream.reading in {Reading.FILTER, Reading.GATED} else None
        cursor = None
        if not self._full and self._state.covers(item.audience, self._account.config.list_ids):
            cursor = self._cursor_of(item)
        return max((date for date in (cursor, start) if date), default=None)

    def _is_wanted(self, item: SliceRef) -> bool:
        """Whether the slice has to be read, for itself or for streams that look under its rows."""
        if self._out and self._has_news(item, self._since(item)):
            return True
        return self._feed is not None and self._news.below(item)

    def _is_done(self, item: SliceRef, run: Run) -> bool:
        """Whether the run has read the slice; it has passed by one that could not be listed when it began."""
        passed_by = any(name in self._state.slices for name in self._news.names_above(item))
        return run.is_done(item.id, item.position) and not passed_by

    def _cursor_of(self, item: SliceRef) -> datetime | None:
        """How far the slice has been read; None: not at all."""
        return self._state.cursor_of(item.id, *self._news.names_above(item))

    def _has_news(self, item: SliceRef, since: datetime | None) -> bool:
        return self._stream.reading is not Reading.GATED or self._news.of_slice(item, since)

    def _filters(self, since: datetime | None, run: Run) -> dict[str, str | int]:
        """The endpoint's own date filters, where this reading uses them."""
        cursor = self._stream.cursor
        reading = self._stream.reading
        if cursor is None or self._feed or reading not in {Reading.FILTER, Reading.GATED}:
            return {}
        filters: dict[str, str | int] = {}
        if since and cursor.since:
            filters[cursor.since] = format_date(since - ONE_SECOND)
        if cursor.before and run.until and not self._full:
            filters[cursor.before] = format_date(run.until + ONE_SECOND)
        return filters

    def _changed(self, rows: list[Record], since: datetime | None) -> list[Record]:
        """Those of ``rows`` that may be new since then."""
        cursor = self._stream.cursor
        if cursor is None or since is None:
            return rows
        if self._stream.reading is Reading.REFRESH:
            return [row for row in rows if self._may_have_changed(row, since)]
        if cursor.field == _CAMPAIGN_LAST_ACTIVITY or self._stream.expand:
            return rows
        after = since - ONE_SECOND
        return [row for row in rows if (date := parse_date(row.get(cursor.field))) is None or date >= after]

    def _may_have_changed(self, row: Record, since: datetime) -> bool:
        test = self._stream.may_have_changed
        window = timedelta(days=self._account.config.refresh_window_days)
        if test is None or test(row, since - window):
            return True
        return self._stream.follows_reports and self._follows(row, since)

    def _follows(self, row: Record, since: datetime) -> bool:
        """Whether the row's campaign has news since then."""
        return self._news.of_campaign(row.get("id"), since)

    # -- what a reader of its own kind may do besides

    def _may_checkpoint(self) -> bool:
        """Whether all rows up to here have been handed on."""
        return True

    async def _slice_read(self) -> None:
        """All rows of a slice have come, and no state says so yet."""

    async def _all_read(self) -> None:
        """All slices have been read, or have failed."""

    def _counts_of(self, run: Run) -> tuple[int, ...] | None:
        """What the campaigns' counts were up to which all has been read: what a slice had after it is still to come."""
        return run.counts

    # -- the end

    def _finished(self, run: Run, asked: int) -> StreamState:
        if self._full:
            return StreamState(complete=True)
        if self._refused and (len(self._refused) == asked or self._too_many_refused):
            return replace(self._state, run=None)
        return StreamState(
            cursor=run.until,
            slices={**{item.id: self._cursor_of(item) for item, _ in self._refused}, **self._news.unlisted()},
            scope=self._scope,
            counts=self._counts_of(run),
        )

    @property
    def _too_many_refused(self) -> bool:
        """Whether the state can't name all slices that were refused, and so can't pass them."""
        return len(self._refused) > _MOST_REFUSED

    def _warn(self, asked: int) -> None:
        name = self._stream.name
        if self._gone:
            logger.warning("%s: %d of %d parents are gone since they were listed; skipped", name, self._gone, asked)
        if self._refused and len(self._refused) == asked:
            logger.warning("%s is not available to this account or user, nothing read: %s", name, self._refused[0][1])
        elif self._refused:
            for item, error in self._refused[:_SHOWN_WARNINGS]:
                logger.warning("%s: skipped %s: %s", name, item.id or "all", error)
            begins_anew = "; they are too many to remember, so the next sync begins where this one did"
            logger.warning(
                "%s: %d of %d parents were refused and skipped%s",
                name, len(self._refused), asked, begins_anew if self._too_many_refused else "",
            )  # fmt: skip
        if self._not_found and not self._refused and not self._failures:
            missing = ", ".join(sorted(self._not_found))
            logger.warning("%s: list_ids names audiences that do not exist (any more): %s", name, missing)

    async def _checkpoint(self, *, now: bool = False) -> None:
        if self._out:
            await self._out.state(self._state.dump, now=now)
