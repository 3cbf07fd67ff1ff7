# ruff: noqa: INP001 -- a command beside the package, not part of it
"""How the streams are related: parents from the stream table, other foreign keys from the descriptions.

A description that says "as in `lists.id`" or "equal to `lists.id`" is the one place where such a relation is said.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from source_mailchimp.streams import STREAMS

_REFERENCE = re.compile(r"(?:as in|equal to)(?: its)? `(\w+)\.(\w+)`")


@dataclass(frozen=True)
class Relation:
    """``child.field`` holds the ``key`` of ``parent``; ``asked``: the child's rows are found through the parent's."""

    child: str
    field: str
    parent: str
    key: str
    asked: bool


def relations_of(name: str, schema: Mapping[str, Any]) -> list[Relation]:
    """The relations of the stream ``name`` by its own fields, not those inside objects; the parent's come first.

    ``schema`` is the stream's, with descriptions.
    """
    found = {relation.field: relation for relation in _references(name, schema)}
    for relation in _parents(name):
        found[relation.field] = relation
    return sorted(found.values(), key=lambda relation: (not relation.asked, relation.field))


def _parents(name: str) -> Iterator[Relation]:
    stream = STREAMS[name]
    for parameter, ancestor in zip(reversed(stream.parameters), stream.ancestors, strict=False):
        yield Relation(name, parameter, ancestor.name, "id", asked=ancestor is stream.parent)


def _references(name: str, schema: Mapping[str, Any]) -> Iterator[Relation]:
    for field, node in schema["properties"].items():
        for parent, key in _REFERENCE.findall(node["description"]):
            if parent in STREAMS and parent != name:
                yield Relation(name, field, parent, key, asked=False)
