"""The reading part of ``make test-live``: a row for each stream, surprises by name, and no record shown."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import jsonschema
import pytest
import requests

from integration_tests.harness.live import Json, Live
from integration_tests.harness.repository import ROOT
from mailchimp_simulator.client import SimulatorProcess
from probes.surprises import surprises
from source_mailchimp.schemas import schema_of
from source_mailchimp.stream import PerContact
from source_mailchimp.streams import STREAMS

VALUES: tuple[Any, ...] = (None, True, 1, 1.5, "text", [], {}, [1], {"a": 1}, ["text"], [{}])


class TestReading:
    """The whole account is read with the real command."""

    @pytest.fixture(scope="class")
    @staticmethod
    def output(simulator_process: SimulatorProcess) -> str:
        """What a run prints for an account with one thing in it that the schema doesn't know."""
        simulator_process.control.reset()
        folder = {"name": "Folder", "surprise": 5}
        auth = ("any", simulator_process.api_key)
        requests.post(f"{simulator_process.api_url}/template-folders", json=folder, auth=auth, timeout=10)
        done = subprocess.run(
            [sys.executable, "-m", "probes", "--only", "reading"],
            cwd=ROOT,
            env={"MAILCHIMP_API_KEY": simulator_process.api_key, "MAILCHIMP_API_URL": simulator_process.base_url},
            capture_output=True,
            text=True,
            check=True,
            timeout=120,
        )
        return done.stdout

    @pytest.fixture(scope="class")
    @staticmethod
    def table(output: str) -> dict[str, list[str]]:
        """The table: rows, seconds and surprises by stream."""
        lines = [line.split() for line in output.splitlines()]
        return {line[0]: line[1:] for line in lines if line and line[0] in STREAMS}

    def test_every_stream_has_its_row(self, table: dict[str, list[str]], simulator_process: SimulatorProcess) -> None:
        """But those that take a request for each contact; rows are as many as there are."""
        wanted = {name for name, stream in STREAMS.items() if not isinstance(stream.reading, PerContact)}
        paths = {
            name: f"/{STREAMS[name].path}" for name in ("lists", "list_members", "template_folders", "merge_fields")
        }

        assert set(table) == wanted
        assert {name: int(table[name][0]) for name in paths} == {
            name: simulator_process.control.ground_truth(path)["count"] for name, path in paths.items()
        }

    def test_what_the_schema_does_not_know_is_named(self, output: str, table: dict[str, list[str]]) -> None:
        """The field and its type, not what is in it."""
        rows = table["template_folders"][0]
        unknown = [line for line in output.splitlines() if line.startswith("surprise: template_folders")]

        assert unknown == [
            f"surprise: template_folders: surprise: a field the schema doesn't know (integer) (1 of {rows} rows)"
        ]

    def test_no_record_is_shown(self, output: str, simulator_process: SimulatorProcess) -> None:
        assert "@" not in output
        assert "Folder" not in output
        assert simulator_process.api_key not in output

    def test_a_key_that_is_refused_ends_it(self, live: Live) -> None:
        """The connector's own words say why."""
        assert live.run("--only", "reading", MAILCHIMP_API_KEY="00000000000000000000000000000000-us10") == 1

        assert "check: FAILED Invalid API Key" in live.output


class TestSurprises:
    """Records are held to their schemas."""

    @pytest.mark.parametrize("name", STREAMS)
    def test_types_are_judged_as_json_schema_does(self, name: str) -> None:
        """Whatever is put into a field of a stream, the verdict is jsonschema's."""
        schema = schema_of(STREAMS[name])
        validator = jsonschema.Draft7Validator(schema)
        records = [{field: value} for field in schema["properties"] for value in VALUES]

        judged = [not any(" instead of " in what for _, what in surprises(schema, record)) for record in records]

        assert judged == [validator.is_valid(record) for record in records]

    @pytest.mark.parametrize(
        "value,what",
        [
            ({"n": "1"}, [("n", "text instead of integer")]),
            ({"inner": {"later": [1]}}, [("inner.later", "a field the schema doesn't know (array)")]),
            ({"rows": [{"at": ""}, {"at": "2026-01-01T00:00:00Z"}]}, [("rows[].at", "text that is no date-time")]),
            ({"free": {"FNAME": 1}}, []),
            ({"day": "2026-02-30"}, [("day", "text that is no date")]),
        ],
    )
    def test_a_surprise_says_where_and_what(self, value: Json, what: list[tuple[str, str]]) -> None:
        schema = {
            "properties": {
                "n": {"type": ["null", "integer"]},
                "inner": {"type": "object", "properties": {"known": {}}},
                "rows": {"type": "array", "items": {"properties": {"at": {"type": "string", "format": "date-time"}}}},
                "free": {"type": "object", "properties": {}, "additionalProperties": True},
                "day": {"type": "string", "format": "date"},
            }
        }

        assert list(surprises(schema, value)) == what
