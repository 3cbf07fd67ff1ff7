"""Both connectors as processes: Airbyte's own suite, and what it leaves out.

Which files are used stands in each connector's ``acceptance-test-config.yml``.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import orjson
import pytest
import yaml

from integration_tests.harness import Installed, configured_stream
from integration_tests.harness.compatibility import expected_records
from integration_tests.harness.repository import ROOT
from mailchimp_simulator.client import SimulatorProcess

Json = dict[str, Any]
MEMBERS = "/lists/{list_id}/members"
# What of Airbyte's suite must have run, beside whatever a newer version of it adds.
RUN = {
    "source-mailchimp": {
        "test_spec": 1,
        "test_config_matches_spec": 2,
        "test_check": 2,
        "test_discover": 1,
        "test_basic_read": 1,
        "test_fail_read_with_bad_catalog": 1,
    },
    "destination-mailchimp": {"test_config_matches_spec": 2, "test_check": 2},
}
# Fixtures of the suite that are made for a run: with the port of a simulated account, or a user's own key.
MADE = ("secrets", ".tmp", "build", "__pycache__", "unit_tests")


@pytest.fixture(scope="module")
def account() -> Json:
    """An account with rows in every stream."""
    return {"contacts": 240, "audiences": 2, "campaigns": 10, "recipients": 30}


@pytest.fixture
def list_ids(simulator: SimulatorProcess) -> list[str]:
    """The account's audiences."""
    return [item["row"]["id"] for item in simulator.control.ground_truth("/lists", "rows")["rows"]]


@pytest.fixture
def source_process(tmp_path: Path) -> Installed:
    """The source's console script."""
    return Installed("source-mailchimp", tmp_path / "source")


@pytest.fixture
def destination_process(tmp_path: Path) -> Installed:
    """The destination's console script."""
    return Installed("destination-mailchimp", tmp_path / "destination")


def fixture_of(connector: str, name: str) -> Any:
    """A file of a connector's ``integration_tests``."""
    return json.loads((ROOT / connector / "integration_tests" / name).read_text(encoding="utf-8"))


def section(connector: str, name: str) -> list[Json]:
    """The tests of a section of the connector's ``acceptance-test-config.yml``."""
    config = yaml.safe_load((ROOT / connector / "acceptance-test-config.yml").read_text(encoding="utf-8"))
    tests: list[Json] = config["acceptance_tests"][name]["tests"]
    return tests


class TestAirbytesSuite:
    """``airbyte-cdk connector test``, against the simulated account."""

    @pytest.mark.parametrize("connector", RUN)
    def test_it_passes(self, connector: str, config: Json, list_ids: list[str], tmp_path: Path) -> None:
        """In a copy of the connector's folder: the suite writes beside it, and a developer's own key may be there."""
        folder = tmp_path / connector
        shutil.copytree(ROOT / connector, folder, ignore=shutil.ignore_patterns(*MADE))
        if connector.startswith("destination"):
            config["list_id"] = list_ids[0]
        (folder / "secrets").mkdir()
        (folder / "secrets" / "config.json").write_bytes(orjson.dumps(config))

        command = [str(Path(sys.executable).with_name("airbyte-cdk")), "connector", "test", str(folder)]
        suite = subprocess.run(
            [*command, "--pytest-arg=-m", "--pytest-arg=not image_tests"],
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
            timeout=250,
        )

        assert suite.returncode == 0, suite.stdout[-8000:]
        report = ET.parse(folder / "build" / "test-results" / "standard-tests-junit.xml")  # noqa: S314 - our own file
        cases = [case for case in report.iter("testcase") if case.find("skipped") is None]
        run = Counter(str(case.get("name")).partition("[")[0] for case in cases)
        assert {name: run[name] for name in RUN[connector]} == RUN[connector]


