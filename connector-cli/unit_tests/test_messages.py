"""Messages made by hand are the ones that the CDK's own classes read and would write."""

from __future__ import annotations

import json
from typing import Any

import orjson
import pytest
from airbyte_cdk.models import AirbyteMessageSerializer

from connector_cli import messages


@pytest.mark.parametrize(
    "line",
    [
        messages.log("WARN", "Ünïcode"),
        messages.state("lists", None, {"version": 1}, 3),
        messages.state("lists", "space", {"version": 1}, 0),
        messages.status("lists", None, "COMPLETE"),
        messages.estimate("lists", "space", 12),
        messages.error("a", "b", "transient_error"),
        messages.error("a", "b", "config_error", stack_trace="c", stream=messages.descriptor("lists", "space")),
        messages.connection_status(None, "a warning"),
        messages.connection_status("a reason"),
        messages.records("lists", None, [{"id": 1}]).rstrip(),
        messages.records("lists", "space", [{"id": 1}]).rstrip(),
    ],
    ids=lambda line: line[:60].decode(),
)
def test_the_cdk_reads_them_and_nothing_is_lost(line: bytes) -> None:
    message = orjson.loads(line)

    assert AirbyteMessageSerializer.dump(AirbyteMessageSerializer.load(message)) == message


def test_each_record_is_a_line_of_its_own() -> None:
    rows: list[dict[str, Any]] = [{"text": 'line\nfeed "quoted"'}, {"text": None}]

    lines = messages.records("a\nb", None, rows).split(b"\n")

    assert lines.pop() == b""
    assert [orjson.loads(line)["record"]["data"] for line in lines] == rows
    assert messages.records("lists", None, []) == b""


def test_a_number_beyond_64_bits_is_written_as_it_is() -> None:
    """Mailchimp's e-commerce ids are whatever the shop's are."""
    [line] = messages.records("orders", None, [{"id": 10**30, "name": "é"}]).splitlines()

    assert json.loads(line)["record"]["data"] == {"id": 10**30, "name": "é"}


def test_the_count_of_a_state_is_a_decimal_number() -> None:
    """So says the protocol, and a strict reader holds to it."""
    assert b'"sourceStats":{"recordCount":3.0}' in messages.state("lists", None, {}, 3)
