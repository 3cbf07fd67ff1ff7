"""Reads an HTTP answer: JSON out, or the error of the tree in ``errors`` that it means."""

from __future__ import annotations

import re
import time
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from functools import cached_property
from http import HTTPStatus
from typing import Any

import orjson

from mailchimp_api import cdn
from mailchimp_api.bodies import decode_json
from mailchimp_api.credentials import WHERE_KEYS_ARE, is_data_center
from mailchimp_api.errors import (
    AnswerTimeout,
    AnswerTooLarge,
    ConfigError,
    FailedAtCdn,
    InvalidAccessToken,
    InvalidApiKey,
    MailchimpError,
    Problem,
    RateLimited,
    RefusedByCdn,
    RequestRefused,
    ResourceGone,
    ResourceRefused,
    ServerFault,
    UnreadableAnswer,
    UserDisabled,
    WrongDataCenter,
)
from mailchimp_api.readers import Lacking, told_total, total_items

# Whoever asks for longer is asked again sooner: a sync that stands still for longer is better failed and restarted.
_MAX_RETRY_AFTER = 300.0
MAX_BODY = 64 * 2**20
"""Bytes, as they come and unpacked. A thousand contacts with eighty full fields take half of it."""
_LINKED_TO = re.compile(r"linked to data ?cent(?:er|re) '?(?P<name>[a-z]+[0-9]+)", re.IGNORECASE)
_SECONDS = re.compile(r"[0-9]+(\.[0-9]+)?")
_GZIP = frozenset({"gzip", "x-gzip"})
_GZIP_HEADER = zlib.MAX_WBITS | 16
_FEW = 64
_BEGINNING = 4096  # bytes, as they come: enough for what stands before the first letters
_REQUEST_ID = re.compile(r"[A-Za-z0-9._:/+=-]{1,100}")


@dataclass(frozen=True)
class Answer:
    """A whole answer to ``call`` (the request without secrets, as ``GET /lists``).

    The names in ``headers`` are looked up without regard to case. ``packed`` is the body as it came,
    ``received`` when its headers did (``time.monotonic``).
    """

    status: int
    headers: Mapping[str, str] = field(repr=False)
    packed: bytes = field(repr=False)
    call: str
    received: float = field(default_factory=time.monotonic)

    @cached_property
    def body(self) -> bytes:
        """The body, unpacked when it is first asked for. Raises UnreadableAnswer, AnswerTooLarge."""
        if not self.packed or self._coding in {"", "identity"}:
            return self.packed
        body = _unzipped(self.packed) if self._coding in _GZIP else None
        if body is None:
            raise UnreadableAnswer(_say(self, "with a body that could not be unpacked"), status=self.status)
        if len(body) > MAX_BODY:
            raise AnswerTooLarge(_say(self, f"with more than {MAX_BODY:,} bytes, unpacked"), status=self.status)
        return body

    @property
    def looks_whole(self) -> bool:
        """Whether the body begins and ends as a JSON object does; decoding it may still fail.

        Of a packed one only the beginning is unpacked, so that it takes no more memory than it has to while it waits.
        How large it will be stands at its end; where that can't be or is too much, it is unpacked now.
        """
        if self._coding in _GZIP and len(self.packed) < _told_size(self.packed) <= MAX_BODY:
            return _unzipped_beginning(self.packed).lstrip()[:1] == b"{"
        body = self.body.strip()
        return body[:1] == b"{" and body[-1:] == b"}"

    @property
    def _coding(self) -> str:
        return self.headers.get("Content-Encoding", "").strip().lower()

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


def read_json(
    answer: Answer,
    *,
    items: str | None = None,
    counted: bool = False,
    read: Callable[[Mapping[str, Any]], Any] | None = None,
) -> Any:
    """Decode the body of a 2xx answer that should have one, and return the object, or what ``read`` makes of it.

    ``items``: the key that must hold the list of rows, each of them an object; without it any JSON object will do.
    A ``total_items`` beside them must be one; ``counted``: it must be there.
    Raises UnreadableAnswer: an unreadable page must never pass for an empty one. So are an error's words beside
    status 200 unreadable.
    """
    try:
        body = decode_json(answer.body)
    except orjson.JSONDecodeError:
        what = "with a body that is not JSON" if answer.body else "without a body"
    else:
        wrong = _wrong_with(body, items, counted=counted)
        if wrong is None:
            try:
                return body if read is None else read(body)
            except Lacking as lacking:
                wrong = f"without {lacking}"
        what = wrong
    raise UnreadableAnswer(_say(answer, what), status=answer.status, request_id=answer.request_id)


def _wrong_with(body: object, items: str | None, *, counted: bool) -> str | None:
    """Why a decoded 2xx body is not what it should be; None if it is."""
    if not isinstance(body, dict):
        return "with JSON that is not an object"
    if items is None:
        status = body.get("status")
        error = isinstance(status, int) and status >= HTTPStatus.BAD_REQUEST and "title" in body
        return f"with the words of an error {status}" if error else None
    rows = body.get(items)
    if not isinstance(rows, list):
        return f"without the rows under {items!r}"
    if not all(isinstance(row, dict) for row in rows):
        return f"with rows under {items!r} that are no objects"
    try:
        (total_items if counted else told_total)(body)
    except Lacking as lacking:
        return f"without {lacking}"
    return None


