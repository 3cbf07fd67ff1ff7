"""The destination's image does what the destination does, as a container that may do next to nothing."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from integration_tests.harness import Container
from mailchimp_simulator.client import SimulatorProcess

Json = dict[str, Any]
LIST = "/lists/{list_id}/members"
CATALOG: Json = {
    "streams": [
        {
            "stream": {
                "name": "people",
                "json_schema": {"type": "object", "properties": {"id": {}, "email": {}, "first_name": {}}},
                "supported_sync_modes": ["full_refresh", "incremental"],
            },
            "sync_mode": "full_refresh",
            "destination_sync_mode": "append_dedup",
            "primary_key": [["id"]],
            "cursor_field": [],
            "generation_id": 1,
            "minimum_generation_id": 0,
            "sync_id": 1,
        }
    ]
}
MEMORY = ("--memory", "512m", "--memory-swap", "512m")


def record(number: int) -> bytes:
    """A made-up person."""
    data = {"id": number, "email": f"person{number}@example.com", "first_name": f"Name {number}"}
    return orjson.dumps(
        {"type": "RECORD", "record": {"stream": "people", "emitted_at": 1_790_000_000_000, "data": data}}
    )


def state(number: int) -> bytes:
    """A state that says how far the people have come."""
    stream = {"stream_descriptor": {"name": "people"}, "stream_state": {"at": number}}
    return orjson.dumps({"type": "STATE", "state": {"type": "STREAM", "stream": stream}})


@pytest.fixture
def list_id(simulator: SimulatorProcess) -> str:
    """The account's first audience."""
    found: str = simulator.control.ground_truth("/lists", "rows")["rows"][0]["row"]["id"]
    return found


@pytest.fixture
def options(config: Json, list_id: str) -> Json:
    """The destination's configuration for that audience."""
    return {**config, "list_id": list_id}


def addresses(simulator: SimulatorProcess, list_id: str) -> set[str]:
    """The addresses that this module's records have brought into the audience."""
    rows = simulator.control.ground_truth(LIST, "rows", [list_id])["rows"]
    found = {row["row"]["email_address"] for row in rows}
    return {address for address in found if address.startswith("person") and address.endswith("@example.com")}


def test_spec_comes_once_and_soon(destination: Container, measured: Callable[[str], None]) -> None:
    """``spec`` needs no file and no network; how long a container takes to say anything is printed."""
    runs = [destination.run("spec").succeeded() for _ in range(3)]

    measured(f"destination-mailchimp: spec in {statistics.median(run.seconds for run in runs):.1f} s (median of 3)")
    assert all("connectionSpecification" in run.only("SPEC") for run in runs)
    assert {message["type"] for run in runs for message in run.messages} <= {"SPEC", "LOG"}


class TestCheck:
    """``check`` ends with 0 and one status, whatever it finds."""

    def test_a_good_key_and_a_known_audience_succeed(self, destination: Container, options: Json) -> None:
        status = destination.run("check", config=options).succeeded().only("CONNECTION_STATUS")

        assert status["status"] == "SUCCEEDED"

    def test_a_bad_key_fails_and_is_not_shown(self, destination: Container, options: Json) -> None:
        key = "f" * 32
        options["credentials"]["apikey"] = f"{key}-us10"

        run = destination.run("check", config=options).succeeded()

        assert run.only("CONNECTION_STATUS")["status"] == "FAILED"
        assert key not in run.output

    def test_an_audience_that_is_not_there_fails_and_is_named(self, destination: Container, options: Json) -> None:
        status = destination.run("check", config={**options, "list_id": "nosuchlist"}).succeeded()

        assert status.only("CONNECTION_STATUS")["status"] == "FAILED"
        assert "nosuchlist" in status.only("CONNECTION_STATUS")["message"]


def test_discover_tells_the_audiences_fields(destination: Container, options: Json) -> None:
    """The command that the CDK's own entry point does not have works in the image as well."""
    [operation] = destination.run("discover", config=options).succeeded().only("DESTINATION_CATALOG")["operations"]

    assert {"email_address", "FNAME"} <= set(operation["json_schema"]["properties"])


class TestWrite:
    """``write`` takes messages from standard input (``docker run -i``)."""

    def test_contacts_arrive_and_states_come_back_in_order(
        self, destination: Container, options: Json, simulator: SimulatorProcess, list_id: str
    ) -> None:
        before = addresses(simulator, list_id)
        lines = [record(1), record(2), state(1), record(3), state(2)]

        run = destination.run("write", config=options, catalog=CATALOG, stdin=lines).succeeded()

        assert [item["stream"]["stream_state"] for item in run.of("STATE")] == [{"at": 1}, {"at": 2}]
        assert addresses(simulator, list_id) - before == {f"person{number}@example.com" for number in (1, 2, 3)}

    def test_a_bad_key_ends_it_with_1_and_one_trace_and_no_state(self, destination: Container, options: Json) -> None:
        options["credentials"]["apikey"] = "f" * 32 + "-us10"

        run = destination.run("write", config=options, catalog=CATALOG, stdin=[record(1), state(1)])

        assert run.exit_code == 1
        assert [error["failure_type"] for error in run.error_traces] == ["config_error"]
        assert run.of("STATE") == []

    def test_docker_stop_ends_it_soon_and_a_state_that_came_back_is_kept(
        self, destination: Container, options: Json, simulator: SimulatorProcess, list_id: str
    ) -> None:
        """Whatever was confirmed before the stop is in the audience."""
        running = destination.start("write", config=options, catalog=CATALOG, stdin=True)
        lines = [line for number in range(1, 2001) for line in (record(number), state(number))]
        running.feed(lines, close=False)
        running.wait_for(b'"STATE"')

        running.stop()
        run = running.end()

        assert run.exit_code != 0
        confirmed = max(item["stream"]["stream_state"]["at"] for item in run.of("STATE"))
        assert addresses(simulator, list_id) >= {f"person{number}@example.com" for number in range(1, confirmed + 1)}


class TestManyContacts:
    """200,000 contacts in a container that has 512 MB of memory."""

    @pytest.fixture(scope="class")
    def empty(self) -> Iterator[SimulatorProcess]:
        with SimulatorProcess(contacts=10, audiences=1, campaigns=1) as running:
            yield running

    def test_they_are_written_whole(
        self,
        empty: SimulatorProcess,
        destination: Container,
        tmp_path: Path,
        docker: Callable[..., str],
        measured: Callable[[str], None],
    ) -> None:
        list_id = empty.control.ground_truth("/lists", "rows")["rows"][0]["row"]["id"]
        credentials = {"auth_type": "apikey", "apikey": empty.api_key}
        config = {"credentials": credentials, "api_url": empty.base_url, "list_id": list_id}
        small = Container(destination.image, tmp_path / "small", [*destination.options, *MEMORY])
        count = 200_000
        lines = (
            line for number in range(count) for line in [record(number), *([state(number)] * (number % 1000 == 999))]
        )

        run = small.run("write", config=config, catalog=CATALOG, stdin=lines)

        assert docker("info", "--format", "{{.MemoryLimit}}").strip() == "true"
        assert not small.killed_for_memory
        assert run.exit_code == 0, run.describe()
        assert run.of("STATE")[-1]["stream"]["stream_state"] == {"at": count - 1}
        assert empty.control.ground_truth(LIST, "count", [list_id])["count"] >= count
        measured(f"destination-mailchimp: 200,000 contacts with 512 MB in {run.seconds:.0f} s")
