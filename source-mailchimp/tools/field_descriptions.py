# ruff: noqa: INP001 -- a command beside the package, not part of it
"""What each field means, from ``descriptions/*.yaml``: one sentence for each, said once.

A file has entries of an object's fields under the object's name. The name is a stream (``lists``), the end of a
path (``recipients.segment_opts``, wherever it stands) or ``"*"``, for fields that mean the same in every object.
Several names with commas between them share their entries. The longest name that fits a field wins. ``_`` is the
sentence about a stream itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import yaml

from source_mailchimp.streams import STREAMS

Json = dict[str, Any]

FOLDER = Path(__file__).resolve().parents[1] / "descriptions"
ITSELF = "_"
_ANYWHERE = "*"


class Descriptions:
    """The sentences, by object and field. ``unused`` are those that nothing has asked for."""

    def __init__(self, folder: Path = FOLDER) -> None:
        """Raises ValueError for a field that two places describe, and for what is no sentence."""
        self._sentences: dict[tuple[str, str], str] = {}
        self._used: set[tuple[str, str]] = set()
        for path in sorted(folder.glob("*.yaml")):
            for names, fields in yaml.safe_load(path.read_text(encoding="utf-8")).items():
                for place in ((name.strip(), field) for name in names.split(",") for field in fields):
                    if place in self._sentences or not isinstance(fields[place[1]], str):
                        raise ValueError(f"{path.name}: {'.'.join(place)} is described twice, or by no text")
                    self._sentences[place] = " ".join(fields[place[1]].split())

    @property
    def unused(self) -> list[str]:
        """Entries that describe no field, as ``object.field``.

        Where several objects share an entry, one that has the field is enough.
        """
        said = {(self._sentences[place], place[1]) for place in self._used}
        return sorted(".".join(place) for place, text in self._sentences.items() if (text, place[1]) not in said)

    def add_to(self, schema: Json, stream: str) -> Json:
        """``schema`` of ``stream``, with a description of itself and of every field. Changes ``schema``.

        Raises:
            LookupError: some fields have none; it names them all.
        """
        missing: list[str] = []
        for path, node in [((), schema), *fields_of(schema)]:
            *owner, field = path or (ITSELF,)
            sentence = self._find((stream, *owner), field)
            if sentence is None:
                missing.append(".".join((stream, *path)))
            else:
                node["description"] = sentence
        if missing:
            raise LookupError(f"No description in {FOLDER.name}/ for {', '.join(missing)}")
        return schema

    def _find(self, owner: tuple[str, ...], field: str) -> str | None:
        for name in _names_of(owner):
            place = (name, field)
            if place in self._sentences:
                self._used.add(place)
                return self._sentences[place]
        return None


def _names_of(owner: tuple[str, ...]) -> Iterator[str]:
    """What the object at ``owner`` may be called, the longest name first."""
    yield ".".join(owner)
    for start in range(1, len(owner)):
        name = ".".join(owner[start:])
        if name not in STREAMS:  # the campaigns of a stream are not the stream campaigns
            yield name
    yield _ANYWHERE


def fields_of(schema: Json, path: tuple[str, ...] = ()) -> Iterable[tuple[tuple[str, ...], Json]]:
    """The path and schema of every field in ``schema``, at whatever depth; lists don't count as a level."""
    for name, field in schema.get("properties", {}).items():
        yield (*path, name), field
        yield from fields_of(field, (*path, name))
    if "items" in schema:
        yield from fields_of(schema["items"], path)
