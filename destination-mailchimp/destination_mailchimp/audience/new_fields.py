"""Makes merge fields for columns that match none, if the user asked for it."""

from __future__ import annotations

import logging
import re
import unicodedata
from typing import Any

from destination_mailchimp.audience.calls import Calls
from destination_mailchimp.audience.fields import MergeField, merge_fields
from destination_mailchimp.audience.refusals import is_account_wide
from mailchimp_api.errors import RequestRefused, ResourceRefused

logger = logging.getLogger("airbyte.destination_mailchimp")

LONGEST_TAG = 10
_DATE = re.compile(r"\d{4}-\d\d-\d\d(?:[T ][\d:.]+(?:Z|[+-]\d\d:?\d\d)?)?")
# Merge tags that Mailchimp uses itself: a field of that name would shadow them in campaigns.
_RESERVED = frozenset(
    [
        "EMAIL",
        "EMAIL_TYPE",
        "EMAIL_UID",
        "UNSUB",
        "FORWARD",
        "REWARDS",
        "ARCHIVE",
        "USER_URL",
        "DATE",
        "INTERESTS",
        "GROUPS",
        "LIST",
        "SUBJECT",
        "UPDATE_PRO",
        "TRANSLATE",
        "OPTIN_DATE",
        "OPTIN_TIME",
        "TIMESTAMP",
        "UNIQID",
        "COUPON",
        "ABOUT_LIST",
        "PROFILE",
    ]
)


def make_tag(name: str, taken: set[str]) -> str:
    """A tag of at most ten characters A–Z, 0–9 and _ that is neither taken nor Mailchimp's own."""
    ascii_name = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    base = re.sub(r"[^A-Z0-9]+", "_", ascii_name.upper()).strip("_")[:LONGEST_TAG] or "FIELD"
    tag, number = base, 1
    while tag in taken or tag in _RESERVED:
        number += 1
        tag = f"{base[: LONGEST_TAG - len(str(number))]}{number}"
    return tag


def type_of(schema: dict[str, Any], value: Any) -> str:
    """The merge field type for a column: by its JSON schema, or where that says nothing by its first value."""
    kinds = schema.get("type")
    kinds = {kinds} if isinstance(kinds, str) else set(kinds or ())
    if kinds & {"number", "integer"} and "string" not in kinds:
        return "number"
    form = schema.get("format")
    if form in ("date", "date-time"):
        return "date"
    if form in ("uri", "url"):
        return "url"
    if "string" in kinds or "boolean" in kinds:
        return "text"
    if isinstance(value, bool):
        return "text"
    if isinstance(value, int | float):
        return "number"
    return "date" if isinstance(value, str) and _DATE.fullmatch(value) else "text"


class NewFields:
    """Makes fields in the audience. A column that could not get one is not tried again."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def make(self, column: str, schema: dict[str, Any], value: Any, fields: list[MergeField]) -> MergeField | None:
        """Make the field for ``column`` and add it to ``fields``; None if Mailchimp refuses it.

        A refusal that is about the account is raised: the sync ends, rather than lose the column in every record.

        Safe to repeat after a lost answer: the tag is taken then, and the field is found by it.
        """
        tag = make_tag(column, {field.tag for field in fields})
        body = {"name": column[:50], "tag": tag, "type": type_of(schema, value), "required": False, "public": False}
        try:
            answer = self._calls.send("POST", "merge-fields", json=body).body
        except (RequestRefused, ResourceRefused) as error:
            if is_account_wide(error.problem):
                raise
            answer = self._there(tag)
            if answer is None:
                logger.warning("No field could be created for the column %s: %s", column, error.problem)
                return None
        field = MergeField.from_row(answer)
        fields.append(field)
        logger.info("Created the %s field %s for the column %s", field.type, field.tag, column)
        return field

    def _there(self, tag: str) -> dict[str, Any] | None:
        return next((row for row in merge_fields(self._calls) if row.get("tag") == tag), None)
