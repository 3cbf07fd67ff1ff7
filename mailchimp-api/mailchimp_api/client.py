"""The one way to make a request: pooled, counted, retried, and ending in JSON or a typed error."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

import orjson
import requests
import tenacity
from requests.adapters import HTTPAdapter

from mailchimp_api import answers
from mailchimp_api.access import Access
from mailchimp_api.errors import (
    AnswerTimeout,
    ConnectionFault,
    RateLimited,
    TransientError,
    UnreadableAnswer,
)
from mailchimp_api.limiter import MAX_CONNECTIONS, SERVER_CUTOFF_SECONDS, Limiter
from mailchimp_api.masking import mask

logger = logging.getLogger("airbyte.mailchimp_api")

Params = Mapping[str, str | int | bool | None]


@dataclass(frozen=True)
class RetryPolicy:
    """How long a request is worth trying: whichever bound is reached first ends it.

    Waits are random between nothing and ``first_wait * 2**n`` seconds, at most ``longest_wait``
    (full jitter), or as long as ``Retry-After`` says if that is more.
    """

    attempts: int = 8
    seconds: float = 600.0
    first_wait: float = 1.0
    longest_wait: float = 60.0


@dataclass(frozen=True)
class Timeouts:
    """Seconds. ``read`` outlasts the server's own cut-off, so a request we give up holds no connection there."""

    connect: float = 10.0
    read: float = SERVER_CUTOFF_SECONDS + 5.0


class MailchimpClient:
    """Makes requests to one account's API, from any number of threads.

    ``max_connections`` is the most requests in flight at any time, retries included (1–10).
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
    ) -> None:
        self._root = access.root
        self._retry = retry or RetryPolicy()
        self._timeouts = timeouts or Timeouts()
        self.limiter = Limiter(max_connections, cutoff_seconds=server_cutoff_seconds)
        self._session = requests.Session()
        self._session.headers.update(
            {"Accept": "application/json", "Accept-Encoding": "gzip", "User-Agent": user_agent}
        )
        # As an auth object, so that a .netrc of the machine can't replace it.
        self._session.auth = _HeaderAuth(access.authorization)
        self._session.mount("https://", HTTPAdapter(pool_connections=1, pool_maxsize=max_connections, max_retries=0))
        self._session.mount("http://", HTTPAdapter(pool_connections=1, pool_maxsize=max_connections, max_retries=0))
        self._clock_lock = threading.Lock()
        self._server_time: datetime | None = None

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
        AnswerTimeout is raised at once, for a caller who would rather ask for less.
        Raises what ``errors`` draws: TransientError only when the retries are used up.
        """
        body = self.request("GET", path, params, items=items, retry_timeouts=retry_timeouts)
        return body if isinstance(body, dict) else {}

    def request(
        self,
        method: str,
        path: str,
        params: Params | None = None,
        *,
        json: Any = None,
        items: str | None = None,
        retry_timeouts: bool = True,
    ) -> Any:
        """Make one request, retried as the policy says; return the decoded body, ``None`` for 204.

        Every method is retried, so the caller must only send what may take effect twice.
        """
        query = {key: _parameter(value) for key, value in (params or {}).items() if value is not None}
        data = orjson.dumps(json) if json is not None else None
        call = mask(f"{method} /{path}")

        def worth_retrying(error: BaseException) -> bool:
            if isinstance(error, AnswerTimeout) and not retry_timeouts:
                return False
            return isinstance(error, TransientError)

        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception(worth_retrying),
            stop=tenacity.stop_after_attempt(self._retry.attempts) | tenacity.stop_after_delay(self._retry.seconds),
            wait=_Backoff(self._retry),
            before_sleep=_log_retry,
            reraise=True,
        )
        return retrying(self._once, method, path, query, data, call, items)

    def server_time(self) -> datetime:
        """Mailchimp's clock (UTC) by the newest ``Date`` header seen, at most as late as it really is.

        Before any answer, or without such headers: our own clock less ten minutes, for it may be fast.
        """
        with self._clock_lock:
            if self._server_time is not None:
                return self._server_time
        return datetime.now(timezone.utc).replace(microsecond=0) - timedelta(minutes=10)

    def close(self) -> None:
        """Close the pooled connections."""
        self._session.close()

    def _once(
        self, method: str, path: str, query: dict[str, str], data: bytes | None, call: str, items: str | None
    ) -> Any:
        with self.limiter.slot() as slot:
            try:
                response = self._session.request(
                    method,
                    f"{self._root}/{path}",
                    params=query,
                    data=data,
                    headers={"Content-Type": "application/json"} if data is not None else None,
                    timeout=(self._timeouts.connect, self._timeouts.read),
                    allow_redirects=False,
                )
            except requests.exceptions.ConnectTimeout:
                raise ConnectionFault(f"No connection for {call}: {self._timeouts.connect:g} s passed") from None
            except requests.exceptions.ReadTimeout:
                slot.abandon()
                raise AnswerTimeout(f"No answer to {call} within {self._timeouts.read:g} s") from None
            except requests.exceptions.ContentDecodingError:
                raise UnreadableAnswer(f"The answer to {call} could not be decompressed") from None
            except requests.exceptions.RequestException as error:
                # A read time-out in the middle of a body comes as a ConnectionError.
                if "timed out" in str(error).lower() and "connect" not in str(error).lower():
                    slot.abandon()
                    raise AnswerTimeout(f"The answer to {call} stopped for {self._timeouts.read:g} s") from None
                raise ConnectionFault(f"The connection broke during {call} ({type(error).__name__})") from None
        return self._judge(response, call, items)

    def _judge(self, response: requests.Response, call: str, items: str | None) -> Any:
        self._note_time(response)
        if not response.ok or response.is_redirect:
            error = answers.error_of(response, call)
            if isinstance(error, RateLimited):
                self.limiter.throttled()
            raise error
        body = answers.read_json(response, call, items=items)
        self.limiter.succeeded()
        return body

    def _note_time(self, response: requests.Response) -> None:
        date = answers.server_date(response)
        if date is not None:
            with self._clock_lock:
                self._server_time = max(date, self._server_time or date)


class _HeaderAuth(requests.auth.AuthBase):
    def __init__(self, authorization: str) -> None:
        self._authorization = authorization

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = self._authorization
        return request


class _Backoff(tenacity.wait.wait_base):
    def __init__(self, policy: RetryPolicy) -> None:
        self._jitter = tenacity.wait_random_exponential(multiplier=policy.first_wait, max=policy.longest_wait)

    def __call__(self, retry_state: tenacity.RetryCallState) -> float:
        error = retry_state.outcome.exception() if retry_state.outcome else None
        asked = error.retry_after if isinstance(error, TransientError) else None
        return max(self._jitter(retry_state), asked or 0.0)


def _log_retry(state: tenacity.RetryCallState) -> None:
    error = state.outcome.exception() if state.outcome else None
    wait = state.next_action.sleep if state.next_action else 0.0
    logger.info("%s; attempt %d, again in %.1f s", error, state.attempt_number, wait)


def _parameter(value: str | int | bool) -> str:  # noqa: FBT001 - a query parameter may well be a flag
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
