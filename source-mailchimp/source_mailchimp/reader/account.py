"""What the streams of one sync share: the requests, the clock, the options, and parents read once."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from source_mailchimp.config import Config
from source_mailchimp.errors import ParentFailed
from source_mailchimp.reader.children import PARENT_CAMPAIGN
from source_mailchimp.reader.fetch import Fetcher
from source_mailchimp.reader.state import StreamState
from source_mailchimp.reader.window import SETTLING
from source_mailchimp.stream import Record, Stream

# Of a report, what tells whether its campaign has news (see ``gate``), beside its id.
_REPORT_FIELDS = ("send_time", "opens", "clicks", "emails_sent", "unsubscribed", "abuse_reports", "bounces", "type")


class Parents:
    """The rows of one stream that others look under, without what nobody needs of them.

    ``unlisted``: campaigns whose children Mailchimp refused to list, so that they are not among the rows.
    """

    def __init__(self, stream: Stream) -> None:
        self.stream = stream
        kept = {"id", "list_id", *stream.key, *stream.parameters}
        if stream.name == "lists":
            kept.add("stats")
        if stream.name == "reports":
            kept |= {*_REPORT_FIELDS, PARENT_CAMPAIGN}
        self._kept = kept
        self.unlisted: set[str] = set()
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
        self.unlisted.clear()

    def finish(self, error: Exception | None) -> None:
        """All rows are there, or never will be."""
        if self._done.done():
            return
        if error:
            self._done.set_exception(ParentFailed(f"{self.stream.name} could not be read: {error}"))
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


@dataclass
class Account:
    """One account during one sync.

    ``budget`` bounds the pages in memory over all streams. ``sub_reports``: the stream that names campaigns'
    children. ``parents``: by name, those that selected streams look under. ``states``: of the selected streams,
    with whether each is refreshed in full.
    """

    config: Config
    fetcher: Fetcher
    budget: asyncio.Semaphore
    sub_reports: Stream
    parents: Mapping[str, Parents] = field(default_factory=dict)
    states: Mapping[Stream, tuple[StreamState, bool]] = field(default_factory=dict)
    _began: float = field(default_factory=time.monotonic)
    _until: asyncio.Task[datetime] | None = None

    @property
    def ahead(self) -> int:
        """Pages or slices of one stream under way at once: enough to keep every connection busy by itself."""
        return 2 * self.fetcher.workers

    def now(self) -> datetime:
        """Mailchimp's clock."""
        return self.fetcher.client.server_time()

    async def until(self) -> datetime:
        """The end of what this sync reads: what is newer belongs to the next one.

        It lies before the first listing was asked for, so that no listing has missed what is older.
        """
        if self._until is None:
            self._until = asyncio.ensure_future(self._find_until())
        return await asyncio.shield(self._until)

    async def _find_until(self) -> datetime:
        await self.fetcher.object("ping", {})
        passed = timedelta(seconds=time.monotonic() - self._began)
        return (self.settled() - passed).replace(microsecond=0)

    def settled(self) -> datetime:
        """The moment up to which listings have settled by now."""
        return self.now() - SETTLING

    def includes(self, record: Mapping[str, Any]) -> bool:
        """Whether ``list_ids`` lets ``record`` in, by the audience that it names itself."""
        recipients = record.get("recipients")
        return self.admits(
            record.get("list_id") or (recipients.get("list_id") if isinstance(recipients, dict) else None)
        )

    def admits(self, audience: object) -> bool:
        """Whether ``list_ids`` lets in what belongs to ``audience``; what belongs to none always is.

        A number is none: by the contract some rows have one where others have the id, and nothing tells whose it is.
        """
        wanted = self.config.list_ids
        return not wanted or not isinstance(audience, str) or not audience or audience in wanted
