"""What Mailchimp says of how many rows there are is believed only as far as rows are seen to be there."""

from __future__ import annotations

import time
from typing import Any

import pytest

from integration_tests.harness.source import SourceHarness
from mailchimp_api.retries import RetryPolicy

Json = dict[str, Any]

LISTINGS = {"list_members": "/lists/{list_id}/members", "templates": "/templates", "lists": "/lists"}
NO_TOTALS: dict[str, Any] = {
    "a million million": 10**12,
    "more than a machine's number": 2**63 + 1,
    "less than nothing": -1,
    "null": None,
    "a text": "45",
    "a fraction": 45.5,
    "a flag": True,
}


@pytest.fixture(scope="module")
def account() -> Json:
    return {"contacts": 130, "audiences": 2, "campaigns": 2, "recipients": 10, "plain": True, "templates": 45}


@pytest.fixture(autouse=True)
def _soon(source: SourceHarness) -> None:
    """Wait for tenths of a second before a request is tried again, where a real sync waits for seconds."""
    source.retry = RetryPolicy(first_wait=0.1)


@pytest.mark.parametrize("total", NO_TOTALS.values(), ids=NO_TOTALS)
@pytest.mark.parametrize("stream", LISTINGS)
def test_a_total_that_can_be_none_is_an_unreadable_answer(source: SourceHarness, stream: str, total: object) -> None:
    """Asked for again, and then an error that says so: no page is planned by it, and no row is left out for it."""
    source.simulator.control.fault("edit", LISTINGS[stream], set={"total_items": total})
    begun = time.monotonic()

    run = source.read([stream], "full_refresh", page_size=20, retry_seconds=1)

    assert run.incomplete == {stream}
    assert run.failures[stream]["failure_type"] == "transient_error"
    assert "total_items" in run.failures[stream]["message"]
    assert len(source.simulator.control.log(LISTINGS[stream].rpartition("/")[2])) < 60
    assert time.monotonic() - begun < 20


@pytest.mark.parametrize("stream", ["list_members", "templates", "lists"])
def test_a_total_that_is_missing_is_one_too(source: SourceHarness, stream: str) -> None:
    """An empty page without one would empty a table."""
    fault = {"set": {stream.replace("list_", ""): []}, "remove": ["total_items"]}
    source.simulator.control.fault("edit", LISTINGS[stream], **fault)

    run = source.read([stream], "full_refresh", page_size=20, retry_seconds=1)

    assert run.incomplete == {stream}


@pytest.mark.parametrize("stream", LISTINGS)
def test_one_that_passes_costs_no_row(source: SourceHarness, stream: str) -> None:
    calm = source.read([stream], "full_refresh", page_size=20)
    for total in (10**12, None):
        source.simulator.control.fault("edit", LISTINGS[stream], set={"total_items": total}, times=1)

    run = source.read([stream], "full_refresh", page_size=20)

    assert run.complete == {stream}
    assert set(run.keys(stream)) == set(calm.keys(stream))
    assert [rule["applied"] for rule in source.simulator.control.faults()] == [1, 1]


@pytest.mark.parametrize("more", [10**6, 10**8])
def test_contacts_that_are_only_counted_are_not_asked_for(source: SourceHarness, more: int) -> None:
    """A hundred million rows would be cut at ten thousand places, and be five million pages."""
    source.simulator.control.fault("edit", LISTINGS["list_members"], set={"total_items": more})
    begun = time.monotonic()

    run = source.read(["list_members"], "full_refresh", page_size=20, retry_seconds=5)

    assert run.incomplete == {"list_members"}
    assert f"of {more} rows" in run.failures["list_members"]["message"]
    assert len(source.simulator.control.log("/members")) < 40
    assert time.monotonic() - begun < 30
