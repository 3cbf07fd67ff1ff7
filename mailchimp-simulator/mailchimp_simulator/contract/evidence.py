"""What has been seen of the real API beside what its contract says: misfits, and fields that nobody has ever shown.

`answers.jsonl` and `records.jsonl` are what others have recorded of the real API (see `provenance.md`).
`python -m mailchimp_simulator.contract.evidence FILE` writes the report.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mailchimp_simulator.contract.operations import Contract, Json, Operation, relaxed

FOLDER = Path(__file__).parent
ANSWERS = FOLDER / "answers.jsonl"
RECORDS = FOLDER / "records.jsonl"
_REDACTED = ("REDACTED", "…")
"""What stands where a recorder has left a value out."""
_IDS = {"{id}", "{hash}", "{n}"}
_TYPES = {bool: "boolean", int: "integer", float: "number", str: "string", list: "array", dict: "object",
          type(None): "null"}  # fmt: skip
STREAMS = {
    "campaigns": "/campaigns",
    "interest_categories": "/lists/{list_id}/interest-categories",
    "interests": "/lists/{list_id}/interest-categories/{interest_category_id}/interests",
    "list_members": "/lists/{list_id}/members",
    "lists": "/lists",
    "reports": "/reports",
    "segment_members": "/lists/{list_id}/segments/{segment_id}/members",
    "segments": "/lists/{list_id}/segments",
    "tags": "/lists/{list_id}/tag-search",
    "unsubscribes": "/reports/{campaign_id}/unsubscribed",
}
"""The collections whose rows `records.jsonl` has. Another connector wrote them down: it took the ids of their parents
from the path, made nulls of empty texts, and made records of email activity's events, which have no rows of their own.
"""
_LISTS_CHILDREN = {"members": "members", "segments": "segments", "categories": "interest-categories",
                   "tags": "tag-search"}  # fmt: skip


@dataclass(frozen=True)
class Recorded:
    """One recorded answer. `kind`: recorded, asserted (by somebody's tests of the real API) or report."""

    number: int
    kind: str
    method: str
    path: str
    status: int
    body: Any
    request: Any = None
    query: str = ""
    headers: Any = None
    provenance: str = ""

    @property
    def name(self) -> str:
        """How tests and lists call it."""
        return f"{self.number:03d} {self.method} {self.path} {self.status}"


def recorded_answers() -> list[Recorded]:
    """All that tell of one request; what tells of a sequence of them, or only counts, is left out."""
    found = []
    for number, line in enumerate(ANSWERS.read_text(encoding="utf-8").splitlines()):
        raw = json.loads(line)
        if "method" in raw:
            names = ("kind", "method", "path", "status", "body", "request", "query", "headers", "provenance")
            found.append(Recorded(number, **{name: raw[name] for name in names if raw.get(name) is not None}))
    return found


def recorded_sequences() -> list[list[Json]]:
    """What happened to one contact, call by call: `at` (time of day), `call`, `request`, `status`, what it showed."""
    lines = map(json.loads, ANSWERS.read_text(encoding="utf-8").splitlines())
    return [line["steps"] for line in lines if line["kind"] == "sequence"]


def operation_of(contract: Contract, recorded: Recorded) -> Operation | None:
    """The operation that a recorded request was, or None: its path is a template with `{id}`, `{hash}` and `{n}`."""
    parts = [part for part in recorded.path.split("/") if part]
    if recorded.path == "/lists/{id}/{id}" and isinstance(recorded.body, dict):
        # The recorder took the last part for an id; the rows tell which collection it is.
        parts[2:] = [_LISTS_CHILDREN[key] for key in recorded.body if key in _LISTS_CHILDREN]
    found = [
        operation for (method, path), operation in contract.operations.items()
        if method == recorded.method and _fits(parts, [part for part in path.split("/") if part])
    ]  # fmt: skip
    return min(found, key=lambda operation: len(operation.path_params), default=None)


def _fits(parts: list[str], template: list[str]) -> bool:
    return len(parts) == len(template) and all(
        there.startswith("{") if here in _IDS else here == there or there.startswith("{")
        for here, there in zip(parts, template, strict=True)
    )


def misfits(contract: Contract, schema: Any, value: Any, path: str = "") -> Iterator[str]:
    """What a value has that its schema lacks, or has with another type. A schema without fields allows anything."""
    schema = contract.resolve(schema)
    if not schema or value in _REDACTED:
        return
    kinds = schema.get("type", ())
    kinds = {kinds} if isinstance(kinds, str) else set(kinds)
    kind = _TYPES[type(value)]
    whole = kind == "integer" and "number" in kinds
    if kinds and kind not in kinds and not whole:
        yield f"{path}: {kind} where the contract has {' or '.join(sorted(kinds))}"
        return
    if isinstance(value, dict):
        properties = schema.get("properties", {})
        others = schema.get("additionalProperties")
        for name, inner in value.items():
            there = f"{path}.{name}" if path else name
            if name in properties:
                yield from misfits(contract, properties[name], inner, there)
            elif isinstance(others, dict):
                yield from misfits(contract, others, inner, f"{path}.*")
            elif properties and others is not True:
                yield f"{there}: not in the contract"
    elif isinstance(value, list):
        for inner in value:
            yield from misfits(contract, schema.get("items", {}), inner, f"{path}[]")


def fields_of(contract: Contract, schema: Any, path: str = "", seen: tuple[str, ...] = ()) -> Iterator[str]:
    """The dotted paths of all fields of a schema; `_links` and keys of the account's own (`*`) are left out."""
    if isinstance(schema, dict) and "$ref" in schema:
        if schema["$ref"] in seen:
            return
        seen = (*seen, schema["$ref"])
    schema = contract.resolve(schema)
    for name, inner in schema.get("properties", {}).items():
        if name != "_links":
            there = f"{path}.{name}" if path else name
            yield there
            yield from fields_of(contract, inner, there, seen)
    if "items" in schema:
        yield from fields_of(contract, schema["items"], f"{path}[]", seen)


def shown_fields(value: Any, path: str = "") -> Iterator[str]:
    """The dotted paths of all fields that a value has."""
    if isinstance(value, dict):
        for name, inner in value.items():
            there = f"{path}.{name}" if path else name
            yield there
            yield from shown_fields(inner, there)
    elif isinstance(value, list):
        for inner in value:
            yield from shown_fields(inner, f"{path}[]")


@dataclass
class Resource:
    """One kind of object: as rows of a collection, as single objects, and as answers to writes."""

    path: str
    fields: set[str]
    shown: set[str]

    @property
    def never_shown(self) -> list[str]:
        """Its fields that no evidence has."""
        return sorted(self.fields - self.shown)


def resources(contract: Contract) -> dict[str, Resource]:
    """All kinds of objects that GETs answer, by the path of their collection (or their own), with what was shown."""
    found: dict[str, Resource] = {}
    for (method, path), operation in contract.operations.items():
        if method == "GET":
            resource = found.setdefault(_resource_path(contract, path), Resource(path, set(), set()))
            resource.path = _resource_path(contract, path)
            resource.fields |= set(_rows(operation, fields_of(contract, operation.raw.get("response_schema"))))
    for recorded in recorded_answers():
        asked = operation_of(contract, recorded)
        if asked is not None and recorded.status < 300:
            key = _resource_path(contract, asked.path)
            if key in found:
                found[key].shown |= set(_rows(asked, shown_fields(recorded.body)))
    for stream, record in real_records():
        if stream in STREAMS:
            found[STREAMS[stream]].shown |= set(shown_fields(record))
        elif stream == "email_activity":
            key = "/reports/{campaign_id}/email-activity"
            events = {f"activity[].{name}" for name in ("action", "timestamp", "ip")}
            found[key].shown |= {name for name in shown_fields(record) if name in found[key].fields} | events
    return found


def real_records() -> list[tuple[str, Json]]:
    """`(stream, record)` of each record that another connector has read of a real account."""
    rows = map(json.loads, RECORDS.read_text(encoding="utf-8").splitlines())
    return [(row["stream"], row["data"]) for row in rows]


def _resource_path(contract: Contract, path: str) -> str:
    above = path.rpartition("/")[0]
    collection = contract.operations.get(("GET", above))
    return above if path.endswith("}") and collection and collection.collection else path


def _rows(operation: Operation, paths: Iterator[str]) -> Iterator[str]:
    """The paths within a row, where the answer is a collection."""
    prefix = f"{operation.items_key}[]." if operation.collection else ""
    return (path[len(prefix) :] for path in paths if path.startswith(prefix))


def all_misfits(contract: Contract) -> list[str]:
    """Every field of the evidence that the contract lacks, or has with another type."""
    found: dict[str, None] = {}
    for recorded in recorded_answers():
        asked = operation_of(contract, recorded)
        if asked is not None and recorded.status < 300:
            schema = relaxed(asked.raw.get("response_schema") or {})
            for misfit in misfits(contract, schema, recorded.body):
                found[f"{recorded.name}: {misfit}"] = None
    for stream, record in real_records():
        if stream in STREAMS:
            operation = contract.operations["GET", STREAMS[stream]]
            parents = {*operation.path_params, "segment_id", "list_id", "campaign_id"}
            row = {key: value for key, value in record.items() if key not in parents}
            for misfit in misfits(contract, contract.item_schema(operation), _without_nulls(row)):
                found[f"record of {stream}: {misfit}"] = None
    return list(found)


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nulls(inner) for key, inner in value.items() if inner is not None}
    return [_without_nulls(inner) for inner in value] if isinstance(value, list) else value


