"""Discovered catalogs: a form that reads well in a diff, and which differences break a saved connection."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

Json = dict[str, Any]


def catalog_summary(streams: list[Json]) -> Json:
    """The streams by name: keys, cursor, modes, and a line for each field: ``"stats.open_rate": "number"``."""
    return {
        stream["name"]: {
            "primary_key": stream.get("source_defined_primary_key") or [],
            "cursor": stream.get("default_cursor_field") or [],
            "sync_modes": stream["supported_sync_modes"],
            "fields": dict(sorted(_fields(stream["json_schema"], ""))),
        }
        for stream in streams
    }


def catalog_breaks(before: Json, now: Json) -> list[str]:
    """What a connection that was saved with ``before`` (a summary) would stumble over, a line each.

    A new stream, mode or field breaks nothing, nor does a cursor where there was none.
    Another type does, a wider one too: the column has the old one.
    """
    found = []
    for name, old in before.items():
        new = now.get(name)
        if new is None:
            found.append(f"{name}: the stream is gone")
            continue
        for part, word in (("primary_key", "primary key"), ("cursor", "cursor")):
            if old[part] != new[part] and (old[part] or part != "cursor"):
                found.append(f"{name}: the {word} was {old[part]} and is {new[part]}")
        found += [f"{name}: no longer offers {mode}" for mode in old["sync_modes"] if mode not in new["sync_modes"]]
        for field, kind in old["fields"].items():
            if field not in new["fields"]:
                found.append(f"{name}.{field}: the field is gone")
            elif new["fields"][field] != kind:
                found.append(f"{name}.{field}: was {kind} and is {new['fields'][field]}")
    return found


def _fields(schema: Json, path: str) -> Iterator[tuple[str, str]]:
    for name, field in schema.get("properties", {}).items():
        here = f"{path}{name}"
        yield here, _kind(field)
        yield from _fields(field, f"{here}.")
        items = field.get("items")
        if isinstance(items, dict):
            yield f"{here}[]", _kind(items)
            yield from _fields(items, f"{here}[].")


def _kind(schema: Json) -> str:
    given = schema.get("type", "any")
    # Every field may be null; whether a schema says so changes no column.
    types = [kind for kind in ([given] if isinstance(given, str) else given) if kind != "null"]
    return " ".join([*sorted(types), *(schema[word] for word in ("format", "airbyte_type") if word in schema)])
