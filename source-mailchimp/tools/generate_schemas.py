# ruff: noqa: INP001 -- a command beside the package, not part of it
"""Makes ``source_mailchimp/schemas/*.json`` from Mailchimp's contract and ``descriptions/`` (``make schemas``).

The contract says more than a schema may promise: it gets looser in one way only, by admitting null everywhere,
new fields and new values of enumerations, for the real API sends them. With ``--check`` nothing is written, and
the exit code is 1 if a file is not what it would be.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from field_descriptions import FOLDER, Descriptions

from source_mailchimp.stream import Stream
from source_mailchimp.streams import STREAMS

Json = dict[str, Any]

ROOT = Path(__file__).resolve().parents[2]
CONTRACT = ROOT / "mailchimp-simulator" / "mailchimp_simulator" / "contract" / "contract.json"
SCHEMAS = ROOT / "source-mailchimp" / "source_mailchimp" / "schemas"

_LIST_OF_NAMES = re.compile(r"\[[^][{}]+\]")
_ANY = ("array", "boolean", "number", "object", "string")
_DATE_TIME = {"format": "date-time", "airbyte_type": "timestamp_with_timezone"}

# Dates that the contract calls plain strings.
_DATES: Mapping[str, Json] = {
    "campaigns ab_split_opts.send_time_winner": _DATE_TIME,
    "facebook_ad_reports report_summary.extended_at.datetime": _DATE_TIME,
    "list_abuse_reports date": _DATE_TIME,
    "list_activity day": {"format": "date"},
    "list_members sms_subscription_last_updated": _DATE_TIME,
    "promo_rules ends_at": _DATE_TIME,
    "reports ab_split.a.last_open": _DATE_TIME,
    "reports ab_split.b.last_open": _DATE_TIME,
    "sub_reports ab_split.a.last_open": _DATE_TIME,
    "sub_reports ab_split.b.last_open": _DATE_TIME,
    "campaign_eepurl twitter.first_tweet": _DATE_TIME,
    "campaign_eepurl twitter.last_tweet": _DATE_TIME,
}

# What recorded answers of the real API hold beyond the contract.
_RECORDED: Mapping[str, Json] = {
    "campaigns has_logo_merge_tag": {"type": "boolean"},
    "list_members status_if_new": {"type": "string"},
}

# Streams whose records are the elements of a list inside the row, put together with the rest of the row.
_FLATTENED = {"email_activity": "activity"}


class Contract:
    """The operations of the contract, with references and combinations resolved."""

    def __init__(self, path: Path = CONTRACT) -> None:
        raw = json.loads(path.read_text(encoding="utf-8"))
        self._defs: Json = raw["$defs"]
        self._answers: Json = {op["path"]: op["response_schema"] for op in raw["operations"] if op["method"] == "GET"}

    def row(self, stream: Stream) -> Json:
        """The schema of one row of ``stream``'s answer, or of the whole answer where that is the record."""
        node = self.plain(self._answers["/" + stream.path])
        if stream.items is not None:
            node = self.plain(self.plain(node["properties"][stream.items])["items"])
        asked = str(stream.params.get("fields", "")).split(",")
        if "fields" in stream.params:  # of an answer that is asked for some fields, nothing else comes
            names = {name.removeprefix(f"{stream.items}.") for name in asked}
            node = {
                **node,
                "properties": {name: node["properties"][name] for name in node["properties"] if name in names},
            }
        return node

    def plain(self, node: Json) -> Json:
        """``node`` without ``$ref``, ``allOf`` and ``oneOf`` at its top.

        Alternatives become one schema that admits what any of them does.
        """
        while "$ref" in node:
            node = self._defs[node["$ref"].rsplit("/", 1)[-1]]
        parts = [*node.get("allOf", ()), *node.get("oneOf", ())]
        if not parts:
            return node
        return self._union(self.plain(part) for part in parts)

    def _union(self, nodes: Iterable[Json]) -> Json:
        nodes = list(nodes)
        types = {name for node in nodes for name in _types_of(node)}
        if types == {"object"}:
            fields: dict[str, list[Json]] = {}
            for node in nodes:
                for name, field in node.get("properties", {}).items():
                    fields.setdefault(name, []).append(self.plain(field))
            return {"type": "object", "properties": {name: self._union(same) for name, same in fields.items()}}
        if types == {"array"}:
            return {"type": "array", "items": self._union(self.plain(node.get("items", {})) for node in nodes)}
        if len(types) == 1 and all(node.get("format") == nodes[0].get("format") for node in nodes):
            return nodes[0]
        return {"type": sorted(types)}


