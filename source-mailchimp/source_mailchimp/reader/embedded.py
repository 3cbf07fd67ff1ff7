"""Reads rows that stand inside the rows of their parent: a page of a thousand orders brings the lines of all of them.

The parent's listing is read in the child's name, with all that listings have: order, proof, checkpoints. Only a parent
whose row leaves doubt is asked by the child's own path.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import replace
from functools import partial
from typing import Any

from mailchimp_api.errors import ResourceGone, ResourceRefused
from source_mailchimp.reader.bounds import MEMORY_BYTES
from source_mailchimp.reader.concurrency import Budget, ordered_map, size_of_rows
from source_mailchimp.reader.context import SyncContext
from source_mailchimp.reader.outcome import MAX_REFUSALS
from source_mailchimp.reader.output import StreamOutput
from source_mailchimp.reader.paging import PageReader
from source_mailchimp.reader.state import StreamState
from source_mailchimp.stream import Embedded, FullOnly, PathValues, Record, Stream

logger = logging.getLogger("airbyte.source_mailchimp")

# Nobody documents that a parent's row holds all of them. A list that was cut would be as long as pages elsewhere are.
_MAY_BE_CUT = frozenset({10, 20, 25, 50, 100, 200, 250, 500, 1000})


def listing_with(stream: Stream, reading: Embedded) -> Stream:
    """The listing of ``stream``'s parent, to be read in the name of ``stream``."""
    parent = stream.parent
    if parent is None:
        raise TypeError(f"{stream.name} has no parent whose rows could hold its own")
    links = f"{parent.items}._links,{parent.items}.{reading.field}._links,_links"
    return replace(
        parent, name=stream.name, reading=FullOnly(), for_children=(), params={**parent.params, "exclude_fields": links}
    )


def state_of_listing(state: StreamState, listing: Stream) -> StreamState:
    """``state`` without a run over other partitions: version 0.1.0 had one for each parent."""
    after = state.run.after if state.run else ()
    return replace(state, run=None) if after and len(after) != 1 + len(listing.parameters) else state


class EmbeddedOutput:
    """Takes the rows of parents for an output, and hands on the records of the rows inside them."""

    def __init__(self, context: SyncContext, stream: Stream, reading: Embedded, out: StreamOutput) -> None:
        self._context = context
        self._name = stream.parameters[-1]
        self._reading = reading
        self._out = out
        # A parent's own pages must not wait for places that other parents' pages hold.
        self._pages = PageReader(context, stream, memory=Budget(MEMORY_BYTES))
        self._refused = 0
        self._answered = False
        # Nor they for those of the listing, one of which is in hand when they are asked.
        self._memory = Budget(MEMORY_BYTES)

    def expect(self, rows: int) -> None:
        """Says nothing of the rows inside them."""

    async def emit_state(self, dump: Callable[[], dict[str, Any]], *, now: bool = False) -> None:
        """Hand on a checkpoint."""
        await self._out.emit_state(dump, now=now)

    def tell_parents(self, done: int, total: int) -> None:
        """Tell how many parents are done."""
        self._out.tell_parents(done, total)

    async def emit_records(self, parents: list[Record], params: PathValues) -> None:
        """Hand on the records of all rows inside ``parents``."""
        inside: list[Record] = []
        asked: list[PathValues] = []
        for parent in parents:
            rows = self._rows_in(parent)
            if rows is None:
                asked.append({**params, self._name: parent.get("id")})
            else:
                inside += [{**row, self._name: row.get(self._name) or parent.get("id")} for row in rows]
        await self._out.emit_records(inside, params)
        answers = ordered_map(
            (partial(self._rows_of, values) for values in asked),
            prefetch=self._context.prefetch,
            memory=self._memory,
            kind=self._out.stream.name,
            size_of=lambda answer: size_of_rows(answer[1]),
        )
        async with aclosing(answers):
            async for values, found in answers:
                await self._out.emit_records(found, values)

    def _rows_in(self, parent: Record) -> list[Record] | None:
        """All rows that there are below ``parent``, from its own row; None where that leaves doubt."""
        rows = parent.get(self._reading.field)
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            return None
        doubtful = len(rows) in _MAY_BE_CUT or (not rows and self._reading.may_lack(parent))
        return None if doubtful else rows

    async def _rows_of(self, values: PathValues) -> tuple[PathValues, list[Record]]:
        rows: list[Record] = []
        try:
            async with aclosing(self._pages.batches(values)) as batches:
                async for batch in batches:
                    rows += batch.rows
            self._answered = True
        except ResourceGone:
            return values, []  # deleted since its page came
        except ResourceRefused as error:
            # Its own trouble: the others of its page, and the pages that follow, are read.
            if not self._refused:
                logger.warning("%s: skipped %s: %s", self._out.stream.name, values[self._name], error)
            self._refused += 1
            self._out.note_refused(error)
            if not self._answered and self._refused >= MAX_REFUSALS:
                raise
        return values, rows
