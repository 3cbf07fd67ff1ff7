"""The file behind ``--state``: what people give back, and what is no state."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mailchimp_api.errors import ConfigError
from source_mailchimp.state_file import read_state_file


def state(name: str, cursor: str) -> dict[str, Any]:
    return {
        "type": "STREAM",
        "stream": {"stream_descriptor": {"name": name}, "stream_state": {"version": 1, "cursor": cursor}},
    }


def message(name: str, cursor: str) -> dict[str, Any]:
    return {"type": "STATE", "state": state(name, cursor)}


RECORD = {"type": "RECORD", "record": {"stream": "lists", "data": {}, "emitted_at": 1}}


@pytest.mark.parametrize(
    "text",
    [
        json.dumps([state("lists", "b"), state("reports", "c")]),
        json.dumps([message("lists", "b"), message("reports", "c")]),
        "\n".join(map(json.dumps, [message("lists", "a"), RECORD, message("lists", "b"), message("reports", "c")])),
    ],
    ids=["what the platform passes", "messages in a list", "a connector's output"],
)
def test_states_are_read_in_every_shape_people_keep_them(tmp_path: Path, text: str) -> None:
    """The last state of a stream counts."""
    file = tmp_path / "state.json"
    file.write_text(text, encoding="utf-8")

    states = read_state_file(file)

    found = {
        item.stream.stream_descriptor.name: vars(item.stream.stream_state)["cursor"] for item in states if item.stream
    }
    assert found == {"lists": "b", "reports": "c"}


@pytest.mark.parametrize("text", ["", "[]", "{}", "\n"])
def test_an_empty_file_is_no_state(tmp_path: Path, text: str) -> None:
    file = tmp_path / "state.json"
    file.write_text(text, encoding="utf-8")

    assert read_state_file(file) == []


def test_one_state_by_itself_is_read(tmp_path: Path) -> None:
    file = tmp_path / "state.json"
    file.write_text(json.dumps(message("lists", "a")), encoding="utf-8")

    assert len(read_state_file(file)) == 1


@pytest.mark.parametrize(
    "text", ["nonsense", "[1]", '"text"', '{"cursor": "a"}', '[{"type": "STREAM"}]', "7", '{"a": 1}\n{']
)
def test_what_is_no_state_is_said_to_be_none(tmp_path: Path, text: str) -> None:
    """In words, and without quoting the file: it may hold anything."""
    file = tmp_path / "state.json"
    file.write_text(text, encoding="utf-8")

    with pytest.raises(ConfigError, match="--state") as caught:
        read_state_file(file)

    assert caught.value.field == "state"


def test_a_file_that_is_not_there_is_named_as_the_cause(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="FileNotFoundError"):
        read_state_file(tmp_path / "missing.json")
