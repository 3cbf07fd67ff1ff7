"""The audiences whose contacts a stream walks, each in its turn."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

from mailchimp_api.errors import ResourceGone, ResourceRefused
from source_mailchimp.reader.bounds import audiences_at_once
from source_mailchimp.reader.concurrency import Budget, run_all, turn_of
from source_mailchimp.reader.context import SyncContext
from source_mailchimp.reader.partitions import Partition, partitions_of
from source_mailchimp.stream import Stream

logger = logging.getLogger("airbyte.source_mailchimp")

T = TypeVar("T")


class Audiences:
    """Those that are wanted of the parent of ``contacts``; one that is gone or refused costs no other.

    ``name``: the stream for which its contacts are walked.
    """

    def __init__(self, context: SyncContext, contacts: Stream, name: str) -> None:
        self._context = context
        self._contacts = contacts
        self._name = name
        self.passes = ["", "archived"] if context.config.include_archived else [""]
        """The listings that an audience's contacts are in: the plain one, and those by a status."""
        self.refused: list[ResourceRefused] = []

    async def wanted(self) -> list[Partition]:
        """All of them, when they are known. Raises ParentFailed."""
        rows = await self._context.parent_rows(self._contacts)
        return [item for item in partitions_of(self._contacts, rows) if self._context.audience_selected(item.audience)]

    async def walk(self, audiences: Iterable[Partition], walk: Callable[[Partition], Awaitable[T]]) -> list[T | None]:
        """What ``walk`` returns for each of ``audiences``, None for one that is gone or refused.

        Raises the first error of another kind when the others are done.
        """
        turns = Budget(audiences_at_once(self._context.fetcher.workers))

        async def in_turn(audience: Partition) -> T | None:
            async with turn_of(turns):
                try:
                    return await walk(audience)
                except ResourceGone:
                    logger.warning("%s: audience %s no longer exists; skipped", self._name, audience.id)
                except ResourceRefused as error:
                    self.refuse(audience, error)
            return None

        return await run_all(in_turn(audience) for audience in audiences)

    def refuse(self, audience: Partition, error: ResourceRefused) -> None:
        """Its contacts, or what is below them, may not be read."""
        self.refused.append(error)
        logger.warning("%s: audience %s was refused and skipped: %s", self._name, audience.id, error)

    def refusal_of_all(self, asked: int) -> ResourceRefused | None:
        """Why nothing at all was readable, None where something was. ``asked``: how many audiences there are."""
        if not self.refused or len(self.refused) < asked:
            return None
        logger.warning("%s is not available to this user, nothing read: %s", self._name, self.refused[0])
        return self.refused[0]
