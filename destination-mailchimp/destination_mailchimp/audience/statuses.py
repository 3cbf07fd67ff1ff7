"""The present statuses of contacts, for a dry run that must say what would become of each."""

from __future__ import annotations

import logging
import threading
from array import array
from bisect import bisect_left
from collections.abc import Iterator
from typing import Any

from destination_mailchimp.audience.calls import Calls
from mailchimp_api import readers
from mailchimp_api.errors import IncompleteListing
from mailchimp_api.listing import ContactListing, Reading, Row

logger = logging.getLogger("airbyte.destination_mailchimp")

_PAGE = 1000
_PATIENCE = 3


def everybody(calls: Calls, reading: Reading, *columns: str) -> Iterator[list[Row]]:
    """Yield all contacts of the audience, archived ones too, with ``columns``; some twice, the later row counts.

    Whoever is archived or comes back meanwhile is in one of the listings. Raises IncompleteListing.
    """
    plain, archived = (
        ContactListing(calls.contacts, calls.client.clock, reading, status, columns) for status in (None, "archived")
    )
    yield from plain.everybody()
    yield from archived.everybody()
    yield from plain.changed()


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
        self._listable = True

    def of(self, hashes: list[str]) -> dict[str, str]:
        """The statuses of those subscriber hashes that are contacts of the audience, archived ones too."""
        with self._lock:
            if self._listed is None:
                if self._pages is None:
                    self._pages = sum(-(-self._count(status) // _PAGE) for status in ("", "archived"))
                self._looked_up += len(hashes)
                if self._listable and self._looked_up > self._pages:
                    self._listed = self._list()
            listed = self._listed
        if listed is not None:
            return {digest: status for digest in hashes if (status := listed.find(digest))}
        with self._calls.pool() as pool:
            found = list(pool.map(self._calls.member, hashes))
        return {digest: facts.status for digest, facts in zip(hashes, found, strict=True) if facts}

    def _list(self) -> _Listed | None:
        """All contacts, or None where the listing can't be proved: then they are looked up."""
        rows: dict[int, str] = {}
        try:
            for page in everybody(
                self._calls, Reading(self._calls.workers, self._calls.wait, patience=_PATIENCE), "status"
            ):
                rows.update((_number(str(row["id"])), str(row["status"])) for row in page)
        except IncompleteListing as error:
            logger.warning("%s; contacts are looked up one by one", error.message)
            self._listable = False
            return None
        return _Listed(list(rows.items()))

    def _count(self, status: str) -> int:
        params = {**_params(status), "fields": "total_items", "count": 0}
        total: int = self._calls.send("GET", "members", params, read=readers.total_items).body
        return total


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
