"""What is late, and what is counted and never listed, is not lost."""

from __future__ import annotations

import json
from typing import Any

import pytest

from integration_tests.harness.source import SourceHarness

OPTIONS: dict[str, Any] = {"activity_lookback_days": 0, "refresh_window_days": 0}


@pytest.mark.parametrize("ago", [60, 3_600, 86_400, 10 * 86_400])
def test_events_that_become_visible_late_are_read(source: SourceHarness, ago: int) -> None:
    """Dated before the sync that did not see them."""
    names = ["unsubscribes", "email_activity", "open_details", "reports"]
    first = source.read(names, **OPTIONS)
    one = first.records("reports")[0]["id"]
    source.simulator.control.add_events([one], unsubscribes=2, opens=2, bounces=1, ago=ago)
    source.simulator.control.clock(advance=3_600)

    second = source.read(names, state=first.last_states, **OPTIONS)

    whole = source.read(names, "full_refresh")
    for name in ("unsubscribes", "email_activity", "open_details"):
        assert set(whole.keys(name)) <= set(first.keys(name)) | set(second.keys(name)), name
    assert len(set(second.keys("unsubscribes")) - set(first.keys("unsubscribes"))) == 2
    assert one in {record["id"] for record in second.records("reports")}


@pytest.mark.parametrize("later", [60, 3_600, 6 * 86_400])
def test_what_is_counted_before_it_is_listed_is_read(source: SourceHarness, later: int) -> None:
    """The first sync after it happened sees the counts, and no rows yet; in those after that, nothing has moved."""
    names = ["unsubscribes", "email_activity", "open_details", "click_details", "click_detail_members", "sent_to"]
    first = source.read(names, **OPTIONS)
    one = source.read(["reports"], "full_refresh").records("reports")[0]["id"]
    control = source.simulator.control
    control.clock(advance=3_600)
    control.add_events([one], unsubscribes=2, opens=3, clicks=3, bounces=1, rows_after=later)
    control.clock(advance=30)
    second = source.read(names, state=first.last_states, **OPTIONS)
    control.clock(advance=2 * later + 600)

    third = source.read(names, state=second.last_states, **OPTIONS)

    whole = source.read(names, "full_refresh")
    for name in names:
        rows = {json.dumps(record, sort_keys=True) for run in (first, second, third) for record in run.records(name)}
        missing = [record for record in whole.records(name) if json.dumps(record, sort_keys=True) not in rows]
        assert not missing, name
    assert len(set(third.keys("unsubscribes")) - set(first.keys("unsubscribes"))) == 2
    control.clock(advance=3_600)
    control.reset_stats()
    source.read(["unsubscribes", "email_activity", "sent_to"], state=third.last_states, **OPTIONS)
    assert not control.log(f"/reports/{one}/")


def test_a_contact_that_becomes_visible_minutes_late_is_read(source: SourceHarness) -> None:
    first = source.read(["list_members"])
    contact = first.records("list_members")[3]
    control = source.simulator.control
    control.change("update", list_id=contact["list_id"], emails=[contact["email_address"]], ago=300)
    control.clock(advance=60)

    second = source.read(["list_members"], state=first.last_states)

    [again] = [record for record in second.records("list_members") if record["id"] == contact["id"]]
    assert again["last_changed"] > contact["last_changed"]


@pytest.mark.parametrize("mode", ["incremental", "full_refresh"])
def test_a_contact_that_is_counted_and_never_listed_costs_no_other(source: SourceHarness, mode: str) -> None:
    """All others are read, and the stream says which second it is, and how many."""
    whole = source.read(["list_members"], "full_refresh")
    contact = whole.records("list_members")[5]
    source.simulator.control.unlist(contact["list_id"], [contact["email_address"]])

    run = source.read(["list_members"], mode)

    assert (run.exit_code, run.incomplete) == (1, {"list_members"})
    assert set(whole.keys("list_members")) - set(run.keys("list_members")) == {(contact["id"], contact["list_id"])}
    message = run.failures["list_members"]["message"]
    assert "counts 1 rows that it does not list" in message
    assert contact["last_changed"] in message
