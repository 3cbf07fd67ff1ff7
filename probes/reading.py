"""Reads the whole account with the real command, ``source-mailchimp``, and holds each record to its schema."""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from integration_tests.harness import Installed, configured
from probes.output import say
from probes.settings import Settings
from probes.surprises import surprises
from source_mailchimp.stream import PerContact
from source_mailchimp.streams import STREAMS

Json = dict[str, Any]
_MOST_SHOWN = 20


@dataclass
class _Stream:
    """What has been seen of a stream."""

    schema: Json
    began: float = field(default_factory=time.monotonic)
    rows: int = 0
    surprises: Counter[tuple[str, str]] = field(default_factory=Counter)

    def take(self, record: Json) -> None:
        """Count a record and what is strange about it."""
        self.rows += 1
        self.surprises.update(set(surprises(self.schema, record)))


class _Source:
    """source-mailchimp, with the files of its commands in ``folder``."""

    def __init__(self, folder: Path, config: Json) -> None:
        self._folder = folder
        self._config = config
        self._installed = Installed("source-mailchimp", folder)

    def messages(self, command: str, **files: Json) -> Iterator[Json]:
        """The messages of a command, one after the other: an account may be larger than the memory."""
        line = self._installed.command_line(command, config=self._config, **files)
        errors = self._folder / "stderr"
        with errors.open("wb") as sink, _process(line, sink.fileno()) as process:
            assert process.stdout is not None
            for text in process.stdout:
                try:
                    message = orjson.loads(text)
                except orjson.JSONDecodeError:
                    say(f"{command}: a line that is no message")
                    continue
                yield message
            code = process.wait()
        if code:
            words = errors.read_text(encoding="utf-8", errors="replace").strip().splitlines()
            say(f"{command} ended with exit code {code}" + (f": {words[-1]}" if words else ""))


def read_everything(settings: Settings, *, per_contact: bool) -> bool:
    """Check, discover, read; print a table. Whether all went well: surprises are no failure, missing rows are."""
    with tempfile.TemporaryDirectory(prefix="live-") as name:
        given = {"credentials": settings.credentials.model_dump(), "api_url": settings.api_url}
        # The folder is its owner's alone; the key goes with it.
        source = _Source(Path(name), {key: value for key, value in given.items() if value})
        if not _check(source):
            return False
        catalog = _discover(source)
        if catalog is None:
            return False
        wanted = [stream for stream in catalog if per_contact or _one_request_for_many(stream["name"])]
        left_out = [stream["name"] for stream in catalog if stream not in wanted]
        if left_out:
            say(f"not read without --per-contact, one request a contact: {', '.join(left_out)}")
        return _read(source, wanted)


def _one_request_for_many(name: str) -> bool:
    return name not in STREAMS or not isinstance(STREAMS[name].reading, PerContact)


def _check(source: _Source) -> bool:
    for message in source.messages("check"):
        if message["type"] == "CONNECTION_STATUS":
            status = message["connectionStatus"]
            say(f"check: {status['status']} {status.get('message') or ''}".rstrip())
            return bool(status["status"] == "SUCCEEDED")
    say("check: no answer")
    return False


def _discover(source: _Source) -> list[Json] | None:
    for message in source.messages("discover"):
        if message["type"] == "CATALOG":
            streams: list[Json] = message["catalog"]["streams"]
            say(f"discover: {len(streams)} streams")
            return streams
    say("discover: no answer")
    return None


def _read(source: _Source, streams: list[Json]) -> bool:
    schemas = {stream["name"]: stream["json_schema"] for stream in streams}
    seen: dict[str, _Stream] = {}
    complete: set[str] = set()
    remarks: Counter[str] = Counter()
    say(f"{'stream':34} {'rows':>9} {'seconds':>8}  surprises")
    for message in source.messages("read", catalog=configured(streams)):
        match message:
            case {"type": "RECORD", "record": {"stream": name, "data": data}}:
                seen.setdefault(name, _Stream(schemas[name])).take(data)
            case {"type": "LOG", "log": {"level": "WARN" | "ERROR" | "FATAL" as level, "message": text}}:
                remarks[f"{level}: {text}"] += 1
            case {"type": "TRACE", "trace": {"error": {"message": text}}}:
                remarks[f"error: {text}"] += 1
            case {"type": "TRACE", "trace": {"stream_status": {"status": status, "stream_descriptor": descriptor}}}:
                name = descriptor["name"]
                stream = seen.setdefault(name, _Stream(schemas[name]))
                if status in {"COMPLETE", "INCOMPLETE"}:
                    _show(name, stream, status)
                    complete |= {name} if status == "COMPLETE" else set()
    _show_surprises(seen)
    for text, times in remarks.most_common(_MOST_SHOWN):
        say(text if times == 1 else f"{text} ({times} times)")
    missing = sorted(set(schemas) - complete)
    say(f"not complete: {', '.join(missing)}" if missing else f"all {len(complete)} streams are complete")
    return not missing


def _show(name: str, stream: _Stream, status: str) -> None:
    seconds = time.monotonic() - stream.began
    note = "" if status == "COMPLETE" else "  NOT COMPLETE"
    say(f"{name:34} {stream.rows:9} {seconds:8.1f}  {len(stream.surprises) or '-'}{note}")


def _show_surprises(seen: dict[str, _Stream]) -> None:
    for name, stream in seen.items():
        for (path, what), times in sorted(stream.surprises.items()):
            say(f"surprise: {name}: {path}: {what} ({times} of {stream.rows} rows)")


@contextmanager
def _process(line: list[str], errors: int) -> Iterator[subprocess.Popen[bytes]]:
    """A process that does not outlive the block."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MAILCHIMP_")}
    process = subprocess.Popen(line, stdout=subprocess.PIPE, stderr=errors, env=environment)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.terminate()
        assert process.stdout is not None
        process.stdout.close()
        process.wait()
