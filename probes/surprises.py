"""What in a record its stream's schema does not say: fields it doesn't know, types that differ, dates that are none.

A JSON schema validator stops at what is invalid, and an unknown field is not. This walks a record once for both.
It knows what the project's schemas use: type, properties, additionalProperties, items and two formats.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, datetime
from typing import Any

Schema = Mapping[str, Any]


def surprises(schema: Schema, value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Where and what, as ``("stats.opens", "text instead of integer")``. Names of fields, never what is in them."""
    wanted = schema.get("type")
    types = [wanted] if isinstance(wanted, str) else wanted
    if types and not any(_is(value, name) for name in types):
        yield path, f"{_kind(value)} instead of {' or '.join(name for name in types if name != 'null')}"
    elif isinstance(value, dict):
        yield from _in_object(schema, value, path)
    elif isinstance(value, list) and "items" in schema:
        for item in value:
            yield from surprises(schema["items"], item, f"{path}[]")
    elif isinstance(value, str) and "format" in schema and not _is_date(value, schema["format"]):
        yield path, f"text that is no {schema['format']}"


def _in_object(schema: Schema, value: Mapping[str, Any], path: str) -> Iterator[tuple[str, str]]:
    properties = schema.get("properties") or {}
    others = schema.get("additionalProperties")
    for name, inner in value.items():
        if name in properties:
            yield from surprises(properties[name], inner, f"{path}.{name}" if path else name)
        elif isinstance(others, dict) and others:
            yield from surprises(others, inner, f"{path}.*")
        elif properties:
            yield (f"{path}.{name}" if path else name), f"a field the schema doesn't know ({_kind(inner)})"
        # An object without properties holds what each account has named itself, such as merge fields.


def _is(value: Any, name: str) -> bool:
    match name:
        case "null":
            return value is None
        case "boolean":
            return isinstance(value, bool)
        case "integer":
            return (isinstance(value, int) and not isinstance(value, bool)) or (
                isinstance(value, float) and value.is_integer()
            )
        case "number":
            return isinstance(value, int | float) and not isinstance(value, bool)
        case "string":
            return isinstance(value, str)
        case "array":
            return isinstance(value, list)
        case "object":
            return isinstance(value, dict)
    raise ValueError(f"no such type: {name}")


def _kind(value: Any) -> str:
    names = ("null", "boolean", "integer", "number", "string", "array", "object")
    return next(name for name in names if _is(value, name)).replace("string", "text")


def _is_date(text: str, form: str) -> bool:
    if form not in {"date", "date-time"}:
        return True
    try:
        if form == "date":
            date.fromisoformat(text)
        else:
            # Python 3.10 doesn't know the Z; a date-time without its offset would be another one elsewhere.
            return datetime.fromisoformat(text.replace("Z", "+00:00")).tzinfo is not None
    except ValueError:
        return False
    return True
