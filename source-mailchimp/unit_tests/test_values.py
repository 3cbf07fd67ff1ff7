"""Every value of a record is what its stream's schema declares, or null and counted."""

from __future__ import annotations

import asyncio
import copy
import logging
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft7Validator

from source_mailchimp.reader.output import StreamOutput
from source_mailchimp.reader.records import RecordMaker
from source_mailchimp.schemas import date_paths_of, schema_of
from source_mailchimp.stream import Stream
from source_mailchimp.streams import STREAMS
from source_mailchimp.values import ValueFitter
from unit_tests.mailchimp_model import run

COLUMNS: dict[str, dict[str, Any]] = {
    "text": {"type": ["null", "string"]},
    "number": {"type": ["null", "number"]},
    "integer": {"type": ["null", "integer"]},
    "flag": {"type": ["null", "boolean"]},
    "at": {"type": ["null", "string"], "format": "date-time"},
    "day": {"type": ["null", "string"], "format": "date"},
    "object": {"type": ["null", "object"]},
    "array": {"type": ["null", "array"], "items": {"type": ["null", "string"]}},
}
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False) | st.text(max_size=6),
    lambda inside: st.lists(inside, max_size=2) | st.dictionaries(st.text(max_size=3), inside, max_size=2),
    max_leaves=4,
)


def fitted(column: str, value: object) -> tuple[Any, int]:
    """What becomes of ``value`` in ``column``, and how many values were lost."""
    fitter = ValueFitter({"properties": COLUMNS})
    record = {column: value}
    fitter.fit(record)
    return record[column], sum(fitter.lost.values())


class TestColumns:
    @pytest.mark.parametrize(
        "column, value",
        [
            ("text", "x"),
            ("text", ""),
            ("number", 0.5),
            ("number", 7),
            ("integer", 7),
            ("flag", False),
            ("at", "2026-01-01T00:00:05+00:00"),
            ("at", "2026-01-01T00:00:05Z"),
            ("at", "2026-01-01T00:00:05.123+02:00"),
            ("day", "2026-01-01"),
            ("integer", 2**63 - 1),
            ("integer", -(2**63)),
            ("number", 2**64 - 1),
            ("object", {"a": [1]}),
            ("array", ["a", 1]),
            ("undeclared", {"what": "ever"}),
        ],
    )
    def test_what_is_as_declared_stays(self, column: str, value: object) -> None:
        assert fitted(column, value) == (value, 0)

    @pytest.mark.parametrize(
        "column, value, becomes",
        [
            ("text", 7, "7"),
            ("text", 0.5, "0.5"),
            ("text", True, "true"),
            ("text", {"a": 1}, '{"a":1}'),
            ("number", "12.50", 12.5),
            ("number", "7", 7),
            ("number", True, 1),
            ("integer", "-7", -7),
            ("integer", 7.0, 7),
            ("flag", "true", True),
            ("flag", 0, False),
            ("at", "2015-09-15 14:25:37", "2015-09-15T14:25:37+00:00"),
            ("at", "2015-09-15 14:25:37+02:00", "2015-09-15T14:25:37+02:00"),
            ("at", "2015-09-15", "2015-09-15T00:00:00+00:00"),
            ("object", [], {}),
            ("array", {}, []),
        ],
    )
    def test_what_can_be_said_in_the_declared_type_without_loss_is(
        self, column: str, value: object, becomes: object
    ) -> None:
        assert fitted(column, value) == (becomes, 0)

    @pytest.mark.parametrize("column", [name for name in COLUMNS if name != "text"])
    def test_an_empty_text_is_how_mailchimp_says_that_something_is_unset(self, column: str) -> None:
        assert fitted(column, "") == (None, 0)

    @pytest.mark.parametrize(
        "column, value",
        [
            ("number", "1,234"),
            ("number", "007"),
            ("number", "0.12345678901234567890"),
            ("integer", 7.5),
            ("integer", "7.5"),
            ("integer", "9223372036854775808"),
            ("integer", 2**63),
            ("integer", -(2**63) - 1),
            ("integer", float(2**64)),
            ("integer", float(-(2**63))),
            ("integer", "NaN"),
            ("number", "NaN"),
            ("number", "1e999"),
            ("flag", "yes"),
            ("flag", 2),
            ("at", "-001-11-30T00:00:00+00:00"),
            ("at", "0000-00-00 00:00:00"),
            ("at", "2026-02-30T00:00:00+00:00"),
            ("at", "2026-01-01T00:00:0Z"),
            ("at", "2019-03-1815:03:02+00:00"),
            ("at", 1451606400),
            ("at", ["2026-01-01T00:00:05+00:00"]),
            ("day", "0000-00-00"),
            ("object", "x"),
            ("object", [1]),
            ("array", "x"),
            ("array", {"a": 1}),
        ],
    )
    def test_anything_else_becomes_null_and_is_counted(self, column: str, value: object) -> None:
        assert fitted(column, value) == (None, 1)

    def test_a_record_with_an_unknown_property_is_fitted_all_the_same(self) -> None:
        fitter = ValueFitter({"properties": COLUMNS})
        record = {"at": "0000-00-00 00:00:00", "new": 1, "text": 7}

        fitter.fit(record)

        assert record == {"at": None, "new": 1, "text": "7"}
        assert fitter.lost == {("at", "date-time"): 1}


