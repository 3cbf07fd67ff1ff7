"""Knows which addresses are among the contacts of certain statuses, by whichever costs fewer calls."""

from __future__ import annotations

import logging
import threading
import time
from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime

from destination_mailchimp.audience.calls import Calls
from destination_mailchimp.contacts.contact import STATUSES
from mailchimp_api import readers
from mailchimp_api.errors import IncompleteListing
from mailchimp_api.listing import ContactListing, Reading, Row

logger = logging.getLogger("airbyte.destination_mailchimp")

_PAGE = 1000
_FIELDS = "members.id,total_items"
_REFRESH_SECONDS = 60.0
ARCHIVED_SECONDS = 10.0
"""How old the list of archived contacts may be when a batch is sorted, and how long a batch may wait then."""
_PATIENCE = 3
"""Looking contacts up is always possible, so a listing is given up sooner than where it is all there is."""


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
    asking every minute, or ``refresh`` seconds, what has changed since. A listing that can't be proved complete,
    because it keeps changing or counts contacts that it does not show, is not used: addresses are looked up until it
    is worth another try.
    """

    def __init__(self, calls: Calls, *statuses: str, refresh: float = _REFRESH_SECONDS) -> None:
        self._calls = calls
        self._refresh = refresh
        self._statuses = statuses
        self._lock = threading.Lock()
        self._members: HashSet | None = None
        self._listings: list[ContactListing] = []
        self._total: int | None = None
        self._looked_up = 0
        self._read_at = 0.0

    def prepare(self) -> None:
        """Ask who they are if they fit one answer, and else how many, before the first contacts wait for it."""
        with self._lock:
            if self._total is None:
                self._begin(first_page=True)

    def among(self, hashes: list[str]) -> set[str]:
        """Those of the subscriber hashes that are among them, as of ``refresh`` seconds ago at most. Thread-safe.

        Never guesses: raises Stopped and what ``mailchimp_api.errors`` draws if Mailchimp can't be asked.
        """
        with self._lock:
            if self._members is None:
                if self._total is None:
                    self._begin()
                if not self._total:
                    # Nobody, as a single answer said: remembered like a listing, and brought up to date like one.
                    self._members = HashSet()
                elif self._looked_up + len(hashes) >= -(-self._total // _PAGE):
                    self._read_all()
                else:
                    self._looked_up += len(hashes)
            elif time.monotonic() - self._read_at > self._refresh:
                self._read_changes()
            members = self._members
        if members is None:
            return self.look_up(hashes)
        return {digest for digest in hashes if digest in members}

    def add(self, hashes: Iterable[str]) -> None:
        """Contacts that this sync itself has put among them."""
        with self._lock:
            if self._members is not None:
                self._members.add(hashes)

    def watch(self) -> Watch:
        """Tells from now on who becomes one of them, and who has in the last minutes."""
        return Watch(self, self._new_listings())

    def look_up(self, hashes: list[str]) -> set[str]:
        """Those of the subscriber hashes that are among them at this moment, by a call each."""
        with self._calls.pool() as pool:
            found = list(pool.map(self._calls.member, hashes))
        wanted = self._statuses or STATUSES
        return {digest for digest, facts in zip(hashes, found, strict=True) if facts and facts.status in wanted}

    def _begin(self, *, first_page: bool = False) -> None:
        """Count them: a count costs one call for each status.

        With ``first_page`` the same call asks for a page of them. One answer that holds all is a listing that
        nothing can have moved in.
        """
        self._read_at = time.monotonic()
        self._listings = self._new_listings()
        if not first_page:
            self._total = sum(self._count(listing.status) for listing in self._listings)
            return
        pages = [
            self._calls.contacts({"status": each.status, "fields": _FIELDS, "count": _PAGE}) for each in self._listings
        ]
        self._total = sum(page.total for page in pages)
        if all(page.total <= len(page.rows) for page in pages):
            self._members = HashSet()
            self._members.add(row["id"] for page in pages for row in page.rows)

    def _new_listings(self) -> list[ContactListing]:
        """One for each status, that know of nobody who came before now."""
        clock = self._calls.client.clock
        reading = Reading(self._calls.workers, self._calls.wait, patience=_PATIENCE)
        listings = [
            ContactListing(self._calls.contacts, clock, reading, status) for status in self._statuses or (None,)
        ]
        for listing in listings:
            listing.since = clock.now()
        return listings

    def _read_all(self) -> None:
        self._read_at = time.monotonic()
        for listing in self._listings:
            logger.info("Listing the audience's %s", f"{listing.status} contacts" if listing.status else "contacts")
        self._take(ContactListing.everybody, HashSet())

    def _read_changes(self) -> None:
        self._read_at = time.monotonic()
        assert self._members is not None
        self._take(ContactListing.changed, self._members)

    def _take(self, read: Callable[[ContactListing], Iterator[list[Row]]], members: HashSet) -> None:
        try:
            for listing in self._listings:
                for rows in read(listing):
                    members.add(row["id"] for row in rows)
        except IncompleteListing as error:
            logger.warning("%s; contacts are looked up one by one", error.message)
            # Counted anew: that there was nobody at first says nothing of who has come since.
            self._members, self._total, self._looked_up = None, None, 0
        else:
            self._members = members

    def _count(self, status: str | None) -> int:
        params = {"status": status, "fields": "total_items", "count": 0}
        total: int = self._calls.send("GET", "members", params, read=readers.total_items).body
        return total


class Watch:
    """Who has come among an index's contacts since the watch began. Not thread-safe."""

    def __init__(self, index: StatusIndex, listings: list[ContactListing]) -> None:
        self._index = index
        self._listings = listings
        self._found: set[str] = set()
        self._looked_at = time.monotonic()

    @property
    def stale(self) -> bool:
        """Whether so much time has passed that it is better to look again before anything is written."""
        return time.monotonic() - self._looked_at > ARCHIVED_SECONDS

    def among(self, hashes: list[str]) -> set[str]:
        """Those of the hashes that have become, and are, among them at this moment. Raises as ``StatusIndex.among``."""
        looked_at = time.monotonic()
        try:
            for listing in self._listings:
                for rows in listing.changed():
                    self._found.update(row["id"] for row in rows)
        except IncompleteListing:
            self._found |= self._index.look_up(hashes)
        self._looked_at = looked_at
        return {digest for digest in hashes if digest in self._found}


def changed_since(calls: Calls, since: datetime, hashes: set[str], columns: Sequence[str]) -> dict[str, Row]:
    """Those of the contacts that have changed after ``since`` and are not archived: their rows, with ``columns``.

    Listed, or looked up where the listing can't be proved. Raises as ``StatusIndex.among``.
    """
    reading = Reading(calls.workers, calls.wait, patience=_PATIENCE)
    listing = ContactListing(calls.contacts, calls.client.clock, reading, columns=tuple(columns))
    found: dict[str, Row] = {}
    try:
        for rows in listing.changed_after(since):
            found.update((row["id"], row) for row in rows if row["id"] in hashes)
    except IncompleteListing:
        digests = sorted(hashes)
        with calls.pool() as pool:
            shown = list(pool.map(lambda digest: calls.member_row(digest, columns), digests))
        found = {
            digest: row
            for digest, row in zip(digests, shown, strict=True)
            if row is not None and row["status"] != "archived" and not _is_older(row, since)
        }
    return found


def _is_older(row: Row, since: datetime) -> bool:
    try:
        return datetime.fromisoformat(row["last_changed"]) <= since
    except (KeyError, TypeError, ValueError):
        return False
