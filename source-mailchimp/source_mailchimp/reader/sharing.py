"""Answers that several streams need: asked for once."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from typing import Any

import orjson

from source_mailchimp.reader.bounds import SHARED_ANSWERS
from source_mailchimp.reader.fetcher import Fetcher, Params


class SharedAnswers:
    """Answers below ``paths`` (as in ``Stream.path``), each kept from the first stream that asks to the second."""

    def __init__(self, fetcher: Fetcher, paths: Collection[str]) -> None:
        self._fetcher = fetcher
        self._paths = paths
        self._waiting: dict[str, asyncio.Task[bytes]] = {}

    def concern(self, path: str) -> bool:
        """Whether another stream needs the answers below ``path``."""
        return path in self._paths

    async def get(self, address: str, params: Params) -> dict[str, Any]:
        """The object at ``address``, the caller's own.

        What fails while both wait fails for both: its retries were those of both. Who comes later asks again.
        """
        task = self._waiting.pop(address, None)
        if task is None:
            if len(self._waiting) >= SHARED_ANSWERS:
                del self._waiting[next(iter(self._waiting))]
            task = self._waiting[address] = asyncio.ensure_future(self._ask(address, params))
            task.add_done_callback(_look_at)
        try:
            body: dict[str, Any] = orjson.loads(await asyncio.shield(task))
        except Exception:
            if self._waiting.get(address) is task:
                del self._waiting[address]
            raise
        return body

    async def _ask(self, address: str, params: Params) -> bytes:
        return orjson.dumps(await self._fetcher.get_object(address, params))


def _look_at(task: asyncio.Task[bytes]) -> None:
    """Whoever asked may have gone by now; then nobody else looks at the error."""
    if not task.cancelled():
        task.exception()