def report(contract: Contract) -> str:
    """What no evidence has ever shown, by name, as a page."""
    found = resources(contract)
    total = sum(len(one.fields) for one in found.values())
    missing = sum(len(one.never_shown) for one in found.values())
    seen = {path: one for path, one in sorted(found.items()) if one.fields & one.shown}
    unseen = {path: one for path, one in sorted(found.items()) if one.fields and not one.fields & one.shown}
    within = sum(len(one.fields) for one in seen.values())
    within_missing = sum(len(one.never_shown) for one in seen.values())
    lines = [
        "# Which fields of the contract has anybody seen?",
        "",
        "Made by `make docs-tables`; a test holds it to the files.",
        "",
        "The contract says what Mailchimp's specification promises. This page holds it to what others have recorded of",
        "the real API: every field of the recorded answers is in the contract with a type that fits (a test shows it),",
        "and the fields below are in the contract though no recorded answer has ever shown them.",
        "They may be right: an account without SMS shows no field about SMS. Nobody has shown that they are.",
        "",
        f"Of {total:,} fields of {len(found)} kinds of objects, {missing:,} ({_share(missing, total)}) have never been",
        f"shown: {within_missing} of the {within} fields of the {len(seen)} kinds of which there is a recorded answer,",
        f"and all {total - within:,} fields of the other {len(found) - len(seen)} kinds.",
        "",
        "## Kinds of objects that were recorded",
        "",
        "| kind | fields | never shown | their names |",
        "| --- | --- | --- | --- |",
    ]
    for path, one in seen.items():
        names = ", ".join(f"`{name}`" for name in one.never_shown)
        lines.append(f"| `{path}` | {len(one.fields)} | {_share(len(one.never_shown), len(one.fields))} | {names} |")
    lines += [
        "",
        "## Kinds of objects that nobody has recorded",
        "",
        "| kind | fields | their names |",
        "| --- | --- | --- |",
    ]
    lines += [
        f"| `{path}` | {len(one.fields)} | {', '.join(f'`{name}`' for name in one.never_shown)} |"
        for path, one in unseen.items()
    ]
    return "\n".join(lines) + "\n"


def _share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.0f} %" if whole else "—"


def main() -> None:
    """Write the report into the file that the command line names."""
    Path(sys.argv[1]).write_text(report(Contract()), encoding="utf-8")


if __name__ == "__main__":
    main()
