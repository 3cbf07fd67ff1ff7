"""Answers: what a handler gives back, problems as Mailchimp words them, and the choice of fields."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import orjson

Json = dict[str, Any]
PROBLEM = "application/problem+json; charset=utf-8"
JSON = "application/json; charset=utf-8"
_GLOSSARY = "https://mailchimp.com/developer/marketing/docs/errors/"


@dataclass
class Answer:
    """One HTTP answer before anything has gone wrong with it."""

    status: int = 200
    body: bytes = b""
    content_type: str = JSON
    rows: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    wrote: bool = False


class ProblemError(Exception):
    """Ends a request with problem+json."""

    def __init__(self, status: int, title: str, detail: str, errors: list[Json] | None = None,
                 headers: dict[str, str] | None = None) -> None:  # fmt: skip
        """`errors`: `{field, message}` of each invalid field."""
        super().__init__(f"{status} {title}: {detail}")
        self.status = status
        self.title = title
        self.detail = detail
        self.errors = errors
        self.headers = headers or {}

    def answer(self, instance: str) -> Answer:
        """The answer, with `instance` as its own id."""
        body: Json = {"type": _GLOSSARY, "title": self.title, "status": self.status, "detail": self.detail,
                      "instance": instance}  # fmt: skip
        if self.errors is not None:
            body["errors"] = self.errors
        return Answer(self.status, orjson.dumps(body), PROBLEM, headers=dict(self.headers))


def invalid(*errors: tuple[str, str]) -> ProblemError:
    """400 Invalid Resource."""
    detail = "The resource submitted could not be validated. For field-specific details, see the 'errors' array."
    return ProblemError(400, "Invalid Resource", detail, [{"field": f, "message": m} for f, m in errors])


def not_found() -> ProblemError:
    """404 Resource Not Found."""
    return ProblemError(404, "Resource Not Found", "The requested resource could not be found.")


def not_simulated(method: str, path: str) -> ProblemError:
    """501: the contract has this operation, the simulator does not."""
    return ProblemError(501, "Not Simulated", f"The simulator does not play {method} {path}.")


class FieldChoice:
    """`fields` or `exclude_fields` of a request, as dotted paths. Unknown ones are ignored."""

    def __init__(self, fields: str | None, exclude: str | None) -> None:
        """At most one of them is given: both together were refused before."""
        self.only = _tree(fields) if fields else None
        self.without = _tree(exclude) if exclude else None
        self.excluded = frozenset(part for part in (exclude or "").split(",") if part)

    @property
    def everything(self) -> bool:
        """Whether nothing is chosen."""
        return self.only is None and self.without is None

    def apply(self, value: Any) -> Any:
        """The chosen part of an answer."""
        if self.only is not None:
            value = _keep(value, self.only)
        if self.without is not None:
            value = _drop(value, self.without)
        return value


def _tree(text: str) -> Json:
    tree: Json = {}
    for path in text.split(","):
        node = tree
        for part in path.strip().split("."):
            if part:
                node = node.setdefault(part, {})
    return tree


def _keep(value: Any, tree: Json) -> Any:
    if not tree:
        return value
    if isinstance(value, list):
        return [_keep(item, tree) for item in value]
    if isinstance(value, dict):
        return {key: _keep(value[key], inner) for key, inner in tree.items() if key in value}
    return value


def _drop(value: Any, tree: Json) -> Any:
    if isinstance(value, list):
        return [_drop(item, tree) for item in value]
    if isinstance(value, dict):
        return {
            key: _drop(inner, tree[key]) if key in tree else inner
            for key, inner in value.items()
            if not (key in tree and not tree[key])
        }
    return value


def links(path: str) -> list[Json]:
    """The `_links` of an answer."""
    href = f"https://us10.api.mailchimp.com/3.0{path}"
    return [{"rel": "self", "href": href, "method": "GET"}]
