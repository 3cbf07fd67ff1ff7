"""What a merge field accepts, by its type (facts.md)."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]
_BIRTHDAY = re.compile(r"^(0[1-9]|1[0-2])/(0[1-9]|[12]\d|3[01])$")
_DATE = re.compile(r"^(\d{4}-\d{2}-\d{2}([T ].*)?|\d{2}/\d{2}/\d{4})$")
_URL = re.compile(r"^https?://\S+$")
_ZIP = re.compile(r"^\d{5}(-\d{4})?$")
_US_PHONE = re.compile(r"^\(?\d{3}\)?[ -]*\d{3}[ -]*\d{4}$")
_DAY_FIRST = re.compile(r"^(0[1-9]|[12]\d|3[01])/(0[1-9]|1[0-2])$")
_ADDRESS_PARTS = ("addr1", "city", "state", "zip")
MAX_TEXT = 255


@dataclass(frozen=True)
class Choices:
    """Readings of the open facts about values, by the names that facts.md gives them."""

    incomplete_address: str
    empty_state: str
    empty_zip: str
    birthday_as_field_says: bool

    def complete(self, value: Any) -> bool:
        """Whether an address has the parts that it must have."""
        if not isinstance(value, dict):
            return False
        empty = {part for part in _ADDRESS_PARTS if not str(value.get(part) or "").strip()}
        allowed = {"state": self.empty_state, "zip": self.empty_zip}
        return all(part in value and allowed.get(part) == "accepted" for part in empty)


def _number(field: Json, value: Any) -> str | None:
    del field
    try:
        float(value)
    except (TypeError, ValueError):
        return "Please enter a number"
    return None


def _matching(pattern: re.Pattern[str], message: str) -> Callable[[Json, Any], str | None]:
    return lambda _field, value: None if isinstance(value, str) and pattern.match(value) else message


def _choice(field: Json, value: Any) -> str | None:
    return None if value in (field["options"].get("choices") or []) else "Value must be one of the choices."


def _phone(field: Json, value: Any) -> str | None:
    if not isinstance(value, str):
        return "This value should be of type string."
    if field["options"].get("phone_format") == "US" and not _US_PHONE.match(value):
        return "Please enter a valid phone number."
    return None


def _text(field: Json, value: Any) -> str | None:
    del field
    if isinstance(value, dict | list):
        return "This value should be of type string."
    return "This value is too long." if len(str(value)) > MAX_TEXT else None


_CHECKS: dict[str, Callable[[Json, Any], str | None]] = {
    "number": _number,
    "date": _matching(_DATE, "Please enter the date"),
    "url": _matching(_URL, "Please enter a valid URL."),
    "imageurl": _matching(_URL, "Please enter a valid URL."),
    "zip": _matching(_ZIP, "Please enter a zip code (5 digits)."),
    "radio": _choice,
    "dropdown": _choice,
    "phone": _phone,
}


def _message(field: Json, value: Any, choices: Choices) -> str | None:
    """Why a value that isn't empty is refused, or None."""
    if field["type"] == "address":
        return None if choices.complete(value) else "Please enter a complete address."
    if field["type"] == "birthday":
        day_first = choices.birthday_as_field_says and field["options"].get("date_format") == "DD/MM"
        pattern = _DAY_FIRST if day_first else _BIRTHDAY
        fits = isinstance(value, str) and pattern.match(value)
        return None if fits else "Please enter a month (01-12) and a day (01-31)"
    return _CHECKS.get(field["type"], _text)(field, value)


def check(
    fields: list[Json], given: Json, before: Json, *, required: bool, choices: Choices
) -> tuple[Json, list[tuple[str, str]], list[str]]:
    """The values to store, `(tag, message)` of each that is refused, and tags whose value is of no known form.

    Unknown tags are ignored. `before`: what the contact has; `required`: whether missing required fields are refused.
    """
    stored: Json = {}
    errors: list[tuple[str, str]] = []
    unmatched = [tag for tag, value in given.items() if value is None]
    upper = {tag.upper(): value for tag, value in given.items()}
    for field in fields:
        tag = field["tag"]
        value = upper.get(tag)
        if value is not None:
            empty = value in ("", {})
            if not empty and field["type"] == "address" and not choices.complete(value):
                if choices.incomplete_address == "ignored":
                    continue
                if isinstance(value, dict) and not value.keys() >= set(_ADDRESS_PARTS):
                    unmatched.append(tag)
                    continue
            message = None if empty else _message(field, value, choices)
            if message:
                errors.append((tag, message))
            else:
                stored[tag] = "" if empty else _stored(field, value)
        if required and field["required"] and not (stored.get(tag) or before.get(tag)):
            errors.append((tag, "Please enter a value"))
    return stored, errors, unmatched


def _stored(field: Json, value: Any) -> Any:
    if field["type"] == "number":
        number = float(value)
        return int(number) if number.is_integer() else number
    if field["type"] == "address":
        return {"addr1": "", "addr2": "", "city": "", "state": "", "zip": "", "country": "US", **value}
    return value if isinstance(value, str) else str(value)
