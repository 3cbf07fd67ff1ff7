"""A model of Mailchimp's listings in memory, whose rows change between any two answers.

No threads and no waiting: requests take turns on the event loop, in an order drawn from a seed, and time is
a number. So thousands of syncs under random changes, faults and kills run in seconds, each repeatable by its seed.
"""

from __future__ import annotations

import asyncio
import random
import selectors
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from operator import attrgetter
from typing import Any, TypeVar
from unittest.mock import patch

import orjson

from mailchimp_api.answers import Answer
from mailchimp_api.client import MailchimpClient, Params, RetryPolicy
from mailchimp_api.errors import AnswerTimeout
from mailchimp_api.usage import Usage
from source_mailchimp.config import Config, parse_config
from source_mailchimp.reader.context import Selected
from source_mailchimp.reader.fetcher import Fetcher
from source_mailchimp.reader.outcome import MOST_LEFT_OPEN
from source_mailchimp.reader.output import Checkpoint, Ended, Event, Records
from source_mailchimp.reader.state import StreamState
from source_mailchimp.reader.sync import Sync
from source_mailchimp.stream import Record, Stream

T = TypeVar("T")

EPOCH = datetime(2026, 1, 1, tzinfo=timezone.utc)


def moment(second: int) -> datetime:
    """The model's time as a date."""
    return EPOCH + timedelta(seconds=second)


def date(second: int) -> str:
    """The model's time as Mailchimp writes it."""
    return moment(second).isoformat()


def copied(value: T) -> T:
    """What is left of it as JSON."""
    copy: T = orjson.loads(orjson.dumps(value))
    return copy


def second_of(text: str) -> int:
    """The model's time of a date in a request or a state."""
    return int((datetime.fromisoformat(text) - EPOCH).total_seconds())


class _NoWaiting(selectors.DefaultSelector):
    """Lets time pass instead of waiting."""

    def __init__(self) -> None:
        super().__init__()
        self.passed = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if not ready and timeout:
            self.passed += timeout
        elif not ready and timeout is None:
            raise RuntimeError("deadlock: nothing is under way and nothing will happen")
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop whose clock jumps to the next thing to do; a deadlock raises."""

    def __init__(self) -> None:
        self.waiting = _NoWaiting()
        super().__init__(self.waiting)

    def time(self) -> float:
        return self.waiting.passed


def run(work: Callable[[], Any]) -> Any:
    """Run the coroutine that ``work`` makes on a loop without waiting."""
    loop = VirtualLoop()
    try:
        return loop.run_until_complete(work())
    finally:
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()


@dataclass
class Row:
    """One row of a listing: ``changed`` is its second, ``born`` its place among rows of the same second."""

    id: str
    changed: int
    born: int
    version: int = 0
    archived: bool = False


@dataclass
class World:
    """One account with one audience ``l1``.

    ``shuffle``: rows of one second come in another order with every request. ``churn``: the odds that something
    changes before an answer. ``largest``: pages of more rows time out. ``kinds``: what may happen. ``unlisted``: ids of
    contacts that are counted and never listed.
    """

    seed: int = 0
    shuffle: bool = False
    churn: float = 0.0
    largest: int = 1000
    kinds: tuple[str, ...] = ("change", "join", "leave", "archive", "unarchive")
    rows: dict[str, Row] = field(default_factory=dict)
    unlisted: set[str] = field(default_factory=set)
    now: int = 100_000
    pace: int = 1
    workers: int = 4
    requests: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    born: int = 0

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)  # noqa: S311 - a model, not a secret
        self.in_flight = 0
        self.waited = 0
        self.most_in_flight = 0

    def add(self, changed: int, *, archived: bool = False) -> Row:
        """A new contact."""
        self.born += 1
        row = Row(f"c{self.born}", changed, self.born, archived=archived)
        self.rows[row.id] = row
        return row

    def happen(self) -> None:
        """Let time pass, and perhaps something change."""
        waited = int(asyncio.get_running_loop().time())
        self.now += self.random.randint(0, self.pace) + max(waited - self.waited, 0)
        self.waited = waited
        while self.random.random() < self.churn:
            self.change(self.random.choice(self.kinds))

    def change(self, kind: str) -> None:
        """One change of one contact, as of now."""
        if kind == "join":
            self.add(self.now)
            return
        fitting = [row for row in self.rows.values() if kind == "leave" or row.archived == (kind == "unarchive")]
        if not fitting:
            return
        row = self.random.choice(fitting)
        if kind == "leave":
            del self.rows[row.id]
            return
        self.touch(row)
        if kind in {"archive", "unarchive"}:
            row.archived = kind == "archive"

    def touch(self, row: Row) -> None:
        """Give ``row`` a new version, as of now."""
        self.born += 1
        row.changed, row.born, row.version = self.now, self.born, row.version + 1

    def members(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """One page of the audience's members."""
        since, before = (
            second_of(params[name]) if params.get(name) is not None else None
            for name in ("since_last_changed", "before_last_changed")
        )
        archived = params.get("status") == "archived"
        rows = [
            row
            for row in self.rows.values()
            if row.archived == archived
            and (since is None or row.changed > since)
            and (before is None or row.changed <= before)
        ]
        if self.shuffle:
            self.random.shuffle(rows)
        else:
            rows.sort(key=attrgetter("born"))
        rows.sort(key=attrgetter("changed"))
        offset, count = params["offset"], params["count"]
        total = len(rows)
        rows = [row for row in rows if row.id not in self.unlisted]
        return {
            "members": [
                {"id": row.id, "last_changed": date(row.changed), "version": row.version, "_links": []}
                for row in rows[offset : offset + count]
            ],
            "total_items": total,
        }


