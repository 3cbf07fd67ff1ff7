"""Whatever stands in one field costs that field at most: every record comes, and fits its schema."""

from __future__ import annotations

from typing import Any

import pytest

from integration_tests.harness.source import SourceHarness, SourceRun

Json = dict[str, Any]
CAMPAIGNS, MEMBERS = "/campaigns", "/lists/{list_id}/members"
MODES = pytest.mark.parametrize("mode", ["full_refresh", "incremental"])


@pytest.fixture(scope="module")
def account() -> Json:
    return {"contacts": 40, "audiences": 1, "campaigns": 4, "recipients": 10, "plain": True}


def rows(source: SourceHarness, path: str) -> list[Json]:
    return [item["row"] for item in source.simulator.control.ground_truth(path, "rows")["rows"]]


def warnings(run: SourceRun, stream: str) -> list[str]:
    return [text for text in run.logs("WARN") if text.startswith(f"{stream}: ")]


@MODES
@pytest.mark.parametrize("zero", ["-001-11-30T00:00:00+00:00", "0000-00-00 00:00:00", "0000-00-00T00:00:00+00:00"])
def test_a_zero_date_of_mailchimp_becomes_null_and_is_counted(source: SourceHarness, mode: str, zero: str) -> None:
    """Of a campaign that was unscheduled, a contact, and what is below that campaign; the next sync goes on."""
    campaign, contact = rows(source, CAMPAIGNS)[1], rows(source, MEMBERS)[3]
    source.simulator.control.set(f"/campaigns/{campaign['id']}", send_time=zero, status="save")
    path = f"/lists/{contact['list_id']}/members/{contact['id']}"
    source.simulator.control.set(path, timestamp_opt=zero, timestamp_signup=zero)
    names = ["campaigns", "campaign_content", "list_members"]

    run = source.read(names, mode)
    again = source.read(names, mode, state=run.last_states)

    for one in (run, again) if mode == "full_refresh" else (run,):
        assert one.complete == set(names)
        assert len(set(one.keys("campaigns"))) == len(rows(source, CAMPAIGNS))
        assert len(set(one.keys("list_members"))) == len(rows(source, MEMBERS))
        dates = {record["id"]: record["send_time"] for record in one.records("campaigns")}
        assert [id_ for id_, date in dates.items() if date is None] == [campaign["id"]]
        signed_up = {record["id"]: record["timestamp_opt"] for record in one.records("list_members")}
        assert signed_up[contact["id"]] is None
        assert warnings(one, "campaigns") == ["campaigns: send_time: 1 values are no date-time and became null"]
        assert warnings(one, "list_members") == [
            f"list_members: {name}: 1 values are no date-time and became null"
            for name in ("timestamp_opt", "timestamp_signup")
        ]
    assert again.complete == set(names)
    assert campaign["id"] in {record["id"] for record in again.records("campaigns")}, "it may be sent any time"


NUMBERS = {
    "more than a warehouse's integer": "9223372036854775808",
    "more than any integer": "18446744073709551616",
    "less than any": "-9223372036854775809",
    "not a number": "NaN",
    "infinite": "-Infinity",
    "more than a double": "1e999",
    "a fraction": "7.5",
}


@MODES
@pytest.mark.parametrize("number", NUMBERS.values(), ids=NUMBERS)
def test_a_number_that_no_integer_column_takes_becomes_null_and_is_counted(
    source: SourceHarness, mode: str, number: str
) -> None:
    contact = rows(source, MEMBERS)[3]
    source.simulator.control.set(f"/lists/{contact['list_id']}/members/{contact['id']}", web_id="@number")
    source.simulator.control.fault("edit", MEMBERS, replace={'"@number"': number})

    run = source.read(["list_members"], mode)

    assert run.complete == {"list_members"}
    found = {record["id"]: record["web_id"] for record in run.records("list_members")}
    assert len(found) == len(rows(source, MEMBERS))
    assert [id_ for id_, value in found.items() if value is None] == [contact["id"]]
    assert warnings(run, "list_members") == ["list_members: web_id: 1 values are no integer and became null"]


def test_the_largest_numbers_that_fit_come_as_they_are(source: SourceHarness) -> None:
    contact = rows(source, MEMBERS)[3]
    source.simulator.control.set(f"/lists/{contact['list_id']}/members/{contact['id']}", web_id="@number")
    source.simulator.control.fault("edit", MEMBERS, replace={'"@number"': str(2**63 - 1)})

    run = source.read(["list_members"])

    assert 2**63 - 1 in {record["web_id"] for record in run.records("list_members")}
    assert warnings(run, "list_members") == []


@MODES
def test_half_a_character_in_a_name_costs_that_character(source: SourceHarness, mode: str) -> None:
    """A program cut an emoji in two: the other contacts of the page are read, and so is the rest of the name."""
    contact = rows(source, MEMBERS)[3]
    source.simulator.control.set(f"/lists/{contact['list_id']}/members/{contact['id']}", full_name="Zo@half")
    source.simulator.control.fault("edit", MEMBERS, replace={"@half": "\\ud83d"})

    run = source.read(["list_members"], mode)

    assert run.complete == {"list_members"}
    names = {record["id"]: record["full_name"] for record in run.records("list_members")}
    assert len(names) == len(rows(source, MEMBERS))
    assert names[contact["id"]] == "Zo\ufffd"


@MODES
@pytest.mark.parametrize(
    "date", ["0001-01-01", "0001-01-01T00:00:00Z", "0001-01-01T00:00:00", "0001-01-01T00:00:00+14:00"]
)
def test_the_first_date_that_programs_know_means_everything(source: SourceHarness, mode: str, date: str) -> None:
    """``check`` accepts it, and ``read`` leaves nothing out and sends no filter by it."""
    names = ["list_members", "email_activity", "segments", "reports", "audience_contacts"]
    whole = source.read(names, mode)

    check = source.in_process("check", source.config(start_date=date))
    run = source.read(names, mode, start_date=date)

    assert check.answer == {"status": "SUCCEEDED"}
    assert run.complete == set(names)
    assert run.counts == whole.counts
    assert min(run.counts[name] for name in names) > 0
    assert [entry for entry in source.simulator.control.log() if "0001-01" in entry[4]] == []
