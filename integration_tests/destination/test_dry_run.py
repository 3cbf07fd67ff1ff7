"""A dry run says what a sync would do, for every contact and status, and does none of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest

from integration_tests.destination.test_consent import CONFIGURATIONS, UPDATING, lines_for, people
from integration_tests.destination.test_moves import KEY, holders, keyed, moved
from integration_tests.harness.destination import DestinationHarness, DestinationRun


def dry(
    destination: DestinationHarness, lines: list[bytes], folder: Path, **options: Any
) -> tuple[DestinationRun, list[dict[str, Any]]]:
    """The run, and the lines of its file."""
    file = folder / "dry-run.jsonl"
    run = destination.write(lines, destination.config(**options, dry_run=True, dry_run_file=str(file)))
    return run, [orjson.loads(line) for line in file.read_bytes().splitlines()]


@pytest.mark.parametrize("options", CONFIGURATIONS.values(), ids=CONFIGURATIONS)
def test_it_foretells_what_the_same_sync_does_under_every_configuration(
    destination: DestinationHarness, tmp_path: Path, options: dict[str, Any]
) -> None:
    """Accounting and statuses; but for those whom Mailchimp alone can refuse."""
    destination.control.facts(resubscribe_succeeds=True)
    refused = {("pending", "deleted"), ("cleaned", "deleted")} if options.get("deletes") == "archive" else set()
    who = {
        address: about for address, about in people(destination).items() if about[0] != "gone" and about not in refused
    }
    lines = lines_for(destination, who)
    before = destination.statuses(who)
    destination.control.reset_stats()

    foretold, rows = dry(destination, [*lines, destination.state(1)], tmp_path, **options)

    assert destination.control.stats()["writes"] == {}
    assert destination.statuses(who) == before
    assert not foretold.states
    assert "This was a dry run" in foretold.log

    real = destination.write(lines, destination.config(**options))

    assert foretold.exit_code == real.exit_code
    if "max_new_contacts" in options:
        return
    assert foretold.accounting() == real.accounting()
    told = {row["contact"]["email_address"]: row["status_after"] for row in rows}
    assert {address: told.get(address, before[address]) for address in who} == destination.statuses(who)


def test_a_limit_of_new_contacts_ends_it_as_it_would_end_the_sync(
    destination: DestinationHarness, tmp_path: Path
) -> None:
    lines = [destination.record({"id": n, "email": f"new{n}@example.com"}) for n in range(10)]
    run, rows = dry(destination, lines, tmp_path, max_new_contacts=4)

    assert run.exit_code == 1
    assert sum(row["outcome"] == "created" for row in rows) == 4


def test_the_log_counts_each_change_of_a_status(destination: DestinationHarness, tmp_path: Path) -> None:
    leaving = [row["email_address"] for row in destination.members() if row["status"] == "subscribed"][:3]
    lines = [destination.record({"id": n, "email": a, "state": "unsubscribed"}) for n, a in enumerate(leaving)]
    lines.append(destination.record({"id": 9, "email": "new@example.com", "state": "pending", "tags": "a, remove:b"}))
    run, rows = dry(destination, lines, tmp_path, **UPDATING, tags="Newsletter")

    assert run.exit_code == 0
    assert "3 contacts would change from subscribed to unsubscribed" in run.log
    assert "1 contacts would be added as pending" in run.log
    assert "4 contacts would get the tag Newsletter" in run.log
    assert [(row["status_before"], row["status_after"]) for row in rows].count(("subscribed", "unsubscribed")) == 3


def test_the_file_tells_the_configured_tags_beside_those_of_the_record(
    destination: DestinationHarness, tmp_path: Path
) -> None:
    lines = [
        destination.record({"id": 1, "email": "new@example.com"}),
        destination.record({"id": 2, "email": "newer@example.com", "tags": "VIP, customers"}),
    ]
    _, rows = dry(destination, lines, tmp_path, tags="Customers, Shop")

    assert [row["tags"] for row in rows] == [["Customers", "Shop"], ["Customers", "Shop", "VIP"]]


def test_a_field_that_would_be_made_is_told_and_not_made(destination: DestinationHarness, tmp_path: Path) -> None:
    destination.control.reset_stats()
    lines = [destination.record({"id": 1, "email": "new@example.com", "Favourite colour": "red"})]
    run, rows = dry(destination, lines, tmp_path, create_missing_merge_fields=True)

    assert destination.control.stats()["writes"] == {}
    assert "would be created for the column Favourite colour" in run.log
    assert "red" in rows[0]["contact"]["merge_fields"].values()


def test_a_large_audience_is_listed_rather_than_looked_up(destination: DestinationHarness, tmp_path: Path) -> None:
    destination.control.reset_stats()
    lines = [destination.record({"id": row["id"], "email": row["email_address"]}) for row in destination.members()]
    run, _ = dry(destination, lines, tmp_path)

    assert run.accounting()["updated"] > 250
    assert destination.calls("getListsIdMembersId") == 0


def test_it_foretells_who_would_be_moved_to_another_address(destination: DestinationHarness, tmp_path: Path) -> None:
    keyed(destination)
    who = holders(destination)
    lines, new = moved(destination, who)
    before = destination.statuses([*who.values(), *new.values()])
    foretold, rows = dry(destination, lines, tmp_path, **KEY)

    assert destination.statuses([*who.values(), *new.values()]) == before

    real = destination.write(lines, destination.config(**KEY))
    final = destination.statuses(new.values())

    assert foretold.accounting() == real.accounting()
    assert {row["contact"]["email_address"]: row["status_after"] for row in rows if row["outcome"] == "updated"} == {
        address: status for address, status in final.items() if status
    }


def test_a_file_without_a_dry_run_is_a_mistake(destination: DestinationHarness) -> None:
    run = destination.write([], destination.config(dry_run_file="x.jsonl"))

    assert run.exit_code == 1
    assert "dry_run_file does nothing without dry_run" in run.output


def test_check_says_that_nothing_would_be_written(destination: DestinationHarness) -> None:
    assert "dry_run is on" in destination.check(destination.config(dry_run=True))["message"]


def test_nobody_would_lose_a_tag_that_the_audience_has_not(destination: DestinationHarness, tmp_path: Path) -> None:
    present = next(row["email_address"] for row in destination.members() if row["status"] == "subscribed")
    lines = [destination.record({"id": 1, "email": present, "tags": "remove:nope, remove:there"})]
    destination.write([destination.record({"id": 1, "email": present, "tags": "There"})])
    run, _ = dry(destination, lines, tmp_path)

    assert run.exit_code == 0
    assert "1 contacts would lose the tag there" in run.log
    assert "would lose the tag nope" not in run.log
    assert "no tag nope to take away in the audience" in run.log
