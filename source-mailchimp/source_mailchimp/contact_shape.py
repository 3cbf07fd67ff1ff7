"""Gives merge fields and interests of contacts the types and names that their audiences gave them.

Option ``merge_fields``: ``typed`` declares them inside the objects ``merge_fields`` and ``interests``, ``columns``
makes columns of them. Mailchimp sends every merge field as text, number or object, whatever its type; here a number
is a number, a date a date (``YYYY-MM-DD``), an address an object, and what is unset of these is null. A birthday has
no year and stays text. Audiences that disagree on a tag's type get text.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date
from functools import partial
from typing import Any

import orjson

from source_mailchimp.contact_fields import AudienceFields, Interest, MergeField

Json = dict[str, Any]
Rule = Callable[[Any], Any]

_TEXT: Mapping[str, Any] = {"type": ["null", "string"]}
_SCHEMAS: Mapping[str, Mapping[str, Any]] = {
    "number": {"type": ["null", "number"]},
    "date": {"type": ["null", "string"], "format": "date"},
    "address": {
        "type": ["null", "object"],
        "additionalProperties": True,
        "properties": {
            name: {"type": ["null", "string"], "description": what}
            for name, what in {
                "addr1": "Street and number.",
                "addr2": "Second line of the street.",
                "city": "Town.",
                "state": "State or province.",
                "zip": "Postal code.",
                "country": "Two-letter country code.",
            }.items()
        },
    },
}
_INTEREST: Mapping[str, Any] = {"type": ["null", "boolean"]}
# The class of the values that need no further look.
_PLAIN: Mapping[str, type] = {"address": dict, "number": int, "text": str}
_SLASHES = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4})", re.ASCII)
_NUMBER = re.compile(r"-?\d{1,15}(\.\d{1,15})?", re.ASCII)
_NOT_IN_A_COLUMN = re.compile(r"\W+")


class ContactShape:
    """What the records of ``list_members`` look like; made of what the ``audiences`` have.

    ``as_columns``: whether merge fields and interests are columns, or stay in their objects. ``declared``: the schema
    in the configured catalog, whose types stand: the destination has made its columns by them.

    ``lost``: how many values became null that are not what is declared, by column or tag and that.
    ``unknown``: columns of merge fields that are newer than the sync. ``outdated``: the catalog has no columns.
    """

    def __init__(
        self, audiences: Iterable[AudienceFields], *, as_columns: bool, declared: Mapping[str, Any] | None = None
    ) -> None:
        self._audiences = list(audiences)
        self._columns = as_columns
        self.lost: Counter[tuple[str, str]] = Counter()
        self.unknown: Counter[str] = Counter()
        # Of a catalog that was discovered before the option was set, the destination has none of the columns.
        self.outdated = as_columns and "merge_fields" in ((declared or {}).get("properties") or {})
        self._kinds = self._agreed_kinds()
        named = self._declared_in(declared or {})
        for tag in self._kinds:
            if tag in named:
                self._kinds[tag] = _kind_declared(named[tag])
        self._labels = {item.list_id: _labels(item.interests, as_columns=as_columns) for item in self._audiences}
        rules = {
            item.list_id: {field.tag: self._rule(field) for field in item.merge_fields} for item in self._audiences
        }
        self._rules: dict[str, dict[str, tuple[str, type | None, Rule]]] = rules
        self.apply: Callable[[Json], None] = self._to_columns if as_columns else self._in_place

    def schema(self, plain: Json) -> Json:
        """``plain``, the schema of contacts as they come, with what is known of the fields. Changes ``plain``."""
        properties = plain["properties"]
        merge_fields = {self._name(tag): self._schema_of(tag) for tag in sorted(self._kinds)}
        interests = dict(sorted(self._interest_schemas()))
        if self._columns:
            del properties["merge_fields"], properties["interests"]
            properties |= {**merge_fields, **interests}
        else:
            properties["merge_fields"]["properties"] = merge_fields
            properties["interests"]["properties"] = interests
            properties["interests"]["description"] = "Interests by group and name, each true or false; may be null."
        return plain

    # -- what there is -----------------------------------------------------------------------------------------

    def _agreed_kinds(self) -> dict[str, str]:
        kinds: dict[str, set[str]] = {}
        for item in self._audiences:
            for field in item.merge_fields:
                kinds.setdefault(field.tag, set()).add(field.kind if field.kind in _SCHEMAS else "text")
        return {tag: next(iter(found)) if len(found) == 1 else "text" for tag, found in kinds.items()}

    def _declared_in(self, schema: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
        properties = schema.get("properties") or {}
        if not self._columns:
            return dict((properties.get("merge_fields") or {}).get("properties") or {})
        return {tag: properties[self._name(tag)] for tag in self._kinds if self._name(tag) in properties}

    def _name(self, tag: str) -> str:
        return f"merge_{tag}" if self._columns else tag

    def _schema_of(self, tag: str) -> Json:
        fields = [field for item in self._audiences for field in item.merge_fields if field.tag == tag]
        names = " or ".join(dict.fromkeys(field.name for field in fields))
        kinds = " or ".join(dict.fromkeys(field.kind for field in fields))
        return {
            **(_SCHEMAS.get(self._kinds[tag]) or _TEXT),
            "title": names,
            "description": f"Merge field {names}, of the type {kinds}.",
        }

    def _interest_schemas(self) -> Iterator[tuple[str, Json]]:
        for item in self._audiences:
            for interest in item.interests:
                about = f"Whether the contact chose {interest.name} under {interest.group}."
                yield (
                    self._labels[item.list_id][interest.id],
                    {**_INTEREST, "title": interest.name, "description": about},
                )

    def _rule(self, field: MergeField) -> tuple[str, type | None, Rule]:
        kind, name = self._kinds[field.tag], self._name(field.tag)
        convert = _CONVERT[kind]
        if kind == "date":
            convert = partial(_to_date, day_first=field.date_format.upper().startswith("DD"))

        def rule(value: Any) -> Any:
            if value is None or (value == "" and kind != "text"):
                return None
            fitted = convert(value)
            if fitted is None:
                self.lost[name, kind] += 1
            return fitted

        return name, _PLAIN.get(kind), rule

    # -- a record ----------------------------------------------------------------------------------------------

    def _in_place(self, record: Json) -> None:
        """Types inside ``merge_fields``; names inside ``interests``."""
        rules = self._rules.get(record["list_id"])
        if rules is None:
            return
        values = record.get("merge_fields")
        if values:
            for tag, value in values.items():
                if (rule := rules.get(tag)) and type(value) is not rule[1]:
                    values[tag] = None if value is None or value == "" else rule[2](value)
        chosen = record.get("interests")
        if chosen:
            labels = self._labels[record["list_id"]]
            record["interests"] = {labels.get(name, name): value for name, value in chosen.items()}

    def _to_columns(self, record: Json) -> None:
        """Columns of both; an audience's field that nobody knew when the sync began goes out as it came."""
        rules = self._rules.get(record["list_id"], {})
        values = record.pop("merge_fields", None)
        if values:
            try:
                for tag, value in values.items():
                    name, plain, rule = rules[tag]
                    if type(value) is plain:
                        record[name] = value
                    else:
                        record[name] = None if value is None or value == "" else rule(value)
            except KeyError:
                self._with_unknown(record, values, rules)
        chosen = record.pop("interests", None)
        if chosen:
            labels = self._labels.get(record["list_id"], {})
            try:
                record.update(zip(map(labels.__getitem__, chosen), chosen.values(), strict=True))
            except KeyError:
                record |= {labels.get(name) or f"interest_{name}": value for name, value in chosen.items()}

    def _with_unknown(self, record: Json, values: Json, rules: Mapping[str, tuple[str, type | None, Rule]]) -> None:
        for tag, value in values.items():
            if tag in rules:
                name, _, rule = rules[tag]
                record[name] = rule(value)
            else:
                self.unknown[f"merge_{tag}"] += 1
                record[f"merge_{tag}"] = value if value is None else _to_text(value)


