"""Typed readers of the answers that decide something: what lacks what decides is unreadable, not a permission.

``{}`` where an audience should be does not mean that it has no double opt-in, and ``total_items: null`` not that
nobody is archived. Each reader takes a decoded body and returns what it says, or raises ``Lacking``;
``MailchimpClient.request(read=…)`` makes an UnreadableAnswer of that, which is asked for again and then an error.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

Body = Mapping[str, Any]

STATUSES = frozenset({"subscribed", "unsubscribed", "cleaned", "pending", "transactional", "archived"})
"""Of contacts. What is none of these is no permission to write anything."""
MOST_ROWS = 10**9
"""A listing that counts more rows than this counts none: a thousand audiences have fewer contacts."""


class Lacking(ValueError):
    """The body does not say, or not in a way one can rely on, what it should. The text names it, as ``double_optin``.

    No value is quoted.
    """


@dataclass(frozen=True)
class AudienceFacts:
    """What decides how an audience may be written to."""

    id: str
    name: str
    double_optin: bool
    marketing_permissions: bool


@dataclass(frozen=True)
class MemberFacts:
    """A contact's present ``status``, when it last changed and when they opted in (ISO 8601, or empty)."""

    status: str
    last_changed: str
    opted: str = ""


@dataclass(frozen=True)
class ContactPage:
    """Some of the contacts (or other rows) in a listing, and how many there are in it."""

    rows: list[dict[str, Any]]
    total: int


def total_items(body: Body) -> int:
    """How many rows the listing says it has: at most ``MOST_ROWS``, as pages are planned by it."""
    total = body.get("total_items")
    if isinstance(total, bool) or not isinstance(total, int) or not 0 <= total <= MOST_ROWS:
        raise Lacking("total_items" if total is None else "a total_items that can be one")
    return total


def told_total(body: Body) -> int | None:
    """As ``total_items``, but None where the answer has none at all."""
    return total_items(body) if "total_items" in body else None


def contact_page(body: Body) -> ContactPage:
    """A page of ``GET /lists/{list_id}/members``, each row with its ``id``."""
    rows = _rows(body, "members")
    for row in rows:
        _text(row, "id")
    return ContactPage(rows, total_items(body))


def listed(items: str, *names: str) -> Callable[[Body], ContactPage]:
    """A reader of a page whose rows are under ``items``, each with a text or a number under each of ``names``."""
    whole = identified(*names)

    def read(body: Body) -> ContactPage:
        rows = _rows(body, items)
        for row in rows:
            whole(row)
        return ContactPage(rows, total_items(body))

    return read


def audience(body: Body) -> AudienceFacts:
    """An answer to ``GET /lists/{list_id}``."""
    return AudienceFacts(
        _text(body, "id"),
        _text(body, "name"),
        _flag(body, "double_optin"),
        _flag(body, "marketing_permissions"),
    )


def member(body: Body, digest: str | None = None) -> MemberFacts:
    """An answer to ``GET /lists/{list_id}/members/{hash}``; ``digest``: of whom it must be, if it says that."""
    if digest is not None and body.get("id", digest) != digest:
        raise Lacking("the contact that was asked for")
    status = _text(body, "status")
    if status not in STATUSES:
        raise Lacking("a status that is known")
    return MemberFacts(status, str(body.get("last_changed") or ""), str(body.get("timestamp_opt") or ""))


def segment_id(body: Body) -> int:
    """The id of a tag (a static segment) that was made."""
    made = body.get("id")
    if isinstance(made, bool) or not isinstance(made, int):
        raise Lacking("id")
    return made


def identified(*names: str) -> Callable[[Body], Body]:
    """A reader that wants a text or a number under each of ``names``, and returns the body itself."""

    def read(body: Body) -> Body:
        for name in names:
            value = body.get(name)
            if isinstance(value, bool) or not isinstance(value, (str, int)) or value == "":
                raise Lacking(name)
        return body

    return read


def _text(body: Body, name: str) -> str:
    value = body.get(name)
    if not isinstance(value, str) or not value:
        raise Lacking(name)
    return value


def _flag(body: Body, name: str) -> bool:
    value = body.get(name)
    if not isinstance(value, bool):
        raise Lacking(name)
    return value


def _rows(body: Body, name: str) -> list[dict[str, Any]]:
    rows = body.get(name)
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise Lacking(name)
    return rows
