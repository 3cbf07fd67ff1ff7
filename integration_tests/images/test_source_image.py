"""The source's image does what the source does, as a container that may do next to nothing."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from integration_tests.harness import Container, configured
from mailchimp_simulator.client import SimulatorProcess

Json = dict[str, Any]
MEMBERS = "/lists/{list_id}/members"


def test_spec_comes_once_and_soon(source: Container, measured: Callable[[str], None]) -> None:
    """``spec`` needs no file and no network; how long a container takes to say anything is printed."""
    runs = [source.run("spec").succeeded() for _ in range(3)]

    measured(f"source-mailchimp: spec in {statistics.median(run.seconds for run in runs):.1f} s (median of 3)")
    assert all("connectionSpecification" in run.only("SPEC") for run in runs)
    assert {message["type"] for run in runs for message in run.messages} <= {"SPEC", "LOG"}


class TestCheck:
    """``check`` ends with 0 and one status, whatever it finds."""

    def test_a_good_key_succeeds(self, source: Container, config: Json) -> None:
        assert source.run("check", config=config).succeeded().only("CONNECTION_STATUS") == {"status": "SUCCEEDED"}

    def test_a_bad_key_fails_and_is_not_shown(self, source: Container, config: Json) -> None:
        key = "f" * 32
        run = source.run("check", config={**config, "credentials": {"auth_type": "apikey", "apikey": f"{key}-us10"}})

        status = run.succeeded().only("CONNECTION_STATUS")
        assert status["status"] == "FAILED"
        assert "API Key" in status["message"]
        assert key not in run.output

    def test_an_audience_that_is_not_there_fails_and_is_named(self, source: Container, config: Json) -> None:
        run = source.run("check", config={**config, "list_ids": ["nosuchlist"]})

        status = run.succeeded().only("CONNECTION_STATUS")
        assert status["status"] == "FAILED"
        assert "nosuchlist" in status["message"]


def test_discover_finds_the_streams(source: Container, config: Json) -> None:
    """The schemas are inside the image."""
    streams = {stream["name"]: stream for stream in source.streams(config)}

    assert "email_address" in streams["list_members"]["json_schema"]["properties"]
    assert len(streams) > 80


class TestRead:
    """``read`` brings what the account holds."""

    NAMES = ("lists", "list_members", "campaigns", "reports", "merge_fields")

    def test_a_full_read_has_every_contact(self, source: Container, config: Json, simulator: SimulatorProcess) -> None:
        catalog = configured(source.streams(config), self.NAMES)

        run = source.run("read", config=config, catalog=catalog).succeeded()

        truth = simulator.control.ground_truth(MEMBERS, "keys")["keys"]
        assert sorted([row["list_id"], row["id"]] for row in run.records("list_members")) == sorted(
            key[:2] for key in truth
        )
        assert all(run.statuses(name)[-1] == "COMPLETE" for name in self.NAMES)

    def test_with_a_state_file_only_what_changed_comes(
        self, source: Container, config: Json, simulator: SimulatorProcess
    ) -> None:
        catalog = configured(source.streams(config), ["list_members"], incremental=True)
        first = source.run("read", config=config, catalog=catalog).succeeded()
        simulator.control.clock(advance=3600)
        changed = simulator.control.change("update", count=7)
        simulator.control.clock(advance=3600)

        second = source.run("read", config=config, catalog=catalog, state=first.last_states).succeeded()

        assert {row["id"] for row in second.records("list_members")} == {item["hash"] for item in changed}

    def test_a_key_that_stopped_working_ends_it_with_1_and_a_trace(self, source: Container, config: Json) -> None:
        catalog = configured(source.streams(config), ["lists"])
        config["credentials"]["apikey"] = "f" * 32 + "-us10"

        run = source.run("read", config=config, catalog=catalog)

        assert run.exit_code == 1
        assert {error["failure_type"] for error in run.error_traces} == {"config_error"}

    def test_docker_stop_ends_it_within_moments_and_between_messages(
        self, source: Container, config: Json, simulator: SimulatorProcess
    ) -> None:
        """A sync that is cancelled keeps what its last state says; exit code 143 is SIGTERM's."""
        catalog = configured(source.streams(config), ["list_members"])
        simulator.control.latency(seconds=1.0, path=MEMBERS)
        running = source.start("read", config={**config, "page_size": 100}, catalog=catalog)
        running.wait_for(b'"RECORD"')

        running.stop()
        run = running.end()

        assert run.exit_code == 143
        assert run.messages[-1]["type"]
        assert run.counts["list_members"] < 3000


class TestBigAccount:
    """200,000 contacts in a container that has 512 MB of memory."""

    @pytest.fixture(scope="class")
    def big(self) -> Iterator[SimulatorProcess]:
        with SimulatorProcess(contacts=200_000, audiences=1, campaigns=1) as running:
            yield running

    def test_they_are_read_whole(
        self,
        big: SimulatorProcess,
        source: Container,
        tmp_path: Path,
        docker: Callable[..., str],
        measured: Callable[[str], None],
    ) -> None:
        config = {"credentials": {"auth_type": "apikey", "apikey": big.api_key}, "api_url": big.base_url}
        catalog = configured(source.streams(config), ["list_members"])
        small = Container(source.image, tmp_path / "small", [*source.options, *MEMORY])

        run = small.run("read", config=config, catalog=catalog)

        assert docker("info", "--format", "{{.MemoryLimit}}").strip() == "true"
        assert not small.killed_for_memory
        assert run.exit_code == 0, run.describe()
        assert run.counts["list_members"] == 200_000
        measured(f"source-mailchimp: 200,000 contacts with 512 MB in {run.seconds:.0f} s")


MEMORY = ("--memory", "512m", "--memory-swap", "512m")


def test_it_reads_without_any_folder_that_it_could_write_to(
    source: Container, config: Json, simulator: SimulatorProcess, tmp_path: Path
) -> None:
    """A read-only root and nothing beside it: neither the configuration nor anything else is written down."""
    bare = Container(source.image, tmp_path / "bare", ["--read-only", "--cap-drop", "ALL"])
    catalog = configured(bare.streams(config), ["list_members"])

    run = bare.run("read", config=config, catalog=catalog).succeeded()

    assert run.counts["list_members"] == simulator.control.ground_truth("/lists/{list_id}/members")["count"]