def _labels(interests: Iterable[Interest], *, as_columns: bool) -> dict[str, str]:
    """What the interests of one audience are called, by id: those that would be called the same have their id in it.

    Audiences that have the same interest in the same group share its name.
    """
    named = {
        item.id: f"interest_{_word(item.group)}_{_word(item.name)}" if as_columns else f"{item.group}: {item.name}"
        for item in interests
    }
    often = Counter(label.casefold() for label in named.values())  # many a warehouse takes a and A for the same column
    mark = "_{}" if as_columns else " ({})"
    return {id_: label + mark.format(id_) if often[label.casefold()] > 1 else label for id_, label in named.items()}


def _word(text: str) -> str:
    return _NOT_IN_A_COLUMN.sub("_", text).strip("_")


def _kind_declared(schema: Mapping[str, Any]) -> str:
    types = {name for name in schema.get("type", ()) if name != "null"} if isinstance(schema.get("type"), list) else {}
    if "object" in types:
        return "address"
    return "number" if "number" in types else "date" if schema.get("format") == "date" else "text"


def _to_text(value: Any) -> str:
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def _to_number(value: Any) -> int | float | None:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return value
    if not isinstance(value, str) or not _NUMBER.fullmatch(value.strip()):
        return None
    return float(value) if "." in value else int(value)


def _to_date(value: Any, *, day_first: bool = False) -> str | None:
    """``YYYY-MM-DD``, of that, of the beginning of a moment, or of the form's own order of day and month."""
    if not isinstance(value, str):
        return None
    try:
        if found := _SLASHES.fullmatch(value):
            first, second, year = (int(part) for part in found.groups())
            return date(year, *((second, first) if day_first else (first, second))).isoformat()
        return date.fromisoformat(value[:10]).isoformat()
    except ValueError:
        return None


def _to_address(value: Any) -> Json | None:
    return value if isinstance(value, dict) else None


_CONVERT: Mapping[str, Rule] = {"number": _to_number, "date": _to_date, "address": _to_address, "text": _to_text}
