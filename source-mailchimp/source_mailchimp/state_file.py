"""Reads the file behind ``--state``, in the shapes in which people keep states."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
from airbyte_cdk.models import AirbyteStateMessage, AirbyteStateMessageSerializer

from mailchimp_api.errors import ConfigError

Json = dict[str, Any]


def read_state_file(path: str | Path) -> list[AirbyteStateMessage]:
    """The states in the file, one for each stream: the last one of a stream counts.

    It holds what the platform passes, a JSON list of states, or lines of a connector's output, one message
    each, of which the STATE messages count. An empty file is no state. Raises ConfigError for anything else.
    """
    try:
        content = Path(path).read_bytes()
        parsed = _parse(content)
        messages = [AirbyteStateMessageSerializer.load(state) for state in parsed]
        # What the protocol's models accept may still say nothing of any stream.
        by_stream = {_name(message): message for message in messages}
    except (OSError, ValueError, TypeError, LookupError, AttributeError) as error:
        raise ConfigError(
            "The file given with --state can't be read as states: it must hold a JSON list of the `state` objects of "
            f"STATE messages, or those messages, one a line ({type(error).__name__}).",
            field="state",
        ) from None
    return list(by_stream.values())


def _parse(content: bytes) -> list[Json]:
    if not content.strip():
        return []
    try:
        whole = orjson.loads(content)
    except orjson.JSONDecodeError:
        lines = [orjson.loads(line) for line in content.splitlines() if line.strip()]
        return [line["state"] for line in lines if line["type"] == "STATE"]
    if isinstance(whole, list):
        return [item["state"] if item.get("type") == "STATE" else item for item in whole]
    if not whole:
        return []
    return [whole["state"] if whole.get("type") == "STATE" else whole]


def _name(message: AirbyteStateMessage) -> str:
    if message.stream is not None:
        return str(message.stream.stream_descriptor.name)
    if message.global_ is not None or message.data is not None:
        return ""
    raise ValueError("a state of no stream")
