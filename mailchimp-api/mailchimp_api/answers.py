"""Reads an HTTP answer: JSON out, or the error of the tree in ``errors`` that it means."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any

import orjson

from mailchimp_api.credentials import WHERE_KEYS_ARE
from mailchimp_api.errors import (
    AnswerTimeout,
    ConfigError,
    InvalidAccessToken,
    InvalidApiKey,
    MailchimpError,
    Problem,
    RateLimited,
    RequestRefused,
    ResourceGone,
    ResourceRefused,
    ServerFault,
    UnreadableAnswer,
    UserDisabled,
)

# Whoever asks for longer is asked again sooner: a sync that stands still for longer is better failed and restarted.
_MAX_RETRY_AFTER = 300.0
_SECONDS = re.compile(r"[0-9]+(\.[0-9]+)?")
_REQUEST_ID = re.compile(r"[A-Za-z0-9._:/+=-]{1,100}")


@dataclass(frozen=True)
class Answer:
    """A whole answer, unpacked. The names in ``headers`` are looked up without regard to case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def ok(self) -> bool:
        """Whether the request was carried out (2xx)."""
        return self.status // 100 == 2  # noqa: PLR2004 - as in 2xx

    @property
    def request_id(self) -> str | None:
        """Mailchimp's own id of the answer, or None where it is missing or nothing one could show."""
        value = self.headers.get("X-Request-Id", "").strip()
        return value if _REQUEST_ID.fullmatch(value) else None

    @property
    def date(self) -> datetime | None:
        """The server's clock when it answered (UTC, whole seconds), or None where the header is missing or broken."""
        return _http_date(self.headers.get("Date", ""))


def read_json(answer: Answer, call: str, *, items: str | None = None) -> dict[str, Any]:
    """Decode the body of a 2xx answer that should have one.

    ``items``: the key that must hold the list of rows; without it any JSON object will do.
    Raises UnreadableAnswer: an unreadable page must never pass for an empty one.
    """
    try:
        body = orjson.loads(answer.body)
    except orjson.JSONDecodeError:
        what = "with a body that is not JSON" if answer.body else "without a body"
    else:
        if isinstance(body, dict) and (items is None or isinstance(body.get(items), list)):
            return body
        what = f"without the rows under {items!r}" if items else "with JSON that is not an object"
    raise UnreadableAnswer(_say(answer, call, what), status=answer.status, request_id=answer.request_id)


def error_of(answer: Answer, call: str, *, field: str) -> MailchimpError:
    """The error that a non-2xx answer means. ``call`` names the request without secrets, as ``GET /lists``.

    ``field``: the option that holds the key or the token, for errors about it.
    """
    status, problem = answer.status, _problem(answer)
    text = _say(answer, call, str(problem) if problem else "")
    rid, retry_after = answer.request_id, _retry_after(answer)
    if status == HTTPStatus.TOO_MANY_REQUESTS or (status == HTTPStatus.FORBIDDEN and not _is_about_access(answer)):
        # At high volume the limit also shows as a 403 with an HTML body or none.
        return RateLimited(text, status=status, request_id=rid, retry_after=retry_after)
    if status in (HTTPStatus.GATEWAY_TIMEOUT, HTTPStatus.REQUEST_TIMEOUT):
        return AnswerTimeout(text, status=status, request_id=rid, retry_after=retry_after)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or problem is None:
        return ServerFault(text, status=status, request_id=rid, retry_after=retry_after)
    if status == HTTPStatus.UNAUTHORIZED or _key_of(problem) in {"userdisabled", "wrongdatacenter"}:
        return _access_error(problem, field=field, request_id=rid)
    if status == HTTPStatus.FORBIDDEN:
        return ResourceRefused(text, problem=problem, request_id=rid)
    if status == HTTPStatus.NOT_FOUND:
        return ResourceGone(text, status=status, request_id=rid)
    return RequestRefused(text, problem=problem, request_id=rid)


def _access_error(problem: Problem, *, field: str, request_id: str | None) -> ConfigError:
    if _key_of(problem) == "userdisabled":
        return UserDisabled(
            "User Disabled: the Mailchimp user behind these credentials is deactivated. "
            "Reactivate the user or account in Mailchimp, or use the key of another user.",
            field=field,
            request_id=request_id,
        )
    if field == "credentials.access_token" and _key_of(problem) == "wrongdatacenter":
        return ConfigError(
            "The account is in another data center than the configured one. Leave data_center empty: "
            "Mailchimp is then asked for it.",
            field="data_center",
            request_id=request_id,
        )
    if field == "credentials.access_token":
        return refused_token(request_id)
    return InvalidApiKey(
        "Invalid API Key: Mailchimp does not accept it. It may be mistyped or revoked, or belong to another "
        f"data center than its ending says; make a new one {WHERE_KEYS_ARE}.",
        field=field,
        request_id=request_id,
    )


def refused_token(request_id: str | None) -> InvalidAccessToken:
    """The error for an OAuth token that Mailchimp refused."""
    return InvalidAccessToken(
        "Invalid access token: Mailchimp does not accept it. It may have been revoked; authorise again.",
        field="credentials.access_token",
        request_id=request_id,
    )


def _problem(answer: Answer) -> Problem | None:
    """What an error answer says, or None where its body is something else (HTML, nothing, rubbish)."""
    try:
        body = orjson.loads(answer.body)
    except orjson.JSONDecodeError:
        return None
    if not isinstance(body, dict) or not ("title" in body or "detail" in body):
        return None
    return Problem.from_body(body, answer.status)


def _key_of(problem: Problem) -> str:
    """The problem's title as one word: answers say "User Disabled", other clients' lists "UserDisabled"."""
    return problem.title.replace(" ", "").casefold()


def _is_about_access(answer: Answer) -> bool:
    """Whether a 403 comes from the API itself: as problem+json, and not to say that it is too much."""
    media_type = answer.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    problem = _problem(answer)
    return media_type == "application/problem+json" and problem is not None and _key_of(problem) != "toomanyrequests"


def _http_date(value: str) -> datetime | None:
    try:
        date = parsedate_to_datetime(value)
        return date.replace(tzinfo=timezone.utc) if date.tzinfo is None else date.astimezone(timezone.utc)
    except (ValueError, TypeError, OverflowError):
        return None


def _retry_after(answer: Answer) -> float | None:
    """Seconds that a ``Retry-After`` asks for (a number or a date), at most five minutes."""
    value = answer.headers.get("Retry-After", "").strip()
    if _SECONDS.fullmatch(value):
        return min(float(value), _MAX_RETRY_AFTER)
    at = _http_date(value)
    if at is None:
        return None
    # By the server's own clock: ours may differ from it by minutes.
    now = answer.date or datetime.now(timezone.utc)
    return min(max((at - now).total_seconds(), 0.0), _MAX_RETRY_AFTER)


def _say(answer: Answer, call: str, more: str) -> str:
    return f"Mailchimp answered {answer.status} to {call}" + (f": {more}" if more else "")