@dataclass
class Shelf(World):
    """One plain listing of numbers, newest first if ``on_top``: they come at the top, go anywhere, keep their order.

    ``told``: the total that is told of a true one, None for none. ``served``: the rows that come of those asked for.
    """

    numbers: list[int] = field(default_factory=list)
    told: Callable[[int], int | None] = lambda total: total
    served: Callable[[int, list[int]], list[int]] = lambda _, rows: rows

    def change(self, kind: str) -> None:
        if kind == "join":
            self.numbers.insert(0, max(self.numbers, default=0) + 1)
        elif self.numbers:
            self.numbers.remove(self.random.choice(self.numbers))

    def members(self, params: Mapping[str, Any]) -> dict[str, Any]:
        offset, count = params["offset"], params["count"]
        numbers = self.random.sample(self.numbers, len(self.numbers)) if self.shuffle else self.numbers
        rows = self.served(offset, numbers[offset : offset + count])
        total = self.told(len(self.numbers))
        return {"members": [{"id": number} for number in rows], **({} if total is None else {"total_items": total})}


@dataclass
class Site(World):
    """Any listings, by path. ``faults``: what a request for a path raises, if anything."""

    tables: dict[str, list[Record]] = field(default_factory=dict)
    faults: dict[str, Callable[[Mapping[str, Any]], Exception | None]] = field(default_factory=dict)

    def page(self, path: str, params: Mapping[str, Any], items: str | None) -> dict[str, Any]:
        """The answer to one request."""
        fault = self.faults.get(path)
        error = fault(params) if fault else None
        if error:
            raise error
        rows = self.tables.get(path, [])
        if "count" in params:
            rows = rows[params.get("offset", 0) :][: params["count"]]
        return {items: copied(rows), "total_items": len(self.tables.get(path, []))} if items else {}


class ModelClient(MailchimpClient):
    """Answers from a ``World`` instead of the network."""

    def __init__(self, world: World, *, attempts: int = 1) -> None:
        self.world = world
        self.retry = RetryPolicy(attempts=attempts)
        self.seen_date = world.now
        self.usage = Usage(world.workers)

    def get_once(
        self,
        path: str,
        params: Params | None = None,
        *,
        items: str | None = None,
        counted: bool = False,
    ) -> dict[str, Any]:
        params = params or {}
        world = self.world
        world.requests.append((path, dict(params)))
        self.seen_date = world.now
        if int(params.get("count") or 0) > world.largest:
            raise AnswerTimeout("too big")
        if isinstance(world, Site):
            return world.page(path, params, items)
        return self.answer(path, params)

    def answer_once(self, path: str, params: Params | None = None, *, items: str) -> Answer:
        body = orjson.dumps(self.get_once(path, params, items=items))
        return Answer(200, {}, body, call=f"GET /{path}")

    def answer(self, path: str, params: Mapping[str, Any]) -> dict[str, Any]:
        """The body for one request."""
        if path == "lists":
            return {"lists": [{"id": "l1", "name": "one"}][params["offset"] :], "total_items": 1}
        return self.world.members(params) if path.endswith("/members") else {}

    def server_time(self) -> datetime:
        return moment(self.seen_date)

    @property
    def clock(self) -> ModelClient:  # type: ignore[override]
        return self

    def latest(self) -> datetime:
        """The later of all clocks."""
        return moment(self.seen_date)


