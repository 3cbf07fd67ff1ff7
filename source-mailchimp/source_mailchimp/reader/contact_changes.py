"""Asks only contacts whose rows tell something else than at the last sync: tags, and the last note.

All contacts are walked, a request for each thousand, and what their rows tell is compared with what it was. The ids of
those who may have any are kept meanwhile, 16 bytes each, so that how many are to be asked is known before the first is.
They are asked in the order of their ids. That order lasts, so a sync that was cut short is gone on with: behind the
last one who was asked, and then, after another walk, with those who have changed since they were asked.

A row may change while its contact waits to be asked. The sums of the walk are what is remembered, so the next sync
finds another row, and asks again. Whoever the walk has missed is in no sum, and is new to the next sync.
"""

from __future__ import annotations

import logging
from collections import Counter
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from typing import Any

from mailchimp_api.errors import ConfigError, MailchimpError, RequestRefused, ResourceGone, ResourceRefused
from source_mailchimp.dates import ONE_SECOND
from source_mailchimp.errors import RowsMissing
from source_mailchimp.reader.audiences import Audiences
from source_mailchimp.reader.bounds import MEMORY_BYTES
from source_mailchimp.reader.concurrency import Budget, ordered_map, run_all, size_of_rows
from source_mailchimp.reader.contact_sums import (
    AskedContacts,
    Asking,
    ContactIds,
    Moved,
    Sums,
    order_of,
    width_for,
)
from source_mailchimp.reader.context import SyncContext
from source_mailchimp.reader.outcome import MAX_CONSECUTIVE_FAILURES, MAX_REFUSALS
from source_mailchimp.reader.output import StreamOutput
from source_mailchimp.reader.paging import PageReader, listing_of
from source_mailchimp.reader.partitions import Partition
from source_mailchimp.reader.per_contact import time_for
from source_mailchimp.reader.places import PartitionKey, pass_key
from source_mailchimp.reader.state import StreamState
from source_mailchimp.reader.window import Bounds, WindowReader
from source_mailchimp.stream import PerContact, Record, RowTells, Stream, Window

logger = logging.getLogger("airbyte.source_mailchimp")

_MOST_FAILURES = 100


@dataclass
class _Walk:
    """What the rows of one audience's contacts told, and who is to be asked for it.

    ``before``: what is known from earlier syncs.
    """

    audience: Partition
    before: AskedContacts
    sums: Sums = field(default_factory=Sums.empty)
    contacts: int = 0
    ids: ContactIds = field(default_factory=ContactIds)

    def ended(self) -> tuple[ContactIds, Sums]:
        """Who is to be asked, and the sums to remember; nobody is remembered one by one any more.

        Who was asked by a run that was cut short, and has changed since, is open in the sums.
        """
        sums, run = self.sums.folded(width_for(self.contacts)), self.before.run
        passed = order_of(run.after) if run else None
        moved = Moved(self.before.known, self.sums)
        moved_since = Moved(run.seen, self.sums) if run else moved
        to_ask = ContactIds()
        for contact in self.ids.taken():
            if not (passed and order_of(contact) <= passed):
                if contact in moved:
                    to_ask.add(contact)
            elif contact in moved_since:
                sums.open(contact)
        return to_ask, sums


