"""Calls to one audience: retried where that is safe, ended at once when the sync is ending."""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from destination_mailchimp.audience.refusals import is_account_wide
from destination_mailchimp.failures import Stopped, SyncFailure
from mailchimp_api import readers
from mailchimp_api.client import MailchimpClient, Params, Reader, RetryPolicy
from mailchimp_api.errors import AnswerTimeout, Problem, RateLimited, RequestRefused, ResourceGone, TransientError
from mailchimp_api.masking import mask
from mailchimp_api.readers import MemberFacts

T = TypeVar("T")

logger = logging.getLogger("airbyte.destination_mailchimp")

BATCH = 500
"""How many contacts Mailchimp takes in one call."""
SKIP_VALIDATION: Params = {"skip_merge_validation": True}
"""Write a contact though it lacks a field that the audience requires."""
ONE_ATTEMPT = RetryPolicy(attempts=1)
_TIMEOUTS_BEFORE_SMALLER = 2
_SLICE_SECONDS = 0.25


class BatchTooLarge(Exception):
    """The call took too long repeatedly: ask for less at a time."""


def send_or_split(items: list[T], send: Callable[[list[T]], None], refuse: Callable[[T, Problem], None]) -> None:
    """``send`` all in one call, or in ever smaller ones where Mailchimp refuses it whole or takes too long.

    ``refuse`` is told of each that is refused alone. What concerns everybody is raised, like all other errors.
    """
    try:
        send(items)
    except RequestRefused as error:
        if is_account_wide(error.problem):
            raise
        if len(items) == 1:
            refuse(items[0], error.problem)
            return
    except BatchTooLarge:
        pass
    else:
        return
    middle = len(items) // 2
    send_or_split(items[:middle], send, refuse)
    send_or_split(items[middle:], send, refuse)


@dataclass
class Answered:
    """The decoded answer, and whether an earlier attempt may have taken effect unseen (``since`` when)."""

    body: Any
    replayed: bool = False
    since: datetime | None = None


class Calls:
    """Makes the destination's calls. ``client`` must not retry by itself (``ONE_ATTEMPT``).

    Whoever writes must know if an earlier attempt may have taken effect, and a wait must end when the sync does;
    both are why the retries are here.
    """

    def __init__(
        self, client: MailchimpClient, patient: MailchimpClient, list_id: str, *, workers: int, retry: RetryPolicy
    ) -> None:
        self.client = client
        self.patient = patient
        """Retries by itself: for what is asked before anything is written."""
        self.root = f"lists/{list_id}"
        self.workers = workers
        self.stopping = threading.Event()
        self.read_only = False
        """Set in a dry run: whatever would write is an error then."""
        self.interrupted = False
        """Set by a signal handler, which must not touch the event: the thread it interrupts may hold its lock."""
        self._retry = retry

    def get(self, path: str, params: Params | None = None, *, items: str | None = None) -> Any:
        """GET below the audience: the decoded answer. ``items`` and errors as in ``send``."""
        return self.send("GET", path, params, items=items).body

    def member(self, digest: str) -> MemberFacts | None:
        """The status and the last change of a contact at this moment, by its hash; None if there is none."""
        try:
            answered = self.send("GET", f"members/{digest}", {"fields": "status,last_changed"}, read=readers.member)
        except ResourceGone:
            return None
        found: MemberFacts = answered.body
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
        may_shrink: bool = False,
        before_repeat: Callable[[], None] | None = None,
    ) -> Answered:
        """One call, repeated while its errors are transient. ``path`` is relative to the audience.

        ``items``: the key under which the answer must have its list of rows; ``read``: one of
        ``mailchimp_api.readers``, for what the body is made. ``before_repeat`` is called right before each further
        attempt; what it raises ends the call.
        Raises Stopped, TransientError when the attempts are used up, BatchTooLarge with ``may_shrink``,
        and whatever Mailchimp's refusals are in ``mailchimp_api.errors``.
        """
        if self.read_only and method != "GET":
            raise SyncFailure(
                "A dry run was about to write to Mailchimp. Please report it with the log.", "system_error"
            )
        since = self.client.server_time()
        began = time.monotonic()
        replayed = False
        timeouts = 0
        attempt = 0
        while True:
            if self.interrupted or self.stopping.is_set():
                raise Stopped
            attempt += 1
            try:
                whole = f"{self.root}/{path}" if path else self.root
                body = self.client.request(method, whole, params, json=json, items=items, read=read)
            except TransientError as error:
                # A throttled call has not been carried out; any other may have been.
                replayed = replayed or not isinstance(error, RateLimited)
                timeouts += isinstance(error, AnswerTimeout)
                if may_shrink and (timeouts >= _TIMEOUTS_BEFORE_SMALLER or error.status == 413):  # noqa: PLR2004
                    raise BatchTooLarge from error
                if attempt >= self._retry.attempts or time.monotonic() - began > self._retry.seconds:
                    raise
                self._wait(error, attempt)
                if before_repeat is not None:
                    before_repeat()
            else:
                return Answered(body, replayed, since)

    def pages(self, path: str, items: str, params: dict[str, Any], *, size: int = 1000) -> Iterator[dict[str, Any]]:
        """All rows of a collection, page after page."""
        offset = 0
        while True:
            page = self.get(path, {**params, "count": size, "offset": offset}, items=items)
            yield from page[items]
            offset += len(page[items])
            if not page[items] or offset >= int(page.get("total_items") or 0):
                return

    @contextmanager
    def pool(self) -> Iterator[ThreadPoolExecutor]:
        """Threads for look-ups that one job makes side by side; the client's limiter still counts them all."""
        with ThreadPoolExecutor(self.workers, thread_name_prefix="lookup") as pool:
            yield pool

    def _wait(self, error: TransientError, attempt: int) -> None:
        doubled = min(attempt - 1, 30)  # no wait is longer, and no float holds 2**1024
        longest = min(self._retry.longest_wait, self._retry.first_wait * 2**doubled)
        wait = max(random.uniform(0, longest), error.retry_after or 0.0)  # noqa: S311 - jitter, not a secret
        logger.info("%s; attempt %d, again in %.1f s", mask(error.message), attempt, wait)
        self.wait(wait)

    def wait(self, seconds: float) -> None:
        """Wait for so many seconds. Raises Stopped as soon as the sync is ending."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            # In slices, for ``interrupted`` wakes nobody.
            if self.stopping.wait(min(left, _SLICE_SECONDS)) or self.interrupted:
                raise Stopped

    def interrupt(self) -> None:
        """No further call is to be made, and no further wait to be waited out. Safe in a signal handler."""
        self.interrupted = True
