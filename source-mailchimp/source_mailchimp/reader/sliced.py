"""Reads streams slice by slice: whole, by a date filter, what may have changed, or where there are news."""

from __future__ import annotations

import asyncio
import logging
from contextlib import aclosing
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import orjson

from mailchimp_api.errors import ConfigError, MailchimpError, RequestRefused, ResourceGone, ResourceRefused
from source_mailchimp.dates import format_date, parse_date
from source_mailchimp.reader.account import Account
from source_mailchimp.reader.children import PARENT_CAMPAIGN, children_key, children_of
from source_mailchimp.reader.gate import Gate, last_activity
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
        self._reports: dict[str, Record] = {}
        self._gate: Gate | None = None
        self._below: list[tuple[StreamState, bool, Gate]] = []
        self._gone = 0
        self._refused: list[tuple[SliceRef, ResourceRefused]] = []
        self._failures: list[MailchimpError] = []
        self._failed_in_a_row = 0
        self._withheld: list[bytes] = []
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
        await self._open_gate()
        counts = self._gate.counts if self._gate else None
        run = state.run or Run(until=until, full_refresh=self._full, scope=self._scope, counts=counts)
        slices = [item for item in slices_of(stream, parents) if account.admits(item.audience)]
        pending = [
            item
            for item in slices
            if (self._feed is not None or not self._is_done(item, run)) and self._is_wanted(item)
        ]
        state.run = run
        # In the state from the first checkpoint on: a run that is cut short passes by them, too.
        state.slices = {**self._unlisted(), **state.slices}
        progress = Progress(run, pending)
        await self._read_all(pending, progress)
        try:
            await self._feed_children()
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
            await self._release_withheld()  # before any state says that the slice is done
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
                    if self._withheld:
                        continue  # what is withheld is not emitted yet: the state must not pass it
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
            latest = last_activity(self._report_of(item))
            added[_CAMPAIGN_LAST_ACTIVITY] = format_date(latest) if latest else None
        return added

    # -- which slices and rows are new

    async def _open_gate(self) -> None:
        follows = self._stream.follows_reports and not self._full
        if self._stream.reading is not Reading.GATED and not follows:
            return
        if self._stream.name == "reports" or "reports" not in self._account.parents:
            return
        reports = await self._account.parents["reports"].rows()
        self._reports = {str(report["id"]): report for report in reports}
        self._gate = await self._gate_of(reports, self._state)
        if self._feed:
            self._below = await self._gates_below(reports)

    async def _gates_below(self, reports: list[Record]) -> list[tuple[StreamState, bool, Gate]]:
        """For each selected stream that looks under this one: how far it is, and what is new to it."""
        return [
            (state, full, await self._gate_of(reports, state))
            for child, (state, full) in self._account.states.items()
            if self._stream.name in (ancestor.name for ancestor in child.ancestors)
        ]

    async def _gate_of(self, reports: list[Record], state: StreamState) -> Gate:
        lookback = timedelta(days=self._account.config.activity_lookback_days)
        unknown = () if state.cursor or state.slices else None
        counts = unknown if state.counts is None else state.counts
        return Gate(reports, until=await self._account.until(), lookback=lookback, counts=counts)

    def _report_of(self, item: SliceRef) -> Record:
        return self._reports.get(str(item.params.get("campaign_id")), {})

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
        return self._feed is not None and (self._gate is None or self._wanted_below(item))

    def _is_done(self, item: SliceRef, run: Run) -> bool:
        """Whether the run has read the slice; it has passed by one that could not be listed when it began."""
        return run.is_done(item.id, item.position) and self._children_key(item) not in self._state.slices

    def _cursor_of(self, item: SliceRef) -> datetime | None:
        """How far the slice has been read; None: not at all."""
        return self._state.cursor_of(item.id, self._children_key(item))

    def _children_key(self, item: SliceRef) -> str:
        return children_key(self._report_of(item).get(PARENT_CAMPAIGN))

    def _unlisted(self) -> dict[str, datetime | None]:
        """How far the children were read of campaigns that do not let them be listed."""
        if self._stream.reading is not Reading.GATED or "reports" not in self._account.parents:
            return {}
        keys = map(children_key, self._account.parents["reports"].unlisted)
        return {key: self._state.cursor_of(key) for key in keys}

    def _has_news(self, item: SliceRef, since: datetime | None) -> bool:
        if self._stream.reading is not Reading.GATED or self._gate is None:
            return True
        return self._gate.has_news(self._report_of(item), since)

    def _wanted_below(self, item: SliceRef) -> bool:
        """Whether a stream that looks under this one has not seen all there is of this campaign."""
        report = self._report_of(item)
        return any(
            gate.has_news(report, self._oldest_below(item, state, full=full)) for state, full, gate in self._below
        )

    def _oldest_below(self, item: SliceRef, state: StreamState, *, full: bool) -> datetime | None:
        """From when on a stream below wants to see what is under ``item``; None: from the beginning."""
        if full or not state.covers(item.audience, self._account.config.list_ids):
            return None
        above = self._children_key(item)
        cursors = [state.cursor]
        cursors += [at for key, at in state.slices.items() if key == above or key.startswith(f"{item.id}/")]
        return None if None in cursors else min(at for at in cursors if at)

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
        if not self._stream.follows_reports:
            return False
        if self._stream.name == "reports":
            latest = last_activity(row)
            if latest is None or latest >= since:
                return True
            self._withheld.append(orjson.dumps(row))
            return False
        report = self._reports.get(str(row.get("id")))
        return report is not None and self._gate is not None and self._gate.has_news(report, since)

    async def _release_withheld(self) -> None:
        """Reports without a newer date whose counts may have changed: known when all reports are."""
        if self._stream.name != "reports" or not self._feed or not self._out:
            return
        self._gate = await self._gate_of(self._feed.so_far, self._state)
        rows = [orjson.loads(row) for row in self._withheld]
        self._withheld.clear()
        await self._out.rows([row for row in rows if self._gate.counts_changed(row)], {})

    async def _feed_children(self) -> None:
        """Let the streams below look under the children of campaigns, too."""
        if self._stream.name != "reports" or not self._feed:
            return
        reports = list(self._feed.so_far)
        if any(self._stream in child.ancestors for child in self._account.states):
            async with aclosing(
                children_of(self._account, self._account.sub_reports, reports, self._feed.unlisted)
            ) as answers:
                async for rows in answers:
                    self._feed.add([row for row in rows if self._account.includes(row)])

    # -- the end

    def _finished(self, run: Run, asked: int) -> StreamState:
        if self._full:
            return StreamState(complete=True)
        if self._refused and (len(self._refused) == asked or self._too_many_refused):
            return replace(self._state, run=None)
        return StreamState(
            cursor=run.until,
            slices={**{item.id: self._cursor_of(item) for item, _ in self._refused}, **self._unlisted()},
            scope=self._scope,
            # Those of its beginning: what a slice that was done by then had later is still to come.
            counts=run.counts or (self._gate.counts if self._gate else None),
        )

    @property
    def _too_many_refused(self) -> bool:
        """Whether the state can't name all slices that were refused, and so can't pass them."""
        return len(self._refused) > _MOST_FAILURES

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
