"""Brings the values of records to the types that their stream's schema declares.

A typed warehouse refuses a whole record for one value of another type, and Mailchimp sends such: unset dates are
``""``, a campaign that was unscheduled has the send time ``-001-11-30T00:00:00+00:00`` (reported publicly), and what is
a number in one answer is text in another. What can be said in the declared type without loss is said in it; what
can't becomes null, and is counted.

Each column is looked at, and each date at any depth. What else stands inside objects and arrays stays as it came:
warehouses keep these as JSON.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import date, datetime, timezone
from decimal import Decimal
from typing import Any

import orjson

Rule = Callable[[Any], Any]
"""Returns its value as it is declared: the same object where it fits, None where it can't be said so."""

_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]{0,30})(?:\.[0-9]{1,30})?(?:[eE][+-]?[0-9]{1,2})?")
_RFC_3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{3}|\.\d{6})?(?:Z|[+-]\d\d:\d\d)", re.ASCII)
_BOOLEANS: Mapping[object, bool] = {"true": True, "false": False, "1": True, "0": False, 1: True, 0: False}
_DATES = {"date-time", "date"}
_LEAST, _MOST = -(2**63), 2**63 - 1  # a warehouse's integer
_EXACT = 2**53  # beyond it a double may be another integer than the one that was written


class ValueFitter:
    """Fits records of one stream to ``schema``, and counts what had to go.

    ``lost``: how many values of a property became null though they held something, by the property's path
    (``stats.last_sub_date``; ``[]`` stands for each element of an array) and what is declared there.

    Nearly all values are as declared. A look at their class is all that these cost, and for dates a parse (2 µs
    for a contact), so what is to be done for which column is worked out once.
    """

    def __init__(self, schema: Mapping[str, Any]) -> None:
        self.lost: Counter[tuple[str, str]] = Counter()
        fields = schema["properties"]
        self._rules = {name: self._column(field, name) for name, field in fields.items()}
        # By column, the classes of the values that need no further look.
        self._plain = {
            name: _CLASSES["null" if _kind_of(field) in _DATES or _holds_dates(field) else _kind_of(field)]
            for name, field in fields.items()
        }
        self._integers = [name for name, field in fields.items() if _kind_of(field) == "integer"]

    def fit(self, record: dict[str, Any]) -> None:
        """Change ``record`` in place."""
        plain = self._plain
        try:
            for name, value in record.items():
                if type(value) not in plain[name]:
                    record[name] = self._rules[name](value)
            for name in self._integers:
                value = record.get(name)
                if value is not None and not _LEAST <= value <= _MOST:
                    record[name] = None
                    self.lost[name, "integer"] += 1
        except KeyError:  # a property that Mailchimp has added since the schema was made
            plain.update(dict.fromkeys(record.keys() - plain.keys(), _CLASSES["any"]))
            self.fit(record)

    def _column(self, schema: Mapping[str, Any], path: str) -> Rule:
        """What becomes of a value of a column whose class doesn't tell all."""
        kind = _kind_of(schema)
        if kind == "date-time":
            return self._date_time(path)
        inside = self._inside(schema, path)

        def fit(value: Any) -> Any:
            fitted = self._converted(value, kind, path)
            if fitted is not None:
                inside(fitted)
            return fitted

        return fit

    def _inside(self, schema: Mapping[str, Any], path: str) -> Callable[[Any], None]:
        """Fits the dates inside an object or an array, in place."""
        dates = {
            name: self._column(field, f"{path}.{name}")
            for name, field in schema.get("properties", {}).items()
            if _kind_of(field) in _DATES
        }
        nested = {
            name: self._inside(field, f"{path}.{name}")
            for name, field in schema.get("properties", {}).items()
            if _holds_dates(field)
        }
        elements = schema.get("items", {"type": ()})
        element_path = f"{path}.[]"
        element_date = self._column(elements, element_path) if _kind_of(elements) in _DATES else None
        element = self._inside(elements, element_path) if _holds_dates(elements) else None

        def fit(value: Any) -> None:
            if isinstance(value, dict):
                for name, rule in dates.items():
                    if value.get(name) is not None:
                        value[name] = rule(value[name])
                for name, look in nested.items():
                    look(value.get(name))
            elif isinstance(value, list) and element_date:
                value[:] = [None if item is None else element_date(item) for item in value]
            elif isinstance(value, list) and element:
                for item in value:
                    element(item)

        return fit

    def _date_time(self, path: str) -> Rule:
        parse = datetime.fromisoformat

        def fit(value: Any) -> Any:
            if value == "":
                return None
            try:
                # As Mailchimp sends them. What another parser may not take looks different.
                if value[10] == "T" and value[19] in "+-" and parse(value).tzinfo:
                    return value
            except (TypeError, LookupError, ValueError):
                pass
            return self._converted(value, "date-time", path)

        return fit

    def _converted(self, value: Any, kind: str, path: str) -> Any:
        if value == "" and kind != "string":
            return None  # so Mailchimp says that something is unset
        fitted = _CONVERT[kind](value)
        if fitted is None:
            self.lost[path, kind] += 1
        return fitted


