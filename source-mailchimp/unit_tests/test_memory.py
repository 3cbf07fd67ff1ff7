"""What waits takes no more memory than there is."""

from __future__ import annotations

import tracemalloc
import weakref
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from mailchimp_api.answers import Answer
from mailchimp_api.client import Params as ClientParams
from mailchimp_api.errors import ServerFault
from mailchimp_api.retries import RetryPolicy
from source_mailchimp.reader.fetcher import Page, Params
from source_mailchimp.reader.output import Event
from source_mailchimp.streams import STREAMS
from unit_tests.mailchimp_model import ModelClient, ModelFetcher, Reader, Site, World, every_state_goes_out, seconds


@pytest.fixture(autouse=True)
def _every_state_goes_out() -> Iterator[None]:
    with every_state_goes_out():
        yield


class TestMemory:
    def test_answers_that_wait_behind_slow_ones_take_no_more_memory_than_there_is(self) -> None:
        """Of each of five listings the second page fails for long, and the others come meanwhile."""
        streams = [STREAMS[name] for name in ("templates", "files", "campaign_folders", "stores", "batches")]
        rows = [{"id": number, "text": "x" * 20_000} for number in range(1200)]
        site = Site(tables={stream.path: rows for stream in streams}, workers=10)
        tried = Counter[str]()

        def fails(path: str, params: Mapping[str, Any]) -> Exception | None:
            second_page = params["offset"] == 59
            tried[path] += second_page
            return ServerFault("down") if second_page and tried[path] < 4 else None

        for stream in streams:
            site.faults[stream.path] = partial(fails, stream.path)
        alive, most = weakref.WeakSet[Page](), 0

        class WatchingFetcher(ModelFetcher):
            async def pages(self, path: str, params: Params, **options: Any) -> list[Page]:
                pages = await super().pages(path, params, **options)
                nonlocal most
                alive.update(pages)
                most = max(most, sum(page.size for page in list(alive)))
                return pages

        reader = Reader(site, streams[0], full_refresh=True, beside=streams[1:], page_size=60)
        reader.fetcher = WatchingFetcher
        reader.client.retry = RetryPolicy(first_wait=1000, longest_wait=1000, seconds=100_000)
        assert reader.sync()

        page = 60 * 20_000
        assert 20_000_000 < most <= 40_000_000 + 2 * len(streams) * page, "as docs/architecture.md has it"

    @pytest.mark.parametrize("audiences", [2, 10])
    def test_records_of_a_page_or_two_are_there_however_many_listings_are_read(self, audiences: int) -> None:
        """Each listing's next page waits undecoded, and what has been printed is let go."""
        site = Site(
            tables={
                "lists": [{"id": f"l{number}"} for number in range(audiences)],
                **{
                    f"lists/l{number}/segments": [{"id": row, "name": "x" * 20_000} for row in range(120)]
                    for number in range(audiences)
                },
            },
            workers=10,
        )
        answers: list[weakref.ref[Answer]] = []
        most = 0

        class WatchingClient(ModelClient):
            def answer_once(self, path: str, params: ClientParams | None = None, *, items: str) -> Answer:
                answer = super().answer_once(path, params, items=items)
                answer = replace(answer, packed=bytes(memoryview(answer.packed)))  # orjson keeps room for more
                answers.append(weakref.ref(answer))
                return answer

        def look(_: Event) -> None:
            nonlocal most
            reader.emitted.clear()
            held = tracemalloc.get_traced_memory()[0]
            waiting = sum(len(answer.packed) for known in answers if (answer := known()))
            most = max(most, held - waiting)

        reader = Reader(site, STREAMS["segments"], full_refresh=True, page_size=60)
        reader.client = WatchingClient(site)
        tracemalloc.start()
        try:
            assert reader.sync(on_event=look)
        finally:
            tracemalloc.stop()

        assert most < 2.5 * 60 * 20_000

    def test_archived_contacts_do_not_double_the_pages_that_wait(self) -> None:
        world = World(workers=4)
        seconds(world, [1] * 2000, archived_every=2)
        answers: list[weakref.ref[Answer]] = []
        most = 0

        class WatchingClient(ModelClient):
            def answer_once(self, path: str, params: ClientParams | None = None, *, items: str) -> Answer:
                nonlocal most
                answer = super().answer_once(path, params, items=items)
                answers.append(weakref.ref(answer))
                most = max(most, sum(known() is not None for known in answers))
                return answer

        reader = Reader(world, STREAMS["list_members"], full_refresh=True, page_size=10, include_archived=True)
        reader.client = WatchingClient(world)

        assert reader.sync()
        assert {row["id"] for row in reader.emitted} == set(world.rows)
        assert most <= 2 * world.workers + 4, "twice the connections, and what is asked out of turn"
