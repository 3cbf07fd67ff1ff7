"""STATE out: in order, only when all before it is durable, and equal as JSON to what came in."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import orjson

from destination_mailchimp.accounting.ledger import Segment, StreamLedger

_TOKEN = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"|[{}\[\]]', re.DOTALL)
_COLON = re.compile(rb"\s*:")


def with_stats(line: bytes, record_count: int, rejected: int) -> bytes:
    """Put ``destinationStats`` at the end of the line's ``state`` object and leave every other byte as it is.

    Decoding and encoding would lose what Python's floats can't hold. ``line`` must be a JSON object with
    an object under ``state``.
    """
    stats = b'"destinationStats":{"recordCount":%d.0,"rejectedRecordCount":%d.0}' % (record_count, rejected)
    span = _span_of_state(line)
    if span is None:
        # The key is written with escapes, as nobody does: exactness is given up for it.
        message = orjson.loads(line)
        return with_stats(orjson.dumps({"type": "STATE", "state": message["state"]}), record_count, rejected)
    start, end = span
    inside = line[start + 1 : end].strip()
    return line[:end] + (b"," if inside else b"") + stats + line[end:]


def _span_of_state(line: bytes) -> tuple[int, int] | None:
    """The positions of the braces of the object under ``state`` (the last, should there be several)."""
    depth = 0
    opened: int | None = None
    wanted = False
    span: tuple[int, int] | None = None
    for token in _TOKEN.finditer(line):
        first = line[token.start()]
        if first in b"{[":
            if depth == 1 and wanted:
                opened = token.start()
            depth += 1
            wanted = False
        elif first in b"}]":
            depth -= 1
            if depth == 1 and opened is not None:
                span, opened = (opened, token.start()), None
        elif depth == 1 and _COLON.match(line, token.end()):
            wanted = token.group() == b'"state"'
    return span


@dataclass
class _Waiting:
    """A STATE that has come in. ``stream`` is None for a barrier over all of them."""

    line: bytes
    stream: StreamLedger | None
    segments: list[Segment]


class States:
    """Keeps the STATEs of all streams in the order of their arrival and lets out those whose time has come.

    ``withheld`` tells whether none may go out now: while the sync would fail if it ended here, as too much of it was
    rejected. The source would not send that again by itself.
    """

    def __init__(self, emit: Callable[[bytes], None], withheld: Callable[[], bool] = lambda: False) -> None:
        self._emit = emit
        self.withheld = withheld
        self._waiting: list[_Waiting] = []
        self._keys: Counter[int] = Counter()

    def arrive(self, line: bytes, stream: StreamLedger | None, streams: list[StreamLedger]) -> None:
        """A STATE came in after all that has been received: of one stream, or (None) of all of ``streams``."""
        segments = []
        for ledger in [stream] if stream else streams:
            segments.append(ledger.segment)
            ledger.segment = Segment()
        self._waiting.append(_Waiting(line.strip(), stream, segments))
        self._keys[id(stream)] += 1

    def emit_ready(self) -> None:
        """Emit every STATE for which all that came before it in its stream (or in all streams) is durable."""
        if not self._waiting or self.withheld():
            return
        blocked: set[int] = set()
        kept: list[_Waiting] = []
        for place, state in enumerate(self._waiting):
            key = id(state.stream)
            barrier = state.stream is None
            if key in blocked or (barrier and blocked) or any(segment.open for segment in state.segments):
                kept.append(state)
                blocked.add(key)
                # Nothing behind a barrier that waits, or once every stream waits, can be let out.
                if barrier or len(blocked) == len(self._keys):
                    kept += self._waiting[place + 1 :]
                    break
                continue
            self._keys[key] -= 1
            if not self._keys[key]:
                del self._keys[key]
            received = sum(segment.received for segment in state.segments)
            rejected = sum(segment.rejected for segment in state.segments)
            self._emit(with_stats(state.line, received - rejected, rejected))
        self._waiting = kept


def scope_of(state: Any) -> tuple[str | None, str] | None:
    """The (namespace, name) of the stream a decoded ``state`` is about; None for GLOBAL, LEGACY and unknown ones.

    A barrier over all streams is right for every kind of state that we don't know.
    """
    if not isinstance(state, dict) or state.get("type") != "STREAM":
        return None
    stream = state.get("stream")
    descriptor = stream.get("stream_descriptor") if isinstance(stream, dict) else None
    if not isinstance(descriptor, dict) or not isinstance(descriptor.get("name"), str):
        return None
    namespace = descriptor.get("namespace")
    return (namespace if isinstance(namespace, str) and namespace else None), descriptor["name"]
