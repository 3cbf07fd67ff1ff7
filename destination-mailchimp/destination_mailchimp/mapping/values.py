"""Turns a value into what a field of Mailchimp takes, or says why it can't."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from functools import partial
from typing import Any

import orjson

from destination_mailchimp.audience.fields import MergeField
from destination_mailchimp.mapping.addresses import plain
from destination_mailchimp.mapping.errors import BadValue

Coerce = Callable[[Any], Any]

_NUMBER = re.compile(r"[+-]?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?")
_GROUPED = re.compile(r"[+-]?\d{1,3}(?:,\d{3})+(?:\.\d+)?")
_SCHEME = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*://\S+")
_BARE_HOST = re.compile(r"[\w-]+(?:\.[\w-]+)+(?:[/?#:]\S*)?")
_BIGGEST = 2**63  # of integers in JSON as Mailchimp's side reads them
_TRUE = frozenset({"true", "t", "yes", "y", "1", "on"})
_FALSE = frozenset({"false", "f", "no", "n", "0", "off", ""})
ADDRESS_PARTS = {
    "addr1": ("addr1", "address1", "addressline1", "line1", "street", "street1", "streetaddress"),
    "addr2": ("addr2", "address2", "addressline2", "line2", "street2"),
    "city": ("city", "town", "locality"),
    "state": ("state", "province", "region", "stateprovince"),
    "zip": ("zip", "zipcode", "postalcode", "postcode", "zippostal"),
    "country": ("country", "countrycode"),
}
_UNITED_STATES = frozenset({"", "us", "usa", "unitedstates", "unitedstatesofamerica"})
"""Where postal codes have five digits. An address that names no country is taken for one of there."""
_PART_OF = {name: part for part, names in ADDRESS_PARTS.items() for name in names}


def coercion(field: MergeField, *, nested_as_json: bool = False) -> Coerce:
    """What makes values fit ``field`` (no date or birthday); it raises BadValue. An empty text always clears."""
    text = partial(as_text, nested_as_json=nested_as_json)
    made: dict[str, Coerce] = {
        "number": as_number,
        "phone": as_text,
        "zip": as_zip,
        "url": as_url,
        "imageurl": as_url,
        "radio": partial(as_choice, choices={choice.strip().casefold(): choice for choice in field.choices}),
        "dropdown": partial(as_choice, choices={choice.strip().casefold(): choice for choice in field.choices}),
        "address": as_address,
    }
    return made.get(field.type, text)


def as_text(value: Any, *, nested_as_json: bool = False) -> str:
    """Numbers without a needless ``.0``, true and false in lower case, nested values as JSON if that is asked for."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        if not math.isfinite(value):
            raise BadValue("is not a number")
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)  # noqa: PLR2004 - 2**53
    if isinstance(value, int):
        return str(value)
    if nested_as_json:
        try:
            return orjson.dumps(value).decode()
        except TypeError:
            raise BadValue("is nested too deeply, or holds a number too large for JSON") from None
    raise BadValue("is nested; nested_as_json would write it as JSON")


def as_number(value: Any) -> int | float | str:
    """A finite number, also from text such as ``1,234.5``."""
    if isinstance(value, str):
        text = value.strip()
        if not text:
            return ""
        if _GROUPED.fullmatch(text):
            text = text.replace(",", "")
        if not _NUMBER.fullmatch(text):
            raise BadValue("is not a number")
        value = float(text) if any(char in text for char in ".eE") else int(text) if len(text) < 19 else float(text)  # noqa: PLR2004 - fits 64 bits
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise BadValue("is not a number")
    try:
        if not math.isfinite(value):
            raise BadValue("is not a number")
        return value if -_BIGGEST < value < _BIGGEST else float(value)
    except OverflowError:
        raise BadValue("is a number beyond all that Mailchimp can hold") from None


def as_zip(value: Any) -> str:
    """A postal code as text; a number gets back the zeros that it has lost in front."""
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:05}"
    return as_text(value).strip()