def error_of(answer: Answer, *, field: str) -> MailchimpError:
    """The error that a non-2xx answer means.

    ``field``: the option that holds the key or the token, for errors about it.
    """
    status, problem = answer.status, _problem(answer)
    text = _say(answer, str(problem) if problem else "")
    rid, retry_after = answer.request_id, _retry_after(answer)
    if status == HTTPStatus.TOO_MANY_REQUESTS or (status == HTTPStatus.FORBIDDEN and not _is_about_access(answer)):
        # At high volume the limit also shows as a 403 with an HTML body or none.
        if problem is None and (_media_type(answer) == "text/html" or _is_of_cdn(answer)):
            return RefusedByCdn(_say_of_cdn(answer), status=status, request_id=rid, retry_after=retry_after)
        return RateLimited(text, status=status, request_id=rid, retry_after=retry_after)
    if status in (HTTPStatus.GATEWAY_TIMEOUT, HTTPStatus.REQUEST_TIMEOUT):
        return AnswerTimeout(text, status=status, request_id=rid, retry_after=retry_after)
    if _is_of_cdn(answer):
        return FailedAtCdn(_say_of_cdn(answer), status=status, request_id=rid, retry_after=retry_after)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or problem is None:
        return ServerFault(text, status=status, request_id=rid, retry_after=retry_after)
    if _is_about_data_center(problem):
        return _wrong_data_center(problem, field=field, request_id=rid)
    if status == HTTPStatus.UNAUTHORIZED or _key_of(problem) == "userdisabled":
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
    if field == "credentials.access_token":
        return refused_token(request_id)
    return InvalidApiKey(
        "Invalid API Key: Mailchimp does not accept it. It may be mistyped or revoked, or belong to another "
        f"data center than its ending says; make a new one {WHERE_KEYS_ARE}.",
        field=field,
        request_id=request_id,
    )


def _is_about_data_center(problem: Problem) -> bool:
    return _key_of(problem) == "wrongdatacenter" or _LINKED_TO.search(problem.detail) is not None


def _wrong_data_center(problem: Problem, *, field: str, request_id: str | None) -> WrongDataCenter:
    """As answered: 403 Forbidden, "The API key provided is linked to datacenter 'us6'" (reported by two clients)."""
    found = _LINKED_TO.search(problem.detail)
    right = found["name"] if found and is_data_center(found["name"]) else None
    where = f"data center {right}" if right else "another data center"
    if field == "credentials.access_token":
        return WrongDataCenter(
            f"The access token belongs to an account in {where}, not in the one that data_center names. "
            "Leave data_center empty: Mailchimp is then asked for it.",
            field="data_center",
            request_id=request_id,
        )
    ending = f" (-{right})" if right else ""
    return WrongDataCenter(
        f"The API key belongs to an account in {where}, not in the one that its ending names. "
        f"Copy the whole key again, with its own ending{ending}; you find it {WHERE_KEYS_ARE}.",
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
    """What an error answer says, or None where its body is something else (HTML, nothing, rubbish, the CDN's)."""
    body = _object(answer)
    if not {"title", "detail", "errors"} & body.keys() or _is_of_cdn(answer):
        return None
    return Problem.from_body(body, answer.status)


def _object(answer: Answer) -> dict[str, Any]:
    """The object that the body of an error answer holds; an empty one where it holds none."""
    try:
        body = orjson.loads(answer.body)
    except (orjson.JSONDecodeError, UnreadableAnswer, AnswerTooLarge):
        return {}
    return body if isinstance(body, dict) else {}


def _is_of_cdn(answer: Answer) -> bool:
    return cdn.is_its_own(_object(answer))


def _say_of_cdn(answer: Answer) -> str:
    try:
        body = answer.body
    except (UnreadableAnswer, AnswerTooLarge):
        body = b""
    return _say(answer, cdn.what_it_means(body))


def _key_of(problem: Problem) -> str:
    """The problem's title as one word: answers say "User Disabled", other clients' lists "UserDisabled"."""
    return problem.title.replace(" ", "").casefold()


def _is_about_access(answer: Answer) -> bool:
    """Whether a 403 comes from the API itself: as problem+json, and not to say that it is too much."""
    problem = _problem(answer)
    return (
        _media_type(answer) == "application/problem+json"
        and problem is not None
        and _key_of(problem) != "toomanyrequests"
    )


def _media_type(answer: Answer) -> str:
    return answer.headers.get("Content-Type", "").partition(";")[0].strip().lower()


def _unzipped(packed: bytes) -> bytes | None:
    """The bytes that ``packed`` holds, a little more than ``MAX_BODY`` of them at most; None if it is cut or broken."""
    parts: list[bytes] = []
    room = MAX_BODY + 1
    while packed and room > 0:
        member = zlib.decompressobj(_GZIP_HEADER)
        try:
            part = member.decompress(packed, room)
        except zlib.error:
            # What follows a whole member and is none is padding, as for gzip itself.
            return b"".join(parts) if parts else None
        if not member.eof and len(part) < room:
            return None
        parts.append(part)
        room -= len(part)
        packed = member.unused_data
    return b"".join(parts)


def _unzipped_beginning(packed: bytes) -> bytes:
    """The first letters that ``packed`` holds; none if it is broken there."""
    try:
        return zlib.decompressobj(_GZIP_HEADER).decompress(packed[:_BEGINNING], _FEW)
    except zlib.error:
        return b""


def _told_size(packed: bytes) -> int:
    """How many bytes the last member of ``packed`` holds, by its own last four (RFC 1952): mostly all there are."""
    return int.from_bytes(packed[-4:], "little")


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


def _say(answer: Answer, more: str) -> str:
    return f"Mailchimp answered {answer.status} to {answer.call}" + (f": {more}" if more else "")
