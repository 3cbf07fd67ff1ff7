"""Reads the files that a command's options name. What is wrong with one is a person's mistake: a UsageError."""

from __future__ import annotations

import codecs
import json
import os
from pathlib import Path
from typing import Any

import orjson

from connector_cli.errors import UsageError

Json = dict[str, Any]

_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def read_text(path: str, option: str) -> bytes:
    """What the file holds, as UTF-8 without a mark at its beginning. ``option``: what named it, such as ``--config``.

    Editors and shells of Windows write such marks, or UTF-16. Raises UsageError for a file that can't be read.
    """
    try:
        content = Path(path).read_bytes()
    except FileNotFoundError:
        raise UsageError(
            f"{option}: there is no file {path}. Correct the path; in a container, mount the file's folder and give "
            "its path inside."
        ) from None
    except IsADirectoryError:
        raise UsageError(f"{option}: {path} is a folder. Give the path of a file in it.") from None
    except PermissionError:
        user = f" (uid {os.getuid()})" if hasattr(os, "getuid") else ""
        raise UsageError(f"{option}: this user{user} may not read {path}. Give it the right to.") from None
    except OSError as error:
        raise UsageError(
            f"{option}: {path} can't be read: {error.strerror}. Give the path of a readable file."
        ) from None
    if content.startswith(_UTF16):
        return content.decode("utf-16", "replace").encode()
    return content.removeprefix(codecs.BOM_UTF8)


def parse_json(content: bytes, path: str, option: str, *, first_line: int = 1) -> Any:
    """Decode ``content``. Raises UsageError with the line and column of what is wrong; it quotes nothing of it."""
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError:
        pass
    try:
        return json.loads(content)  # names the place in characters, and knows what people get wrong
    except json.JSONDecodeError as error:
        line = error.lineno + first_line - 1
        raise UsageError(
            f"{option}: {path} is not JSON: line {line}, column {error.colno}: {error.msg}. "
            "Correct that line: names and texts stand in double quotes, a comma between two entries and none "
            "after the last."
        ) from None
    except (ValueError, RecursionError):
        raise UsageError(f"{option}: {path} is not JSON. Correct it, or give another file.") from None


def read_object(path: str, option: str) -> Json:
    """The JSON object in the file. Raises UsageError for anything else, also for an empty file."""
    content = read_text(path, option)
    if not content.strip():
        raise UsageError(f"{option}: {path} is empty. It must hold a JSON object: {{…}}.")
    value = parse_json(content, path, option)
    if not isinstance(value, dict):
        raise UsageError(f"{option}: {path} holds {_kind(value)}. It must hold a JSON object: {{…}}.")
    return value


def parse_documents(content: bytes, path: str, option: str) -> list[Any]:
    """What the file holds: one JSON document, or one on each line, as a connector writes messages.

    Raises UsageError with the line of what is no JSON.
    """
    if not content.strip():
        return []
    try:
        return [orjson.loads(content)]
    except orjson.JSONDecodeError:
        pass
    lines = [(number, line) for number, line in enumerate(content.splitlines(), start=1) if line.strip()]
    try:
        first = orjson.loads(lines[0][1])
    except orjson.JSONDecodeError:
        first = None
    # Lines only if the first is one: whoever has forgotten a comma in a long document wants to know where.
    if len(lines) > 1 and isinstance(first, dict):
        return [parse_json(line, path, option, first_line=number) for number, line in lines]
    return [parse_json(content, path, option)]


def read_states(path: str | None, option: str = "--state") -> tuple[list[Json], list[str]]:
    """The ``state`` objects in the file, in order, and warnings: what a person who names a file may not expect.

    It holds what the platform passes, a JSON list of states, or lines of a connector's output, one message each, of
    which the STATE messages count; what a killed one wrote may end within a line. ``null`` is no state, as the CDK
    has it. Raises UsageError for anything else: a state that isn't understood must not pass for none, as everything
    would be read again.
    """
    if path is None:
        return [], []
    content = read_text(path, option)
    documents, warnings = _messages(content, path, option)
    if documents in ([None], [[]], [{}]):
        return [], warnings  # what the platform and PyAirbyte pass to a first sync
    if len(documents) == 1 and isinstance(documents[0], list):
        items, messages = documents[0], False
    else:
        items, messages = documents, len(documents) > 1
    states = []
    for number, item in enumerate(items, start=1):
        if isinstance(item, dict) and "state" in item and item.get("type") == "STATE":
            item = item["state"]  # noqa: PLW2901 - the state itself
        elif messages and isinstance(item, dict) and "type" in item:
            continue
        if not isinstance(item, dict):
            raise _no_state(path, option, number)
        if not item:
            continue
        if _says_nothing(item):
            raise _no_state(path, option, number)
        states.append(item)
    if not content.strip():
        warnings.append(f"{option}: {path} is empty, so everything is read, as without a state.")
    elif not states:
        what = "messages but no STATE" if messages else "only empty states"
        warnings.append(f"{option}: {path} holds {what}, so everything is read, as without a state.")
    return states, warnings


def _messages(content: bytes, path: str, option: str) -> tuple[list[Any], list[str]]:
    """``parse_documents`` without a last line that is cut off, if there is a STATE before it, and a warning of that.

    A read that was killed, or whose disk was full, leaves such a line. Every line before it is whole.
    """
    try:
        return parse_documents(content, path, option), []
    except UsageError:
        before, line_feed, last = content.rpartition(b"\n")
        if not line_feed or not last.strip() or _is_json(last):
            raise
        documents = [] if not _is_json(before.partition(b"\n")[0]) else parse_documents(before, path, option)
        if not any(isinstance(item, dict) and item.get("type") == "STATE" for item in documents):
            raise
    return documents, [f"{option}: the last line of {path} is cut off; the state before it is used."]


def _is_json(line: bytes) -> bool:
    try:
        orjson.loads(line)
    except orjson.JSONDecodeError:
        return False
    return True


def _says_nothing(state: Json) -> bool:
    stream = state.get("stream")
    if isinstance(stream, dict):
        descriptor = stream.get("stream_descriptor")
        return not (isinstance(descriptor, dict) and isinstance(descriptor.get("name"), str))
    return not (isinstance(state.get("global"), dict) or isinstance(state.get("data"), dict))


def _no_state(path: str, option: str, number: int) -> UsageError:
    return UsageError(
        f"{option}: entry {number} of {path} is no state. The file must hold a JSON list of what STATE messages have "
        "under `state`, or those messages, one a line: the output of an earlier read will do."
    )


def _kind(value: Any) -> str:
    names = {list: "a list", str: "a text", bool: "true or false", type(None): "null"}
    return names.get(type(value), "a number")
