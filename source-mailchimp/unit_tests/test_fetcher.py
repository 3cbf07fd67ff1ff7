"""Pages that time out are asked for in smaller ones, and in bigger ones again when that may work."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from itertools import pairwise
from typing import Any

import pytest

from mailchimp_api.answers import Answer
from mailchimp_api.client import Params
from mailchimp_api.errors import AnswerTimeout, ResourceGone, ServerFault, UnreadableAnswer
from source_mailchimp.reader.fetcher import Page, PageSizer
from unit_tests.mailchimp_model import ModelClient, ModelFetcher, Shelf, run

PATH = "lists/l1/members"


class Pages:
    """Asks for pages of one stream, and keeps the numbers of rows asked for."""

    def __init__(self, shelf: Shelf) -> None:
        self.shelf = shelf
        self.fetcher: ModelFetcher | None = None

    async def get(self, offset: int, count: int, kind: str = "members") -> list[Page]:
        if self.fetcher is None:
            self.fetcher = ModelFetcher(ModelClient(self.shelf), workers=4)
        return await self.fetcher.pages(PATH, {}, items="members", offset=offset, count=count, kind=kind)

    @property
    def asked(self) -> list[tuple[int, int]]:
        return [(params["offset"], params["count"]) for _, params in self.shelf.requests]


def pages_of(largest: int, work: Callable[[Pages], Any]) -> Pages:
    pages = Pages(Shelf(numbers=list(range(5000)), largest=largest))
    run(lambda: work(pages))
    return pages


class TestPages:
    def test_a_page_is_one_request(self) -> None:
        async def work(pages: Pages) -> None:
            [page] = await pages.get(1000, 1000)
            assert [row["id"] for row in page.rows] == list(range(1000, 2000))
            assert (page.offset, page.asked, page.count, page.total) == (1000, 1000, 1000, 5000)

        assert pages_of(1000, work).asked == [(1000, 1000)]

    def test_a_page_that_times_out_comes_in_halves_and_so_do_later_ones(self) -> None:
        async def work(pages: Pages) -> None:
            for offset in (0, 1000):
                parts = await pages.get(offset, 1000)
                assert [row["id"] for part in parts for row in part.rows] == list(range(offset, offset + 1000))

        assert pages_of(600, work).asked == [(0, 1000), (0, 500), (500, 500), (1000, 500), (1500, 500)]

    def test_what_others_wait_for_comes_before_what_is_asked_for_in_advance(self) -> None:
        async def work(pages: Pages) -> None:
            await pages.get(0, 10)
            fetcher = pages.fetcher
            assert fetcher
            ask = partial(fetcher.pages, PATH, {}, items="members", count=10, kind="members")
            later = [asyncio.ensure_future(ask(offset=10 * number)) for number in range(1, 31)]
            await asyncio.sleep(0)
            await asyncio.gather(*[ask(offset=4000 + number, ahead=True) for number in range(3)])
            await asyncio.gather(*later)

        asked = [offset for offset, _ in pages_of(1000, work).asked]
        assert max(asked.index(4000 + number) for number in range(3)) < len(asked) // 2

    def test_another_stream_is_asked_for_as_before(self) -> None:
        async def work(pages: Pages) -> None:
            await pages.get(0, 1000, "members")
            pages.shelf.largest = 1000
            await pages.get(0, 1000, "others")

        assert pages_of(600, work).asked[-1] == (0, 1000)

    def test_a_late_time_out_of_a_big_page_does_not_make_small_ones_big_again(self) -> None:
        sizer = PageSizer()
        for size in (1000, 500, 250, 1000):
            sizer.timed_out(size)

        assert sizer.ask(1000) == 125

    def test_the_end_of_the_listing_ends_the_parts(self) -> None:
        async def work(pages: Pages) -> None:
            await pages.get(4900, 1000)

        assert pages_of(600, work).asked == [(4900, 1000), (4900, 500)]

    @pytest.mark.parametrize("count", [1, 25, 30, 1000])
    def test_what_times_out_however_small_it_is_ends_in_an_error(self, count: int) -> None:
        """And not in asking for ever."""

        async def work(pages: Pages) -> None:
            with pytest.raises(AnswerTimeout):
                await pages.get(0, count)

        class Down(Shelf):
            def members(self, params: Any) -> Any:
                raise AnswerTimeout("down")

        run(lambda: work(Pages(Down(numbers=list(range(10))))))

    def test_pages_grow_again_after_a_while_one_trial_at_a_time(self) -> None:
        async def work(pages: Pages) -> None:
            await pages.get(0, 1000)
            for _ in range(7):
                await pages.get(0, 1000)
            assert pages.asked[-1] == (500, 500), "too early"
            pages.shelf.largest = 1000
            for _ in range(10):
                await pages.get(0, 1000)

        assert pages_of(600, work).asked[-3:] == [(0, 1000)] * 3

    def test_a_trial_that_fails_for_another_reason_is_not_the_last(self) -> None:
        class Breaks(Shelf):
            broken = 0

            def members(self, params: Any) -> Any:
                if params["count"] == 1000 and self.largest == 1000 and not self.broken:
                    self.broken += 1
                    raise ServerFault("down")
                return super().members(params)

        pages = Pages(Breaks(numbers=list(range(5000)), largest=600))

        async def work() -> None:
            await pages.get(0, 1000)
            pages.shelf.largest = 1000
            for _ in range(20):
                with suppress(ServerFault):
                    await pages.get(0, 1000)

        run(work)

        assert pages.asked[-2:] == [(0, 1000)] * 2

    def test_a_trial_that_fails_makes_the_next_rarer_and_nothing_smaller(self) -> None:
        async def work(pages: Pages) -> None:
            for _ in range(200):
                await pages.get(0, 1000)

        asked = pages_of(600, work).asked
        trials = [index for index, (_, count) in enumerate(asked) if count == 1000]

        assert {count for _, count in asked} == {1000, 500}
        assert len(trials) < 8
        gaps = [second - first for first, second in pairwise(trials[1:])]
        assert gaps == sorted(gaps)


class TestBrokenBodies:
    """What looks like an answer and can't be decoded is asked for again when its turn comes."""

    def test_a_page_that_turns_out_to_be_unreadable_comes_whole(self) -> None:
        broken = [
            b'{"members": [{"id": }], "total_items": 1}',
            b'{"total_items": 10}',
            b'{"members": [null]}',
            b'{"members": []}',
            b'{"members": [], "total_items": null}',
        ]

        class Client(ModelClient):
            def answer_once(self, path: str, params: Params | None = None, *, items: str) -> Answer:
                if broken:
                    return Answer(200, {}, broken.pop(), call=path)
                return super().answer_once(path, params, items=items)

        async def work() -> None:
            fetcher = ModelFetcher(Client(Shelf(numbers=list(range(10)))), workers=4)
            for _ in range(5):
                [page] = await fetcher.pages(PATH, {}, items="members", offset=0, count=5, kind="m", load=False)
                await page.load()
                assert [row["id"] for row in page.rows] == list(range(5))

        run(work)
        assert broken == []

    def test_what_stays_unreadable_is_an_error_and_no_empty_page(self) -> None:
        class Client(ModelClient):
            def answer_once(self, path: str, params: Params | None = None, *, items: str) -> Answer:
                return Answer(200, {}, b"{}", call=path)

            def get_once(
                self, path: str, params: Params | None = None, *, items: str | None = None, counted: bool = False
            ) -> dict[str, Any]:
                raise UnreadableAnswer("still")

        async def work() -> None:
            fetcher = ModelFetcher(Client(Shelf()), workers=4)
            [page] = await fetcher.pages(PATH, {}, items="members", offset=0, count=5, kind="m", load=False)
            with pytest.raises(UnreadableAnswer):
                await page.load()

        run(work)


