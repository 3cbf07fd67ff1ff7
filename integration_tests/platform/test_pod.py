"""Both connectors as Airbyte's platform runs them, in every job it has, held to what its orchestrator checks."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from integration_tests.harness.catalogs import configured
from integration_tests.harness.pod import Pod
from mailchimp_simulator.client import SimulatorProcess

Json = dict[str, Any]
MEMBERS = "/lists/{list_id}/members"


@pytest.fixture(scope="module")
def account() -> Iterator[SimulatorProcess]:
    """Two audiences; contacts enough for several states."""
    with SimulatorProcess(contacts=3_000, audiences=2, campaigns=6, recipients=40, plain=True) as running:
        yield running


@pytest.fixture
def pod(tmp_path: Path) -> Pod:
    """The connectors that are installed here."""
    return Pod(tmp_path, lambda connector: str(Path(sys.executable).with_name(connector)))


@pytest.fixture
def access(account: SimulatorProcess) -> Json:
    """What both configurations need."""
    account.control.clear_faults()
    return {
        "credentials": {"auth_type": "apikey", "apikey": account.api_key},
        "api_url": account.base_url,
    }


@pytest.fixture
def lists(account: SimulatorProcess) -> list[str]:
    return [row["row"]["id"] for row in account.control.ground_truth("/lists", "rows")["rows"]]


@pytest.fixture
def reading(access: Json, lists: list[str]) -> Json:
    return {**access, "list_ids": [lists[0]], "page_size": 200}


@pytest.fixture
def writing(access: Json, lists: list[str]) -> Json:
    return {**access, "list_id": lists[1], "status_field": "status", "accept_missing_required": True}


def streams(pod: Pod, access: Json) -> list[Json]:
    [catalog] = [item["catalog"] for item in pod.answer("source-mailchimp", "discover", access) if "catalog" in item]
    found: list[Json] = catalog["streams"]
    return found


def addresses(account: SimulatorProcess, list_id: str) -> dict[str, str]:
    """The statuses of an audience by address."""
    rows = account.control.ground_truth(MEMBERS, "rows", [list_id])["rows"]
    return {row["row"]["email_address"].lower(): row["row"]["status"] for row in rows}


@pytest.mark.parametrize("connector", ["source-mailchimp", "destination-mailchimp"])
def test_the_short_jobs(pod: Pod, access: Json, lists: list[str], connector: str) -> None:
    """Spec, check and discover, each message as the protocol has it."""
    config = {**access, "list_id": lists[0]} if connector.startswith("destination") else access

    assert pod.answer(connector, "spec")[-1]["spec"]["connectionSpecification"]
    assert pod.answer(connector, "check", config)[-1]["connectionStatus"]["status"] == "SUCCEEDED"
    kind = "DESTINATION_CATALOG" if connector.startswith("destination") else "CATALOG"
    assert pod.answer(connector, "discover", config)[-1]["type"] == kind


def test_every_stream_is_read_as_the_orchestrator_wants_it(pod: Pod) -> None:
    """Every record against keys and schema, every STATE against what passed; no stream is left incomplete.

    The destination knows the contacts of one stream; that the others lack an address ends it at once, the source not.
    The account is a small one: streams below contacts ask for each of them.
    """
    with SimulatorProcess(contacts=240, audiences=2, campaigns=10, recipients=30) as small:
        credentials = {"auth_type": "apikey", "apikey": small.api_key}
        access: Json = {"credentials": credentials, "api_url": small.base_url, "page_size": 100}
        catalog = configured(streams(pod, access), incremental=True)

        report = pod.sync(access, {**access, "list_id": "0000000000"}, catalog)

    assert report.complaints == []
    # The published contract of segment members lacks it, and members of audiences have it.
    assert report.unexpected <= {"segment_members.marketing_permissions"}
    assert report.source_code == 0
    assert set(report.statuses.values()) == {"COMPLETE"}
    assert len(report.statuses) == len(catalog["streams"])
    assert [stream for stream in report.statuses if not report.records[stream]] == []
    assert report.records["list_members"] >= 240


class TestContacts:
    """An audience into another."""

    @pytest.fixture
    def catalog(self, pod: Pod, access: Json) -> Json:
        return configured(streams(pod, access), ["list_members"], incremental=True)

    def test_twice_reset_and_again(
        self, pod: Pod, account: SimulatorProcess, reading: Json, writing: Json, catalog: Json, lists: list[str]
    ) -> None:
        """Everybody arrives once; the second sync brings nothing; a reset touches nobody and lets all come again."""
        first = pod.sync(reading, writing, catalog)
        after_first = addresses(account, lists[1])
        second = pod.sync(reading, writing, catalog, first.state())
        reset = pod.reset(writing, catalog)
        third = pod.sync(reading, writing, catalog)

        for report in (first, second, third):
            assert (report.complaints, report.source_code, report.destination_code) == ([], 0, 0), report.errors
        assert first.records["list_members"] == third.records["list_members"] > 1_000
        assert second.records["list_members"] < first.records["list_members"] / 10
        assert (reset.complaints, reset.destination_code) == ([], 0)
        assert [log for log in reset.logs if "Asked to clear list_members" in log]
        assert addresses(account, lists[1]) == after_first

    def test_cancelled_in_the_middle_and_resumed(
        self, pod: Pod, account: SimulatorProcess, reading: Json, writing: Json, catalog: Json, lists: list[str]
    ) -> None:
        """A cancel kills both without a word: the next attempt goes on from the last stored state."""
        account.control.latency(seconds=0.2)
        # One call after the other, so that the first state comes while there is more to write.
        cancelled = pod.sync(reading, {**writing, "num_workers": 1}, catalog, cancel_after=1)
        account.control.clear_faults()
        resumed = pod.sync(reading, writing, catalog, cancelled.state())
        whole = pod.sync(reading, writing, catalog)

        assert cancelled.complaints == []
        # A container that is killed ends with 128 and the number of the signal.
        assert cancelled.destination_code in {-signal.SIGKILL, 128 + signal.SIGKILL}
        assert (resumed.complaints, resumed.source_code, resumed.destination_code) == ([], 0, 0)
        assert resumed.records["list_members"] < whole.records["list_members"]
        written = addresses(account, lists[1])
        wanted = [address for address, status in addresses(account, lists[0]).items() if status == "subscribed"]
        assert [address for address in wanted if address not in written] == []

    def test_a_destination_that_fails_in_the_middle(
        self, pod: Pod, account: SimulatorProcess, reading: Json, writing: Json, catalog: Json
    ) -> None:
        """What was acknowledged is right, the error is told, and the next sync ends what this one began."""
        account.control.fault("status", "/lists/{list_id}", method="POST", status=403, skip=2)
        failed = pod.sync(reading, writing, catalog)
        account.control.clear_faults()
        resumed = pod.sync(reading, writing, catalog, failed.state())

        assert failed.complaints == []
        assert failed.destination_code == 1
        assert len(failed.errors) == 1
        assert (resumed.complaints, resumed.source_code, resumed.destination_code) == ([], 0, 0)
