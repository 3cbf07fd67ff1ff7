"""Every error of this package, drawn as a tree by what the caller does about it.

MailchimpError
├── TransientError            retry; when raised, the bounded retries are used up
│   ├── ConnectionFault       no answer, or the connection broke in the middle of one
│   ├── TooMuchForOneAnswer   a smaller page may help
│   │   ├── AnswerTimeout     a time-out of ours, a 504 or 408 of theirs
│   │   └── AnswerTooLarge    a body far beyond any real page
│   ├── RateLimited           429, or a 403 that is not problem+json: fewer requests in flight help
│   │   └── RefusedByCdn      403 of the CDN's own: for too many requests, or this machine's address
│   ├── ServerFault           any other 5xx, or an answer no API server gives (a redirect, a bare 4xx)
│   │   └── FailedAtCdn       503 of the CDN's own: the same, or Mailchimp behind it is down
│   └── UnreadableAnswer      status 2xx, but the body is not the JSON it should be (or a GET's is missing)
├── IncompleteListing         read again later: rows are missing from a listing, and reading it again did not help
├── SkippableError            warn, count, and go on with the rest
│   ├── ResourceGone          404 problem+json: it vanished since it was listed
│   └── ResourceRefused       403 problem+json: the role or plan of the account lacks this resource
├── RequestRefused            give up: Mailchimp understood the request and will not carry it out
└── ConfigError               tell the user: names the field and the remedy
    ├── InvalidApiKey
    ├── InvalidAccessToken
    ├── WrongDataCenter
    ├── UserDisabled
    ├── PermissionDenied
    ├── HostUnreachable
    ├── CertificatesUnreadable
    └── AudienceNotFound
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from mailchimp_api.masking import mask


@dataclass(frozen=True)
class Problem:
    """What Mailchimp says about an error: the members of its problem+json body.

    As Mailchimp sent it: ``detail`` and the field messages may quote addresses. Errors mask what they show of it.
    """

    status: int
    title: str = ""
    detail: str = ""
    field_errors: tuple[tuple[str, str], ...] = field(default=())

    @classmethod
    def from_body(cls, body: dict[str, Any], status: int) -> Problem:
        """Read a decoded problem+json body; members of the wrong type count as missing."""
        errors = body.get("errors")
        rows = [row for row in errors if isinstance(row, dict)] if isinstance(errors, list) else []
        return cls(
            status=status,
            title=str(body.get("title") or ""),
            detail=str(body.get("detail") or ""),
            field_errors=tuple((str(row.get("field") or ""), str(row.get("message") or "")) for row in rows),
        )

    def __str__(self) -> str:
        """One line: title, detail and the messages of the fields."""
        fields = "; ".join(f"{name}: {message}" if name else message for name, message in self.field_errors)
        return " — ".join(part for part in (self.title, self.detail, fields) if part) or f"status {self.status}"


class MailchimpError(Exception):
    """Base of all errors of this package.

    ``str(error)`` is fit to be shown: the message, masked here, and the request id.
    ``request_id`` is Mailchimp's ``X-Request-Id`` where an answer came at all; its support asks for it.
    """

    def __init__(self, message: str, *, status: int | None = None, request_id: str | None = None) -> None:
        self.message = mask(message)
        super().__init__(self.message)
        self.status = status
        self.request_id = request_id

    def __str__(self) -> str:
        return f"{self.message} (request id {self.request_id})" if self.request_id else self.message


class TransientError(MailchimpError):
    """Would probably work later. ``retry_after`` is what the server asked for, in seconds."""

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        request_id: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message, status=status, request_id=request_id)
        self.retry_after = retry_after


class ConnectionFault(TransientError):
    """No answer came, or it broke off."""


class TooMuchForOneAnswer(TransientError):
    """The answer was too slow or too large: what asks for less may be answered."""


class AnswerTimeout(TooMuchForOneAnswer):
    """The answer took too long: our own time-out, a 504 or a 408."""


class AnswerTooLarge(TooMuchForOneAnswer):
    """The answer is far larger than any real page, as it came or unpacked: it was not read to its end."""


class RateLimited(TransientError):
    """Too many requests at once or in too short a time."""


class RefusedByCdn(RateLimited):
    """403 with an HTML page or Akamai's own JSON: not Mailchimp's answer but that of the network in front of it.

    It means too many requests, or that it doesn't trust the address this machine asks from
    (Mailchimp's support, as reported for ``spree_chimpy``).
    """


class ServerFault(TransientError):
    """The server, or something in front of it, failed."""


class FailedAtCdn(ServerFault):
    """Akamai's own JSON, mostly with 503: mostly what ``RefusedByCdn`` means (mailchimp-for-wordpress#573, #625).

    No throttled call, though: nothing shows that Mailchimp has not carried it out.
    """


class UnreadableAnswer(TransientError):
    """Status 2xx with a body that is not the JSON it should be."""


class IncompleteListing(MailchimpError):
    """A listing could not be read so that nothing is missing: what was seen must not pass for all of it."""

    def __init__(self, kind: str, *, seen: int, total: int | None) -> None:
        rows = f"{seen} of {'an unknown number of' if total is None else total} rows"
        if total is not None and seen > total:
            rows = f"{seen} rows, of which Mailchimp counts {total},"
        super().__init__(
            f"{kind} could not be read completely: {rows} were seen, while rows changed faster than "
            "they could be read or some would not come"
        )


class SkippableError(MailchimpError):
    """This one resource can't be read; others can."""


class ResourceGone(SkippableError):
    """404: the resource does not exist (any more)."""


class ResourceRefused(SkippableError):
    """403 problem+json: the key's role or the account's plan does not include the resource."""

    def __init__(self, message: str, *, problem: Problem, request_id: str | None = None) -> None:
        super().__init__(message, status=problem.status, request_id=request_id)
        self.problem = problem


class RequestRefused(MailchimpError):
    """Mailchimp refused the request for good; ``problem`` says why."""

    def __init__(self, message: str, *, problem: Problem, request_id: str | None = None) -> None:
        super().__init__(message, status=problem.status, request_id=request_id)
        self.problem = problem


class ConfigError(MailchimpError):
    """The configuration must change. ``field`` is the name of the option to change, as in the spec."""

    def __init__(self, message: str, *, field: str, request_id: str | None = None) -> None:
        super().__init__(message, request_id=request_id)
        self.field = field


class InvalidApiKey(ConfigError):
    """The API key is malformed, unknown or revoked."""


class InvalidAccessToken(ConfigError):
    """The OAuth access token is unknown or revoked."""


class WrongDataCenter(ConfigError):
    """The key or token belongs to an account in another data centre than the one asked."""


class UserDisabled(ConfigError):
    """The Mailchimp user or account behind the key is disabled."""


class PermissionDenied(ConfigError):
    """The key works, but its user may not do what the connector is for."""


class HostUnreachable(ConfigError):
    """The data centre's host does not exist or can't be reached."""


class CertificatesUnreadable(ConfigError):
    """The file or folder that REQUESTS_CA_BUNDLE or CURL_CA_BUNDLE names is missing or holds no certificates."""


class AudienceNotFound(ConfigError):
    """A configured audience (list) id does not exist in the account."""
