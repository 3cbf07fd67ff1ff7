"""The one way to make a request: pooled, counted, retried, and ending in JSON or a typed error."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from datetime import datetime
from http import HTTPStatus
from typing import Any

import orjson

from mailchimp_api.access import Access
from mailchimp_api.answers import Answer, error_of, read_json
from mailchimp_api.clock import ServerClock
from mailchimp_api.errors import AnswerTimeout, RateLimited, TransientError
from mailchimp_api.limiter import MAX_CONNECTIONS, SERVER_CUTOFF_SECONDS, Limiter, kind_of
from mailchimp_api.masking import mask
from mailchimp_api.retries import RetryPolicy, retrying
from mailchimp_api.transport import Timeouts, Transport
from mailchimp_api.usage import Usage

__all__ = ["MailchimpClient", "Params", "RetryPolicy", "Timeouts"]

_TIMES_ASKED_AT_MOST = 8

Params = Mapping[str, str | int | bool | None]
Reader = Callable[[Mapping[str, Any]], Any]


class MailchimpClient:
    """Makes requests to one account's API, from any number of threads.

    ``max_connections`` is the most requests in flight at any time, retries included (1–10).
    A request whose answer we no longer wait for counts until ``server_cutoff_seconds`` after it was sent.
    ``usage`` tells what its requests have taken; ``retry`` is the policy in use; ``host_field`` as in ``Access``.
    ``sleep`` waits between attempts; what it raises ends the request.
    """

    def __init__(
        self,
        access: Access,
        *,
        max_connections: int = MAX_CONNECTIONS,
        user_agent: str = "mailchimp-api",
        retry: RetryPolicy | None = None,
        timeouts: Timeouts | None = None,
        server_cutoff_seconds: float = SERVER_CUTOFF_SECONDS,
        sleep: Callable[[float], None] | None = None,
    ) -> None:
        self._timeouts = timeouts or Timeouts()
        self._credentials_field = access.field
        self.host_field = access.host_field
        self.limiter = Limiter(max_connections, cutoff_seconds=server_cutoff_seconds)
        self.usage = Usage(max_connections)
        self._transport = Transport(
            access.root,
            access.authorization,
            connections=max_connections,
            user_agent=user_agent,
            timeouts=self._timeouts,
        )
        self.retry = policy = retry or RetryPolicy()
        self._retrying = retrying(policy, sleep=sleep)
        self._retrying_but_timeouts = retrying(policy, retry_timeouts=False, sleep=sleep)
        self.clock = ServerClock()
        self._asking_for_time = threading.Lock()
        self._times_asked = 0

    def get(
        self,
        path: str,
        params: Params | None = None,
        *,
        items: str | None = None,
        retry_timeouts: bool = True,
    ) -> dict[str, Any]:
        """GET ``path`` (relative, as ``lists/abc/members``) and return the decoded object.

        ``items``: key that must hold a list, see ``answers.read_json``. With ``retry_timeouts=False`` an
        TooMuchForOneAnswer is raised at once, for a caller who would rather ask for less.
        Raises what ``errors`` draws: TransientError only when the retries are used up.
        """
        body: dict[str, Any] = self.request("GET", path, params, items=items, retry_timeouts=retry_timeouts)
        return body

    def get_once(
        self, path: str, params: Params | None = None, *, items: str | None = None, counted: bool = False
    ) -> dict[str, Any]:
        """As ``get``, but one attempt: for a caller that waits elsewhere than in this thread (``retrying_async``).

        ``counted``: as of ``answers.read_json``.
        """
        query = {key: _parameter(value) for key, value in (params or {}).items() if value is not None}
        return self._once("GET", path, query, None, mask(f"GET /{path}"), items, counted=counted) or {}

    def answer_once(self, path: str, params: Params | None = None, *, items: str) -> Answer:
        """As ``get_once``, but what came is not decoded yet: for a caller that keeps it for a while (``read_json``).

        That it is a whole object is looked at; more shows when it is decoded.
        """
        query = {key: _parameter(value) for key, value in (params or {}).items() if value is not None}
        answer: Answer = self._once("GET", path, query, None, mask(f"GET /{path}"), items, decode=False)
        return answer

    def request(
        self,
        method: str,
        path: str,
        params: Params | None = None,
        *,
        json: Any = None,
        items: str | None = None,
        read: Reader | None = None,
        retry_timeouts: bool = True,
        before_repeat: Callable[[], object] | None = None,
        on_failure: Callable[[TransientError], None] | None = None,
        language: str | None = None,
    ) -> Any:
        """Make one request, retried as the policy says; return the decoded object.

        ``None`` for the 204 of a write; a GET answered 204 is unreadable. Parameters that are None are left out.
        ``read``: one of ``readers``, for what is returned instead; an answer that lacks what it wants is unreadable.
        Every method is retried, so the caller must only send what may take effect twice. Where that depends on what
        happened meanwhile, ``before_repeat`` looks, right before each further attempt; what it raises ends the request.
        ``language``: of the e-mail that Mailchimp may send because of the request, as ``Accept-Language`` (gibbon#67).
        ``on_failure`` is told of every failed attempt; what it raises ends the request in place of that failure.
        Raises what ``errors`` draws: TransientError only when the retries are used up.
        """
        query = {key: _parameter(value) for key, value in (params or {}).items() if value is not None}
        data = orjson.dumps(json) if json is not None else None
        call = mask(f"{method} /{path}")
        again = self._retrying if retry_timeouts else self._retrying_but_timeouts
        attempts = 0

        def attempt() -> Any:
            nonlocal attempts
            attempts += 1
            if attempts > 1 and before_repeat is not None:
                before_repeat()
            try:
                return self._once(method, path, query, data, call, items, read, language)
            except TransientError as error:
                if on_failure is not None:
                    on_failure(error)
                raise

        return again(attempt)

    def server_time(self) -> datetime:
        """Mailchimp's clock (UTC, whole seconds), at most as late as it really is; see ``clock.ServerClock``."""
        return self.clock.now()

    def close(self) -> None:
        """Close the pooled connections."""
        self._transport.close()

    def _once(
        self,
        method: str,
        path: str,
        query: dict[str, str],
        data: bytes | None,
        call: str,
        items: str | None,
        read: Reader | None = None,
        language: str | None = None,
        *,
        decode: bool = True,
        counted: bool = False,
    ) -> Any:
        try:
            with self.limiter.slot() as slot, self.usage.request():
                try:
                    answer = self._transport.send(method, path, query, data, call, language=language)
                except AnswerTimeout:
                    slot.abandon(sent_ago=min(self._timeouts.read, self._timeouts.whole))
                    raise
            return self._parse_response(answer, kind_of(path), method, items, read, decode=decode, counted=counted)
        except TransientError as error:
            self.usage.note(error)
            raise

    def _parse_response(
        self,
        answer: Answer,
        kind: str,
        method: str,
        items: str | None,
        read: Reader | None,
        *,
        decode: bool,
        counted: bool,
    ) -> Any:
        if not answer.ok:
            error = error_of(answer, field=self._credentials_field)
            if isinstance(error, RateLimited):
                self.limiter.throttled(kind)
            raise error
        no_body = method != "GET" and answer.status == HTTPStatus.NO_CONTENT
        body: Any = answer
        if decode or not answer.looks_whole:
            body = None if no_body and read is None else read_json(answer, items=items, read=read, counted=counted)
        # Only now: what is not the API's own answer may carry the clock of a proxy.
        self._note_time(answer)
        self.limiter.succeeded(kind)
        return body if decode else answer

    def _note_time(self, answer: Answer) -> None:
        if answer.date is None:
            return
        self.clock.note(answer.date, received=answer.received)
        if self.clock.agreed:
            return
        # This machine's clock says something else. One header proves nothing, so Mailchimp is asked a few times more.
        with self._asking_for_time:
            while self._times_asked < _TIMES_ASKED_AT_MOST and not self.clock.agreed:
                self._times_asked += 1
                try:
                    with self.limiter.slot(), self.usage.request():
                        again = self._transport.send("GET", "ping", None, None, "GET /ping")
                except TransientError:
                    continue
                if again.ok and again.date is not None:
                    self.clock.note(again.date, received=again.received)


def _parameter(value: str | int | bool) -> str:  # noqa: FBT001 - a query parameter may well be a flag
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