def as_url(value: Any) -> str:
    """A web address; one without a scheme gets ``http://``."""
    if isinstance(value, str):
        text = value.strip()
        if not text or _SCHEME.fullmatch(text):
            return text
        if _BARE_HOST.fullmatch(text):
            return f"http://{text}"
    raise BadValue("is not a web address")


def as_choice(value: Any, *, choices: dict[str, str]) -> str:
    """One of the field's choices, found without regard to case; ``choices`` is keyed by their casefolded text."""
    text = as_text(value).strip()
    if not text:
        return ""
    try:
        return choices[text.casefold()]
    except KeyError:
        raise BadValue("is none of the field's choices") from None


def as_address(value: Any) -> dict[str, str] | str:
    """An address with street, city, state and zip, from an object or its JSON text.

    Without these Mailchimp either refuses the contact or silently changes nothing, so neither is risked. Only
    state and zip may be empty, as many countries have none (see ``IncompleteAddresses``).
    """
    if isinstance(value, str):
        if not value.strip():
            return ""
        try:
            value = orjson.loads(value)
        except orjson.JSONDecodeError:
            value = None
    if not isinstance(value, dict):
        raise BadValue("is not an address: an object (or its JSON) with addr1 and city is needed")
    parts = _address_parts(value)
    made = {part: as_text(text).strip() for part, text in parts.items()}
    if "zip" in parts and plain(made.get("country", "")) in _UNITED_STATES:
        made["zip"] = as_zip(parts["zip"])
    if not any(made.values()):
        return ""
    if not (made.get("addr1") and made.get("city")):
        raise BadValue("is an address without its street or city (addr1, city)")
    # A key that is missing is refused even where an empty one is not (mc-magento2#593).
    return {**made, "state": made.get("state", ""), "zip": made.get("zip", "")}


def _address_parts(value: dict[Any, Any]) -> dict[str, str | int]:
    """The parts that ``value`` holds. Of a part's several names the first in ``ADDRESS_PARTS`` that is filled counts.

    Shops write ``country`` beside ``country_code``, and leave one of them empty (MailChimp.Net#218).
    """
    named = {plain(str(key)): text for key, text in value.items() if _is_plain(text)}
    parts: dict[str, str | int] = {}
    for part, names in ADDRESS_PARTS.items():
        found = [named[name] for name in names if name in named]
        if found:
            parts[part] = next((text for text in found if as_text(text).strip()), "")
    return parts


def _is_plain(value: object) -> bool:
    return isinstance(value, str | int) and not isinstance(value, bool)


def address_part(name: str) -> str | None:
    """``postal_code`` → ``zip``; None for a name that is no part of an address."""
    return _PART_OF.get(plain(name))


def as_flag(value: Any) -> bool:
    """True or false, from the ways in which tables write them."""
    if isinstance(value, bool):
        return value
    if isinstance(value, int | float) and value in (0, 1):
        return bool(value)
    if isinstance(value, str):
        text = value.strip().casefold()
        if text in _TRUE:
            return True
        if text in _FALSE:
            return False
    raise BadValue("is neither true nor false")


def as_names(value: Any) -> list[str]:
    """Names from an array (of texts, or of objects with ``name``, as the source gives tags) or comma-separated text."""
    if isinstance(value, str):
        text = value.strip()
        if text.startswith("["):
            try:
                return as_names(orjson.loads(text))
            except orjson.JSONDecodeError:
                pass
        return [name for part in text.split(",") if (name := part.strip())]
    if not isinstance(value, list):
        raise BadValue("is neither an array nor text separated by commas")
    found: list[Any] = [item.get("name") if isinstance(item, dict) else item for item in value]
    if any(isinstance(name, bool) or not isinstance(name, str | int) for name in found):
        raise BadValue("holds something that is not a name")
    return [text for name in found if (text := str(name).strip())]
