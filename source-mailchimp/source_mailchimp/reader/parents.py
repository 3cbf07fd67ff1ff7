"""Rows that other streams look under: read once in a sync, and kept without what nobody needs of them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from mailchimp_api.errors import MailchimpError, ResourceRefused
from source_mailchimp.errors import ParentFailed, ParentRefused, ParentsRefused
from source_mailchimp.stream import Record, Stream


class ParentRows:
    """The rows of ``stream`` for those below it.

    ``asked``: the split campaigns that were asked for their versions, and whether these are among the rows.
    ``unlisted``: those of which they are not, as Mailchimp refused to list them.
    ``missing``: why some rows are not there, None while none is known to be missing.
    """

    def __init__(self, stream: Stream) -> None:
        self.stream = stream
        self._kept = {"id", "list_id", *stream.key, *stream.parameters, *stream.for_children}
        self.asked: dict[str, bool] = {}
        self.unlisted: set[str] = set()
        self.missing: MailchimpError | None = None
        self._rows: list[Record] = []
        self._done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def add(self, rows: list[Record], extra: Mapping[str, Any] | None = None) -> None:
        """Remember what children need of ``rows``, and of ``extra`` where a row lacks it."""
        kept = self._kept
        added = {name: value for name, value in (extra or {}).items() if name in kept}
        self._rows.extend({**added, **{name: row[name] for name in kept if name in row}} for row in rows)

    def restart(self) -> None:
        """Forget the rows: they are read anew."""
        self._rows.clear()
        self.asked.clear()
        self.unlisted.clear()

    def finish(self, error: Exception | None) -> None:
        """All rows are there, or, after an ``error``, will never be: none counts, unless only some are ``missing``."""
        if self._done.done():
            return
        if error and not self.missing:
            self._done.set_exception(parent_failed(self.stream, error))
            self._done.exception()  # it may be that nobody asks
        else:
            self._done.set_result(None)

    @property
    def so_far(self) -> list[Record]:
        """The rows that have come until now."""
        return self._rows

    async def rows(self) -> list[Record]:
        """All rows, when they are there. Raises ParentFailed."""
        await asyncio.shield(self._done)
        return self._rows


def parent_failed(parent: Stream, error: Exception) -> ParentFailed:
    """What is wrong with the children of ``parent``, of which some rows or all could not be read."""
    if isinstance(error, (ParentRefused, ParentsRefused)):
        return ParentRefused(f"{parent.name} could not be read: {error}")
    if isinstance(error, ResourceRefused):
        return ParentRefused(
            f"{parent.name}, which has to be read first, was refused: {error}. Use the key of a user who may read it, "
            f"or deselect what is below {parent.name}."
        )
    return ParentFailed(f"{parent.name} could not be read: {error}")
