"""Calls to one audience: repeated while that may help, made smaller where it may not, ended when the sync ends."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from destination_mailchimp.audience.refusals import by_item, is_account_wide
from destination_mailchimp.contacts.contact import Suspect
from destination_mailchimp.failures import Stopped, SyncFailure
from mailchimp_api import readers
from mailchimp_api.access import Access
from mailchimp_api.client import MailchimpClient, Params, Reader, RetryPolicy
from mailchimp_api.errors import (
    IncompleteListing,
    Problem,
    RateLimited,
    RequestRefused,
    ResourceGone,
    TooMuchForOneAnswer,
    TransientError,
    UnreadableAnswer,
)
from mailchimp_api.readers import MemberFacts

T = TypeVar("T")

BATCH = 500
"""How many contacts Mailchimp takes in one call."""
SKIP_VALIDATION: Params = {"skip_merge_validation": True}
"""Write a contact though it lacks a field that the audience requires."""
USER_AGENT = "destination-mailchimp"
_TIMEOUTS_BEFORE_SMALLER = 2
_EQUAL_BEFORE_SMALLER = 3
_EQUAL_BEFORE_LASTING = 6
_EQUAL_FORBIDDEN = 8
"""A 403 without problem+json mostly means throttling, so it takes more of them until it is taken for the call's own."""
_LONE_SUSPECTS_AT_MOST = 3
"""More contacts at once whose calls fail, while nothing is written, are an outage of writing calls."""
_FORBIDDEN = 403
_TOO_LARGE = 413
_SERVER_ERROR = 500


class BatchTooLarge(Exception):
    """The call takes too long, or fails the same way each time while others go well: ask for less at a time."""


class LastingFault(Exception):
    """Mailchimp answers the call about one contact with the same error each time, while others are written."""

    def __init__(self, error: TransientError) -> None:
        super().__init__(error.message)
        self.message = error.message


class Undecided(Exception):
    """The same error each time, and nothing else was written meanwhile: try again when other calls have been made."""


def send_or_split(
    items: list[T],
    send: Callable[[list[T]], None],
    refuse: Callable[[T, Problem], None],
    unsure: Callable[[T], None],
) -> None:
    """``send`` all in one call, or in ever smaller ones where Mailchimp refuses it whole or does not cope with it.

    ``refuse`` is told of each that is refused alone, ``unsure`` of each that alone fails the same way each time.
    What concerns the account is raised, like all other errors.
    """
    waiting = deque([items])
    while waiting:
        part = waiting.popleft()
        try:
            send(part)
        except RequestRefused as error:
            if is_account_wide(error.problem):
                raise
            if len(part) == 1:
                refuse(part[0], error.problem)
                continue
            if named := by_item(error.problem, len(part)):
                for place, problem in named.items():
                    refuse(part[place], problem)
                if rest := [item for place, item in enumerate(part) if place not in named]:
                    waiting.append(rest)
                continue
        except BatchTooLarge:
            if len(part) == 1:
                unsure(part[0])
                continue
        else:
            continue
        middle = len(part) // 2
        # At the end of the queue: the sooner others are written, the sooner it shows whose fault it is.
        waiting += [part[:middle], part[middle:]]


@dataclass
class Answered:
    """The decoded answer, and whether an earlier attempt may have taken effect unseen (``since`` when)."""

    body: Any
    replayed: bool = False
    since: datetime | None = None


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
        self._lock = threading.Lock()
        self._answered_at = float("-inf")
        self._wrote_at = float("-inf")
        self._suspects = 0

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
            params = {"fields": "status,last_changed"}
            answered = self.send("GET", f"members/{digest}", params, read=readers.member, suspect=suspect)
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
        before_repeat: Callable[[], None] | None = None,
        may_shrink: bool = False,
        suspect: Suspect | None = None,
        language: str | None = None,
        below_audience: bool = True,
    ) -> Answered:
        """One call, repeated while its errors are transient. ``path`` is relative to the audience (``below_audience``).

        ``items``, ``read``, ``before_repeat``, ``language``: as in ``MailchimpClient.request``.
        ``may_shrink``: the caller can ask for less, so BatchTooLarge is raised where that may help.
        ``suspect``: the call is about one contact alone, so LastingFault or Undecided is raised where it is at fault.
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
        watch = _Watch(self, may_shrink=may_shrink, suspect=suspect)
        whole = path if not below_audience else f"{self.root}/{path}" if path else self.root
        try:
            body = self.client.request(
                method,
                whole,
                params,
                json=json,
                items=items,
                read=read,
                before_repeat=before_repeat,
                on_failure=watch.failed,
                language=language,
            )
        except TransientError as error:
            watch.given_up(error)
            raise
        self._answered_at = time.monotonic()
        if method != "GET":
            self._wrote_at = self._answered_at
        return Answered(body, watch.replayed, since)

    def pages(
        self, path: str, items: str, params: dict[str, Any], *names: str, size: int = 1000
    ) -> Iterator[dict[str, Any]]:
        """All rows of a collection, page after page; each has something under each of ``names``.

        Raises IncompleteListing where the server gives the same page again and again.
        """
        read = readers.listed(items, *names)
        offset, before = 0, None
        while True:
            page = self.send("GET", path, {**params, "count": size, "offset": offset}, read=read).body
            if page.rows and page.rows == before:
                raise IncompleteListing(path, seen=offset, total=page.total)
            yield from page.rows
            offset, before = offset + len(page.rows), page.rows
            if not page.rows or offset >= page.total:
                return

    @contextmanager
    def pool(self) -> Iterator[ThreadPoolExecutor]:
        """Threads for look-ups that one job makes side by side; the client's limiter still counts them all."""
        with ThreadPoolExecutor(self.workers, thread_name_prefix="lookup") as pool:
            yield pool

    def wrote_since(self, moment: float) -> bool:
        """Whether a writing call has gone well since then (``time.monotonic``)."""
        return self._wrote_at > moment

    def answers_since(self, moment: float) -> bool:
        """Whether any call has gone well since then; where none was made, one is."""
        if self._answered_at > moment:
            return True
        try:
            self.client.request("GET", self.root, {"fields": "id"}, on_failure=_end_probe)
        except _NoAnswer:
            return False
        return True

    def suspect(self, suspect: Suspect, since: float) -> None:
        """Calls about a contact have been failing the same way since then."""
        if suspect.since is None:
            suspect.since = since
            with self._lock:
                self._suspects += 1

    def may_blame_lone_contact(self) -> bool:
        """Whether a contact may be given up though nothing else was written: only where few are suspected at all."""
        with self._lock:
            return self._suspects <= _LONE_SUSPECTS_AT_MOST

    def wait(self, seconds: float) -> None:
        """Wait for so many seconds; raises Stopped as soon as the sync ends."""
        if self._stop.wait(seconds):
            raise Stopped


