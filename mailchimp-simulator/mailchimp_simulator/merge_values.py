"""What a merge field accepts, by its type (facts.md)."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

Json = dict[str, Any]
_BIRTHDAY = re.compile(r"^(0[1-9]|1[0-2])/(0[1-9]|[12]\d|3[01])$")
_DATE = re.compile(r"^(\d{4}-\d{2}-\d{2}([T ].*)?|\d{2}/\d{2}/\d{4})$")
_URL = re.compile(r"^https?://\S+$")
_ZIP = re.compile(r"^\d{5}(-\d{4})?$")
_US_PHONE = re.compile(r"^\(?\d{3}\)?[ -]*\d{3}[ -]*\d{4}$")
_ADDRESS_PARTS = ("addr1", "city", "state", "zip")
MAX_TEXT = 255


def complete_address(value: Any) -> bool:
    """Whether an address has the four parts that it must have."""
    return isinstance(value, dict) and all(str(value.get(part) or "").strip() for part in _ADDRESS_PARTS)


def _number(field: Json, value: Any) -> str | None:
    del field
    try:
        float(value)
    except (TypeError, ValueError):
        return "This value should be a number."
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


def _address(field: Json, value: Any) -> str | None:
    del field
    return None if complete_address(value) else "Please enter a complete address."


_CHECKS: dict[str, Callable[[Json, Any], str | None]] = {
    "number": _number,
    "birthday": _matching(_BIRTHDAY, "Please enter a month (01-12) and a day (01-31)."),
    "date": _matching(_DATE, "Please enter the date."),
    "url": _matching(_URL, "Please enter a valid URL."),
    "imageurl": _matching(_URL, "Please enter a valid URL."),
    "zip": _matching(_ZIP, "Please enter a zip code (5 digits)."),
    "radio": _choice,
    "dropdown": _choice,
    "phone": _phone,
    "address": _address,
}


def check(
    fields: list[Json], given: Json, before: Json, *, required: bool, address: str
) -> tuple[Json, list[tuple[str, str]]]:
    """The values to store, and `(tag, message)` of each that is refused. Unknown tags are ignored.

    `before`: what the contact has; `required`: whether missing required fields are refused; `address`: what an
    incomplete address does, `error` or `ignored` (open).
    """
    stored: Json = {}
    errors: list[tuple[str, str]] = []
    upper = {tag.upper(): value for tag, value in given.items()}
    for field in fields:
        tag = field["tag"]
        if tag in upper and upper[tag] is not None:
            value = upper[tag]
            empty = value in ("", {})
            if not empty and field["type"] == "address" and address == "ignored" and not complete_address(value):
                continue
            message = None if empty else _CHECKS.get(field["type"], _text)(field, value)
            if message:
                errors.append((tag, message))
            else:
                stored[tag] = "" if empty else _stored(field, value)
        if required and field["required"] and not (stored.get(tag) or before.get(tag)):
            errors.append((tag, "Please enter a value"))
    return stored, errors


def _stored(field: Json, value: Any) -> Any:
    if field["type"] == "number":
        number = float(value)
        return int(number) if number.is_integer() else number
    if field["type"] == "address":
        return {"addr1": "", "addr2": "", "city": "", "state": "", "zip": "", "country": "US", **value}
    return value if isinstance(value, str) else str(value)
