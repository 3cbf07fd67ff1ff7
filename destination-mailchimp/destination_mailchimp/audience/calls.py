"""Calls to one audience: repeated while that may help, made smaller where it may not, ended when the sync ends."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from destination_mailchimp.audience.attempts import Attempts, Health
from destination_mailchimp.audience.splitting import BatchTooLarge
from destination_mailchimp.contacts.contact import Suspect
from destination_mailchimp.failures import Stopped, SyncFailure
from mailchimp_api import readers
from mailchimp_api.access import Access
from mailchimp_api.client import MailchimpClient, Params, Reader, RetryPolicy
from mailchimp_api.errors import ResourceGone, TooMuchForOneAnswer, TransientError
from mailchimp_api.listing import Listing, Page, Reading, read_listing
from mailchimp_api.readers import ContactPage, MemberFacts

BATCH = 500
"""How many contacts Mailchimp takes in one call."""
SKIP_VALIDATION: Params = {"skip_merge_validation": True}
"""Write a contact though it lacks a field that the audience requires."""
USER_AGENT = "destination-mailchimp"
_SMALLEST_PAGE = 25


@dataclass
class Answered:
    """The decoded answer, and whether an earlier attempt may have taken effect unseen.

    ``since``: when the first attempt began that may have, by Mailchimp's clock. A throttled one has not.
    """

    body: Any
    replayed: bool
    since: datetime


class Calls:
    """Makes the destination's calls, from any number of threads."""

    def __init__(self, access: Access, list_id: str, *, workers: int, retry: RetryPolicy | None = None) -> None:
        self.client = MailchimpClient(
            access, max_connections=workers, user_agent=USER_AGENT, retry=retry, sleep=self.wait
        )
        self.list_id = list_id
        self.root = f"lists/{list_id}"
        self.workers = workers
        self.read_only = False
        """Set in a dry run: whatever would write is an error then."""
        self._stop = threading.Event()
        self._health = Health(self._probe)

    def stop(self) -> None:
        """No further call is to be made, and no further wait to be waited out."""
        self._stop.set()

    def close(self) -> None:
        """Close the connections."""
        self.client.close()

    def get(self, path: str, params: Params | None = None, *, items: str | None = None) -> Any:
        """GET below the audience: the decoded answer. ``items`` and errors as in ``send``."""
        return self.send("GET", path, params, items=items).body

    def member(self, digest: str, suspect: Suspect | None = None) -> MemberFacts | None:
        """The status and the last change of a contact at this moment, by its hash; None if there is none."""
        try:
            params = {"fields": "id,status,last_changed,timestamp_opt"}
            read = partial(readers.member, digest=digest)
            answered = self.send("GET", f"members/{digest}", params, read=read, suspect=suspect)
        except ResourceGone:
            return None
        found: MemberFacts = answered.body
        return found

    def member_row(self, digest: str, columns: Sequence[str], suspect: Suspect | None = None) -> dict[str, Any] | None:
        """As ``member``, but the ``columns`` themselves, with ``status`` and ``last_changed``."""

        def read(body: Mapping[str, Any]) -> dict[str, Any]:
            readers.member(body, digest)
            return dict(body)

        try:
            params = {"fields": ",".join(dict.fromkeys(("id", "status", "last_changed", *columns)))}
            answered = self.send("GET", f"members/{digest}", params, read=read, suspect=suspect)
        except ResourceGone:
            return None
        found: dict[str, Any] = answered.body
        return found

    def send(
        self,
        method: str,
        path: str,
        params: Params | None = None,
        *,
        json: Any = None,
        items: str | None = None,
        read: Reader | None = None,
        before_repeat: Callable[[], object] | None = None,
        may_shrink: bool = False,
        suspect: Suspect | None = None,
        language: str | None = None,
        below_audience: bool = True,
    ) -> Answered:
        """One call, repeated while its errors are transient. ``path`` is relative to the audience (``below_audience``).

        ``items``, ``read``, ``before_repeat``, ``language``: as in ``MailchimpClient.request``.
        ``may_shrink``: the caller can ask for less, so BatchTooLarge is raised where that may help.
        ``suspect``: the call is about one contact alone, so LastingFault or Undecided is raised where it is the cause.
        Raises Stopped, TransientError when the attempts are used up, and Mailchimp's refusals as
        ``mailchimp_api.errors`` draws them.
        """
        if self._stop.is_set():
            raise Stopped
        if self.read_only and method != "GET":
            raise SyncFailure(
                "A dry run was about to write to Mailchimp. Please report it with the log.", "system_error"
            )
        since = self.client.server_time()
        attempts = Attempts(self._health, writes=method != "GET", may_shrink=may_shrink, suspect=suspect)
        whole = path if not below_audience else f"{self.root}/{path}" if path else self.root

        def repeat() -> None:
            nonlocal since
            if before_repeat is not None:
                before_repeat()
            if not attempts.replayed:
                since = self.client.server_time()

        try:
            body = self.client.request(
                method,
                whole,
                params,
                json=json,
                items=items,
                read=read,
                before_repeat=repeat,
                on_failure=attempts.failed,
                language=language,
            )
        except TransientError as error:
            attempts.given_up(error)
            raise
        self._health.went_well(wrote=method != "GET")
        return Answered(body, attempts.replayed, since)

    def pages(
        self, path: str, items: str, params: Params, *names: str, suspect: Suspect | None = None
    ) -> Iterator[dict[str, Any]]:
        """All rows of a collection, each with something under each of ``names``; the first tells it from others.

        ``suspect`` as in ``send``. Raises IncompleteListing where they can't be seen to be all: see
        ``mailchimp_api.listing``.
        """
        read = readers.listed(items, *names)

        def ask(offset: int, count: int) -> Page:
            query: Params = {**params, "count": count, "offset": offset}
            page = self.send("GET", path, query, read=read, suspect=suspect).body
            return Page(offset, count, page.rows, page.total)

        # Two recorded answers show fewer fields and interests than they count.
        listing = Listing(path, ask, key_of=lambda row: row[names[0]], total_may_be_wrong=True)
        for rows in read_listing(listing, Reading(self.workers, self.wait)):
            yield from rows

    def contacts(self, params: Params) -> ContactPage:
        """A page of the audience's contacts, as ``ContactListing`` asks for it.

        Raises TooMuchForOneAnswer where fewer may come, and as ``send``.
        """
        shrinks = int(params["count"] or 0) > _SMALLEST_PAGE
        try:
            answered = self.send("GET", "members", params, read=readers.contact_page, may_shrink=shrinks)
        except BatchTooLarge as error:
            raise TooMuchForOneAnswer(str(error)) from None
        page: ContactPage = answered.body
        return page

    @contextmanager
    def pool(self) -> Iterator[ThreadPoolExecutor]:
        """Threads for look-ups that one job makes side by side; the client's limiter still counts them all."""
        with ThreadPoolExecutor(self.workers, thread_name_prefix="lookup") as pool:
            yield pool

    def _probe(self) -> bool:
        """Whether Mailchimp answers a call at this moment."""
        try:
            self.client.request("GET", self.root, {"fields": "id"}, on_failure=_end_probe)
        except _NoAnswer:
            return False
        return True

    def wait(self, seconds: float) -> None:
        """Wait, in seconds; raises Stopped as soon as the sync ends."""
        if self._stop.wait(seconds):
            raise Stopped


class _NoAnswer(Exception):
    pass


def _end_probe(error: TransientError) -> None:
    raise _NoAnswer from error
