"""One sync: every selected stream at once, over one set of connections, into one ordered flow of events."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from typing import Any

from mailchimp_api.client import MailchimpClient
from mailchimp_api.errors import ConfigError, PermissionDenied, ResourceRefused
from source_mailchimp.config import Config
from source_mailchimp.errors import ParentFailed
from source_mailchimp.reader.bounds import EVENTS_WAITING, MEMORY_BYTES
from source_mailchimp.reader.concurrency import Budget
from source_mailchimp.reader.contact_changes import ChangedContactReader
from source_mailchimp.reader.contacts import ContactReader, ContactRecords
from source_mailchimp.reader.context import Selected, SyncContext
from source_mailchimp.reader.deletions import Deletions
from source_mailchimp.reader.embedded import EmbeddedOutput, listing_with, state_of_listing
from source_mailchimp.reader.fetcher import Fetcher
from source_mailchimp.reader.outcome import MOST_LEFT_OPEN
from source_mailchimp.reader.output import Ended, Event, EventQueue, Started, StreamOutput
from source_mailchimp.reader.parents import ParentRows
from source_mailchimp.reader.partition_reader import PartitionReader
from source_mailchimp.reader.per_contact import RowsPerContact
from source_mailchimp.reader.sharing import SharedAnswers
from source_mailchimp.reader.state import StreamState
from source_mailchimp.stream import Embedded, PerContact, Relist, Reports, RowTells, Stream, Window

logger = logging.getLogger("airbyte.source_mailchimp")

_Reader = PartitionReader | ContactReader | ChangedContactReader


async def _all_ended(tasks: Collection[asyncio.Task[Any]]) -> None:
    await asyncio.gather(*tasks, return_exceptions=True)


class Sync:
    """Reads ``selected`` streams.

    For tests: ``loop`` and ``fetcher``, what runs it and what makes its requests; ``rows_per_state``, see
    ``StreamOutput``; ``most_left_open``, see ``Outcome``.
    """

    def __init__(
        self,
        config: Config,
        client: MailchimpClient,
        selected: list[Selected],
        *,
        loop: asyncio.AbstractEventLoop | None = None,
        fetcher: Callable[..., Fetcher] = Fetcher,
        rows_per_state: int | None = None,
        most_left_open: int = MOST_LEFT_OPEN,
    ) -> None:
        self._config = config
        self._client = client
        self._selected = selected
        self._loop = loop or asyncio.new_event_loop()
        self._fetcher = fetcher
        # Nearly a page, so that every page and every chunk of one page is followed by a STATE.
        self._rows_per_state = max(1, config.page_size * 9 // 10) if rows_per_state is None else rows_per_state
        self._most_left_open = most_left_open
        self._queue: EventQueue | None = None
        self._stopped = False
        self._refused: list[tuple[Stream, ResourceRefused]] = []
        self._something_readable = False

    def events(self) -> Iterator[Event]:
        """Yield what happens, in order, until every stream has ended.

        Raises ConfigError where nothing can be read at all. Closing the iterator, or ``stop``, ends
        the sync at once: what is under way is dropped, and what has been yielded stands.
        """
        main = self._loop.create_task(self._run())
        try:
            self._loop.run_until_complete(asyncio.sleep(0))
            while not self._stopped:
                event = self._loop.run_until_complete(self._next(main))
                if event is None:
                    break
                yield event
                del event  # a page's records need not wait for the next one's
            if not self._stopped:
                self._loop.run_until_complete(main)
        finally:
            main.cancel()
            self._loop.run_until_complete(asyncio.gather(main, return_exceptions=True))
            left = asyncio.all_tasks(self._loop)
            for task in left:
                task.cancel()
            self._loop.run_until_complete(_all_ended(left))
            self._loop.run_until_complete(self._loop.shutdown_asyncgens())
            self._loop.close()

    def stop(self) -> None:
        """End the sync soon; may be called from a signal handler or another thread."""
        self._stopped = True
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(lambda: None)

    async def _next(self, main: asyncio.Task[None]) -> Event | None:
        """The next event; None when there will be none any more, or the sync was stopped."""
        if self._queue is None:
            raise RuntimeError("the sync has not begun")
        getting = asyncio.ensure_future(self._queue.get())
        while not self._stopped:
            await asyncio.wait({getting, main}, return_when=asyncio.FIRST_COMPLETED, timeout=0.5)
            if getting.done():
                return getting.result()
            if main.done():
                break
        getting.cancel()
        return None

    async def _run(self) -> None:
        queue = self._queue = EventQueue(EVENTS_WAITING)
        fetcher = self._fetcher(self._client, workers=self._config.num_workers, page_size=self._config.page_size)
        fetcher.room = queue.room
        try:
            await self._read_all(self._context(fetcher), queue)
        finally:
            fetcher.close()

    def _context(self, fetcher: Fetcher) -> SyncContext:
        needed: dict[str, Stream] = {}
        for item in self._selected:
            # Contacts are walked, not remembered.
            needed |= {above.name: above for above in item.stream.looks_under if not isinstance(above.reading, Window)}
            reading = item.stream.reading
            if isinstance(reading, Relist) and reading.reports and not item.full_refresh:
                needed[reading.reports.name] = reading.reports
            if isinstance(reading, Reports) and not item.full_refresh:
                needed[item.stream.name] = item.stream  # what has changed shows when all of them are there
        paths = Counter(item.stream.path for item in self._selected)
        return SyncContext(
            self._config,
            fetcher,
            memory=Budget(MEMORY_BYTES),
            shared=SharedAnswers(fetcher, {path for path, count in paths.items() if count > 1}),
            parents={name: ParentRows(stream) for name, stream in needed.items()},
            selected=tuple(self._selected),
            most_left_open=self._most_left_open,
        )

    async def _read_all(self, context: SyncContext, queue: EventQueue) -> None:
        selected = {item.stream.name for item in self._selected}
        tasks = [
            asyncio.ensure_future(reading)
            for reading in (
                *(self._read_stream(context, item, queue) for item in self._selected),
                *(
                    self._read_parent(context, parents)
                    for name, parents in context.parents.items()
                    if name not in selected
                ),
            )
        ]
        try:
            for done in asyncio.as_completed(tasks):
                await done
            for stream, refusal in self._refused:
                await queue.put(Ended(stream, None if self._something_readable else _nothing_readable(refusal)))
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _read_stream(self, context: SyncContext, item: Selected, queue: EventQueue) -> None:
        deletions = None
        if item.known is not None:
            deletions = Deletions(item.stream, item.known, self._config.list_ids)
        out = StreamOutput(
            item.stream, queue, rows_per_state=self._rows_per_state, shape=item.shape, deletions=deletions
        )
        await queue.put(Started(item.stream))
        reader = _reader_of(context, item, out)
        out.refused_before = reader.left_out
        error = await self._run_reader(context, item.stream.name, reader, out)
        if error is None and item.full_refresh and not reader.refusal:
            error = out.left_out
        out.close()
        if error is None and reader.refusal:
            self._refused.append((item.stream, reader.refusal))  # what that means shows at the end
            return
        if isinstance(error, ParentFailed):
            logger.warning("%s is not complete: %s", item.stream.name, error)
        await queue.put(Ended(item.stream, error))

    async def _read_parent(self, context: SyncContext, parents: ParentRows) -> None:
        reader = PartitionReader(context, parents.stream, None, StreamState(), full_refresh=True)
        await self._run_reader(context, parents.stream.name, reader)

    async def _run_reader(
        self,
        context: SyncContext,
        name: str,
        reader: _Reader,
        out: StreamOutput | None = None,
    ) -> Exception | None:
        """Run ``reader``; tell those who wait for its rows how it ended. Raises ConfigErrors: they concern all."""
        error: Exception | None = None
        try:
            await reader.read()
            if out and not reader.refusal and not out.left_out:
                await out.emit_deletions(context)
        except ConfigError:
            raise
        except Exception as caught:  # noqa: BLE001 - whatever went wrong in one stream, the others are read
            error = caught
        self._something_readable = self._something_readable or (error is None and not reader.refusal)
        parents = context.parents.get(name)
        if parents:
            parents.finish(error or reader.refusal)
        return error


def _nothing_readable(refusal: ResourceRefused) -> PermissionDenied:
    return PermissionDenied(
        f"Nothing could be read, all was refused: {refusal}. Use the key of a user with at least the Viewer role.",
        field="credentials",
    )


def _reader_of(context: SyncContext, item: Selected, out: StreamOutput) -> _Reader:
    stream, state, full_refresh = item.stream, item.state, item.full_refresh
    match stream.reading:
        case Window():
            sink = ContactRecords(context, out)
            return ContactReader(context, stream, sink, out, state, full_refresh=full_refresh)
        case PerContact(told=RowTells()) if not full_refresh:
            return ChangedContactReader(context, stream, out, state)
        case PerContact() as reading if stream.parent:
            asking = RowsPerContact(context, stream, reading, out)
            return ContactReader(context, stream.parent, asking, out, state, full_refresh=full_refresh)
        case Embedded() as reading:
            listing = listing_with(stream, reading)
            inside = EmbeddedOutput(context, stream, reading, out)
            return PartitionReader(
                context, listing, inside, state_of_listing(state, listing), full_refresh=full_refresh
            )
        case _:
            return PartitionReader(context, stream, out, state, full_refresh=full_refresh)