def _kind_of(schema: Mapping[str, Any]) -> str:
    """What is declared, in one word."""
    types = [name for name in schema["type"] if name != "null"]
    return str(schema.get("format") or types[0]) if len(types) == 1 else "any"


def _holds_dates(schema: Mapping[str, Any]) -> bool:
    """Whether there are dates inside the objects or arrays of ``schema``."""
    inside = [*schema.get("properties", {}).values(), *([schema["items"]] if "items" in schema else ())]
    return any(_kind_of(field) in _DATES or _holds_dates(field) for field in inside)


def _to_date_time(value: object) -> str | None:
    """RFC 3339 with a zone. Without one (``2015-09-15 14:25:37``) it is UTC, as all dates of Mailchimp are."""
    if not isinstance(value, str):
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        if not value.endswith(("Z", "z")):
            return None
        try:  # Python 3.10 doesn't know the Z
            moment = datetime.fromisoformat(value[:-1] + "+00:00")
        except ValueError:
            return None
    if moment.tzinfo is None:
        return moment.replace(tzinfo=timezone.utc).isoformat()
    return value if _RFC_3339.fullmatch(value) else moment.isoformat()


def _to_date(value: object) -> str | None:
    try:
        return date.fromisoformat(value).isoformat() if isinstance(value, str) else None
    except ValueError:
        return None


def _to_text(value: object) -> str:
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def _to_number(value: object) -> int | float | None:
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, (int, float)):
        return value
    if not isinstance(value, str) or not _NUMBER.fullmatch(value):
        return None
    exact = Decimal(value)
    number: int | float = orjson.loads(value)
    return number if Decimal(repr(number)) == exact else None


def _to_integer(value: object) -> int | None:
    number = _to_number(value)
    if isinstance(number, float) and number.is_integer() and abs(number) <= _EXACT:
        number = int(number)
    return number if isinstance(number, int) and _LEAST <= number <= _MOST else None


def _to_boolean(value: object) -> bool | None:
    word = value.lower() if isinstance(value, str) else value if isinstance(value, int) else None
    return _BOOLEANS.get(word)


def _to_object(value: object) -> dict[str, Any] | None:
    """PHP, which Mailchimp's API is written in, says an empty object as an empty array."""
    return {} if value == [] else value if isinstance(value, dict) else None


def _to_array(value: object) -> list[Any] | None:
    return [] if value == {} else value if isinstance(value, list) else None


_CLASSES: Mapping[str, frozenset[type]] = {
    kind: frozenset({type(None), *classes})
    for kind, classes in {
        "null": (),
        "string": (str,),
        "number": (int, float),
        "integer": (int,),
        "boolean": (bool,),
        "object": (dict,),
        "array": (list,),
        "any": (str, int, float, bool, dict, list),
    }.items()
}
_CONVERT: Mapping[str, Rule] = {
    "date-time": _to_date_time,
    "date": _to_date,
    "string": _to_text,
    "number": _to_number,
    "integer": _to_integer,
    "boolean": _to_boolean,
    "object": _to_object,
    "array": _to_array,
    "any": lambda value: value,
}
