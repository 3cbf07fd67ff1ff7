"""Misbehaviour on demand: rules that are matched against requests."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

Json = dict[str, Any]
KINDS = frozenset({
    "latency",  # seconds, seconds_per_row
    "status",  # status, body: problem | html | none, title, detail, retry_after, headers
    "truncate",  # keep: part of the body that is sent; content_length: right | wrong
    "not_json",  # 200 with a page of HTML
    "missing_items",  # 200, JSON, without the items key
    "reset",  # before anything is sent
    "reset_midway",  # in the middle of the body
    "lose_answer",  # the request takes effect, then the connection is reset
    "hang",  # seconds; then the connection is closed without an answer
    "forget_members",  # members: how many a batch answer leaves unmentioned
    "edit",  # set, remove, replace, body, status, headers, date_shift: see `hostile.edited`
    "grow_total",  # by: `total_items` grows by this with each answer
    "ignore_query",  # names: parameters that are taken for not given
    "drip",  # seconds: the pause after each `bytes` bytes of the body
    "endless",  # megabytes: a body that does not end before
    "bomb",  # megabytes: what a small compressed body unpacks to
    "person",  # do, emails, list_id, when: before | after: somebody changes between two calls
})  # fmt: skip


@dataclass
class Rule:
    """One misbehaviour: which requests, how often, and what."""

    id: int
    kind: str
    method: str | None = None
    path: str | None = None
    regex: str | None = None
    query: dict[str, str] = field(default_factory=dict)
    times: int | None = None
    skip: int = 0
    every: int = 1
    seen: int = 0
    applied: int = 0
    options: Json = field(default_factory=dict)

    def matches(self, method: str, template: str, path: str, query: Mapping[str, str]) -> bool:
        """Whether a request is meant: by template or path, or by regular expression on path and query."""
        if self.method and self.method != method:
            return False
        if self.path and self.path not in (template, path):
            return False
        if self.regex and not re.search(self.regex, path):
            return False
        return all(str(query.get(key, "")) == str(value) for key, value in self.query.items())

    def due(self) -> bool:
        """Whether it applies to this request, which it matches."""
        self.seen += 1
        number = self.seen - self.skip
        if number <= 0 or (number - 1) % self.every:
            return False
        if self.times is not None and self.applied >= self.times:
            return False
        self.applied += 1
        return True

    def show(self) -> Json:
        """The rule and how often it matched and applied."""
        return {"id": self.id, "kind": self.kind, "method": self.method, "path": self.path, "regex": self.regex,
                "query": self.query, "times": self.times, "skip": self.skip, "every": self.every,
                "seen": self.seen, "applied": self.applied, **self.options}  # fmt: skip


@dataclass
class Applicable:
    """The rules that apply to one request."""

    latencies: list[Rule] = field(default_factory=list)
    persons: list[Rule] = field(default_factory=list)
    fault: Rule | None = None


class Faults:
    """All rules. Of several that apply at once all latencies and persons count, and the first of the others."""

    def __init__(self) -> None:
        """No rules."""
        self.rules: list[Rule] = []
        self._next = 1

    def add(self, body: Json) -> Rule:
        """A rule from a control request. Raises ValueError for one that makes no sense."""
        body = dict(body)
        kind = body.pop("kind", None)
        if kind not in KINDS:
            raise ValueError(f"kind must be one of {sorted(KINDS)}")
        given = {
            key: body.pop(key) for key in ("method", "path", "regex", "query", "times", "skip", "every") if key in body
        }
        if given.get("regex"):
            re.compile(given["regex"])
        rule = Rule(self._next, kind, options=body, **given)
        self._next += 1
        self.rules.append(rule)
        return rule

    def clear(self) -> None:
        """Forget all rules."""
        self.rules.clear()

    def applicable(self, method: str, template: str, path: str, query: Mapping[str, str]) -> Applicable:
        """The rules that apply to a request, counted as applied."""
        applied = Applicable()
        for rule in self.rules:
            if not rule.matches(method, template, path, query):
                continue
            if rule.kind in ("latency", "person"):
                if rule.due():
                    (applied.latencies if rule.kind == "latency" else applied.persons).append(rule)
            elif applied.fault is None and rule.due():
                applied.fault = rule
        return applied
