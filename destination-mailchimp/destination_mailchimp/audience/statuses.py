"""The present statuses of contacts, for a dry run that must say what would become of each."""

from __future__ import annotations

import threading
from array import array
from bisect import bisect_left
from functools import partial
from typing import Any

from destination_mailchimp.audience.calls import Calls

_PAGE = 1000


class CurrentStatuses:
    """Looks contacts up one by one, until listing the audience costs no more calls; then lists it once.

    What changes in the audience after it was listed is not seen: nothing is written by what this tells.
    """

    def __init__(self, calls: Calls) -> None:
        self._calls = calls
        self._lock = threading.Lock()
        self._looked_up = 0
        self._pages: int | None = None
        self._listed: _Listed | None = None

    def of(self, hashes: list[str]) -> dict[str, str]:
        """The statuses of those subscriber hashes that are contacts of the audience, archived ones too."""
        with self._lock:
            if self._listed is None:
                if self._pages is None:
                    self._pages = sum(-(-self._count(status) // _PAGE) for status in ("", "archived"))
                self._looked_up += len(hashes)
                if self._looked_up > self._pages:
                    self._listed = self._list()
            listed = self._listed
        if listed is not None:
            return {digest: status for digest in hashes if (status := listed.find(digest))}
        with self._calls.pool() as pool:
            found = list(pool.map(self._calls.member, hashes))
        return {digest: facts.status for digest, facts in zip(hashes, found, strict=True) if facts}

    def _list(self) -> _Listed:
        rows: list[tuple[int, str]] = []
        for status in ("", "archived"):
            offsets = range(0, self._count(status), _PAGE)
            with self._calls.pool() as pool:
                for page in pool.map(partial(self._page, status), offsets):
                    rows += page
        return _Listed(rows)

    def _page(self, status: str, offset: int) -> list[tuple[int, str]]:
        params = {**_params(status), "fields": "members.id,members.status", "count": _PAGE, "offset": offset}
        page = self._calls.get("members", params, items="members")["members"]
        return [(_number(str(row["id"])), str(row["status"])) for row in page]

    def _count(self, status: str) -> int:
        answer = self._calls.get("members", {**_params(status), "fields": "total_items", "count": 0})
        return int(answer.get("total_items") or 0)


class _Listed:
    """Hashes by their first 64 bits and statuses: nine bytes a contact."""

    def __init__(self, rows: list[tuple[int, str]]) -> None:
        rows.sort()
        self._names = sorted({status for _, status in rows})
        self._hashes = array("Q", (number for number, _ in rows))
        self._statuses = bytes(self._names.index(status) for _, status in rows)

    def find(self, digest: str) -> str | None:
        number = _number(digest)
        place = bisect_left(self._hashes, number)
        if place == len(self._hashes) or self._hashes[place] != number:
            return None
        return self._names[self._statuses[place]]


def _number(digest: str) -> int:
    return int(digest[:16], 16)


def _params(status: str) -> dict[str, Any]:
    return {"status": status} if status else {}
