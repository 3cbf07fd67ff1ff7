"""`contract.json` as the simulator uses it: operations, their parameters, and validators of bodies and answers."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

Json = dict[str, Any]

CONTRACT_FILE = Path(__file__).with_name("contract.json")

NULLABLE = frozenset({"merge_fields", "interests"})
"""Objects that the real API sends as null now and then, against its own specification (facts.md)."""
EXTRA_ENUM = {"type": ("automation", "automation-email", "variate-child")}
"""Campaign types that the real API sends beyond its own specification's (facts.md)."""


@dataclass(frozen=True)
class Operation:
    """One operation of the contract."""

    method: str
    path: str
    raw: Json = field(repr=False, compare=False)

    @property
    def items_key(self) -> str | None:
        """The key of the answer that holds the rows, if it is a collection."""
        key = self.raw.get("items_key")
        return str(key) if key else None

    @property
    def collection(self) -> bool:
        """Whether the answer is a collection."""
        return bool(self.raw["collection"])

    @property
    def params(self) -> dict[str, Json]:
        """The documented query parameters by name."""
        return {p["name"]: p for p in self.raw["query_params"]}

    @property
    def path_params(self) -> tuple[str, ...]:
        """The names of the path's parameters, in order."""
        return tuple(part[1:-1] for part in self.path.split("/") if part.startswith("{"))


class Contract:
    """The whole contract, with a router."""

    def __init__(self, path: Path = CONTRACT_FILE) -> None:
        """Read the file."""
        self.raw: Json = json.loads(path.read_text())
        self.operations = {
            (raw["method"], raw["path"]): Operation(raw["method"], raw["path"], raw) for raw in self.raw["operations"]
        }
        self.tree: Json = {}
        for operation in self.operations.values():
            node = self.tree
            for part in filter(None, operation.path.split("/")):
                node = node.setdefault("{}" if part.startswith("{") else part, {})
            node.setdefault("", {})[operation.method] = operation
        self._response_validators: dict[tuple[str, str], Draft202012Validator] = {}
        self._request_validators: dict[tuple[str, str], Draft202012Validator] = {}

    def match(self, path: str) -> tuple[dict[str, Operation], tuple[str, ...]] | None:
        """The operations of a path by method, and the values of its parameters; None for an unknown path."""
        return self._walk(self.tree, [part for part in path.split("/") if part], ())

    def _walk(
        self, node: Json, parts: list[str], values: tuple[str, ...]
    ) -> tuple[dict[str, Operation], tuple[str, ...]] | None:
        if not parts:
            return (node[""], values) if "" in node else None
        head, rest = parts[0], parts[1:]
        if head in node:
            found = self._walk(node[head], rest, values)
            if found:
                return found
        if "{}" in node:
            return self._walk(node["{}"], rest, (*values, head))
        return None

    def resolve(self, schema: Any) -> Json:
        """Follow `$ref`s at the top of a schema."""
        while isinstance(schema, dict) and "$ref" in schema:
            schema = self.raw["$defs"][schema["$ref"].rsplit("/", 1)[-1]]
        return schema if isinstance(schema, dict) else {}

    def item_schema(self, operation: Operation) -> Json:
        """The schema of one row of a collection."""
        response = self.resolve(operation.raw.get("response_schema"))
        items = self.resolve(response.get("properties", {}).get(operation.items_key, {}))
        return self.resolve(items.get("items", {}))

    @cached_property
    def languages(self) -> frozenset[str]:
        """The codes of languages that a contact may have."""
        return frozenset(self.raw["$defs"]["contacts"]["properties"]["language"]["enum"])

    @cached_property
    def _response_defs(self) -> Json:
        return {name: relaxed(schema) for name, schema in self.raw["$defs"].items()}

    def response_validator(self, operation: Operation) -> Draft202012Validator:
        """Validates answers, allowing what `facts.md` reports beyond the contract: see NULLABLE, EXTRA_ENUM."""
        key = (operation.method, operation.path)
        if key not in self._response_validators:
            schema = relaxed(operation.raw.get("response_schema") or {})
            self._response_validators[key] = Draft202012Validator({**schema, "$defs": self._response_defs})
        return self._response_validators[key]

    def request_validator(self, operation: Operation) -> Draft202012Validator | None:
        """Validates request bodies; None where the operation takes none."""
        key = (operation.method, operation.path)
        schema = operation.raw.get("request_schema")
        if not schema:
            return None
        if key not in self._request_validators:
            schema = {**self.resolve(schema), "$defs": self.raw["$defs"]}
            if key == ("POST", "/lists/{list_id}"):
                schema = _with_status_if_new(schema)
            self._request_validators[key] = Draft202012Validator(schema)
        return self._request_validators[key]


def _with_status_if_new(schema: Json) -> Json:
    """The schema of a batch with `status_if_new`, which it takes though nobody documents it (asserted)."""
    item = schema["properties"]["members"]["items"]
    properties = {**item["properties"], "status_if_new": item["properties"]["status"]}
    members = {**schema["properties"]["members"], "items": {**item, "properties": properties}}
    return {**schema, "properties": {**schema["properties"], "members": members}}


def relaxed(schema: Any) -> Any:
    """A copy of a schema that also admits what the real API is known to send against it."""
    if isinstance(schema, list):
        return [relaxed(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    copy = {key: relaxed(value) for key, value in schema.items()}
    properties = copy.get("properties")
    if isinstance(properties, dict):
        for name, inner in properties.items():
            if name in NULLABLE and isinstance(inner, dict) and inner.get("type") == "object":
                properties[name] = {**inner, "type": ["object", "null"]}
            if name == "status" and isinstance(inner, dict) and "cleaned" in inner.get("enum", ()):
                # A batch may update an archived contact; the contract has the status for listings only.
                properties[name] = {**inner, "enum": [*inner["enum"], "archived"]}
            if name in EXTRA_ENUM and isinstance(inner, dict) and "variate" in inner.get("enum", ()):
                properties[name] = {**inner, "enum": [*inner["enum"], *EXTRA_ENUM[name]]}
    return copy
