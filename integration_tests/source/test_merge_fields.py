"""The option ``merge_fields``: what discover declares is what read sends."""

from __future__ import annotations

from typing import Any

import pytest
from jsonschema import Draft7Validator

from integration_tests.harness.source import SourceHarness

Json = dict[str, Any]
NAME = "list_members"


@pytest.fixture(scope="module")
def account() -> Json:
    """Three audiences: the second has more merge fields, of all types; the third no contacts."""
    return {"contacts": 120, "audiences": 3, "campaigns": 2, "recipients": 5}


def discovered(source: SourceHarness, **options: Any) -> Json:
    """What discover says of contacts."""
    streams = source.in_process("discover", source.config(**options)).answer["streams"]
    [found] = [stream for stream in streams if stream["name"] == NAME]
    schema: Json = found["json_schema"]
    return schema


def catalog(schema: Json) -> Json:
    """A configured catalog of contacts alone."""
    stream = {"name": NAME, "json_schema": schema, "supported_sync_modes": ["full_refresh", "incremental"]}
    return {"streams": [{"stream": stream, "sync_mode": "full_refresh", "destination_sync_mode": "overwrite"}]}


@pytest.mark.parametrize("mode", ["typed", "columns"])
class TestTyped:
    """Both ways of telling names and types."""

    def test_every_record_fits_what_discover_declares(self, source: SourceHarness, mode: str) -> None:
        schema = discovered(source, merge_fields=mode)
        run = source.in_process("read", source.config(merge_fields=mode), catalog(schema))

        validator = Draft7Validator(schema, format_checker=Draft7Validator.FORMAT_CHECKER)
        assert run.exit_code == 0
        assert len(run.records(NAME)) == 120
        assert [error.message for record in run.records(NAME) for error in validator.iter_errors(record)] == []
        # Nothing but what is declared: a warehouse drops the rest.
        where = schema["properties"] if mode == "columns" else schema["properties"]["merge_fields"]["properties"]
        for record in run.records(NAME):
            assert set(record if mode == "columns" else record["merge_fields"] or ()) <= set(where)

    def test_nothing_that_mailchimp_holds_is_missing(self, source: SourceHarness, mode: str) -> None:
        """Each value is there, under its name."""
        plain = {(r["list_id"], r["id"]): r for r in source.read([NAME], "full_refresh").records(NAME)}
        run = source.read([NAME], "full_refresh", merge_fields=mode)

        assert len(plain) == len(run.records(NAME)) == 120
        for record in run.records(NAME):
            before = plain[record["list_id"], record["id"]]
            for tag, value in (before["merge_fields"] or {}).items():
                now = record[f"merge_{tag}"] if mode == "columns" else record["merge_fields"][tag]
                assert now == value or (now is None and value == "") or float(now) == float(value)
            chosen = [value for name, value in record.items() if name.startswith("interest_")]
            if mode == "typed":
                chosen = list((record["interests"] or {}).values())
            assert chosen == list((before["interests"] or {}).values())

    def test_names_and_types_are_those_of_the_audiences(self, source: SourceHarness, mode: str) -> None:
        properties = discovered(source, merge_fields=mode)["properties"]
        fields = properties if mode == "columns" else properties["merge_fields"]["properties"]
        prefix = "merge_" if mode == "columns" else ""

        assert fields[f"{prefix}POINTS"]["type"] == ["null", "number"]
        assert fields[f"{prefix}JOINED"]["format"] == "date"
        assert fields[f"{prefix}ADDRESS"]["properties"]["city"]["type"] == ["null", "string"]
        assert fields[f"{prefix}FNAME"]["title"] == "First Name"

    def test_fields_that_the_user_may_not_read_stay_as_they_come(self, source: SourceHarness, mode: str) -> None:
        source.simulator.control.forbid("/lists/{list_id}/merge-fields")
        try:
            run = source.read([NAME], "full_refresh", merge_fields=mode)
        finally:
            source.simulator.control.forbid()

        assert run.exit_code == 0
        assert len(run.records(NAME)) == 120
        assert "stay as they come" in run.output


def test_by_default_nothing_is_asked_and_nothing_changes(source: SourceHarness) -> None:
    """Whoever has saved a configuration gets the same objects, for the same requests."""
    source.simulator.control.reset_stats()
    schema = discovered(source)

    assert source.simulator.control.stats()["requests"] == 0
    assert schema["properties"]["merge_fields"]["properties"] == {}
    source.read([NAME], "full_refresh")
    assert not [entry for entry in source.simulator.control.log() if "merge-fields" in entry[3]]


def test_a_catalog_from_before_the_option_is_told(source: SourceHarness) -> None:
    run = source.in_process("read", source.config(merge_fields="columns"), catalog(discovered(source)))

    assert "the catalog has no columns for merge fields yet: refresh the schema" in run.output


def test_an_account_that_does_not_answer_fails_discover_and_says_why(source: SourceHarness) -> None:
    """A catalog without the fields would silently drop them from the destination."""
    run = source.in_process(
        "discover",
        source.config(merge_fields="typed", credentials={"auth_type": "apikey", "apikey": "f" * 32 + "-us10"}),
    )

    assert run.exit_code == 1
    [failure] = run.error_traces
    assert failure["failure_type"] == "config_error"
