"""Why Mailchimp refused a contact: a short fixed word from its text, for only the text tells (facts of the API)."""

from __future__ import annotations

import re
from typing import Any

from destination_mailchimp.failures import Reason, RecordRejected
from mailchimp_api.errors import Problem
from mailchimp_api.masking import mask

CONTACT_EXISTS = "ERROR_CONTACT_EXISTS"

_ABOUT_THE_ACCOUNT = frozenset({"account export in progress", "user action not permitted", "forbidden"})
_TEXTS: tuple[tuple[str, Reason], ...] = (
    ("compliance state", "compliance_state"),
    ("permanently deleted", "forgotten"),
    ("forgotten email", "forgotten"),
    ("fake or invalid", "looks_fake"),
    ("lot of lists", "too_many_signups"),
    ("valid email", "invalid_address"),
    ("archived", "archived"),
    ("status", "status_refused"),
    ("merge field", "field_refused"),
)


_QUOTED = re.compile(r"\S?\*\*\*@\S?\*\*\*")


def anonymised(text: str) -> str:
    """A text of Mailchimp as it is counted and shown: the same for everybody, whatever address it quotes."""
    return _QUOTED.sub("…", mask(text))


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
    field = problem.field_errors[0][0] if problem.field_errors else ""
    return RecordRejected(classify(str(problem), field), str(problem), field, by_call=True)


def is_account_wide(problem: Problem) -> bool:
    """Whether a refusal is about the account at this time, so that no contact must be rejected for it."""
    return problem.title.casefold() in _ABOUT_THE_ACCOUNT


def asks_for_status(fault: RecordRejected) -> bool:
    """Whether an update was refused because it came without a status (*open*: a batch may insist on one)."""
    return fault.field.endswith("status") or (fault.reason == "status_refused" and "require" in fault.text.lower())
