"""Records as JSON files (`resources/`), over which computed values are laid."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import orjson

Json = dict[str, Any]
_FOLDER = Path(__file__).with_name("resources")


@cache
def _text(name: str) -> bytes:
    return (_FOLDER / f"{name}.json").read_bytes()


def record(name: str, overrides: Json | None = None) -> Json:
    """A record of its own, from `resources/NAME.json`, with the overrides laid over it, objects key by key."""
    return merged(orjson.loads(_text(name)), overrides or {})


@cache
def seeds(topic: str) -> Any:
    """What a seeded account is made of, from `resources/seeds.json`, as it is: not to be changed."""
    return orjson.loads(_text("seeds"))[topic]


def merged(below: Json, above: Json) -> Json:
    """Two objects in one: where both have an object, key by key; else what is above counts."""
    for key, value in above.items():
        inner = below.get(key)
        below[key] = merged(inner, value) if isinstance(inner, dict) and isinstance(value, dict) else value
    return below