class TestSource:
    """What Airbyte's suite does not try of a source."""

    @pytest.fixture
    def catalog(self, source_process: Installed, config: Json) -> Json:
        """The configured catalog of the connector's own fixtures, with schemas, as a platform would have saved it."""
        streams = {stream["name"]: stream for stream in source_process.streams(config)}
        saved: Json = fixture_of("source-mailchimp", "configured_catalog.json")
        for item in saved["streams"]:
            stream = streams[item["stream"]["name"]]
            assert {**stream, **item["stream"], "json_schema": stream["json_schema"]} == stream
            item["stream"] = stream
        return saved

    def test_a_sync_its_state_and_the_next_sync(
        self, source_process: Installed, config: Json, catalog: Json, simulator: SimulatorProcess
    ) -> None:
        """No primary key twice in a sync; the next one brings what changed, from the states as they were printed."""
        config["activity_lookback_days"] = 0
        first = source_process.run("read", config=config, catalog=catalog).succeeded()
        simulator.control.clock(advance=3600)
        changed = simulator.control.change("update", count=5)
        simulator.control.add_events(1, opens=3)
        simulator.control.clock(advance=3600)
        second = source_process.run("read", config=config, catalog=catalog, state=first.last_states).succeeded()

        incremental = {item["stream"]["name"] for item in catalog["streams"] if item["sync_mode"] == "incremental"}
        for item in catalog["streams"]:
            name, key = item["stream"]["name"], [part for [part] in item["primary_key"]]
            for run in (first, second):
                keys = Counter(tuple(record[part] for part in key) for record in run.records(name))
                assert [key for key, times in keys.items() if times > 1] == [], name
            assert first.counts[name] > 0
            assert (second.counts[name] < first.counts[name]) or name not in incremental or first.counts[name] <= 2
        assert {record["id"] for record in second.records("list_members")} == {item["hash"] for item in changed}
        # Of a campaign with news everything comes again, as Mailchimp dates events late; of others nothing.
        [campaign] = {record["campaign_id"] for record in second.records("email_activity")}
        before = [record for record in first.records("email_activity") if record["campaign_id"] == campaign]
        assert len(second.records("email_activity")) == len(before) + 3

    def test_a_sync_killed_in_the_middle_goes_on_from_its_last_state(
        self, source_process: Installed, config: Json, catalog: Json, simulator: SimulatorProcess
    ) -> None:
        """SIGKILL, as when a node goes down: what came before the last state and the next sync make the whole."""
        members = [item for item in catalog["streams"] if item["stream"]["name"] == "list_members"]
        config.update(page_size=20, num_workers=2)
        simulator.control.latency(seconds=0.6, path=MEMBERS)
        running = source_process.start("read", config=config, catalog={"streams": members})
        running.wait_for(b'"STATE"')
        running.process.kill()
        killed = running.end()
        simulator.control.clear_faults()

        # The last line may have been cut off.
        if killed.lines and not killed.lines[-1].endswith(b"}"):
            killed.lines.pop()
        safe, _ = killed.before_last_state("list_members")
        resumed = source_process.run("read", config=config, catalog={"streams": members}, state=killed.last_states)

        whole = {tuple(key[:2]) for key in simulator.control.ground_truth(MEMBERS, "keys")["keys"]}
        have = {(row["list_id"], row["id"]) for row in [*safe, *resumed.succeeded().records("list_members")]}
        assert have == whole
        assert 0 < len(safe) < len(whole)
        assert resumed.counts["list_members"] < len(whole)

    def test_a_state_from_the_future_is_read_back_and_warned_of(
        self, source_process: Installed, config: Json, catalog: Json
    ) -> None:
        """No clock has ever shown it: better everything again than nothing for good. The configuration says why."""
        [test] = section("source-mailchimp", "incremental")
        state = fixture_of("source-mailchimp", "abnormal_state.json")

        first = source_process.run("read", config=config, catalog=catalog).succeeded()
        run = source_process.run("read", config=config, catalog=catalog, state=state).succeeded()

        assert run.counts == first.counts
        assert [log for log in run.logs("WARN") if "list_members: the state has a date that lies in the future" in log]
        assert "not believed" in test["future_state"]["bypass_reason"]

    def test_two_reads_differ_and_each_state_is_gone_on_from(self, source_process: Installed, config: Json) -> None:
        """As Airbyte's older suite has it: after any state come at least the rows that came after it, and not all."""
        [test] = section("source-mailchimp", "incremental")
        catalog = fixture_of("source-mailchimp", Path(test["configured_catalog_path"]).name)
        config.update(page_size=100, activity_lookback_days=0)
        assert catalog["streams"]
        for item in catalog["streams"]:
            alone = {"streams": [item]}
            first = source_process.run("read", config=config, catalog=alone).succeeded()
            name = item["stream"]["name"]
            came = 0
            for state in first.of("STATE"):
                came += int(state["sourceStats"]["recordCount"])
                if not state["sourceStats"]["recordCount"]:
                    continue
                given = {key: value for key, value in state.items() if key in {"type", "stream"}}
                again = source_process.run("read", config=config, catalog=alone, state=[given]).succeeded()
                assert again.counts[name] >= first.counts[name] - came, name
                assert again.records(name) != first.records(name), name
            assert came == first.counts[name] > 0

    def test_a_state_that_makes_no_sense_is_no_state(
        self, source_process: Installed, config: Json, catalog: Json
    ) -> None:
        """A state damaged by hand means reading again: too much rather than too little."""
        state = fixture_of("source-mailchimp", "abnormal_state.json")
        for item in state:
            item["stream"]["stream_state"] = {"version": 1, "cursor": "not a date", "slices": [1], "run": "gone"}

        run = source_process.run("read", config=config, catalog=catalog, state=state).succeeded()

        assert run.counts["list_members"] == 240

    def test_the_expected_records_are_read(self, tmp_path: Path) -> None:
        """Record for record and field for field, of an account that is always the same; ``make golden`` renews them."""
        lines = (ROOT / "source-mailchimp" / "integration_tests" / "expected_records.jsonl").read_bytes().splitlines()
        expected = [orjson.loads(line) for line in lines]

        assert expected_records(tmp_path) == expected


