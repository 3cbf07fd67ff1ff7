"""Whatever Mailchimp answers, a stream ends complete with every row, or incomplete and says so."""

from __future__ import annotations

import itertools
import time
from dataclasses import dataclass
from typing import Any

import pytest

from integration_tests.harness.source import SourceHarness, SourceRun
from mailchimp_api.retries import RetryPolicy
from mailchimp_simulator.client import SimulatorProcess

Json = dict[str, Any]

LIST_MEMBERS, EMAIL_ACTIVITY = "/lists/{list_id}/members", "/reports/{campaign_id}/email-activity"
SEGMENTS, TEMPLATES = "/lists/{list_id}/segments", "/templates"
CAMPAIGNS, REPORTS, LISTS = "/campaigns", "/reports", "/lists"
STREAMS = ("lists", "list_members", "segments", "segment_members", "campaigns", "reports", "email_activity",
           "audience_contacts", "templates", "verified_domains", "landing_pages")  # fmt: skip
PATHS = (LISTS, LIST_MEMBERS, SEGMENTS, f"{SEGMENTS}/{{segment_id}}/members", CAMPAIGNS, REPORTS, EMAIL_ACTIVITY,
         "/audiences", "/audiences/{audience_id}/contacts", TEMPLATES, "/verified-domains",
         "/landing-pages")  # fmt: skip

FAULTS: dict[str, Json] = {
    "too many requests": {"kind": "status", "status": 429},
    "too many requests, when to come back": {"kind": "status", "status": 429, "retry_after": 1},
    "403 as a page": {"kind": "status", "status": 403, "body": "html"},
    "403 without a body": {"kind": "status", "status": 403, "body": "none"},
    "500": {"kind": "status", "status": 500},
    "502 as a page": {"kind": "status", "status": 502, "body": "html"},
    "503 as a page": {"kind": "status", "status": 503, "body": "html"},
    "504 as a page": {"kind": "status", "status": 504, "body": "html"},
    "cut off": {"kind": "truncate", "content_length": "right"},
    "cut off unnoticed": {"kind": "truncate", "content_length": "wrong"},
    "cut off early": {"kind": "truncate", "content_length": "wrong", "keep": 0.02},
    "a page instead of JSON": {"kind": "not_json"},
    "rows missing": {"kind": "missing_items"},
    "reset": {"kind": "reset"},
    "reset midway": {"kind": "reset_midway"},
    "no answer": {"kind": "hang", "seconds": 4},
}
PLACES = ("first", "middle", "last")
EVERYWHERE = ("502 as a page", "cut off unnoticed", "rows missing")


@pytest.fixture(scope="module")
def account() -> Json:
    return {"contacts": 130, "audiences": 2, "campaigns": 3, "recipients": 40, "plain": True, "templates": 45}


def options(fault: Json) -> Json:
    """Small pages, so that there are several; and a short time-out where the answer never comes."""
    short = {"request_timeout": 1.5} if fault["kind"] == "hang" else {}
    return {"page_size": 20, **short}


@dataclass
class Calm:
    """A run without faults: its rows by stream, and how many requests it made by operation."""

    rows: dict[str, set[Any]]
    requests: dict[str, int]


@pytest.fixture(scope="module")
def calm(
    simulator_process: SimulatorProcess, tmp_path_factory: pytest.TempPathFactory, make_runner: type[SourceHarness]
) -> Calm:
    """What there is to lose."""
    simulator_process.control.reset()
    run = make_runner(simulator_process, tmp_path_factory.mktemp("calm")).read(STREAMS, "full_refresh", page_size=20)
    assert run.complete == set(STREAMS)
    found = rows(run)
    assert sum(map(len, found.values())) > 500
    return Calm(found, simulator_process.control.stats()["by_operation"])


