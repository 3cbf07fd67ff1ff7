"""Every stream and every field says what it is, in a sentence that says more than its name."""

from __future__ import annotations

import logging
import re
from pathlib import Path
from typing import Any

import pytest
from field_descriptions import Descriptions, fields_of
from relations import relations_of

from source_mailchimp.schemas import schema_of
from source_mailchimp.source import SourceMailchimp
from source_mailchimp.stream import Stream
from source_mailchimp.streams import STREAMS

every_stream = pytest.mark.parametrize("stream", STREAMS.values(), ids=STREAMS)

_LONGEST = 260
# Words that add nothing to a name.
_EMPTY = frozenset(
    "a an and are as at be by for from has have how in is it its many of on one or row that the there this to "  # noqa: SIM905
    "was were whether which who with".split()
)


def words_of(text: str) -> set[str]:
    """The words of ``text`` by their stems, so that a plural is no other word."""
    return {re.sub(r"(es|ed|ing|s)$", "", word) for word in re.findall(r"[a-z]+", text.lower())} - _EMPTY


def sentences_of(stream: Stream) -> dict[str, str]:
    """The descriptions of the stream and its fields, by where they stand."""
    schema = schema_of(stream)
    fields = {".".join((stream.name, *path)): node.get("description", "") for path, node in fields_of(schema)}
    return {stream.name: schema.get("description", ""), **fields}


@every_stream
class TestEveryStream:
    def test_it_and_every_field_has_a_description(self, stream: Stream) -> None:
        assert [place for place, sentence in sentences_of(stream).items() if not sentence] == []

    def test_a_description_is_a_sentence(self, stream: Stream) -> None:
        """It fits a tooltip, begins like one and ends like one."""
        unfit = [
            sentence
            for sentence in sentences_of(stream).values()
            if len(sentence) > _LONGEST or not sentence.endswith(".") or not sentence[0].isupper()
        ]

        assert unfit == []

    def test_a_description_says_more_than_the_name(self, stream: Stream) -> None:
        empty = [
            f"{place}: {sentence}"
            for place, sentence in sentences_of(stream).items()
            # Where a value is found again is worth saying.
            if not words_of(sentence) - words_of(place.rpartition(".")[2].replace("_", " "))
            and not re.search(r"`\w+\.\w+`", sentence)
        ]

        assert empty == []

    def test_what_a_description_refers_to_exists(self, stream: Stream) -> None:
        schema = schema_of(stream)
        for relation in relations_of(stream.name, schema):
            assert relation.field in schema["properties"]
            assert relation.key in schema_of(STREAMS[relation.parent])["properties"]

    def test_other_streams_that_are_named_exist(self, stream: Stream) -> None:
        """``stream.field`` in backticks, where the first word is a stream's."""
        for sentence in sentences_of(stream).values():
            for name, field in re.findall(r"`(\w+)\.(\w+)`", sentence):
                if name in STREAMS:
                    assert field in schema_of(STREAMS[name])["properties"], sentence


def test_discover_shows_them() -> None:
    catalog = SourceMailchimp().discover(logging.getLogger(), {})
    schema = {stream.name: stream.json_schema for stream in catalog.streams}["lists"]

    assert schema["description"].startswith("One row for each audience")
    assert "0 to 100" in schema["properties"]["stats"]["properties"]["open_rate"]["description"]


class TestTheFiles:
    """``descriptions/*.yaml``: one place for each sentence."""

    def described(self, folder: Path, text: str) -> dict[str, str]:
        (folder / "a.yaml").write_text(text, encoding="utf-8")
        schema: dict[str, Any] = {"properties": {"id": {}, "owner": {"properties": {"id": {}, "name": {}}}}}
        descriptions = Descriptions(folder)
        descriptions.add_to(schema, "lists")
        assert descriptions.unused == []
        return {".".join(path): node["description"] for path, node in fields_of(schema)}

    def test_the_longest_name_wins(self, tmp_path: Path) -> None:
        text = "lists:\n  _: A.\n  owner: B.\nowner:\n  name: C.\nlists.owner:\n  id: D.\n'*':\n  id: E.\n"

        assert self.described(tmp_path, text) == {"id": "E.", "owner": "B.", "owner.id": "D.", "owner.name": "C."}

    def test_fields_without_one_are_named(self, tmp_path: Path) -> None:
        with pytest.raises(LookupError, match=r"lists\.id, lists\.owner\.id, lists\.owner\.name$"):
            self.described(tmp_path, "lists:\n  _: A.\n  owner: B.\n")

    def test_a_second_sentence_about_a_field_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(ValueError, match=r"lists\.id is described twice"):
            self.described(tmp_path, "lists:\n  id: A.\n'lists, owner':\n  id: B.\n")

    def test_a_sentence_about_nothing_is_found(self, tmp_path: Path) -> None:
        (tmp_path / "a.yaml").write_text("lists:\n  _: A.\n  gone: B.\n", encoding="utf-8")
        descriptions = Descriptions(tmp_path)
        descriptions.add_to({"properties": {}}, "lists")

        assert descriptions.unused == ["lists.gone"]