class TestDestination:
    """What Airbyte's suite, which never writes, does not try of a destination."""

    @pytest.fixture
    def options(self, config: Json, list_ids: list[str]) -> Json:
        """The configuration of the connector's fixtures, for an audience of this account."""
        sample: Json = fixture_of("destination-mailchimp", "sample_config.json")
        return {**sample, **config, "list_id": list_ids[0]}

    @staticmethod
    def lines(*data: Json | int) -> Iterator[bytes]:
        """RECORD lines of dictionaries, STATE lines of numbers."""
        for item in data:
            if isinstance(item, int):
                state = {"stream_descriptor": {"name": "people"}, "stream_state": {"at": item}}
                yield orjson.dumps({"type": "STATE", "state": {"type": "STREAM", "stream": state}})
            else:
                record = {"stream": "people", "emitted_at": 1_790_000_000_000, "data": item}
                yield orjson.dumps({"type": "RECORD", "record": record})

    def test_written_contacts_are_there_once_in_their_last_version(
        self, destination_process: Installed, options: Json, simulator: SimulatorProcess
    ) -> None:
        """Within a sync and from sync to sync; each state comes back once, in order."""
        catalog = fixture_of("destination-mailchimp", "configured_catalog.json")
        old = {"id": 1, "email": "ada@example.com", "first_name": "A.", "updated_at": "2026-01-01T00:00:00Z"}
        new = {**old, "first_name": "Ada", "updated_at": "2026-01-02T00:00:00Z"}
        other = {
            "id": 2,
            "email": "ALAN@example.com",
            "first_name": "Alan",
            "tags": ["x"],
            "updated_at": old["updated_at"],
        }

        first = destination_process.run(
            "write", config=options, catalog=catalog, stdin=self.lines(old, 1, other, new, 2)
        ).succeeded()
        count = simulator.control.ground_truth(MEMBERS, "count", [options["list_id"]])["count"]
        again = destination_process.run(
            "write", config=options, catalog=catalog, stdin=self.lines(other, new, 3)
        ).succeeded()

        written = {
            row["row"]["email_address"].lower(): row["row"]
            for row in simulator.control.ground_truth(MEMBERS, "rows", [options["list_id"]])["rows"]
        }
        assert [item["stream"]["stream_state"]["at"] for item in first.of("STATE")] == [1, 2]
        assert [item["stream"]["stream_state"]["at"] for item in again.of("STATE")] == [3]
        assert written["ada@example.com"]["merge_fields"]["FNAME"] == "Ada"
        assert {tag["name"] for tag in written["alan@example.com"]["tags"]} == {"x", options["tags"]}
        assert simulator.control.ground_truth(MEMBERS, "count", [options["list_id"]])["count"] == count

    def test_what_the_source_reads_the_destination_writes(
        self,
        source_process: Installed,
        destination_process: Installed,
        config: Json,
        list_ids: list[str],
        simulator: SimulatorProcess,
    ) -> None:
        """One audience into another, through a pipe, as Airbyte would: every state comes back, and twice is as once."""
        members = {stream["name"]: stream for stream in source_process.streams(config)}["list_members"]
        catalog = {"streams": [configured_stream(members, incremental=True)]}
        read = source_process.run(
            "read", config={**config, "list_ids": [list_ids[0]], "include_archived": False}, catalog=catalog
        ).succeeded()
        target = {**config, "list_id": list_ids[1], "accept_missing_required": True}

        def write() -> set[str]:
            run = destination_process.run("write", config=target, catalog=catalog, stdin=read.lines)
            assert run.exit_code == 0, run.describe()
            assert [item["stream"] for item in run.of("STATE")] == [item["stream"] for item in read.of("STATE")]
            rows = simulator.control.ground_truth(MEMBERS, "rows", [list_ids[1]])["rows"]
            return {row["row"]["email_address"].lower() for row in rows}

        once = write()
        twice = write()

        wanted = {row["email_address"].lower() for row in read.records("list_members") if row["status"] == "subscribed"}
        assert wanted
        assert wanted <= once
        assert twice == once
