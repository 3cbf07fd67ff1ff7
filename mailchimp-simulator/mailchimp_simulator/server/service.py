"""From a request that was let in to its answer: find the operation, check it, read or write."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from mailchimp_simulator.account.ground import CONTACTS, MEMBERS, SEGMENT_MEMBERS
from mailchimp_simulator.account.listings import listing
from mailchimp_simulator.account.member_listings import audience_contacts, members, segment_members
from mailchimp_simulator.account.objects import single
from mailchimp_simulator.account.refusals import Refusal
from mailchimp_simulator.account.writes import WRITES, write_object
from mailchimp_simulator.contract.answers import Answer, FieldChoice, ProblemError, invalid, not_found, not_simulated
from mailchimp_simulator.contract.query import Query
from mailchimp_simulator.contract.validation import NOT_PROVIDED, Check, compile_check, explain

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mailchimp_simulator.account.world import World
    from mailchimp_simulator.account.writes import Handler
    from mailchimp_simulator.contract.operations import Operation

Json = dict[str, Any]


class Service:
    """The API proper, without access, latency and faults."""

    def __init__(self, world: World) -> None:
        """Serve this account."""
        self.world = world
        self._checks: dict[tuple[str, str], Check] = {}

    def operation(self, method: str, path: str) -> tuple[Operation, tuple[str, ...]]:
        """The operation of a request. Raises ProblemError: 404 for a path, 405 for a method."""
        found = self.world.contract.match(path)
        if found is None:
            raise ProblemError(404, "Resource Not Found", "Invalid path")
        operations, values = found
        if method not in operations:
            detail = "The requested method and resource are not compatible."
            raise ProblemError(405, "Method Not Allowed", detail, headers={"Allow": ", ".join(sorted(operations))})
        return operations[method], values

    def answer(self, operation: Operation, values: tuple[str, ...], query: Mapping[str, str], body: bytes,
               language: str = "") -> Answer:  # fmt: skip
        """The answer to a request. `language`: its `Accept-Language`. Raises ProblemError."""
        if operation.method == "GET":
            return self.read(operation, values, query)
        return self.write(operation, values, Query(operation, query, language), body)

    def quick_check(self, operation: Operation) -> Check:
        """Tells quickly whether a body is surely valid."""
        key = (operation.method, operation.path)
        if key not in self._checks:
            self._checks[key] = compile_check(self.world.contract, operation.raw.get("request_schema"))
        return self._checks[key]

    def read(self, operation: Operation, values: tuple[str, ...], raw: Mapping[str, str]) -> Answer:
        """A GET."""
        world = self.world
        query = Query(operation, raw, paging_everywhere=world.settings.facts.paging_everywhere)
        if not operation.collection:
            if not world.exists(operation.path.rpartition("/{")[0], values[:-1]):
                raise not_found()
            content = single(world, operation, values, query)
            return Answer(200, orjson.dumps(query.fields.apply(content)), rows=1)
        if not world.exists(operation.path, values):
            raise not_found()
        if operation.path in (MEMBERS, SEGMENT_MEMBERS, CONTACTS):
            audience = world.audiences.find(values[0])
            assert audience is not None
            if operation.path == MEMBERS:
                return members(world, audience, operation, query)
            if operation.path == SEGMENT_MEMBERS:
                return segment_members(audience, operation, values, query)
            return audience_contacts(audience, operation, query)
        return listing(world, operation, values, query)

    def write(self, operation: Operation, values: tuple[str, ...], query: Query, body: bytes) -> Answer:
        """A POST, PUT, PATCH or DELETE."""
        handler = WRITES.get((operation.method, operation.path))
        content = self._content(operation, handler, body)
        if handler:
            if not handler.creates and not self.world.exists(operation.path, values):
                raise not_found()
            try:
                result = handler.run(self.world, values, query, content)
            except Refusal as refusal:
                raise refusal.problem() from None
        else:
            result = write_object(self.world, operation, values, content)
            if result is NotImplemented:
                raise not_simulated(operation.method, operation.path)
        if result is None:
            return Answer(204, b"", wrote=True)
        if not isinstance(result, bytes):
            result = orjson.dumps(FieldChoice(None, None).apply(result))
        return Answer(200, result, rows=1, wrote=True)

    def _content(self, operation: Operation, handler: Handler | None, body: bytes) -> Json:
        """What a body holds, as the contract wants it. Raises ProblemError (400)."""
        content: Json = {}
        validator = self.world.contract.request_validator(operation)
        if body.strip() or validator:
            try:
                content = orjson.loads(body)
            except orjson.JSONDecodeError:
                detail = "We encountered an unspecified JSON parsing error."
                raise ProblemError(400, "JSON Parse Exception", detail) from None
        needs_nothing = handler is not None and handler.needs_nothing
        if needs_nothing and isinstance(content, dict):
            # A null there counts as left out (recorded).
            content = {key: value for key, value in content.items() if value is not None}
        if validator and not (handler and handler.lenient) and not self.quick_check(operation)(content):
            errors = explain(validator.iter_errors(content))
            if needs_nothing:
                errors = [one for one in errors if not one[1].startswith(NOT_PROVIDED)]
            if errors:
                raise invalid(*errors[:20])
        return content
