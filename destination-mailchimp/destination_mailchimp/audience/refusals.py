"""Why Mailchimp refused a contact: a short fixed word from its text, for only the text tells (facts of the API)."""

from __future__ import annotations

import re
from typing import Any

from destination_mailchimp.failures import Reason, RecordRejected
from mailchimp_api.errors import Problem

CONTACT_EXISTS = "ERROR_CONTACT_EXISTS"

_ABOUT_THE_ACCOUNT = frozenset({"account export in progress", "user action not permitted", "forbidden"})
_NOT_VALIDATED = "could not be validated"
_NOT_SUBSCRIBED = "none of the emails provided were subscribed"
_TEXTS: tuple[tuple[str, Reason], ...] = (
    ("compliance state", "compliance_state"),
    ("has previously unsubscribed", "compliance_state"),
    ('status is "cleaned', "compliance_state"),
    ("cannot be resubscribed", "compliance_state"),
    ("permanently deleted", "forgotten"),
    ("forgotten email", "forgotten"),
    ("previously removed from this", "forgotten"),
    ("fake or invalid", "looks_fake"),
    ("lot of lists", "too_many_signups"),
    ("more signups for now", "too_many_signups"),
    # Addresses that pass our own look: one person's, whatever is wrong with them.
    ("valid email", "looks_fake"),
    ("of the email address is invalid", "looks_fake"),
    ("must contain a single @", "looks_fake"),
    ("already in this list", "refused"),
    ("archived", "archived"),
    ("status", "status_refused"),
    ("merge field", "field_refused"),
)
_ITEM = re.compile(r"members\.(?:item:)?(\d+)\.(.+)")


def classify(text: str, field: str = "") -> Reason:
    """The kind of a refusal."""
    lower = text.lower()
    for part, reason in _TEXTS:
        if part in lower:
            return reason
    return "field_refused" if field else "refused"


def from_row(row: dict[str, Any]) -> RecordRejected:
    """The refusal in a row of a batch answer's ``errors``."""
    field = str(row.get("field") or "")
    parts = (str(row.get("error") or ""), str(row.get("field_message") or ""))
    text = " ".join(part for part in parts if part) or "Mailchimp gave no reason."
    return RecordRejected(classify(text, field), text, field)


def from_problem(problem: Problem) -> RecordRejected:
    """The refusal of a call about one contact."""
    fields = tuple((_ITEM.sub(r"\2", field), message) for field, message in problem.field_errors)
    field = next((field for field, _ in fields if field), "")
    return RecordRejected(classify(str(problem), field), str(problem), field, fields=fields, by_call=True)


def by_item(problem: Problem, count: int) -> dict[int, Problem]:
    """What a refusal of a whole batch says about single members of it, by their place; empty if it names none.

    Mailchimp checks the shape of all members before it writes any, and points at ``members.item:3.status``.
    """
    found: dict[int, list[tuple[str, str]]] = {}
    for field, message in problem.field_errors:
        match = _ITEM.fullmatch(field)
        if not match or int(match[1]) >= count:
            return {}
        found.setdefault(int(match[1]), []).append((match[2], message))
    return {
        place: Problem(problem.status, problem.title, problem.detail, tuple(fields)) for place, fields in found.items()
    }


def is_account_wide(problem: Problem) -> bool:
    """Whether a refusal is about the account at this time, so that no contact must be rejected for it."""
    return problem.title.casefold() in _ABOUT_THE_ACCOUNT


def is_temporary(reject: RecordRejected) -> bool:
    """Whether Mailchimp may take the contact a little later: it limits how fast an address joins audiences."""
    return reject.reason == "too_many_signups"


def nobody_subscribed(problem: Problem) -> bool:
    """Whether a tag's call was refused because none of its contacts is subscribed (recorded)."""
    return _NOT_SUBSCRIBED in str(problem).lower()


def exists_already(problem: Problem) -> bool:
    """Whether a tag was not made because one of that name exists (solspace/craft-freeform#1576)."""
    return "already exists" in str(problem).lower()


def names_no_field(reject: RecordRejected) -> bool:
    """Whether a row of a batch leaves open which value was refused, which a call about this contact alone tells."""
    return not reject.by_call and not reject.field and reject.reason in ("field_refused", "refused")


def asks_for_status(reject: RecordRejected, *, without_status: bool) -> bool:
    """Whether an update was refused because it came without a status (*open*: a batch may insist on one)."""
    if reject.field:
        return reject.field.endswith("status")
    text = reject.text.lower()
    if reject.reason == "status_refused":
        return "require" in text
    return without_status and _NOT_VALIDATED in text