class ChangedContactReader:
    """Reads ``stream`` below contacts whose rows have changed since ``state``."""

    def __init__(self, context: SyncContext, stream: Stream, out: StreamOutput, state: StreamState) -> None:
        reading, contacts = stream.reading, stream.parent
        if not (isinstance(reading, PerContact) and reading.told and contacts and isinstance(contacts.reading, Window)):
            raise TypeError(f"nothing tells whose {stream.name} are new")
        self._context = context
        self._stream = stream
        self._name = stream.name
        self._has_any = reading.has_any
        self._told: RowTells = reading.told
        self._cursor = contacts.reading.cursor
        needed = ("id", self._cursor.field, *reading.told.fields)
        fields = ",".join([*(f"{contacts.items}.{name}" for name in needed), "total_items"])
        self._contacts = replace(contacts, params={**contacts.params, "fields": fields})
        self._out = out
        self._state = state.begin(full_refresh=False, scope=None)
        self._pages = PageReader(context, stream, memory=Budget(MEMORY_BYTES))
        self._missing: dict[PartitionKey, dict[datetime, int]] = {}
        self._audiences = Audiences(context, self._contacts, stream.name)
        self._failure: MailchimpError | None = None
        self._skipped: Counter[str] = Counter()
        self._failed_in_a_row = 0
        self.left_out = 0
        """As of ``PartitionReader``; what is refused stays open here, so nothing is."""
        self.refusal: ResourceRefused | None = None
        """Why nothing at all was readable, None where something was."""

    async def read(self) -> None:
        """Read all audiences to the end; raises the first error when the others are done.

        A contact who can't be asked stays open in the state: the next sync asks again.
        """
        audiences = await self._audiences.wanted()
        resumed = [item for item in audiences if (asked := self._state.contacts.get(item.id)) and asked.run]
        await self._read(audiences)
        # Where the run that had been cut short has ended as it meant to: now for what happened since.
        ended = [item for item in resumed if not self._state.contacts[item.id].run]
        if ended and not self._failure:
            await self._read(ended)
        await self._checkpoint(now=True)
        for what, contacts in self._skipped.items():
            logger.warning("%s: %s contacts %s and were skipped", self._name, f"{contacts:,}", what)
        self.refusal = self._audiences.refusal_of_all(len(audiences))
        if self._failure:
            raise self._failure
        if self._missing:
            raise RowsMissing(self._name, self._missing.items())

    async def _read(self, audiences: list[Partition]) -> None:
        walks = [walk for walk in await self._audiences.walk(audiences, self._walk) if walk]
        ended = [(walk, *walk.ended()) for walk in walks]
        self._say_cost(sum(len(to_ask) for _, to_ask, _ in ended), of=sum(walk.contacts for walk in walks))
        for walk, to_ask, now in ended:
            if not self._hopeless:
                await self._ask(walk, to_ask, now)

    async def _walk(self, audience: Partition) -> _Walk | None:
        walk = _Walk(audience, self._state.contacts.get(audience.id, AskedContacts()))
        try:
            await run_all(self._walk_pass(walk, status) for status in self._audiences.passes)
        except (ConfigError, ResourceGone, ResourceRefused):
            raise
        except MailchimpError as error:
            self._failure = self._failure or error
            return None
        return walk

    async def _walk_pass(self, walk: _Walk, status: str) -> None:
        context = self._context
        listing = listing_of(self._contacts, walk.audience.values, {"status": status} if status else {})
        window = WindowReader(context.fetcher, listing, self._cursor, Bounds(context.prefetch, context.memory))
        start = context.config.start
        batches = window.rows(start - ONE_SECOND if start else None, context.stable_until())
        async with aclosing(batches):
            async for batch in batches:
                walk.contacts += len(batch.rows)
                self._note(walk, batch.rows)
                for gap in batch.gaps:
                    self._missing.setdefault(pass_key(walk.audience.id, status), {})[gap.second] = gap.missing

    def _note(self, walk: _Walk, rows: list[Record]) -> None:
        has_any, told = self._has_any, self._told.of
        for row in rows:
            if row.get("id") and (has_any is None or has_any(row)):
                contact = str(row["id"])
                walk.ids.add(contact)
                walk.sums.add(contact, told(row))

    def _say_cost(self, contacts: int, *, of: int) -> None:
        logger.info(
            "%s: %s of %s contacts will be asked, one request each%s",
            self._name, f"{contacts:,}", f"{of:,}", time_for(self._context, contacts),
        )  # fmt: skip

    async def _ask(self, walk: _Walk, to_ask: ContactIds, now: Sums) -> None:
        """Ask for what is below each contact ``to_ask``. ``now``: what is remembered when all were."""
        context, audience, states = self._context, walk.audience, self._state.contacts
        known = walk.before.known
        answered, refused = False, 0
        answers = ordered_map(
            (partial(self._rows_of, audience, contact) for contact in to_ask),
            prefetch=context.prefetch,
            memory=context.memory,
            kind=self._name,
            size_of=lambda answer: size_of_rows(answer[1]),
        )
        async with aclosing(answers):
            async for contact, rows, error in answers:
                if error is None:
                    answered = True
                    await self._out.emit_records(rows, self._values(audience, contact))
                else:
                    now.open(contact)
                    refused += isinstance(error, ResourceRefused)
                    if isinstance(error, ResourceRefused) and refused >= MAX_REFUSALS and not answered:
                        states[audience.id] = walk.before
                        self._audiences.refuse(audience, error)
                        return
                self._account_for(error)
                states[audience.id] = AskedContacts(known, Asking(now, contact))
                await self._checkpoint()
                if self._hopeless:
                    return
        states[audience.id] = AskedContacts(now)
        await self._checkpoint()

    async def _rows_of(self, audience: Partition, contact: str) -> tuple[str, list[Record], MailchimpError | None]:
        """The contact's id and all rows below, or the error for which they could not be read."""
        rows: list[Record] = []
        try:
            async with aclosing(self._pages.batches(self._values(audience, contact))) as pages:
                async for page in pages:
                    rows += page.rows
        except ConfigError:
            raise
        except MailchimpError as error:
            return contact, [], error
        return contact, rows, None

    def _values(self, audience: Partition, contact: str) -> dict[str, Any]:
        return {**audience.values, self._stream.parameters[-1]: contact}

    def _account_for(self, error: MailchimpError | None) -> None:
        """A contact was asked."""
        if isinstance(error, ResourceGone):
            self._skipped["no longer exist"] += 1
        elif isinstance(error, ResourceRefused):
            self._skipped["were refused"] += 1
        elif error:
            self._failure = self._failure or error
            self._skipped["could not be read"] += 1
            self._failed_in_a_row += not isinstance(error, RequestRefused)
            return
        self._failed_in_a_row = 0

    @property
    def _hopeless(self) -> bool:
        """Whether the trouble seems to be that of all contacts. The next sync goes on behind those that failed."""
        return self._failed_in_a_row >= MAX_CONSECUTIVE_FAILURES or self._skipped["could not be read"] >= _MOST_FAILURES

    async def _checkpoint(self, *, now: bool = False) -> None:
        await self._out.emit_state(self._state.dump, now=now)
