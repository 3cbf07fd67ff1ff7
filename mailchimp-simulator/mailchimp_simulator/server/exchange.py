"""One request and its answer: access, connection limit, faults, latency and counting."""

from __future__ import annotations

import asyncio
import gzip
import random
import socket
import struct
import time
import uuid
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import orjson
from starlette.datastructures import Headers, QueryParams

from mailchimp_simulator.contract.answers import Answer, ProblemError
from mailchimp_simulator.server.access import OAUTH_METADATA
from mailchimp_simulator.server.faults import Applicable, Rule
from mailchimp_simulator.server.hostile import bomb, edited, endless, with_more

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

    from mailchimp_simulator.server.simulation import Simulation

_HTML = b"<!DOCTYPE html><html><head><title>Sorry</title></head><body><h1>Something went wrong</h1></body></html>"
_ROOT = "/3.0"


class Exchange:
    """One request and its answer."""

    def __init__(self, simulation: Simulation, scope: Scope, receive: Receive, send: Send) -> None:
        """Read nothing yet."""
        self.simulation = simulation
        self.scope = scope
        self.receive = receive
        self.send = send
        self.headers = Headers(scope=scope)
        self.method: str = scope["method"]
        path = unquote(scope["path"])
        self.path = path[len(_ROOT) :].rstrip("/") or "/" if path.startswith(_ROOT) else path
        self.query = dict(QueryParams(scope["query_string"]))
        self.template = "?"
        self.status = 0
        self.rows = 0
        self.request_id = str(uuid.UUID(int=random.getrandbits(128)))

    async def run(self) -> None:
        """Count it, and answer it or not."""
        stats = self.simulation.stats
        begun = time.monotonic()
        start = stats.start()
        entered: str | None = None
        applied = Applicable()
        try:
            body = await self._body()
            try:
                secret, user = self._who()
                operation = values = None
                self.template = OAUTH_METADATA
                if user is not None:
                    self.template = "?"
                    operation, values = self.simulation.service.operation(self.method, self.path)
                    self.template = operation.path
                    entered = self.simulation.access.enter(secret, user)
                applied = self.simulation.faults.applicable(self.method, self.template, self.path, self.query)
                self._persons(applied, "before")
                fault = applied.fault
                if user is not None:
                    self.simulation.access.check(user, self.template)
                if fault is not None and fault.kind in ("reset", "hang", "status"):
                    await self._early(fault, applied.latencies, begun)
                    return
                if fault is not None and fault.kind == "ignore_query":
                    self.query = {k: v for k, v in self.query.items() if k not in fault.options["names"]}
                if operation is None or values is None:
                    answer = self._metadata()
                else:
                    language = self.headers.get("accept-language", "")
                    answer = self.simulation.service.answer(operation, values, self.query, body, language)
                    if answer.wrote:
                        stats.writes[f"{self.method} {self.template}"] += 1
                    answer = self._changed(answer, fault)
            except ProblemError as problem:
                if problem.status == 429:
                    stats.refused += 1
                answer = problem.answer(self.request_id)
            self.rows = answer.rows
            await self._wait(applied.latencies, begun, answer.rows)
            self._persons(applied, "after")
            await self._give(answer, applied.fault)
            if self.method == "GET":
                self.simulation.drift.after(self.template)
        finally:
            if entered is not None:
                self.simulation.access.leave(entered)
            query = self.scope["query_string"].decode("latin-1")
            stats.end(start, self.method, self.template, self.path, query, self.status, self.rows)

    def _persons(self, applied: Applicable, when: str) -> None:
        """Let people do what a test has them do before or after this request."""
        for rule in applied.persons:
            if rule.options.get("when", "before") == when:
                emails = rule.options.get("emails") or [None]
                for email in emails:
                    self.simulation.drift.one(rule.options["do"], email, rule.options.get("list_id"))

    def _changed(self, answer: Answer, fault: Rule | None) -> Answer:
        """The answer as a fault changes its content."""
        if fault is None:
            return answer
        if fault.kind == "forget_members":
            answer.body = _forget(answer.body, int(fault.options.get("members", 1)))
        elif fault.kind == "edit":
            answer = edited(answer, fault.options, self.simulation.world.clock.now())
        elif fault.kind == "grow_total":
            answer = with_more(answer, int(fault.options.get("by", 1)) * fault.applied)
        return answer

    async def _body(self) -> bytes:
        parts = []
        while True:
            message = await self.receive()
            parts.append(message.get("body", b""))
            if not message.get("more_body"):
                return b"".join(parts)

    def _who(self) -> tuple[str, Any]:
        if self.path == OAUTH_METADATA:
            return "", None
        if not self.scope["path"].startswith(_ROOT):
            raise ProblemError(404, "Resource Not Found", "The requested resource could not be found.")
        return self.simulation.access.who(self.headers.get("authorization"))

    def _metadata(self) -> Answer:
        host = self.headers.get("host", "localhost")
        content = self.simulation.access.metadata(self.headers.get("authorization"), f"http://{host}")
        return Answer(200, orjson.dumps(content))

    async def _wait(self, latencies: list[Rule], begun: float, rows: int) -> None:
        wanted = sum(
            float(rule.options.get("seconds", 0)) + float(rule.options.get("seconds_per_row", 0)) * rows
            for rule in latencies
        )
        if wanted:
            await asyncio.sleep(max(0.0, begun + wanted - time.monotonic()))

    async def _early(self, fault: Rule, latencies: list[Rule], begun: float) -> None:
        """Faults that come instead of the answer."""
        await self._wait(latencies, begun, 0)
        if fault.kind == "hang":
            # The connection goes on counting even if the client has long given up (doc).
            await asyncio.sleep(float(fault.options.get("seconds", 120)))
            self._close()
        elif fault.kind == "reset":
            self._reset()
        else:
            await self._give(_status_answer(fault, self.request_id), None)

    async def _give(self, answer: Answer, fault: Rule | None) -> None:
        """Send the answer, or as much of it as the fault lets through."""
        kind = fault.kind if fault else ""
        body = answer.body
        if kind == "lose_answer":
            self._reset()
            return
        if kind == "not_json":
            answer, body = Answer(200, _HTML, "text/html; charset=utf-8"), _HTML
        elif kind == "missing_items":
            body = orjson.dumps({"total_items": 0, "_links": []})
        length = len(body)
        if kind == "truncate" and fault is not None:
            body = body[: int(length * float(fault.options.get("keep", 0.5)))]
            if fault.options.get("content_length", "right") == "wrong":
                length = len(body)
        named = {"Date": self.simulation.world.clock.http_date(), **answer.headers}
        headers = [
            (b"content-type", answer.content_type.encode()),
            (b"x-request-id", self.request_id.encode()),
            (b"server", b"openresty"),
            *((key.lower().encode(), value.encode()) for key, value in named.items()),
        ]
        self.status = answer.status
        if fault is not None and kind in ("drip", "endless", "bomb"):
            await self._stream(body, headers, fault)
            return
        zipped = (
            self.simulation.settings.gzip and not kind and len(body) > 1_000
            and "gzip" in self.headers.get("accept-encoding", "")
        )  # fmt: skip
        if zipped:
            body = gzip.compress(body, 1)
            length = len(body)
            headers.append((b"content-encoding", b"gzip"))
        if answer.status != 204:
            headers.append((b"content-length", str(length).encode()))
        self.simulation.stats.bytes += len(body)
        await self.send({"type": "http.response.start", "status": answer.status, "headers": headers})
        if kind == "reset_midway" or (kind == "truncate" and length != len(body)):
            part = body[: len(body) // 2] if kind == "reset_midway" else body
            await self.send({"type": "http.response.body", "body": part, "more_body": True})
            await asyncio.sleep(0.02)
            self.status = 0
            if kind == "reset_midway":
                self._reset()
            else:
                self._close()
            return
        await self.send({"type": "http.response.body", "body": body})

    async def _stream(self, body: bytes, headers: list[tuple[bytes, bytes]], fault: Rule) -> None:
        """A body that comes in pieces, until it ends or the client has gone."""
        options = fault.options
        pause = 0.0
        if fault.kind == "drip":
            size = int(options.get("bytes", 1))
            pause = float(options.get("seconds", 1))
            pieces = iter([body[n : n + size] for n in range(0, len(body), size)])
            headers = [*headers, (b"content-length", str(len(body)).encode())]
        elif fault.kind == "bomb":
            pieces = bomb(int(options.get("megabytes", 1_000)))
            headers = [*headers, (b"content-encoding", b"gzip")]
        else:
            pieces = endless(int(options.get("megabytes", 100_000)))
        await self.send({"type": "http.response.start", "status": self.status, "headers": headers})
        transport = self.scope["simulator.transport"]
        for piece in pieces:
            if transport.is_closing():
                self.status = 0
                return
            self.simulation.stats.bytes += len(piece)
            await self.send({"type": "http.response.body", "body": piece, "more_body": True})
            await asyncio.sleep(pause)
        await self.send({"type": "http.response.body", "body": b""})

    def _reset(self) -> None:
        """Cut the connection as a crashed server or a firewall does: with a RST."""
        transport = self.scope["simulator.transport"]
        sock = transport.get_extra_info("socket")
        if sock is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport.abort()

    def _close(self) -> None:
        """End the connection in an orderly way, whatever was promised."""
        self.scope["simulator.transport"].close()


def _status_answer(fault: Rule, instance: str) -> Answer:
    options = fault.options
    status = int(options.get("status", 500))
    headers = {str(key): str(value) for key, value in options.get("headers", {}).items()}
    if "retry_after" in options:
        headers["Retry-After"] = str(options["retry_after"])
    body = options.get("body", "problem")
    if body == "html":
        return Answer(status, _HTML, "text/html; charset=utf-8", headers=headers)
    if body == "none":
        return Answer(status, b"", "text/html", headers=headers)
    if body == "akamai":
        return Answer(status, orjson.dumps({**_AKAMAI, "title": f"akamai_{status}", "status": status}), headers=headers)
    title = options.get("title") or _TITLES.get(status, "InternalServerError")
    answer = ProblemError(status, title, options.get("detail", "A fault that was asked for.")).answer(instance)
    answer.headers = headers
    return answer


_AKAMAI = {"type": "akamai_error_message", "ref_no": "Reference Number: 00.54f2f33f.1529514177.af3649e"}
"""What the network in front of Mailchimp answers in its place (ibericode/mailchimp-for-wordpress#573)."""
_TITLES = {400: "Invalid Resource", 401: "API Key Invalid", 403: "Forbidden", 404: "Resource Not Found",
           405: "Method Not Allowed", 429: "Too Many Requests"}  # fmt: skip


def _forget(body: bytes, members: int) -> bytes:
    """A batch answer that does not mention some members, though they were written."""
    content = orjson.loads(body)
    for key in ("new_members", "updated_members", "members_added", "errors"):
        rows = content.get(key) or []
        taken = min(members, len(rows))
        content[key] = rows[taken:]
        members -= taken
    for total, key in (
        ("total_created", "new_members"),
        ("total_updated", "updated_members"),
        ("error_count", "errors"),
    ):
        if total in content:
            content[total] = len(content[key])
    return orjson.dumps(content)
