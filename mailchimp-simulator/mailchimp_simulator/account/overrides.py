"""What the contract does not say about a collection: how many rows it has, and values that only a person knows.

It stands in `collections.json`, by path: `rows` (a number, or the name of a setting), `key` (the property that the
single object's path uses, where it isn't `id`), `fields` (by dotted property path; "" is the whole row),
`extra_fields` (what the answer has beside its rows), and `writes` (for whose sake its rows can be written).

A field is one of `{"value": any}`, `{"index": first}`, `{"parent": place}`, `{"text": "… {index} … {number}"}`,
`{"names": [the first, others, …]}`, `{"cycle": [one after the other]}` and `{"maker": a name in MAKERS}`.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from mailchimp_simulator.account.generator import Maker, Row
from mailchimp_simulator.account.randomness import hex_id
from mailchimp_simulator.contract.times import iso

_DAY = 86_400
_COUNTRY_CODES = ("US", "DE", "FR", "UA", "BR", "JP", "GB", "")


@dataclass(frozen=True)
class Override:
    """How a collection differs from what its schema alone would give."""

    rows: int | str = 3
    """A number, or the setting that has it."""
    fields: dict[str, Maker] = field(default_factory=dict)
    key: str | None = None
    extra_fields: dict[str, Any] = field(default_factory=dict)
    writes: str | None = None
    """Who asks for its writes ("own offer": nobody here); None: they are not played."""


# -- values that take more than a line of JSON ------------------------------------------------------------------


def _day(row: Row) -> str:
    return iso(row.ground.clock.start - row.index * _DAY)[:10]


def _month(row: Row) -> str:
    start = datetime.fromtimestamp(row.ground.clock.start, timezone.utc)
    months = start.year * 12 + start.month - 1 - row.index
    return f"{months // 12:04d}-{months % 12 + 1:02d}"


def _country(row: Row) -> str:
    return _COUNTRY_CODES[row.index] if row.index < len(_COUNTRY_CODES) else f"X{row.index}"


def _activity(row: Row) -> dict[str, Any]:
    """One event of a contact's activity feed, of a kind that its position says."""
    kind = ("open", "click", "sent", "bounce", "unsub")[row.index % 5]
    event: dict[str, Any] = {
        "activity_type": kind,
        "created_at_timestamp": iso(row.updated()),
        "campaign_id": row.ground.reference("campaign_id", row.bits),
        "campaign_title": "Été",
    }
    if kind == "click":
        event["link_clicked"] = "https://example.com/a"
    if kind == "bounce":
        event |= {"bounce_type": "hard" if row.bits & 1 else "soft", "bounce_has_open_activity": False}
    if kind == "unsub":
        event |= {"is_admin_unsubscribed": bool(row.bits & 1), "unsubscribe_reason": ""}
    return event


def _survey(row: Row) -> dict[str, Any]:
    """The contract has no schema for a list's surveys; these are the fields that its reports name."""
    return {"id": hex_id(row.index, row.salt), "title": f"Survey {row.index}", "status": "published"}


MAKERS: dict[str, Maker] = {
    "activity": _activity,
    "contact_hash": lambda row: row.contact[1],
    "country": _country,
    "day": _day,
    "event_properties": lambda row: {"plan": "paid", "seats": str(row.bits % 9)},
    "feedback_id": lambda row: row.index + 1 + row.salt % 900_000 * 1_000_000,
    "hex_id": lambda row: hex_id(row.index, row.salt),
    "list_id": lambda row: row.list_id,
    "month": _month,
    "number_of_parent": lambda row: int(row.parents[0]),
    "product_id": lambda row: row.ground.reference("product_id", row.bits, row.parents[:1]),
    "quantity": lambda row: row.bits % 5 + 1,
    "random_boolean": lambda row: bool(row.bits & 1),
    "small_number_text": lambda row: str(row.bits % 9),
    "survey": _survey,
    "updated": lambda row: iso(row.updated()),
}


def _name_maker(names: list[str]) -> Maker:
    return lambda row: names[row.index] if row.index < len(names) else f"{names[0]} {row.index}"


_KINDS: dict[str, Callable[[Any], Maker]] = {
    "value": lambda value: lambda _row: value,
    "index": lambda first: lambda row: row.index + first,
    "parent": lambda place: lambda row: row.parents[place],
    "text": lambda text: lambda row: text.format(index=row.index, number=row.index + 1),
    "names": _name_maker,
    "cycle": lambda values: lambda row: values[row.index % len(values)],
    "maker": lambda name: MAKERS[name],
}


def _maker(spec: dict[str, Any]) -> Maker:
    [(kind, value)] = spec.items()
    return _KINDS[kind](value)


def _override(raw: dict[str, Any]) -> Override:
    return Override(**{**raw, "fields": {path: _maker(spec) for path, spec in raw.get("fields", {}).items()}})


OVERRIDES: dict[str, Override] = {
    path: _override(raw)
    for path, raw in json.loads(Path(__file__).with_name("collections.json").read_text(encoding="utf-8")).items()
}