def columns_of(stream: Stream) -> dict[str, Any]:
    """The schema of ``stream`` without what stands inside objects and arrays, which stays as it came."""
    schema = schema_of(stream)
    for column in schema["properties"].values():
        column.pop("properties", None)
        column.pop("items", None)
    return schema


@pytest.mark.parametrize("stream", STREAMS.values(), ids=STREAMS)
class TestEveryStream:
    @settings(max_examples=10)
    @given(data=st.data())
    def test_a_record_of_whatever_values_is_valid_in_every_column(self, stream: Stream, data: st.DataObject) -> None:
        schema = columns_of(stream)
        record = data.draw(st.fixed_dictionaries({}, optional=dict.fromkeys(schema["properties"], JSON_VALUES)))

        ValueFitter(schema_of(stream)).fit(record)

        assert [error.message for error in Draft7Validator(schema).iter_errors(record)] == []

    def test_a_date_that_is_none_becomes_null_at_every_depth(self, stream: Stream) -> None:
        for path in date_paths_of(stream):
            fitter = ValueFitter(schema_of(stream))
            value: Any = "0000-00-00 00:00:00"
            for name in reversed(path):
                value = [value] if name == "[]" else {name: value}

            fitter.fit(value)

            for name in path:
                value = value[0] if name == "[]" else value[name]
            assert value is None
            assert [name for name, _ in fitter.lost] == [".".join(path)]


class TestRecords:
    def test_two_rows_that_differ_in_a_broken_date_keep_two_keys(self) -> None:
        row = {"type": "campaigns:sent", "title": "a"}
        rows = [{**row, "update_time": "0000-00-00 00:00:00"}, {**row, "update_time": "-001-11-30T00:00:00+00:00"}]

        first, second = RecordMaker(STREAMS["chimp_chatter"]).records(copy.deepcopy(rows), {})

        assert (first["update_time"], second["update_time"]) == (None, None)
        assert first["chatter_id"] != second["chatter_id"]

    def test_what_became_null_is_told_once_for_a_field(self, caplog: pytest.LogCaptureFixture) -> None:
        async def read() -> None:
            out = StreamOutput(STREAMS["campaigns"], asyncio.Queue(), rows_per_state=10)
            for number in range(3):
                await out.emit_records([{"id": str(number), "send_time": "-001-11-30T00:00:00+00:00"}], {})
            out.close()

        with caplog.at_level(logging.WARNING):
            run(read)

        assert [record.getMessage() for record in caplog.records] == [
            "campaigns: send_time: 3 values are no date-time and became null"
        ]