def plant(
    source: SourceHarness, calm: Calm, fault: Json, place: str, paths: tuple[str, ...], *, times: int | None
) -> None:
    """Let ``fault`` hit the first, middle or last request of each path, as many as a run without faults makes."""
    given = {name: value for name, value in fault.items() if name != "kind"}
    for path in paths:
        number = calm.requests[f"GET {path}"]
        skip = {"first": 0, "middle": number // 2, "last": number - 1}[place]
        source.simulator.control.fault(fault["kind"], path, times=times, skip=skip, **given)


def rows(run: SourceRun) -> dict[str, set[Any]]:
    return {name: set(run.keys(name)) for name in STREAMS}


@pytest.fixture
def _soon(source: SourceHarness) -> None:
    """Wait for tenths of a second before a request is tried again, where a real sync waits for seconds."""
    source.retry = RetryPolicy(first_wait=0.1)


@pytest.mark.usefixtures("_soon")
@pytest.mark.parametrize("fault", FAULTS.values(), ids=list(FAULTS))
def test_a_fault_that_passes_loses_no_row(source: SourceHarness, calm: Calm, fault: Json) -> None:
    """Bad answers to the first, a middle and the last request, of every stream and every parent, change nothing."""
    # A few where each costs a connection until Mailchimp must have dropped it.
    paths = (LIST_MEMBERS, REPORTS) if fault["kind"] == "hang" else PATHS
    for place in PLACES:
        plant(source, calm, fault, place, paths, times=1)

    run = source.read(STREAMS, "full_refresh", **options(fault))

    applied = sum(rule["applied"] for rule in source.simulator.control.faults())
    assert applied >= 2 * len(paths)  # where a path has one page, its first request is the last one, too
    assert run.complete == set(STREAMS)
    assert (run.exit_code, run.failures) == (0, {})
    assert rows(run) == calm.rows


@pytest.mark.parametrize("fault, place", [
    *((fault, place) for fault, place in zip(FAULTS, itertools.cycle(PLACES), strict=False)),
    *((fault, place) for fault in EVERYWHERE for place in PLACES),
])  # fmt: skip
def test_a_fault_that_stays_ends_its_stream_as_incomplete(
    source: SourceHarness, calm: Calm, fault: str, place: str
) -> None:
    """Rows that won't come are an error that names the stream; what can be read is read, and it ends in time."""
    # An answer that never comes keeps its connection busy for two minutes: ten are soon used up.
    hangs = FAULTS[fault]["kind"] == "hang"
    paths = (TEMPLATES,) if hangs else (LIST_MEMBERS, REPORTS, TEMPLATES)
    plant(source, calm, FAULTS[fault], place, paths, times=None)
    begun = time.monotonic()

    run = source.read(STREAMS, "full_refresh", retry_seconds=0.5, **options(FAULTS[fault]))

    assert time.monotonic() - begun < 30
    # Reports are what email activity is looked up under.
    failed = {"templates"} if hangs else {"list_members", "reports", "templates", "email_activity"}
    assert run.incomplete == failed
    assert run.complete == set(STREAMS) - failed
    assert run.exit_code == 1
    assert set(run.failures) == {*failed, None}
    for name in failed:
        assert run.failures[name]["failure_type"] == "transient_error"
        assert run.failures[name]["message"]
    for name in run.complete:
        assert set(run.keys(name)) == calm.rows[name]
    for name in failed:
        assert set(run.keys(name)) <= calm.rows[name]


def test_what_a_failed_sync_has_read_is_not_lost(source: SourceHarness, calm: Calm) -> None:
    """After a sync with a fault, the next one goes on from its states, and the two together are the whole."""
    paths = (LIST_MEMBERS, EMAIL_ACTIVITY, TEMPLATES)
    plant(source, calm, FAULTS["502 as a page"], "middle", paths, times=None)
    failed = source.read(STREAMS, page_size=20, retry_seconds=0.3)
    assert failed.incomplete == {"list_members", "email_activity", "templates"}
    source.simulator.control.clear_faults()

    second = source.read(STREAMS, state=failed.last_states, page_size=20)

    assert second.complete == set(STREAMS)
    for name in STREAMS:
        assert set(failed.keys(name)) | set(second.keys(name)) == calm.rows[name], name


@pytest.mark.parametrize("parent, children", [
    (LISTS, {"lists", "list_members", "segments", "segment_members"}),
    ("/audiences", {"audience_contacts"}),
    (SEGMENTS, {"segments", "segment_members"}),
])  # fmt: skip
def test_a_parent_that_cannot_be_listed_is_said_to_be_the_reason(
    source: SourceHarness, parent: str, children: set[str]
) -> None:
    """Without its parents a stream does not end as complete and empty."""
    source.simulator.control.fault("status", parent, status=500, body="html")

    run = source.read(STREAMS, retry_seconds=0.3, page_size=20)

    assert run.incomplete == children
    assert run.exit_code == 1
    for name in children - {"lists", "segments"}:
        assert "could not be read" in run.failures[name]["message"]
        assert parent.rpartition("/")[2] in run.failures[name]["message"]


def test_pages_become_smaller_where_big_ones_time_out(source: SourceHarness) -> None:
    """A page that Mailchimp can't make in time is asked for in halves, until it can."""
    control = source.simulator.control
    for count in range(51, 101):
        control.fault("status", LIST_MEMBERS, status=504, body="html", query={"count": str(count)})

    run = source.read(["list_members"], "full_refresh", page_size=100)

    assert run.complete == {"list_members"}
    assert len(set(run.keys("list_members"))) == control.ground_truth(LIST_MEMBERS)["count"]
    sizes = {
        part.partition("=")[2]
        for entry in control.log("/members")
        for part in str(entry[4]).split("&")
        if part.startswith("count=")
    }
    assert "50" in sizes


def test_the_limit_of_connections_costs_time_and_no_rows(source: SourceHarness, calm: Calm) -> None:
    """Where others use the account at the same time, the connector makes do with fewer connections."""
    control = source.simulator.control
    control.limit(3)
    control.latency(seconds=0.02)

    run = source.read(STREAMS, "full_refresh", page_size=20)
    stats = control.stats()

    assert stats["refused"] > 0
    assert run.complete == set(STREAMS)
    assert rows(run) == calm.rows
