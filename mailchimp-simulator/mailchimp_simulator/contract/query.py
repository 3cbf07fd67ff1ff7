"""Query parameters of a request: checked against the contract, with the API's own leniency (facts.md)."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

from mailchimp_simulator.contract.answers import FieldChoice, ProblemError, invalid
from mailchimp_simulator.contract.times import parse_bound

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mailchimp_simulator.contract.operations import Operation

MAX_COUNT = 1000
DEFAULT_COUNT = 10
_DATE_PREFIXES = ("since_", "before_")
_DATE_NAMES = frozenset(
    {"since", "unsubscribed_since", "created_before", "created_since", "updated_before", "updated_since"}
)
_PAGED_UNDOCUMENTED = frozenset({
    "/lists/{list_id}/tag-search",
    "/automations/{workflow_id}/emails",
    "/automations/{workflow_id}/emails/{workflow_email_id}/queue",
})  # fmt: skip
"""Collections that take `count` and `offset` though nobody documents it (facts.md)."""
_LENIENT = {("/lists/{list_id}/segments", "type")}
"""Enumerations whose unknown values are answered 200 and empty."""


class Query:
    """The parameters of one request."""

    def __init__(
        self, operation: Operation, raw: Mapping[str, str], language: str = "", *, paging_everywhere: bool = False
    ) -> None:
        """Check and keep them; unknown parameters are ignored. Raises ProblemError (400).

        `language`: of the header; `paging_everywhere`: whether each collection takes `count` and `offset`.
        """
        self.operation = operation
        self.language = language
        params = operation.params
        everywhere = paging_everywhere or operation.path in _PAGED_UNDOCUMENTED
        self.values = {
            key: value for key, value in raw.items()
            if key in params or (key in ("count", "offset") and everywhere)
        }  # fmt: skip
        for name, schema in params.items():
            if schema.get("required") and not self.values.get(name):
                raise invalid((name, "This value should not be blank."))
        if self.values.get("fields") and self.values.get("exclude_fields"):
            raise ProblemError(400, "Invalid Resource", "fields and exclude_fields cannot be combined.")
        self.fields = FieldChoice(self.values.get("fields"), self.values.get("exclude_fields"))
        self.dates: dict[str, int] = {}
        for name, value in self.values.items():
            self._check(name, value, params.get(name, {"type": "integer"}))
        self.count = min(int(self.values.get("count", DEFAULT_COUNT)), MAX_COUNT)
        self.offset = int(self.values.get("offset", 0))
        self.descending = self.values.get("sort_dir", "ASC").upper() == "DESC"
        self.sort = self.values.get("sort_field", "")
        self.paged = "count" in params or everywhere
        if "offset" not in params and not everywhere:
            self.offset = 0

    def _check(self, name: str, value: str, schema: Mapping[str, Any]) -> None:
        """Refuse a value of the wrong kind; note a date. Raises ProblemError (400)."""
        if is_date(name, schema):
            try:
                self.dates[name] = parse_bound(value)
            except ValueError:
                raise invalid((name, "This value is not a valid datetime.")) from None
        elif schema["type"] == "integer" and not value.isdigit():
            raise invalid((name, "This value should be a positive integer."))
        elif schema["type"] == "boolean" and value.lower() not in ("true", "false", "1", "0"):
            raise invalid((name, "This value should be of type boolean."))
        elif "enum" in schema and schema["type"] == "string" and (self.operation.path, name) not in _LENIENT:
            compared = value.upper() if name == "sort_dir" else value
            if compared not in schema["enum"]:
                raise invalid((name, "The value you selected is not a valid choice."))

    def flag(self, name: str) -> bool:
        """Whether a boolean parameter is set."""
        return self.values.get(name, "").lower() in ("true", "1")

    def slice(self, size: int) -> range:
        """The positions that this request asks for, of `size` rows."""
        if not self.paged:
            return range(size)
        return range(min(self.offset, size), min(self.offset + self.count, size))


def is_date(name: str, schema: Mapping[str, Any]) -> bool:
    """Whether a parameter is a date: the contract gives a format for some only."""
    if schema["type"] == "boolean":
        return False
    return schema.get("format") == "date-time" or name.startswith(_DATE_PREFIXES) or name in _DATE_NAMES


def shuffled(positions: range, low: int, high: int) -> list[int]:
    """Positions within a group of ties [low, high), as one random order of the group has them."""
    size = high - low
    step = random.randrange(1, size + 1)  # noqa: S311 -- an order, not a secret
    while _common(step, size) > 1:
        step += 1
    start = random.randrange(size)  # noqa: S311
    return [low + (start + step * (p - low)) % size for p in positions]


def _common(a: int, b: int) -> int:
    while b:
        a, b = b, a % b
    return a
