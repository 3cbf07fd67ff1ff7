# ruff: noqa: INP001 -- a command beside the package, not part of it
"""Makes ``docs/relations.md`` and ``docs/relations/*.svg``: the streams, their keys and how they are related.

``make docs-tables`` runs it. With ``--check`` nothing is written, and the exit code is 1 if a file is not what it
would be.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from html import escape
from itertools import groupby
from pathlib import Path

from pages import bring_up_to_date
from relations import Relation, relations_of

from source_mailchimp.schemas import schema_of
from source_mailchimp.stream import Stream
from source_mailchimp.streams import STREAMS

DOCS = Path(__file__).resolve().parents[2] / "docs"

_INTRODUCTION = """\
<!-- Made by `make docs-tables` from source_mailchimp/streams and source-mailchimp/descriptions. -->

# How the streams are related

A picture for each family, and the same as Mermaid, with the keys that join the streams.
In the pictures a line leads from a stream to those whose rows are found through its own;
below a stream's name are its primary key (filled dot) and its foreign keys (→).
[Streams](streams.md) says how each is read, [Fields](fields/README.md) what is in it.

What joins across families:

- `list_id` is `lists.id`; the API calls audiences lists.
- `email_id`, `subscriber_hash` and `list_members.id` are the same hash of the address.
  Two audiences have the same one for the same address, so join by `list_id` too.
- A report's `id` is its campaign's.
"""
_ROW, _HEAD, _PAD, _GAP, _INDENT = 17, 26, 10, 14, 44
_WIDTH = 400


def files() -> dict[Path, str]:
    """The page and the pictures by path."""
    sections, pictures = [], {}
    for family, members in groupby(STREAMS.values(), key=lambda stream: stream.family):
        streams = list(members)
        picture = DOCS / "relations" / f"{family.lower()}.svg"
        pictures[picture] = svg(streams)
        sections.append(
            f"## {family}\n\n![{family}: streams and keys](relations/{picture.name})\n\n"
            f"<details><summary>The same as Mermaid</summary>\n\n```mermaid\n{mermaid(streams)}\n```\n\n</details>"
        )
    return {DOCS / "relations.md": "\n\n".join([_INTRODUCTION.rstrip(), *sections]) + "\n", **pictures}


def mermaid(streams: Sequence[Stream]) -> str:
    """An entity-relationship diagram of ``streams`` and of those that they point to."""
    lines = ["erDiagram"]
    for stream in streams:
        foreign = {relation.field for relation in _relations(stream)}
        fields = schema_of(stream)["properties"]
        lines.append(f"    {stream.name} {{")
        for name in [*stream.key, *sorted(foreign - set(stream.key))]:
            marks = ", ".join(["PK"] * (name in stream.key) + ["FK"] * (name in foreign))
            kind = next(kind for kind in fields[name]["type"] if kind != "null")
            lines.append(f"        {kind} {name} {marks}")
        lines.append("    }")
    for stream in streams:
        for relation in _relations(stream):
            line = "||--o{" if relation.asked else "||..o{"
            lines.append(f"    {relation.parent} {line} {relation.child} : {relation.field}")
    return "\n".join(lines)


def svg(streams: Sequence[Stream]) -> str:
    """A picture of ``streams``: a tree of boxes, each with its keys. A parent of another family is a grey box."""
    boxes: list[str] = []
    places: dict[str, tuple[int, int]] = {}
    y = _GAP
    for stream, depth in _in_tree_order(streams):
        rows = _rows(stream) if stream in streams else []
        height = _HEAD + len(rows) * _ROW + (_PAD // 2 if rows else 0)
        x = _GAP + depth * _INDENT
        if depth and stream.parent:
            left, bottom = places[stream.parent.name]
            boxes.append(f'<path class="line" d="M{left + 16} {bottom}V{y + 13}H{x}"/>')
        kind = "box" if stream in streams else "box other"
        boxes.append(f'<rect class="{kind}" x="{x}" y="{y}" width="{_WIDTH}" height="{height}" rx="5"/>')
        boxes.append(f'<text class="name" x="{x + _PAD}" y="{y + 17}">{stream.name}</text>')
        for number, (mark, text) in enumerate(rows):
            line = y + _HEAD + 11 + number * _ROW
            if mark:
                boxes.append(f'<circle cx="{x + _PAD + 3}" cy="{line - 4}" r="3"/>')
            boxes.append(f'<text x="{x + _PAD + 12}" y="{line}">{escape(text)}</text>')
        places[stream.name] = (x, y + height)
        y += height + _GAP
    width = max(x for x, _ in places.values()) + _WIDTH + _GAP
    style = (
        "text{font:12px system-ui,sans-serif;fill:#333}.name{font-weight:600;font-size:13px;fill:#111}"
        ".box{fill:#fff;stroke:#5b6b7b}.other{fill:#eee;stroke-dasharray:4}.line{fill:none;stroke:#5b6b7b}circle{fill:#b7791f}"
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {y}" width="{width}" height="{y}">'
        f'<style>{style}</style><rect width="{width}" height="{y}" fill="#fafafa"/>\n' + "\n".join(boxes) + "\n</svg>\n"
    )


def _relations(stream: Stream) -> list[Relation]:
    return relations_of(stream.name, schema_of(stream))


def _rows(stream: Stream) -> list[tuple[bool, str]]:
    """The keys of ``stream``: whether it is part of the primary key, and what is written."""
    targets = {relation.field: f"{relation.parent}.{relation.key}" for relation in _relations(stream)}
    names = [*stream.key, *(field for field in targets if field not in stream.key)]
    return [(name in stream.key, f"{name} → {targets[name]}" if name in targets else name) for name in names]


def _in_tree_order(streams: Sequence[Stream]) -> Iterator[tuple[Stream, int]]:
    """``streams``, each below its parent, with the depth; parents of other families come in where they are needed."""
    others = dict.fromkeys(s.parent for s in streams if s.parent is not None and s.parent not in streams)
    # A grandparent of another family says nothing more: the tree begins with the parent.
    everything = [*others, *streams]

    def below(parent: Stream | None, depth: int) -> Iterator[tuple[Stream, int]]:
        for stream in everything:
            inside = stream.parent if stream in streams else None
            if inside is parent:
                yield stream, depth
                yield from below(stream, depth + 1)

    return below(None, 0)


if __name__ == "__main__":
    sys.exit(bring_up_to_date(files(), DOCS.glob("relations/*.svg")))