class ModelFetcher(Fetcher):
    """Lets requests take turns instead of running them in threads."""

    def __init__(self, client: MailchimpClient, *, workers: int, page_size: int = 1000) -> None:
        assert isinstance(client, ModelClient)
        super().__init__(client, workers=workers, page_size=page_size)
        self.world = client.world
        self._turns = asyncio.Semaphore(workers)

    async def _run(self, call: Callable[..., T], *args: Any) -> T:
        world = self.world
        async with self._turns:
            world.in_flight += 1
            world.most_in_flight = max(world.most_in_flight, world.in_flight)
            try:
                for _ in range(world.random.choice((0, 1, 1, 2, 7))):
                    await asyncio.sleep(0)
                world.happen()
                return call(*args)
            finally:
                world.in_flight -= 1


def every_state_goes_out() -> AbstractContextManager[object]:
    """While it is open, a sync hands on every state it could, however few rows lie between two."""
    return patch.object(Reader, "rows_per_state", 0)


def config_of(**options: object) -> Config:
    """A configuration for the model."""
    return parse_config({"credentials": {"auth_type": "apikey", "apikey": "key-us1"}, **options})


class Reader:
    """Runs syncs of one stream against a world, as a destination and a platform that keeps states would see them.

    ``beside``: streams that are read in full in the same syncs, and not looked at. ``fetcher``: what asks for pages.
    """

    rows_per_state: int | None = None
    most_left_open = MOST_LEFT_OPEN
    fetcher: type[ModelFetcher] = ModelFetcher

    def __init__(
        self, world: World, stream: Stream, *, full_refresh: bool = False, beside: Iterable[Stream] = (), **options: Any
    ) -> None:
        self.beside = beside
        self.world = world
        self.stream = stream
        self.full_refresh = full_refresh
        self.config = config_of(num_workers=world.workers, **options)
        self.client = ModelClient(world)
        self.state: dict[str, Any] = {}
        self.emitted: list[Record] = []
        self.states: list[dict[str, Any]] = []
        self.error: Exception | None = None

    def sync(self, *, kill_after: int | None = None, on_event: Callable[[Event], None] = lambda _: None) -> bool:
        """One sync; True if it came to its end. ``kill_after``: it is killed after this many events."""
        state = StreamState.load(copied(self.state))
        selected = [Selected(self.stream, state, full_refresh=self.full_refresh)]
        selected += [Selected(stream, StreamState(), full_refresh=True) for stream in self.beside]
        sync = Sync(
            self.config,
            self.client,
            selected,
            loop=VirtualLoop(),
            fetcher=self.fetcher,
            rows_per_state=self.rows_per_state,
            most_left_open=self.most_left_open,
        )
        complete = False
        with closing(sync.events()) as events:  # type: ignore[type-var]
            for number, event in enumerate(events):
                if event.stream is not self.stream:
                    pass
                elif isinstance(event, Records):
                    self.emitted += event.records
                elif isinstance(event, Checkpoint):
                    self.state = copied(event.state)
                    self.states.append(self.state)
                elif isinstance(event, Ended):
                    self.error = event.error
                    complete = event.error is None
                on_event(event)
                if number == kill_after:
                    return False
        return complete

    def versions(self) -> set[tuple[str, int]]:
        """What has been emitted."""
        return {(record["id"], record["version"]) for record in self.emitted}


def seconds(world: World, sizes: Iterable[int], *, archived_every: int = 0) -> None:
    """Fill ``world`` with contacts: for each of ``sizes``, that many of one second, a few seconds apart."""
    second = 1000
    for size in sizes:
        second += world.random.randint(1, 9)
        for _ in range(size):
            world.add(second, archived=bool(archived_every) and world.born % archived_every == 0)
