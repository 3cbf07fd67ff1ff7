"""Makes records of every recorded answer of the real API that shows rows of a stream."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from jsonschema import Draft7Validator, FormatChecker

from mailchimp_simulator.contract.evidence import operation_of, recorded_answers, shown_fields
from mailchimp_simulator.contract.operations import Contract
from source_mailchimp.reader.records import RecordMaker
from source_mailchimp.schemas import schema_of
from source_mailchimp.stream import Embedded, Stream
from source_mailchimp.streams import STREAMS

Row = dict[str, Any]
CONTRACT = Contract()
SINGLE = {
    f"/{stream.path}": stream for stream in STREAMS.values()
    if stream.name != "list_member_keys" and not isinstance(stream.reading, Embedded)
}  # fmt: skip
"""Streams by the path of their listing, or of their object. Of contacts' keys less than a whole row is asked for."""
NO_DATES = {116}
"""Answers whose recorder has dates like 2019-03-1815:03:02+00:00; others have the T."""
EMBEDDED = [stream for stream in STREAMS.values() if isinstance(stream.reading, Embedded)]


def without_redacted(value: Any) -> Any:
    """The value without what its recorder has taken out."""
    if isinstance(value, dict):
        kept = {name: inner for name, inner in value.items() if inner not in ("REDACTED", "…")}
        return {name: without_redacted(inner) for name, inner in kept.items()}
    return [without_redacted(inner) for inner in value] if isinstance(value, list) else value


def rows_of(path: str, body: Any) -> list[Row]:
    """The rows that an answer shows: of a listing, or the one object."""
    operation = CONTRACT.operations["GET", path]
    return list(body.get(operation.items_key, [])) if operation.collection else [body]


def stream_at(path: str) -> Stream | None:
    """The stream that has such rows: at this path, or at that of the listing above."""
    found = SINGLE.get(path)
    return found or (SINGLE.get(path.rpartition("/")[0]) if path.endswith("}") else None)


def shown() -> list[Any]:
    """What recorded answers show of streams: answer, stream and row."""
    found = []
    for recorded in recorded_answers():
        operation = operation_of(CONTRACT, recorded)
        if operation is None or recorded.method != "GET" or recorded.status != 200 or recorded.number in NO_DATES:
            continue
        stream = stream_at(operation.path)
        if stream is None or not isinstance(recorded.body, dict):
            continue
        rows = [(stream, row) for row in rows_of(operation.path, without_redacted(recorded.body))]
        for child in EMBEDDED:
            if child.parent is stream:
                assert isinstance(child.reading, Embedded)
                rows += [(child, inner) for _, row in rows[:] for inner in row.get(child.reading.field, [])]
        found += [
            pytest.param(one, row, id=f"{recorded.name} {one.name} {place}") for place, (one, row) in enumerate(rows)
        ]
    return found


@pytest.mark.parametrize("stream, row", shown())
def test_a_recorded_row_becomes_a_record_without_loss(stream: Stream, row: Row) -> None:
    maker = RecordMaker(stream)
    names = {name for name in shown_fields(row) if "_links" not in name}

    records = maker.records([copy.deepcopy(row)], {})

    assert dict(maker.lost) == {}
    if maker.one_of_each_row:
        assert names - set(shown_fields(records[0])) == set()
    validator = Draft7Validator(schema_of(stream), format_checker=FormatChecker())
    assert [error.message for record in records for error in validator.iter_errors(record)] == []


def test_shares_of_a_domain_are_described_as_they_were_recorded() -> None:
    [answer] = [one.body for one in recorded_answers() if one.path.endswith("/domain-performance")]
    fields = schema_of(STREAMS["domain_performance"])["properties"]

    assert [row["emails_pct"] for row in answer["domains"]] == [
        row["emails_sent"] / answer["total_sent"] for row in answer["domains"]
    ]
    for name in ("emails_pct", "bounces_pct", "opens_pct", "clicks_pct", "unsubs_pct"):
        assert fields[name]["description"].endswith("0 to 1.")