class _NoAnswer(Exception):
    pass


def _end_probe(error: TransientError) -> None:
    raise _NoAnswer from error


class _Watch:
    """Looks at the failed attempts of one call, and ends it where another attempt would not help."""

    def __init__(self, calls: Calls, *, may_shrink: bool, suspect: Suspect | None) -> None:
        self._calls = calls
        self._may_shrink = may_shrink
        self._suspect = suspect
        self._failed_at = float("-inf")
        self._timeouts = 0
        self._equal = 0
        self._last = ""
        self._all_equal = True
        self.replayed = False

    def failed(self, error: TransientError) -> None:
        """An attempt has failed. Raises BatchTooLarge, LastingFault or Undecided, or returns for the next one."""
        if self._failed_at == float("-inf"):
            self._failed_at = time.monotonic()
        # A throttled call has not been carried out; any other may have been.
        self.replayed = self.replayed or not isinstance(error, RateLimited)
        self._timeouts += isinstance(error, TooMuchForOneAnswer)
        self._count(error)
        if self._may_shrink:
            slow = self._timeouts >= _TIMEOUTS_BEFORE_SMALLER or error.status == _TOO_LARGE
            if slow or (self._is_lasting(error, _EQUAL_BEFORE_SMALLER) and self._calls.answers_since(self._failed_at)):
                raise BatchTooLarge from error
        elif self._suspect and self._is_lasting(error, _EQUAL_BEFORE_LASTING):
            self._judge(self._suspect, error)

    def given_up(self, error: TransientError) -> None:
        """No attempt is left. Raises what tells that only this call is at fault, if so."""
        if not self._all_equal or not self._is_lasting(error, 1):
            return
        if self._may_shrink and self._calls.answers_since(self._failed_at):
            raise BatchTooLarge from error
        if self._suspect is None:
            return
        self._calls.suspect(self._suspect, self._failed_at)
        # Where nothing else was there to be written: Mailchimp itself has answered, and answers other calls.
        alone = error.status == _SERVER_ERROR and self._calls.answers_since(time.monotonic())
        if self._wrote_since_suspected(self._suspect) or (alone and self._calls.may_blame_lone_contact()):
            raise LastingFault(error) from error

    def _judge(self, suspect: Suspect, error: TransientError) -> None:
        self._calls.suspect(suspect, self._failed_at)
        if self._wrote_since_suspected(suspect):
            raise LastingFault(error) from error
        if not suspect.put_off and self._calls.answers_since(self._failed_at):
            suspect.put_off = True
            raise Undecided from error

    def _wrote_since_suspected(self, suspect: Suspect) -> bool:
        return suspect.since is not None and self._calls.wrote_since(suspect.since)

    def _count(self, error: TransientError) -> None:
        self._all_equal = self._all_equal and self._last in ("", error.message)
        self._equal = self._equal + 1 if error.message == self._last else 1
        self._last = error.message

    def _is_lasting(self, error: TransientError, enough: int) -> bool:
        """Whether the same answer came so often that it may be this call's own.

        Where no answer came, or none that could be read, the call may have been carried out; and being throttled says
        nothing about the call.
        """
        if error.status is None or isinstance(error, UnreadableAnswer):
            return False
        if isinstance(error, RateLimited):
            return error.status == _FORBIDDEN and self._equal >= max(enough, _EQUAL_FORBIDDEN)
        return self._equal >= enough
