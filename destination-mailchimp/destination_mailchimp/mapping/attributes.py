"""What a contact has beside merge fields: language, VIP, location, opt-in data, groups, tags, permissions."""

from __future__ import annotations

import contextlib
import ipaddress
import re
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any

import orjson

from destination_mailchimp.contacts.cursors import MOMENT, read_cursor
from destination_mailchimp.mapping.errors import BadValue
from destination_mailchimp.mapping.partial_contact import PartialContact, Put
from destination_mailchimp.mapping.values import as_flag, as_names

_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(?:[_-][A-Za-z]{2})?")
# Those that the API's specification lists for contacts.
_LANGUAGES = frozenset(
    ["en", "ar", "af", "be", "bg", "ca", "zh", "zh_CN", "hr", "cs", "da", "nl", "et", "fa", "fi", "fr", "fr_CA", "de",
     "el", "he", "hi", "hu", "is", "id", "ga", "it", "ja", "km", "ko", "lv", "lt", "mt", "ms", "mk", "no", "pl", "pt",
     "pt_PT", "ro", "ru", "sr", "sk", "sl", "es", "es_ES", "sw", "sv", "ta", "th", "tr", "uk", "vi"]
)  # fmt: skip
_REMOVE = re.compile(r"remove\s*:\s*(\S.*)", re.IGNORECASE | re.DOTALL)
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


def as_object(value: Any) -> dict[str, Any]:
    """An object, or its JSON text, as tables hold it. Raises BadValue."""
    if isinstance(value, str):
        try:
            value = orjson.loads(value) if value.strip() else {}
        except orjson.JSONDecodeError:
            value = None
    if not isinstance(value, dict):
        raise BadValue("is not an object")
    return value


def _body(name: str, read: Callable[[Any], Any]) -> Put:
    def put(partial: PartialContact, value: Any) -> None:
        # Mailchimp has no way to clear these, and the source gives "" for what is not set.
        if value != "" and (made := read(value)) is not None:
            partial.body[name] = made

    return put


def _language(value: Any) -> str:
    """One of Mailchimp's codes: ``de-AT`` is ``de`` there. A code that it does not have is left to it."""
    if not isinstance(value, str) or not _LANGUAGE.fullmatch(value.strip()):
        raise BadValue("is not a language code such as en or pt_PT")
    language, _, region = value.strip().replace("-", "_").partition("_")
    code = f"{language.lower()}_{region.upper()}" if region else language.lower()
    if code not in _LANGUAGES and language.lower() in _LANGUAGES:
        return language.lower()
    return code


def _ip(value: Any) -> str:
    try:
        return str(ipaddress.ip_address(str(value).strip()))
    except ValueError:
        raise BadValue("is not an IP address") from None


def _moment(value: Any) -> str:
    kind, nanoseconds = read_cursor(value)
    if kind != MOMENT:
        raise BadValue("is not a moment such as 2026-11-22T10:00:00Z")
    try:
        return (_EPOCH + timedelta(seconds=nanoseconds // 10**9)).isoformat()
    except OverflowError:
        raise BadValue("is not a moment such as 2026-11-22T10:00:00Z") from None


def _email_type(value: Any) -> str:
    text = str(value).strip().lower()
    if text not in ("html", "text"):
        raise BadValue("is neither html nor text")
    return text


def _location(value: Any) -> dict[str, float] | None:
    parts = as_object(value)
    try:
        latitude, longitude = float(parts["latitude"]), float(parts["longitude"])
    except (KeyError, TypeError, ValueError, OverflowError):
        raise BadValue("is not a location: latitude and longitude are needed") from None
    if not (-90 <= latitude <= 90 and -180 <= longitude <= 180):  # noqa: PLR2004 - degrees
        raise BadValue("is not a place on earth")
    # What the API shows for contacts whose location it does not know.
    return {"latitude": latitude, "longitude": longitude} if latitude or longitude else None


def put_tags(partial: PartialContact, value: Any) -> None:
    """A column of tags. ``remove:VIP``, or an object whose status is ``inactive``, takes that tag away."""
    if isinstance(value, str) and value.strip().startswith("["):
        with contextlib.suppress(orjson.JSONDecodeError):
            value = orjson.loads(value)
    added: list[str] = []
    removed: list[str] = []
    if isinstance(value, list):
        removed = as_names([item for item in value if _is_inactive(item)])
        value = [item for item in value if not _is_inactive(item)]
    for name in as_names(value):
        match = _REMOVE.fullmatch(name)
        (removed if match else added).append(match[1] if match else name)
    partial.tags = [*(partial.tags or ()), *added]
    wanted = {name.casefold() for name in partial.tags}
    partial.removed_tags = [
        name for name in (*(partial.removed_tags or ()), *removed) if name.casefold() not in wanted
    ] or None


def _is_inactive(item: Any) -> bool:
    """Whether an object is a tag to be taken away, in the form of Mailchimp's own call for tags."""
    return isinstance(item, dict) and str(item.get("status")).strip().casefold() == "inactive"


ATTRIBUTES: dict[str, Put] = {
    "language": _body("language", _language),
    "vip": _body("vip", as_flag),
    "location": _body("location", _location),
    "email_type": _body("email_type", _email_type),
    "ip_signup": _body("ip_signup", _ip),
    "ip_opt": _body("ip_opt", _ip),
    "timestamp_signup": _body("timestamp_signup", _moment),
    "timestamp_opt": _body("timestamp_opt", _moment),
}
