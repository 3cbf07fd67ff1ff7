"""Reads an HTTP answer: JSON out, or the error of the tree in ``errors`` that it means."""

from __future__ import annotations

from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from typing import Any

import orjson
import requests

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
from mailchimp_api.masking import mask

_MAX_RETRY_AFTER = 300.0


def request_id(response: requests.Response) -> str | None:
    """Mailchimp's own id of the answer; its support asks for it."""
    return response.headers.get("X-Request-Id")


def server_date(response: requests.Response) -> datetime | None:
    """The server's clock when it answered (UTC, whole seconds), or None where the header is missing or broken."""
    try:
        date = parsedate_to_datetime(response.headers["Date"])
    except (KeyError, ValueError, TypeError):
        return None
    return date.replace(tzinfo=timezone.utc) if date.tzinfo is None else date.astimezone(timezone.utc)


def read_json(response: requests.Response, call: str, *, items: str | None = None) -> Any:
    """Decode the body of a 2xx answer; ``None`` for 204.

    ``items``: the key that must hold the list of rows; without it any JSON object will do.
    Raises UnreadableAnswer: an unreadable page must never pass for an empty one.
    """
    if response.status_code == requests.codes.no_content:
        return None
    try:
        body = orjson.loads(response.content)
    except orjson.JSONDecodeError:
        raise UnreadableAnswer(
            _say(response, call, "with a body that is not JSON"),
            status=response.status_code,
            request_id=request_id(response),
        ) from None
    if not isinstance(body, dict) or (items is not None and not isinstance(body.get(items), list)):
        what = f"without the rows under {items!r}" if items else "with JSON that is not an object"
        raise UnreadableAnswer(_say(response, call, what), status=response.status_code, request_id=request_id(response))
    return body


def error_of(response: requests.Response, call: str) -> MailchimpError:
    """The error that a non-2xx answer means. ``call`` names the request without secrets, as ``GET lists``."""
    status, rid = response.status_code, request_id(response)
    problem = _problem(response)
    text = _say(response, call, str(problem) if problem else "")
    if status == requests.codes.too_many_requests or (status == requests.codes.forbidden and problem is None):
        # At high volume the limit also shows as a 403 with an HTML body or none.
        return RateLimited(text, status=status, request_id=rid, retry_after=_retry_after(response))
    if status in (requests.codes.gateway_timeout, requests.codes.request_timeout):
        return AnswerTimeout(text, status=status, request_id=rid, retry_after=_retry_after(response))
    if status >= requests.codes.internal_server_error or problem is None:
        return ServerFault(text, status=status, request_id=rid, retry_after=_retry_after(response))
    if status == requests.codes.unauthorized or problem.title == "User Disabled":
        return _access_error(response, problem)
    if status == requests.codes.forbidden:
        return ResourceRefused(text, problem=problem, request_id=rid)
    if status == requests.codes.not_found:
        return ResourceGone(text, status=status, request_id=rid)
    return RequestRefused(text, problem=problem, request_id=rid)


def _access_error(response: requests.Response, problem: Problem) -> ConfigError:
    rid = request_id(response)
    bearer = response.request.headers.get("Authorization", "").startswith("Bearer")
    field = "credentials.access_token" if bearer else "credentials.apikey"
    if problem.title == "User Disabled":
        return UserDisabled(
            "User Disabled: the Mailchimp user behind these credentials is deactivated. "
            "Reactivate the user or account in Mailchimp, or use the key of another user.",
            field=field,
            request_id=rid,
        )
    if bearer:
        return InvalidAccessToken(
            "Invalid access token: Mailchimp does not accept it. It may have been revoked; authorise again.",
            field=field,
            request_id=rid,
        )
    return InvalidApiKey(
        "Invalid API Key: Mailchimp does not accept it. It may be mistyped or revoked, or belong to another "
        "data center than its ending says; make a new one under Account & billing → Extras → API keys.",
        field=field,
        request_id=rid,
    )


def _problem(response: requests.Response) -> Problem | None:
    """The problem+json of an error answer, or None where the body is something else (HTML, nothing, rubbish)."""
    try:
        body = orjson.loads(response.content)
    except orjson.JSONDecodeError:
        return None
    if not isinstance(body, dict) or not ("title" in body or "detail" in body):
        return None
    return Problem.from_body(body, response.status_code)


def _retry_after(response: requests.Response) -> float | None:
    """Seconds that a ``Retry-After`` asks for (a number or a date), at most five minutes."""
    value = response.headers.get("Retry-After", "").strip()
    if not value:
        return None
    if value.isdigit():
        return min(float(value), _MAX_RETRY_AFTER)
    try:
        at = parsedate_to_datetime(value)
    except (ValueError, TypeError):
        return None
    now = server_date(response) or datetime.now(timezone.utc)
    at = at if at.tzinfo else at.replace(tzinfo=timezone.utc)
    return min(max((at - now).total_seconds(), 0.0), _MAX_RETRY_AFTER)


def _say(response: requests.Response, call: str, more: str) -> str:
    rid = request_id(response)
    return mask(
        f"Mailchimp answered {response.status_code} to {call}"
        + (f": {more}" if more else "")
        + (f" (request id {rid})" if rid else "")
    )
