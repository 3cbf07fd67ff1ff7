"""Contacts are deleted for good while what they did in campaigns is read."""

from __future__ import annotations

from typing import Any

import pytest

from integration_tests.harness.source import SourceHarness

Json = dict[str, Any]
MEMBERS = "/lists/{list_id}/members"
ACTIVITY = "/reports/{campaign_id}/email-activity"


@pytest.fixture(scope="module")
def account() -> Json:
    """Thirty pages of recipients for each campaign, who are most of the audience."""
    return {"contacts": 800, "audiences": 1, "campaigns": 4, "recipients": 600, "plain": True, "import_size": 10}


@pytest.mark.parametrize("workers", [2, 10])
@pytest.mark.parametrize("vanishes", [True, False], ids=["rows vanish", "rows stay"])
def test_the_activity_of_everybody_who_is_left_is_read(source: SourceHarness, vanishes: bool, workers: int) -> None:  # noqa: FBT001
    """Whether rows move up meanwhile or not: none of them is missed, and the stream ends as complete."""
    control = source.simulator.control
    control.facts(deletion_deletes_activity=vanishes)
    calm = source.read(["email_activity"])
    control.drift(1, kinds=["delete_permanent"], paths=[ACTIVITY], seed=workers)

    run = source.read(["email_activity"], page_size=20, num_workers=workers)

    control.drift(0)
    assert run.exit_code == 0
    assert run.complete == {"email_activity"}
    rows = [item["row"] for item in control.ground_truth(ACTIVITY, "rows")["rows"]]
    left = {(row["campaign_id"], row["email_id"]) for row in rows}
    expected = {
        key
        for key, record in zip(calm.keys("email_activity"), calm.records("email_activity"), strict=True)
        if (record["campaign_id"], record["email_id"]) in left
    }
    assert control.ground_truth(MEMBERS)["count"] < 800 - 100
    assert (len(left) < 4 * 600) is vanishes
    assert expected - set(run.keys("email_activity")) == set()
    assert set(run.keys("email_activity")) <= set(calm.keys("email_activity"))
