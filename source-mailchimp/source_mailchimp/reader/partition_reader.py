"""Reads a stream partition by partition: skips what is done, keeps what fails, gives up, and hands on checkpoints."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Iterator
from contextlib import aclosing
from dataclasses import replace
from functools import partial

from mailchimp_api.errors import ConfigError, MailchimpError, ResourceGone, ResourceRefused
from source_mailchimp.errors import ParentsRefused, PartlyRefused
from source_mailchimp.reader.concurrency import Job, run_bounded
from source_mailchimp.reader.context import SyncContext
from source_mailchimp.reader.outcome import Outcome
from source_mailchimp.reader.output import RecordSink
from source_mailchimp.reader.paging import PageReader
from source_mailchimp.reader.parents import ParentRows, parent_failed
from source_mailchimp.reader.partitions import Partition, Progress, partitions_of
from source_mailchimp.reader.places import ALL_PARTITIONS, BEGINNING, AtOffset
from source_mailchimp.reader.state import ResumePoint, StreamState, scope_of
from source_mailchimp.reader.strategies import Past, everything, open_strategy
from source_mailchimp.stream import Record, Reports, Stream

logger = logging.getLogger("airbyte.source_mailchimp")


class PartitionReader:
    """Reads ``stream`` into ``out``, or, without ``out``, only for those that look under it.

    ``state``: of the last sync; ``full_refresh``: whether everything is wanted, or what is new.
    """

    def __init__(
        self, context: SyncContext, stream: Stream, out: RecordSink | None, state: StreamState, *, full_refresh: bool
    ) -> None:
        self._context = context
        self._stream = stream
        self._out = out
        self._scope = scope_of(context.config.list_ids)
        self._state = state.begin(full_refresh=full_refresh, scope=self._scope)
        if isinstance(stream.reading, Reports) and not full_refresh:
            # It begins anew after a kill: what has been emitted may have changed in its counts since, which only the
            # whole listing tells.
            self._state.run = None
        self.left_out = self._state.left_out
        """Below how many rows of the parent the part of a full refresh was refused that is gone on with."""
        self._full = full_refresh
        self._parent_rows = context.parents.get(stream.name)
        self._pages = PageReader(context, stream)
        self._strategy = everything(Past(context, self._state, full_refresh))
        self._outcome = Outcome()
        self._not_found = set(context.config.list_ids) if stream.is_audience else set()
        self.refusal: ResourceRefused | None = None
        """Why nothing at all was readable, None where something was."""

    async def read(self) -> None:
        """Read to the end; raise the first error of a partition when all others are done.

        Partitions that failed stay open in the state: the next sync asks them again, and all others for what is new.
        """
        resumed = bool(self._state.run)
        if resumed and self._parent_rows is None:
            self._not_found.clear()  # some were found before
        await self._run_once()
        if resumed and not self._full and not self._state.run:
            # The run that had been cut short ended where it meant to; now for what happened since.
            await self._run_once()
        missing, outcome = self._missing, self._outcome
        nothing_came = self.refusal or (outcome.failed and outcome.all_failed)
        if self._parent_rows and not outcome.given_up and not nothing_came:
            self._parent_rows.missing = missing or next((error for _, error in outcome.refused), None)
        if missing:
            raise missing

    @property
    def _missing(self) -> MailchimpError | None:
        """Why the stream is not complete, None if it is."""
        outcome = self._outcome
        if outcome.errors:
            return outcome.errors[0]
        above = self._missing_above
        if above:
            return parent_failed(above.stream, above.missing or RuntimeError())
        return self._left_out if self._full and not self.refusal else None

    @property
    def _left_out(self) -> MailchimpError | None:
        """What a full refresh lacks because it was refused, None if nothing."""
        name, parent, refused = self._stream.name, self._stream.parent, self._outcome.refused
        if refused and parent and parent.is_audience:
            return PartlyRefused(name, refused=len(refused), asked=self._outcome.asked, reason=refused[0][1])
        if parent is None or self._out is None:  # whoever looks under the rows says so
            return None
        if refused:
            return ParentsRefused(name, refused=len(refused), parents=parent.name, reason=str(refused[0][1]))
        for above in self._stream.ancestors:
            rows = self._context.parents.get(above.name)
            if rows and rows.unlisted:
                reason = "the versions that these were sent in can't be listed, see the warnings"
                return ParentsRefused(name, refused=len(rows.unlisted), parents=above.name, reason=reason)
        return None

    @property
    def _missing_above(self) -> ParentRows | None:
        """The parent's rows if some of them, and so all that is below those, are missing.

        That some were refused concerns whoever wants everything; what is new elsewhere can be told without them.
        """
        above = self._context.parents.get(self._stream.parent.name) if self._stream.parent else None
        if above is None or above.missing is None:
            return None
        return above if self._full or not isinstance(above.missing, (ResourceRefused, ParentsRefused)) else None

    async def _run_once(self) -> None:
        context, state, stream = self._context, self._state, self._stream
        if self._parent_rows:
            self._parent_rows.restart()
        above = await context.parent_rows(stream)
        until = None if self._full else await context.upper_bound()
        context.check_dates(stream.name, state)
        self._strategy = strategy = await open_strategy(
            context, stream, state, full_refresh=self._full, parent_rows=self._parent_rows
        )
        run = state.run or ResumePoint(
            until=until, full_refresh=self._full, scope=self._scope, counts=strategy.fingerprint
        )
        partitions = [item for item in partitions_of(stream, above) if context.audience_selected(item.audience)]
        pending = [
            item
            for item in partitions
            if (self._parent_rows is not None or not self._is_done(item, run)) and self._is_wanted(item)
        ]
        outcome = self._outcome = Outcome(asked=len(pending), most_left_open=context.most_left_open)
        state.run = run
        # In the state from the first checkpoint on: a run that is cut short passes by them, too.
        state.slices = {**strategy.unlisted(), **state.slices}
        await self._read_all(pending, Progress(run, pending))
        try:
            if strategy.reports:
                await strategy.reports.add_versions()
        except ConfigError:
            raise
        except MailchimpError as error:
            outcome.errors.append(error)
        if outcome.refused and len(outcome.refused) == len(partitions):
            self.refusal = outcome.refused[0][1]
        outcome.warn(stream, refusal=self.refusal, not_found=self._not_found)
        late = strategy.still_late()
        if late:
            which = "all campaigns" if ALL_PARTITIONS in late else f"{len(late)} campaigns whose counts have moved"
            logger.info("%s: %s will be asked again within a week", stream.name, which)
        if self._missing_above:
            self._state.run = None  # what is missing is not in any order: the next sync begins where this one did
        elif not self._missing or (outcome.failed and not self._unfinished):
            self._state = self._finished(run)
        await self._checkpoint(now=True)

    @property
    def _unfinished(self) -> bool:
        """Whether the run is gone on with by the next sync; else it is done, and what failed stays open."""
        return self._full or self._outcome.given_up or self._outcome.all_failed

    def _is_wanted(self, partition: Partition) -> bool:
        """Whether it has to be read, for itself or for streams that look under its rows."""
        if self._out and self._strategy.is_new(partition, self._strategy.since(partition)):
            return True
        return self._parent_rows is not None and self._strategy.is_new_below(partition)

    def _is_done(self, partition: Partition, run: ResumePoint) -> bool:
        """Whether the run has read it; it has passed by one that could not be listed when it began."""
        passed_by = any(name in self._state.slices for name in self._strategy.past.other_names(partition))
        return run.is_done(partition.id, partition.position) and not passed_by

    async def _read_all(self, pending: list[Partition], progress: Progress) -> None:
        read_so_far, outcome = itertools.count(1), self._outcome

        async def read(index: int, partition: Partition) -> None:
            await progress.wait_within_window(index)
            if outcome.hopeless:
                outcome.given_up = True
                progress.fail(index)  # others may go on, and must not wait for a partition that nobody reads
                return
            await self._read_partition(index, partition, progress)
            if self._out and self._stream.parent:
                self._out.tell_parents(next(read_so_far), len(pending))

        def jobs() -> Iterator[Job[None]]:
            for index, partition in enumerate(pending):
                if outcome.hopeless:
                    outcome.given_up = True
                    return
                yield partial(read, index, partition)

        await run_bounded(jobs(), limit=self._context.prefetch)

    async def _read_partition(self, index: int, partition: Partition, progress: Progress) -> None:
        try:
            await self._read_rows(partition, progress)
            if self._out and self._strategy.reports and not self._full:
                await self._out.emit_records(self._strategy.reports.released(), {})
        except ConfigError:
            raise
        except ResourceRefused as error:
            self._outcome.refused.append((partition, error))
            # Asked again after a kill, or nobody would know any more that it was never read.
            progress.fail(index)
            self._bound_run()
        except MailchimpError as error:
            if isinstance(error, ResourceGone) and self._stream.parent:
                self._outcome.gone += 1
                progress.finish(index)
                return
            self._outcome.fail(partition, error)
            progress.fail(index)
        else:
            self._outcome.came()
            progress.finish(index)
            await self._checkpoint()

    def _bound_run(self) -> None:
        if self._outcome.too_many_open:
            self._state.run = None  # too many to name: after a kill this run begins anew

    async def _read_rows(self, partition: Partition, progress: Progress) -> None:
        run, strategy, parent_rows = progress.run, self._strategy, self._parent_rows
        done = parent_rows is not None and self._is_done(partition, run)
        place = run.place_of(partition.id)
        since = strategy.since(partition)
        emits = not done and strategy.is_new(partition, since)
        added = strategy.added(partition)
        filters = strategy.filters(since, run.until)
        # A parent is read from its beginning in any case: those below need all of it.
        emitted = await self._pages.resumed_at(partition.values, filters, place) if parent_rows else 0
        batches = self._pages.batches(partition.values, filters, after=BEGINNING if parent_rows else place)
        first = True
        async with aclosing(batches):
            async for batch in batches:
                if emits:
                    strategy.tally(partition, batch.rows)
                rows = self._in_scope(batch.rows, partition)
                if parent_rows:
                    parent_rows.add(rows, added)
                came_before = isinstance(batch.place, AtOffset) and batch.place.offset <= emitted
                if self._out and emits and not came_before:
                    if first and batch.total:
                        self._out.expect(batch.total)
                    first = False
                    await self._out.emit_records(strategy.changed(rows, since), added)
                    if strategy.reports and strategy.reports.withholds:
                        continue
                    if batch.place:
                        progress.record_position(partition, batch.place)
                        await self._checkpoint()
        if emits:
            strategy.note_read(partition)

    def _in_scope(self, rows: list[Record], partition: Partition) -> list[Record]:
        """Those of ``rows`` that ``list_ids`` lets in, where the partition has not said so already."""
        context = self._context
        if not context.config.list_ids or partition.audience:
            return rows
        if self._stream.is_audience:
            self._not_found.difference_update(str(row.get("id")) for row in rows)
            return [row for row in rows if context.audience_selected(row.get("id"))]
        return [row for row in rows if context.record_in_scope(row)]

    def _finished(self, run: ResumePoint) -> StreamState:
        if self._full:
            return StreamState(complete=True)
        strategy, outcome = self._strategy, self._outcome
        if outcome.too_many_open or (outcome.refused and len(outcome.refused) == outcome.asked):
            return replace(self._state, run=None)
        return StreamState(
            cursor=run.until,
            slices={**{item.id: strategy.past.cursor_of(item) for item in outcome.left_open}, **strategy.unlisted()},
            scope=self._scope,
            counts=strategy.reports.fingerprint if strategy.reports else run.counts,
            open=frozenset(item.id for item in outcome.left_open),
            late=strategy.still_late(),
        )

    async def _checkpoint(self, *, now: bool = False) -> None:
        if self._out:
            await self._out.emit_state(self._state.dump, now=now)
