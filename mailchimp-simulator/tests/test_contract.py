"""Every operation that the simulator serves answers as the contract says."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mailchimp_simulator.account.writes import KEPT, WRITES
from mailchimp_simulator.client import Simulator
from mailchimp_simulator.contract.operations import CONTRACT_FILE, Contract, Operation
from mailchimp_simulator.contract.validation import compile_check
from tests.api import Api

CONTRACT = Contract()
GETS = [operation for operation in CONTRACT.operations.values() if operation.method == "GET"]
OTHERS = [operation for operation in CONTRACT.operations.values() if operation.method != "GET"]
KEYS = {
    "/account-exports": "export_id",
    "/campaigns/{campaign_id}/feedback": "feedback_id",
    "/connected-sites": "foreign_id",
    "/lists/{list_id}/growth-history": "month",
    "/lists/{list_id}/merge-fields": "merge_id",
    "/reporting/surveys/{survey_id}/responses": "response_id",
    "/verified-domains": "domain",
}


def example_path(api: Api, operation: Operation) -> str:
    """The operation's path with the ids of objects that exist."""
    real = template = ""
    for part in operation.path.strip("/").split("/"):
        if part.startswith("{"):
            rows = rows_of(api, template, real)
            key = KEYS.get(template, "id")
            real += f"/{rows[0].get(key) or rows[0].get('email_id')}"
        elif part:
            real += f"/{part}"
        template += f"/{part}"
    return real or "/"


def rows_of(api: Api, template: str, real: str) -> list[dict[str, Any]]:
    collection = CONTRACT.operations["GET", template]
    rows: list[dict[str, Any]] = api.get(real, count=1000)[collection.items_key or "surveys"]
    assert rows, f"{real} has no rows"
    return rows


def errors(operation: Operation, body: object) -> list[str]:
    return [f"{e.json_path}: {e.message}" for e in CONTRACT.response_validator(operation).iter_errors(body)]


@pytest.mark.parametrize("operation", GETS, ids=lambda o: o.path)
def test_every_get_of_the_contract_is_served_with_an_answer_that_the_contract_allows(
    api: Api, operation: Operation
) -> None:
    query = {"query": "e"} if operation.path.startswith("/search-") else {}

    body = api.get(example_path(api, operation), count=1000, **query)

    assert errors(operation, body) == []
    if operation.items_key:
        assert operation.items_key in body
        assert ("total_items" in body) is bool(operation.raw["has_total_items"])


def minimal(schema: Any, name: str = "") -> Any:
    """The smallest body that a schema allows, with an address and a name where they are asked for."""
    schema = CONTRACT.resolve(schema)
    if "enum" in schema:
        return schema["enum"][0]
    kind = schema.get("type")
    if kind == "object" or "properties" in schema:
        return {key: minimal(schema["properties"][key], key) for key in schema.get("required", ())}
    if kind == "array":
        return [minimal(schema.get("items") or {}, name)] if name in ("lines", "variants") else []
    if kind == "string":
        return "new@example.com" if "email" in name else f"new-{name}"
    return {"integer": 1, "number": 1.5, "boolean": True}.get(str(kind))


def served(operation: Operation) -> bool:
    """Whether the simulator says that it plays this write."""
    if (operation.method, operation.path) in WRITES:
        return True
    collection = operation.path.rpartition("/")[0]
    if operation.method == "POST":
        return operation.path in KEPT
    return operation.path == "/campaigns/{campaign_id}" or (operation.path.endswith("}") and collection in KEPT)


@pytest.mark.parametrize("operation", OTHERS, ids=lambda o: f"{o.method} {o.path}")
def test_every_write_is_either_played_as_the_contract_says_or_refused_as_not_simulated(
    api: Api, simulator: Simulator, operation: Operation
) -> None:
    path = operation.path
    if not served(operation):
        real = "/".join("x" if part.startswith("{") else part for part in path.split("/"))
        body = json.dumps(minimal(operation.raw.get("request_schema") or {}) or {})
        problem = api.problem(operation.method, real, data=body)
        assert (problem["status"], problem["title"]) == (501, "Not Simulated")
        assert simulator.control.stats()["not_simulated"] == {f"{operation.method} {path}": 1}
        return
    real = example_path(api, operation)
    body = minimal(operation.raw.get("request_schema") or {})
    if path == "/lists/{list_id}/merge-fields":
        body["type"] = "text"
    if path == "/audiences/{audience_id}/contacts":
        body["email_channel"] = {"email": "new@example.com"}
    if path == "/lists/{list_id}/segments/{segment_id}/members":
        list_id = real.split("/")[2]
        body["email_address"] = api.get(f"/lists/{list_id}/members", count=1)["members"][0]["email_address"]

    response = api.call(operation.method, real, json=body)

    assert response.status_code == operation.raw["success_status"], response.text
    if response.content:
        assert errors(operation, response.json()) == []
    assert simulator.control.stats()["writes"] == {f"{operation.method} {path}": 1}


@pytest.mark.parametrize(
    "operation", [o for o in OTHERS if o.raw.get("request_schema")], ids=lambda o: f"{o.method} {o.path}"
)
def test_the_quick_check_of_bodies_never_passes_what_the_contract_refuses(operation: Operation) -> None:
    validator = CONTRACT.request_validator(operation)
    assert validator is not None
    quick = compile_check(CONTRACT, operation.raw["request_schema"])
    body = minimal(operation.raw["request_schema"])
    names = CONTRACT.resolve(operation.raw["request_schema"]).get("properties", {})
    values: tuple[Any, ...] = (None, [], {}, "?", 1, [{"email_address": 1}])
    spoiled = [{**body, name: value} for name in names for value in values]

    for candidate in (body, [], None, *spoiled):
        assert validator.is_valid(candidate) or not quick(candidate)


def test_a_body_that_the_contract_forbids_is_refused_with_the_field(api: Api, list_id: str) -> None:
    problem = api.problem(
        "POST", f"/lists/{list_id}/members", json={"email_address": "a@example.com", "status": "asleep"}
    )

    assert problem["title"] == "Invalid Resource"
    assert [error["field"] for error in problem["errors"]] == ["status"]


def test_a_body_that_is_not_json_is_refused(api: Api, list_id: str) -> None:
    problem = api.problem("POST", f"/lists/{list_id}", data=b"{")

    assert (problem["status"], problem["title"]) == (400, "JSON Parse Exception")


def test_unknown_paths_and_methods_are_refused(api: Api) -> None:
    assert api.problem("GET", "/nothing")["title"] == "Resource Not Found"
    assert api.problem("DELETE", "/ping")["title"] == "Method Not Allowed"


def test_the_contract_is_whole() -> None:
    raw = json.loads(CONTRACT_FILE.read_text())

    assert raw["operation_count"] == len(raw["operations"]) == len(CONTRACT.operations) == 302
