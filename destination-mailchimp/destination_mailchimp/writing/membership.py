"""Knows which addresses are among the contacts of certain statuses, by whichever costs fewer calls."""

from __future__ import annotations

import logging
import threading
import time
from array import array
from bisect import bisect_left
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from destination_mailchimp.audience.calls import Calls
from destination_mailchimp.contacts.contact import STATUSES

logger = logging.getLogger("airbyte.destination_mailchimp")

_PAGE = 1000
_ROUNDS = 4
_REFRESH_SECONDS = 60.0


class HashSet:
    """Subscriber hashes by their first 64 bits, sorted: eight bytes each. New ones wait in a small set."""

    def __init__(self) -> None:
        self._sorted: array[int] = array("Q")
        self._new: set[int] = set()

    def __len__(self) -> int:
        """How many are in it."""
        return len(self._sorted) + len(self._new)

    def __contains__(self, digest: str) -> bool:
        number = int(digest[:16], 16)
        return number in self._new or self._in_sorted(number)

    def add(self, digests: Iterable[str]) -> None:
        """Put hashes in."""
        self._new.update(n for digest in digests if not self._in_sorted(n := int(digest[:16], 16)))
        if len(self._new) > 50_000 + len(self._sorted) // 4:
            self._sorted = array("Q", sorted([*self._sorted, *self._new]))
            self._new.clear()

    def _in_sorted(self, number: int) -> bool:
        # Taken once: another thread may put a longer one in its place.
        numbers = self._sorted
        place = bisect_left(numbers, number)
        return place < len(numbers) and numbers[place] == number


class StatusIndex:
    """The contacts of an audience with one of ``statuses`` (empty: all but archived ones).

    The listing costs a call per thousand contacts, looking up costs a call per address. So addresses are looked
    up until that has cost as much as the listing would; then the listing is read, once, and kept up to date by
    asking every minute what has changed since. A listing that can't be read whole, because it keeps changing,
    is not used: addresses are looked up until it is worth another try.
    """

    def __init__(self, calls: Calls, *statuses: str) -> None:
        self._calls = calls
        self._statuses = statuses
        self._lock = threading.Lock()
        self._members: HashSet | None = None
        self._total: int | None = None
        self._looked_up = 0
        self._since: datetime | None = None
        self._read_at = 0.0

    def among(self, hashes: list[str]) -> set[str]:
        """Those of the subscriber hashes that are among them, as of a minute ago at most. Thread-safe.

        Never guesses: raises Stopped and what ``mailchimp_api.errors`` draws if Mailchimp can't be asked.
        """
        with self._lock:
            if self._members is None:
                if self._total is None:
                    self._total = sum(self._count(status) for status in self._statuses or ("",))
                if not self._total:
                    # Nobody: remembered like a listing, and brought up to date like one.
                    self._start_over()
                elif self._looked_up + len(hashes) >= -(-self._total // _PAGE):
                    self._read_all()
                else:
                    self._looked_up += len(hashes)
            elif time.monotonic() - self._read_at > _REFRESH_SECONDS:
                self._read_news()
            members = self._members
        if members is None:
            return self._look_up(hashes)
        return {digest for digest in hashes if digest in members}

    def add(self, hashes: Iterable[str]) -> None:
        """Contacts that this sync itself has put among them."""
        with self._lock:
            if self._members is not None:
                self._members.add(hashes)

    def _look_up(self, hashes: list[str]) -> set[str]:
        with self._calls.pool() as pool:
            found = list(pool.map(self._calls.member, hashes))
        wanted = self._statuses or STATUSES
        return {digest for digest, row in zip(hashes, found, strict=True) if row and row.get("status") in wanted}

    def _start_over(self) -> HashSet:
        self._since = self._calls.client.server_time()
        self._read_at = time.monotonic()
        self._members = HashSet()
        return self._members

    def _read_all(self) -> None:
        members = self._start_over()
        try:
            for status in self._statuses or ("",):
                logger.info("Listing the audience's %s", f"{status} contacts" if status else "contacts")
                if not self._read(members, status):
                    self._members = None
                    self._looked_up = 0
                    return
        except BaseException:
            self._members = None
            raise

    def _read(self, members: HashSet, status: str) -> bool:
        """All pages, side by side; again if rows have moved between pages meanwhile. False if some stay missing."""
        before = len(members)
        for _ in range(_ROUNDS):
            total = self._count(status)
            with self._calls.pool() as pool:
                for ids in pool.map(lambda offset: self._page(status, offset), range(0, total, _PAGE)):
                    members.add(ids)
            if len(members) - before >= total:
                return True
        logger.warning(
            "The listing of contacts was read %d times and is incomplete, for they keep changing: "
            "contacts are looked up one by one",
            _ROUNDS,
        )
        return False

    def _read_news(self) -> None:
        assert self._since is not None
        assert self._members is not None
        # A second earlier: ``since`` is exclusive and to the whole second.
        since = (self._since - timedelta(seconds=1)).isoformat()
        now = self._calls.client.server_time()
        for status in self._statuses or ("",):
            self._members.add(
                str(row["id"])
                for row in self._calls.pages("members", "members", self._params(status, since_last_changed=since))
            )
        self._since = now
        self._read_at = time.monotonic()

    def _page(self, status: str, offset: int) -> list[str]:
        params = self._params(status, count=_PAGE, offset=offset, sort_field="last_changed", sort_dir="ASC")
        return [str(row["id"]) for row in self._calls.get("members", params, items="members")["members"]]

    def _count(self, status: str) -> int:
        return int(self._calls.get("members", self._params(status, count=0)).get("total_items") or 0)

    @staticmethod
    def _params(status: str, **more: Any) -> dict[str, Any]:
        return {"status": status or None, "fields": "members.id,total_items", **more}
