"""Airbyte's messages as bytes, one line each without its line feed.

By hand and not through the CDK's classes: those cost two seconds to import, and a quarter of a read's CPU to write.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping
from typing import Any, Literal

import orjson

from connector_cli.errors import FailureType

Json = dict[str, Any]
Level = Literal["FATAL", "ERROR", "WARN", "INFO", "DEBUG"]
StreamStatus = Literal["STARTED", "RUNNING", "COMPLETE", "INCOMPLETE"]


def now_ms() -> int:
    """The time of this machine as messages have it: milliseconds since 1970."""
    return time.time_ns() // 1_000_000


def dumps(message: Mapping[str, Any]) -> bytes:
    """One message as a line. What orjson can't say, such as a number beyond 64 bits, Python's own encoder does."""
    try:
        return orjson.dumps(message)
    except TypeError:
        return json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def log(level: Level, text: str) -> bytes:
    """A LOG message."""
    return dumps({"type": "LOG", "log": {"level": level, "message": text}})


def descriptor(name: str, namespace: str | None = None) -> Json:
    """A stream's descriptor; without a namespace the field is left out."""
    return {"name": name, "namespace": namespace} if namespace is not None else {"name": name}


def records(name: str, namespace: str | None, rows: Iterable[Mapping[str, Any]]) -> bytes:
    """A RECORD message for each of ``rows``, each with its line feed."""
    space = b"" if namespace is None else b',"namespace":' + orjson.dumps(namespace)
    before = b'{"type":"RECORD","record":{"stream":' + orjson.dumps(name) + space + b',"data":'
    after = b',"emitted_at":%d}}\n' % now_ms()
    try:
        lines = [orjson.dumps(row) for row in rows]
    except TypeError:
        lines = [dumps(row) for row in rows]
    return before + (after + before).join(lines) + after if lines else b""


def state(name: str, namespace: str | None, stream_state: Mapping[str, Any], record_count: int) -> bytes:
    """A STATE message of one stream. ``record_count``: its records since its last STATE."""
    return dumps(
        {
            "type": "STATE",
            "state": {
                "type": "STREAM",
                "stream": {"stream_descriptor": descriptor(name, namespace), "stream_state": stream_state},
                "sourceStats": {"recordCount": float(record_count)},
            },
        }
    )


def status(name: str, namespace: str | None, value: StreamStatus) -> bytes:
    """A STREAM_STATUS trace."""
    told = {"stream_descriptor": descriptor(name, namespace), "status": value}
    return _trace("STREAM_STATUS", "stream_status", told)


def estimate(name: str, namespace: str | None, rows: int) -> bytes:
    """An ESTIMATE trace: how many rows the stream will have in all."""
    return _trace("ESTIMATE", "estimate", {**descriptor(name, namespace), "type": "STREAM", "row_estimate": rows})


def error(
    message: str, internal: str, failure_type: FailureType, *, stack_trace: str = "", stream: Json | None = None
) -> bytes:
    """An ERROR trace; the texts are masked already. ``stream``: the descriptor of the one that failed, if it is one."""
    told: Json = {"message": message, "internal_message": internal, "failure_type": failure_type}
    if stack_trace:
        told["stack_trace"] = stack_trace
    if stream:
        told["stream_descriptor"] = stream
    return _trace("ERROR", "error", told)


def connection_status(failure: str | None, message: str | None = None) -> bytes:
    """The answer to ``check``: failed with ``failure`` as its reason, or succeeded, maybe with a ``message``."""
    told = {"status": "FAILED", "message": failure} if failure else {"status": "SUCCEEDED"}
    if message and not failure:
        told["message"] = message
    return dumps({"type": "CONNECTION_STATUS", "connectionStatus": told})


def _trace(kind: str, name: str, content: Json) -> bytes:
    return dumps({"type": "TRACE", "trace": {"type": kind, "emitted_at": float(now_ms()), name: content}})
