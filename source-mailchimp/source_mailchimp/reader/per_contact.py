"""One request for each contact that is walked: a stage between ``ContactReader`` and a stream's records."""

from __future__ import annotations

import logging
from contextlib import aclosing
from functools import partial
from typing import Any

from mailchimp_api.errors import ResourceGone, ResourceRefused
from source_mailchimp.reader.bounds import CONTACT_PAGES_AHEAD, MEMORY_BYTES
from source_mailchimp.reader.concurrency import Budget, ordered_map, size_of_rows
from source_mailchimp.reader.context import SyncContext
from source_mailchimp.reader.outcome import MAX_REFUSALS
from source_mailchimp.reader.output import StreamOutput
from source_mailchimp.reader.paging import PageReader
from source_mailchimp.reader.partitions import Partition
from source_mailchimp.reader.window import Bounds
from source_mailchimp.stream import PerContact, Record, Stream

logger = logging.getLogger("airbyte.source_mailchimp")

# What a kill may cost: a thousand requests.
_PAGES_PER_CHUNK = 1


class RowsPerContact:
    """Asks for the rows of ``stream`` under each contact, and makes records of them."""

    def __init__(self, context: SyncContext, stream: Stream, reading: PerContact, out: StreamOutput) -> None:
        self._context = context
        self._stream = stream
        self._has_any = reading.has_any
        self._out = out
        # Its pages wait while their contacts are asked: they must not take the places of those requests.
        self.bounds = Bounds(CONTACT_PAGES_AHEAD, Budget(MEMORY_BYTES), _PAGES_PER_CHUNK)
        # A contact's further pages must not wait for places that other contacts' pages hold.
        self._pages = PageReader(context, stream, memory=Budget(MEMORY_BYTES))
        self._gone = 0
        self._refused = 0
        self._answered = False

    def begin(self, contacts: int) -> None:
        """Say what it will cost."""
        which = "each of" if self._has_any is None else "each that may have any of"
        logger.info(
            "%s: one request for %s about %s contacts%s",
            self._stream.name, which, f"{contacts:,}", time_for(self._context, contacts),
        )  # fmt: skip

    def expect(self, contacts: int) -> None:
        """Says nothing of the rows below them."""

    async def emit(self, rows: list[Record], audience: Partition) -> None:
        """Ask for the rows of those contacts that may have any, and hand on their records."""
        context, has_any = self._context, self._has_any
        name = self._stream.parameters[-1]
        contacts = [{**audience.values, name: row.get("id")} for row in rows if has_any is None or has_any(row)]
        jobs = (partial(self._rows_of, values) for values in contacts)
        answers = ordered_map(
            jobs,
            prefetch=context.prefetch,
            memory=context.memory,
            kind=self._stream.name,
            size_of=lambda answer: size_of_rows(answer[1]),
        )
        async with aclosing(answers):
            async for values, found in answers:
                await self._out.emit_records(found, values)

    def ended(self) -> None:
        """Say how many contacts could not be asked."""
        if self._gone:
            logger.warning("%s: %s; skipped", self._stream.name, _no_longer_exist(self._gone))
        if self._refused:
            logger.warning("%s: %d contacts were refused and skipped", self._stream.name, self._refused)

    async def _rows_of(self, values: dict[str, Any]) -> tuple[dict[str, Any], list[Record]]:
        rows: list[Record] = []
        try:
            async with aclosing(self._pages.batches(values)) as batches:
                async for batch in batches:
                    rows += batch.rows
            self._answered = True
        except ResourceGone:
            self._gone += 1
        except ResourceRefused as error:
            self._refused += 1
            self._out.note_refused(error)
            if not self._answered and self._refused >= MAX_REFUSALS:
                raise
        return values, rows


def time_for(context: SyncContext, requests: int) -> str:
    """How long ``requests`` requests take at least, as the end of a sentence.

    By the shortest request so far: one for a contact brings little, while a page of contacts takes long.
    """
    shortest = context.fetcher.client.usage.shortest
    if shortest is None:
        return ""
    minutes = requests * shortest / context.fetcher.workers / 60
    time = f"{minutes:,.0f} min" if minutes < 120 else f"{minutes / 60:,.0f} h"  # noqa: PLR2004
    return f"; {'under 1 min' if minutes < 1 else f'at least {time}'}, by the fastest answer so far"


def _no_longer_exist(contacts: int) -> str:
    return "1 contact no longer exists" if contacts == 1 else f"{contacts} contacts no longer exist"
