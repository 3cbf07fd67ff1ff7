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
from collections.abc import Iterator
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from typing import Any

from mailchimp_api.errors import ConfigError, MailchimpError, RequestRefused, ResourceGone, ResourceRefused
from source_mailchimp.dates import ONE_SECOND
from source_mailchimp.errors import RowsMissing
from source_mailchimp.reader.bounds import MEMORY_BYTES, audiences_at_once
from source_mailchimp.reader.concurrency import Budget, ordered_map, run_all, size_of_rows, turn_of
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
from source_mailchimp.reader.partitions import Partition, partitions_of
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

    def to_ask(self) -> Iterator[str]:
        """Their ids, in order."""
        moved, run = Moved(self.before.known, self.sums), self.before.run
        passed = order_of(run.after) if run else None
        return (contact for contact in self.ids if not (passed and order_of(contact) <= passed) and contact in moved)

    def sums_to_remember(self) -> Sums:
        """Those of the walk. Who was asked by a run that was cut short, and has changed since, is open in them."""
        sums, run = self.sums.folded(width_for(self.contacts)), self.before.run
        if run:
            passed, moved = order_of(run.after), Moved(run.seen, self.sums)
            for contact in self.ids:
                if order_of(contact) > passed:
                    break
                if contact in moved:
                    sums.open(contact)
        return sums


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
        self._refused: list[ResourceRefused] = []
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
        rows = await self._context.parent_rows(self._contacts)
        audiences = [
            item for item in partitions_of(self._contacts, rows) if self._context.audience_selected(item.audience)
        ]
        resumed = [item for item in audiences if (asked := self._state.contacts.get(item.id)) and asked.run]
        await self._read(audiences)
        # Where the run that had been cut short has ended as it meant to: now for what happened since.
        ended = [item for item in resumed if not self._state.contacts[item.id].run]
        if ended and not self._failure:
            await self._read(ended)
        await self._checkpoint(now=True)
        for what, contacts in self._skipped.items():
            logger.warning("%s: %s contacts %s and were skipped", self._name, f"{contacts:,}", what)
        if self._refused and len(self._refused) == len(audiences):
            self.refusal = self._refused[0]
            logger.warning("%s is not available to this user, nothing read: %s", self._name, self.refusal)
        if self._failure:
            raise self._failure
        if self._missing:
            raise RowsMissing(self._name, self._missing.items())

    async def _read(self, audiences: list[Partition]) -> None:
        audience_slots = Budget(audiences_at_once(self._context.fetcher.workers))
        walks = [walk for walk in await run_all(self._walk(item, audience_slots) for item in audiences) if walk]
        self._say_cost(walks)
        for walk in walks:
            if not self._hopeless:
                await self._ask(walk)

    async def _walk(self, audience: Partition, audience_slots: Budget) -> _Walk | None:
        walk = _Walk(audience, self._state.contacts.get(audience.id, AskedContacts()))
        passes = ["", "archived"] if self._context.config.include_archived else [""]
        try:
            async with turn_of(audience_slots):
                await run_all(self._walk_pass(walk, status) for status in passes)
        except ConfigError:
            raise
        except ResourceGone:
            logger.warning("%s: audience %s no longer exists; skipped", self._name, audience.id)
            return None
        except ResourceRefused as error:
            self._refuse(audience, error)
            return None
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

    def _say_cost(self, walks: list[_Walk]) -> None:
        requests = sum(1 for walk in walks for _ in walk.to_ask())
        logger.info(
            "%s: %s of %s contacts will be asked, one request each%s",
            self._name, f"{requests:,}", f"{sum(walk.contacts for walk in walks):,}", time_for(self._context, requests),
        )  # fmt: skip

    async def _ask(self, walk: _Walk) -> None:
        context, audience, states = self._context, walk.audience, self._state.contacts
        now, known = walk.sums_to_remember(), walk.before.known
        answered, refused = False, 0
        answers = ordered_map(
            (partial(self._rows_of, audience, contact) for contact in walk.to_ask()),
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
                        self._refuse(audience, error)
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

    def _refuse(self, audience: Partition, error: ResourceRefused) -> None:
        self._refused.append(error)
        logger.warning("%s: audience %s was refused and skipped: %s", self._name, audience.id, error)

    async def _checkpoint(self, *, now: bool = False) -> None:
        await self._out.emit_state(self._state.dump, now=now)
