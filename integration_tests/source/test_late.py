"""What is late, and what is counted and never listed, is not lost."""

from __future__ import annotations

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


@pytest.mark.parametrize("later", [600, 3_600, 3 * 86_400])
def test_unsubscribes_that_are_counted_before_they_are_listed_are_read(source: SourceHarness, later: int) -> None:
    """The first sync after they happened sees the count, and no rows yet; in the one after that, nothing has moved."""
    names = ["unsubscribes"]
    first = source.read(names, **OPTIONS)
    one = source.read(["reports"], "full_refresh").records("reports")[0]["id"]
    source.simulator.control.clock(advance=3_600)
    source.simulator.control.add_events([one], unsubscribes=2, rows_after=later)
    source.simulator.control.clock(advance=60)
    second = source.read(names, state=first.last_states, **OPTIONS)
    assert not set(second.keys("unsubscribes")) - set(first.keys("unsubscribes"))
    source.simulator.control.clock(advance=later)

    third = source.read(names, state=second.last_states, **OPTIONS)

    assert len(set(third.keys("unsubscribes")) - set(first.keys("unsubscribes"))) == 2
    source.simulator.control.reset_stats()
    source.read(names, state=third.last_states, **OPTIONS)
    assert not source.simulator.control.log(f"/reports/{one}/unsubscribed")


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
