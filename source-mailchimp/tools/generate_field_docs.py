# ruff: noqa: INP001 -- a command beside the package, not part of it
"""Makes ``docs/fields/``, a page for each family of streams, from the schemas (``make docs-tables``).

With ``--check`` nothing is written, and the exit code is 1 if a page is not what it would be.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from itertools import groupby
from pathlib import Path
from typing import Any

from field_descriptions import fields_of
from pages import bring_up_to_date

from source_mailchimp.schemas import schema_of
from source_mailchimp.stream import Stream
from source_mailchimp.streams import STREAMS

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "fields"

_MADE = (
    "<!-- Made by `make docs-tables` from source-mailchimp/descriptions and the schemas; edit those, not this page. -->"
)
_INTRODUCTION = """\
# Fields

Every field of every stream: {fields:,} in {streams} streams. The same sentences are in what `discover` prints.

What holds of all of them:

- Every field can be null, and Mailchimp may send fields that are not listed here; they are passed on.
- Dates are UTC. Mailchimp sends an unset date as an empty string; here it is null.
- Fields inside an object have the object's name before a dot; those of the elements of a list have the list's name.
- **Bold** fields are the primary key.

| family | streams |
| --- | --- |
"""


def pages() -> dict[str, str]:
    """The pages by file name."""
    made, rows, count = {}, [], 0
    for family, members in groupby(STREAMS.values(), key=lambda stream: stream.family):
        streams = list(members)
        name = f"{family.lower()}.md"
        sections = [_section(stream, schema_of(stream)) for stream in streams]
        made[name] = "\n\n".join([_MADE, f"# {family}", *sections]) + "\n"
        rows.append(f"| [{family}]({name}) | {', '.join(f'[{s.name}]({name}#{s.name})' for s in streams)} |")
        count += sum(1 for stream in streams for _ in fields_of(schema_of(stream)))
    introduction = _INTRODUCTION.format(fields=count, streams=len(STREAMS))
    return {"README.md": f"{_MADE}\n\n{introduction}" + "\n".join(rows) + "\n", **made}


def _section(stream: Stream, schema: Mapping[str, Any]) -> str:
    lines = [f"## {stream.name}", "", schema["description"], "", "| field | type | |", "| --- | --- | --- |"]
    for path, node in sorted(fields_of(dict(schema)), key=lambda field: field[0][0] not in stream.key):
        name = f"`{'.'.join(path)}`"
        if path in {(part,) for part in stream.key}:
            name = f"**{name}**"
        lines.append(f"| {name} | {type_of(node)} | {node['description'].replace('|', '&#124;')} |")
    return "\n".join(lines)


def type_of(node: Mapping[str, Any]) -> str:
    """The type of a field as people say it."""
    if node.get("format"):
        return "date" if node["format"] == "date" else "date and time"
    kinds = [kind for kind in node["type"] if kind != "null"]
    if kinds == ["array"]:
        return f"list of {type_of(node['items'])}"
    words = {"string": "text", "boolean": "true or false", "integer": "whole number"}
    return words.get(kinds[0], kinds[0]) if len(kinds) == 1 else "any"


if __name__ == "__main__":
    sys.exit(bring_up_to_date({FOLDER / name: text for name, text in pages().items()}, [*FOLDER.glob("*.md")]))