def schema_for(stream: Stream, contract: Contract) -> Json:
    """The JSON schema (draft 7) of ``stream``'s records."""
    rendered = _Renderer(stream.name, contract).render(contract.row(stream), path=())
    fields = rendered["properties"]
    for where, field in _RECORDED.items():
        of, name = where.split()
        if of == stream.name:
            fields.setdefault(name, _nullable(*_types_of(field)))
    if stream.name in _FLATTENED:
        fields |= fields.pop(_FLATTENED[stream.name])["items"]["properties"]
    if stream.parent is not None:
        inherited = schema_for(stream.parent, contract)["properties"]
        *outer, own = stream.parameters
        for name, theirs in [(name, name) for name in outer] + [(own, "id")]:
            fields.setdefault(name, inherited[theirs])
    for name in stream.as_text:
        fields[name] = _nullable("string")
    for name, kind in stream.adds.items():
        fields[name] = {**_nullable("string"), **_DATE_TIME} if kind == "date-time" else _nullable(kind)
    return {"$schema": "http://json-schema.org/draft-07/schema#", **rendered, "type": "object"}


class _Renderer:
    def __init__(self, stream: str, contract: Contract) -> None:
        self._stream = stream
        self._contract = contract

    def render(self, node: Json, path: tuple[str, ...]) -> Json:
        """``node`` as Airbyte likes it. ``path``: names of the properties that lead to it."""
        node = self._contract.plain(node)
        where = f"{self._stream} {'.'.join(path)}"
        schema = _nullable(*(_types_of(node) or _ANY))
        if "object" in _types_of(node):
            schema["additionalProperties"] = True
            schema["properties"] = {
                name: self.render(field, (*path, name))
                for name, field in node.get("properties", {}).items()
                if name != "_links"
            }
        if "array" in _types_of(node):
            schema["items"] = self.render(node.get("items", {}), path)
        if where in _DATES:
            schema |= _DATES[where]
        elif node.get("format") == "date-time":
            schema |= _DATE_TIME
        return schema


def _types_of(node: Json) -> tuple[str, ...]:
    kind = node.get("type", "object" if "properties" in node else ())
    return (kind,) if isinstance(kind, str) else tuple(kind)


def _nullable(*types: str) -> Json:
    return {"type": ["null", *sorted({*types} - ({"integer"} if "number" in types else set()))]}


def text_of(schema: Json) -> str:
    """``schema`` as it is written to its file."""
    text = json.dumps(schema, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
    return _LIST_OF_NAMES.sub(lambda match: " ".join(match[0].split()).replace("[ ", "[").replace(" ]", "]"), text)


def all_schemas(contract: Contract, descriptions: Descriptions) -> dict[str, Json]:
    """The schemas of all streams by name, every field described.

    Raises LookupError for fields without a description, ValueError for descriptions without a field.
    """
    schemas = {name: descriptions.add_to(schema_for(stream, contract), name) for name, stream in STREAMS.items()}
    if descriptions.unused:
        raise ValueError(f"Descriptions of no field: {', '.join(descriptions.unused)}")
    return schemas


def main() -> int:
    """Write the files, or compare them with ``--check``. Returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; fail if a file is stale")
    parser.add_argument("--descriptions", type=Path, default=FOLDER, help="the folder of sentences about fields")
    options = parser.parse_args()
    check = options.check
    try:
        schemas = all_schemas(Contract(), Descriptions(options.descriptions))
    except LookupError as error:
        sys.stderr.write(
            f"{error}. Write a sentence for each into the family's file there; a stream's own stands under `_`.\n"
        )
        return 1
    wanted = {f"{name}.json": text_of(schema) for name, schema in schemas.items()}
    present = {path.name: path.read_text(encoding="utf-8") for path in SCHEMAS.glob("*.json")}
    stale = sorted(name for name in wanted.keys() | present.keys() if wanted.get(name) != present.get(name))
    for name in stale:
        if not check and name in wanted:
            (SCHEMAS / name).write_text(wanted[name], encoding="utf-8")
        elif not check:
            (SCHEMAS / name).unlink()
        sys.stdout.write(f"{'stale' if check else 'wrote' if name in wanted else 'removed'} {name}\n")
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
