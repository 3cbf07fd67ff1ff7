"""The simulator's rows have the fields and the types of rows that the real API has sent."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mailchimp_simulator.account.fixtures import seeds
from mailchimp_simulator.client import Simulator
from mailchimp_simulator.contract.evidence import STREAMS

Json = dict[str, Any]
Shape = dict[str, set[str]]

# One record of each of these streams, as Airbyte's own connector read it: see the README beside the file.
RECORDS = Path(__file__).parents[2] / "source-mailchimp" / "unit_tests" / "data" / "real_records.jsonl"
REAL: dict[str, Json] = {
    record["stream"]: record["data"] for record in map(json.loads, RECORDS.read_text(encoding="utf-8").splitlines())
}
TEMPLATES = {**STREAMS, "email_activity": "/reports/{campaign_id}/email-activity"}
# The connector took these from the path.
FROM_PATH = {"segment_members": {"segment_id"}, "tags": {"list_id"}}
# What only other objects than the recorded one have.
OF_OTHERS = {
    "campaigns": {
        "settings.subject_line",  # the record is of a draft that nobody has written yet, of the regular type
        "settings.preview_text",
        "settings.from_name",
        "settings.reply_to",
        "parent_campaign_id",
        "has_logo_merge_tag",  # recorded elsewhere
        "recipients.segment_opts",  # of campaigns to a segment
        "delivery_status.can_cancel",  # of campaigns that were delivered in batches
        "delivery_status.status",
        "delivery_status.emails_sent",
        "delivery_status.emails_canceled",
        "report_summary",
        "rss_opts",
        "variate_settings",
    },
    "email_activity": {"url", "type"},  # of clicks and bounces; the record is of an open
    # Permissions: of audiences that ask for them, as the recorded one didn't.
    "list_members": {"last_note", "marketing_permissions"},
    # The contract has both, and nobody has shown whether the API leaves them out or had none.
    "segment_members": {"full_name", "last_note", "marketing_permissions"},
    "reports": {"industry_stats"},  # recorded elsewhere; this account had none
    "segments": {"options"},  # of saved segments; the record is of a tag
}
MERGE_FIELDS = {
    f"merge_fields.{field['tag']}" for field in seeds("merge_fields")["wide"]
}  # the real one had none of them


def shape_of(rows: list[Json]) -> Shape:
    """The JSON types of every field, by dotted path."""
    found: Shape = defaultdict(set)
    for row in rows:
        for path, kind in fields_of(row):
            found[path].add(kind)
    return found


def fields_of(value: object, path: str = "") -> Iterator[tuple[str, str]]:
    if path:
        yield path, kind_of(value)
    if isinstance(value, dict):
        for name, inner in value.items():
            if name != "_links":
                field = "*" if path == "interests" else name  # interests are keyed by their ids
                yield from fields_of(inner, f"{path}.{field}" if path else field)
    elif isinstance(value, list):
        for inner in value:
            yield from fields_of(inner, f"{path}.[]")


def kind_of(value: object) -> str:
    kinds = ((bool, "boolean"), (int | float, "number"), (str, "string"), (list, "array"), (dict, "object"))
    return next((name for kind, name in kinds if isinstance(value, kind)), "null")


@pytest.fixture
def played(simulator: Simulator, stream: str) -> Shape:
    """The shape of the simulator's rows of a stream."""
    rows = [item["row"] for item in simulator.control.ground_truth(TEMPLATES[stream], "rows")["rows"]]
    if stream == "email_activity":  # a record is an event, a row a recipient
        rows = [{**row, **event} for row in rows for event in row.pop("activity")]
    return shape_of(rows)


def test_every_real_record_has_a_collection_to_be_compared_with() -> None:
    assert set(REAL) == set(TEMPLATES)


@pytest.mark.parametrize("stream", TEMPLATES)
def test_a_row_has_every_field_of_the_real_record_with_its_type(played: Shape, stream: str) -> None:
    real = shape_of([REAL[stream]])
    for name in FROM_PATH.get(stream, ()):
        del real[name]

    assert set(real) - set(played) == set()
    # Where the record has null, an empty text or null may have been sent.
    assert {path: kinds for path, kinds in real.items() if not kinds - {"null"} <= played[path]} == {}
    assert [path for path, kinds in real.items() if kinds == {"null"} and not played[path] & {"null", "string"}] == []


@pytest.mark.parametrize("stream", TEMPLATES)
def test_a_row_has_no_field_that_the_real_record_lacks(played: Shape, stream: str) -> None:
    real = shape_of([REAL[stream]])
    allowed = OF_OTHERS.get(stream, set()) | MERGE_FIELDS
    # An empty list, an empty text or null in the record doesn't say what else could be inside.
    allowed |= {path for path, kinds in real.items() if not any(name.startswith(f"{path}.") for name in real)}

    invented = {path for path in set(played) - set(real) if not any(f"{path}.".startswith(f"{a}.") for a in allowed)}

    assert invented == set()


@pytest.mark.parametrize("stream", ["list_members", "unsubscribes"])
def test_an_address_is_an_object_or_empty(played: Shape, stream: str) -> None:
    assert played["merge_fields.ADDRESS"] == {"object", "string"}
