"""The streams' schemas: complete, tolerant of what the real API sends, and readable by destinations."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator

from source_mailchimp.reader.records import RecordMaker
from source_mailchimp.schemas import date_paths_of, schema_of
from source_mailchimp.stream import Stream
from source_mailchimp.streams import STREAMS

every_stream = pytest.mark.parametrize("stream", STREAMS.values(), ids=STREAMS)

_RECORDS = Path(__file__).with_name("data") / "real_records.jsonl"
REAL_RECORDS = [json.loads(line) for line in _RECORDS.read_text(encoding="utf-8").splitlines()]


def nodes(schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Every schema inside ``schema``, not itself."""
    for field in [*schema.get("properties", {}).values(), *([schema["items"]] if "items" in schema else ())]:
        yield field
        yield from nodes(field)


def values_at(value: Any, path: tuple[str, ...]) -> Iterator[tuple[Any, Any]]:
    """The places that ``path`` leads to in ``value``, as containers and keys."""
    if value is None or (isinstance(value, dict) and path[0] != "[]" and path[0] not in value):
        return
    steps = range(len(value)) if path[0] == "[]" else [path[0]]
    for step in steps:
        if len(path) == 1:
            yield value, step
        else:
            yield from values_at(value[step], path[1:])


@every_stream
class TestEverySchema:
    def test_it_is_valid_draft_7(self, stream: Stream) -> None:
        Draft7Validator.check_schema(schema_of(stream))

    def test_it_admits_null_new_fields_and_new_values_everywhere(self, stream: Stream) -> None:
        schema = schema_of(stream)

        assert schema["additionalProperties"] is True
        for node in nodes(schema):
            assert "null" in node["type"]
            assert "enum" not in node
            assert "object" not in node["type"] or node.get("additionalProperties", True) is True

    def test_each_column_has_one_type(self, stream: Stream) -> None:
        """PyAirbyte, and with it DuckDB, can't make a column of several."""
        for name, node in schema_of(stream)["properties"].items():
            assert len(node["type"]) == 2 or node["airbyte_type"] == "string", name

    def test_it_has_what_the_entry_names(self, stream: Stream) -> None:
        fields = schema_of(stream)["properties"]

        assert {*stream.key, *stream.parameters, *stream.adds, *stream.hash_key} <= fields.keys()
        assert "_links" not in fields

    def test_its_cursor_is_a_date(self, stream: Stream) -> None:
        if stream.cursor is not None:
            assert (stream.cursor.field,) in date_paths_of(stream)

    def test_dates_have_the_type_that_airbyte_knows(self, stream: Stream) -> None:
        for node in nodes(schema_of(stream)):
            if node.get("format") == "date-time":
                assert node["airbyte_type"] == "timestamp_with_timezone"


class TestRealRecords:
    """Records that the official connector read from a real account."""

    @pytest.mark.parametrize("line", REAL_RECORDS, ids=[line["stream"] for line in REAL_RECORDS])
    def test_a_real_record_fits_its_stream(self, line: dict[str, Any]) -> None:
        errors = [
            error.message for error in Draft7Validator(schema_of(STREAMS[line["stream"]])).iter_errors(line["data"])
        ]

        assert errors == []

    @pytest.mark.parametrize("line", REAL_RECORDS, ids=[line["stream"] for line in REAL_RECORDS])
    def test_what_the_schema_calls_a_date_is_one_or_is_unset(self, line: dict[str, Any]) -> None:
        for path in date_paths_of(STREAMS[line["stream"]]):
            for container, key in values_at(line["data"], path):
                assert not container[key] or datetime.fromisoformat(container[key]).tzinfo is not None

    @pytest.mark.parametrize("line", REAL_RECORDS, ids=[line["stream"] for line in REAL_RECORDS])
    def test_no_field_of_a_real_record_is_unknown(self, line: dict[str, Any]) -> None:
        assert line["data"].keys() <= schema_of(STREAMS[line["stream"]])["properties"].keys()


class TestLoader:
    def test_dates_are_found_at_every_depth(self) -> None:
        assert {
            ("send_time",),
            ("opens", "last_open"),
            ("timeseries", "[]", "timestamp"),
        } <= set(date_paths_of(STREAMS["reports"]))
        assert ("variate_settings", "send_times", "[]") in date_paths_of(STREAMS["campaigns"])

    def test_a_caller_may_change_what_it_got(self) -> None:
        schema_of(STREAMS["lists"])["properties"].clear()

        assert "id" in schema_of(STREAMS["lists"])["properties"]

    def test_an_audiences_id_is_text_where_the_contract_says_number(self) -> None:
        """The contract says integer there, and string everywhere else: a number becomes text."""
        stream = STREAMS["conversation_messages"]
        validator = Draft7Validator(schema_of(stream))

        (record,) = RecordMaker(stream).records([{"id": "a", "list_id": 7}], {})

        assert record["list_id"] == "7"
        assert validator.is_valid({"list_id": "16d6ec4ffc"})
        assert not validator.is_valid({"list_id": 7})