class TestRetries:
    """Who waits for its next try keeps nobody from anything."""

    def test_what_always_times_out_leaves_most_connections_to_others(self) -> None:
        """Though none of its requests has failed before: a time-out takes two minutes."""

        class Slow(ModelFetcher):
            async def _run(self, call: Callable[..., Any], *args: Any) -> Any:
                try:
                    return call(*args)
                except AnswerTimeout:
                    await asyncio.sleep(120)
                    raise
                finally:
                    await asyncio.sleep(1)

        class Client(ModelClient):
            def get_once(
                self, path: str, params: Params | None = None, *, items: str | None = None, counted: bool = False
            ) -> dict[str, Any]:
                if path.endswith("feedback"):
                    raise AnswerTimeout("no answer")
                return {}

        async def work() -> float:
            fetcher = Slow(Client(Shelf()), workers=10)
            hanging, good = (
                [asyncio.ensure_future(fetcher.get_object(f"campaigns/c{n}/{what}", {})) for n in range(200)]
                for what in ("feedback", "content")
            )
            await asyncio.gather(*good)
            for task in hanging:
                task.cancel()
            await asyncio.gather(*hanging, return_exceptions=True)
            return asyncio.get_running_loop().time()

        assert run(work) < 200

    def test_a_path_that_is_refused_after_it_failed_is_asked_at_full_speed(self) -> None:
        """What is gone is an answer: the path works again."""

        class Slow(ModelFetcher):
            async def _run(self, call: Callable[..., Any], *args: Any) -> Any:
                await asyncio.sleep(1)
                return call(*args)

        class Client(ModelClient):
            tries = 0

            def get_once(
                self, path: str, params: Params | None = None, *, items: str | None = None, counted: bool = False
            ) -> dict[str, Any]:
                self.tries += 1
                raise ServerFault("down") if self.tries <= 20 else ResourceGone("gone")

        async def work() -> float:
            fetcher = Slow(Client(Shelf(), attempts=5), workers=10)
            asked = [fetcher.get_object(f"campaigns/c{number}/feedback", {}) for number in range(1000)]
            ended = await asyncio.gather(*asked, return_exceptions=True)
            assert sum(isinstance(error, ResourceGone) for error in ended) > 980
            return asyncio.get_running_loop().time()

        assert run(work) < 150

    def test_requests_that_fail_leave_the_connections_to_others(self) -> None:
        """Virtual time: waits pass at once, and the order of requests shows who waited."""
        world = Shelf(numbers=list(range(1000)), workers=2)

        class Client(ModelClient):
            def get_once(
                self, path: str, params: Params | None = None, *, items: str | None = None, counted: bool = False
            ) -> dict[str, Any]:
                if path == "broken":
                    world.requests.append((path, {}))
                    raise ServerFault("down")
                return super().get_once(path, params, items=items, counted=counted)

        async def work() -> None:
            fetcher = ModelFetcher(Client(world, attempts=5), workers=2)
            broken = [asyncio.ensure_future(fetcher.get_object("broken", {})) for _ in range(6)]
            for offset in range(0, 1000, 10):
                await fetcher.pages(PATH, {}, items="members", offset=offset, count=10, kind="m")
            done = len(world.requests)
            ended = await asyncio.gather(*broken, return_exceptions=True)
            assert all(isinstance(error, ServerFault) for error in ended)
            assert done <= 100 + 2 * 6, "the others did not wait for what is broken"
            assert len(world.requests) == 100 + 5 * 6, "each was tried as often as the policy says"

        run(work)
