"""An answer without what decides is no permission: it is asked for again, and then the sync ends before it writes."""

from __future__ import annotations

from typing import Any

import pytest

from integration_tests.harness.destination import DestinationHarness

LIST, MEMBERS = "/lists/{list_id}", "/lists/{list_id}/members"
PROBLEM = {"title": "Internal Server Error", "status": 500, "detail": "An error."}
ANSWERS: dict[str, dict[str, Any]] = {
    "an audience that does not say whether it asks first": {"path": LIST, "remove": ["double_optin"]},
    "an audience that is nothing": {"path": LIST, "body": {}},
    "an audience that is an error's words": {"path": LIST, "body": PROBLEM},
    "archived contacts that are not counted": {"path": MEMBERS, "remove": ["total_items"]},
    "archived contacts counted as null": {"path": MEMBERS, "set": {"total_items": None}},
    "less than no archived contacts": {"path": MEMBERS, "set": {"total_items": -1}},
    "archived contacts that are nothing": {"path": MEMBERS, "body": {}},
    "archived contacts that are null": {"path": MEMBERS, "set": {"members.*": None}},
    "archived contacts that are an error's words": {"path": MEMBERS, "body": PROBLEM},
}


@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
def test_it_ends_the_sync_before_anything_is_written(destination: DestinationHarness, answer: dict[str, Any]) -> None:
    destination.control.fault("edit", method="GET", **answer)
    run = destination.write([*destination.new_people(3), destination.state(3)])

    assert run.exit_code == 1
    assert run.states == []
    assert destination.control.stats()["writes"] == {}
    assert "Mailchimp answered 200 to GET" in run.output


@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
def test_one_that_passes_is_asked_for_again(destination: DestinationHarness, answer: dict[str, Any]) -> None:
    destination.control.fault("edit", method="GET", times=1, **answer)
    run = destination.write([*destination.new_people(3), destination.state(3)])

    assert (run.exit_code, len(run.states)) == (0, 1)
    assert run.accounting() == {"received": 3, "created": 3}
