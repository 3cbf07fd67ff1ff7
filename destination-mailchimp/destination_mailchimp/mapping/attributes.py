"""What a contact has beside merge fields: language, VIP, location, opt-in data, groups, tags, permissions."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta, timezone
from typing import Any

import orjson

from destination_mailchimp.audience.fields import Interest
from destination_mailchimp.contacts.cursors import MOMENT, read_cursor
from destination_mailchimp.mapping.errors import BadValue
from destination_mailchimp.mapping.partial_contact import PartialContact, Put
from destination_mailchimp.mapping.values import as_flag, as_names

_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(?:[_-][A-Za-z]{2})?")
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
    if not isinstance(value, str) or not _LANGUAGE.fullmatch(value.strip()):
        raise BadValue("is not a language code such as en or pt_BR")
    return value.strip().replace("-", "_")


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
    """A column of tags."""
    names = as_names(value)
    partial.tags = [*(partial.tags or ()), *names]


def put_permissions(partial: PartialContact, value: Any) -> None:
    """Marketing permissions: the source's array of objects, or an object of ids and flags."""
    if isinstance(value, str):
        try:
            value = orjson.loads(value) if value.strip() else []
        except orjson.JSONDecodeError:
            raise BadValue("is not an array of marketing permissions") from None
    if isinstance(value, dict):
        value = [{"marketing_permission_id": key, "enabled": flag} for key, flag in value.items()]
    if not isinstance(value, list):
        raise BadValue("is not an array of marketing permissions")
    made = []
    for item in value:
        if not isinstance(item, dict) or not isinstance(item.get("marketing_permission_id"), str):
            raise BadValue("holds an entry without marketing_permission_id")
        enabled = as_flag(item.get("enabled"))
        made.append({"marketing_permission_id": item["marketing_permission_id"], "enabled": enabled})
    partial.permissions = made or None


ATTRIBUTES: dict[str, Put] = {
    "language": _body("language", _language),
    "vip": _body("vip", as_flag),
    "location": _body("location", _location),
    "email_type": _body("email_type", _email_type),
    "ip_signup": _body("ip_signup", _ip),
    "ip_opt": _body("ip_opt", _ip),
    "timestamp_signup": _body("timestamp_signup", _moment),
    "timestamp_opt": _body("timestamp_opt", _moment),
    "tags": put_tags,
    "marketing_permissions": put_permissions,
}


class Interests:
    """Finds the audience's groups by id, by name, or by ``category: name`` where a name stands under several."""

    def __init__(self, interests: Iterable[Interest]) -> None:
        self._by_name: dict[str, set[str]] = {}
        for interest in interests:
            for name in (
                interest.id,
                interest.name,
                f"{interest.category}: {interest.name}",
                f"{interest.category}:{interest.name}",
                f"{interest.category}/{interest.name}",
            ):
                self._by_name.setdefault(name.strip().casefold(), set()).add(interest.id)

    def find(self, name: str) -> str:
        """The id of a group. Raises BadValue if there is none, or more than one."""
        ids = self._by_name.get(name.strip().casefold(), set())
        if len(ids) > 1:
            raise BadValue("names a group that several categories have: write category: name")
        if not ids:
            raise BadValue("names a group that the audience does not have")
        return next(iter(ids))

    def put(self, partial: PartialContact, value: Any) -> None:
        """A column of groups: an object of names (or ids) and flags, an array of names, or comma-separated names."""
        if isinstance(value, str) and value.strip().startswith("{"):
            value = as_object(value)
        pairs = list(value.items()) if isinstance(value, dict) else [(name, True) for name in as_names(value)]
        for name, flag in pairs:
            if flag is None:
                continue
            try:
                partial.interests[self.find(str(name))] = as_flag(flag)
            except BadValue as fault:
                # The other groups are good.
                partial.lose("interests", fault)

    def flag(self, name: str) -> Put:
        """A column that says yes or no to one group."""
        found = self.find(name)

        def put(partial: PartialContact, value: Any) -> None:
            partial.interests[found] = as_flag(value)

        return put
