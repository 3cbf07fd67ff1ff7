"""What goes wrong is said with the field and the remedy, a few times, and shows nobody's address."""

from __future__ import annotations

import logging
from pathlib import Path
from urllib.parse import quote

import pytest

from destination_mailchimp.accounting.causes import Cause, anonymised, remedy, without_value
from destination_mailchimp.accounting.rejects import Rejects
from destination_mailchimp.accounting.repeats import warnings_counted
from destination_mailchimp.failures import RecordRejected

logger = logging.getLogger("airbyte.destination_mailchimp")
ODD_ADDRESSES = ["o'hara@example.com", "a/b@example.com", "a+b=c&d@example.com", "x{y}z@example.com"]


@pytest.mark.parametrize("address", ODD_ADDRESSES)
def test_whatever_an_address_holds_the_cause_is_the_same_and_shows_none_of_it(address: str) -> None:
    for quoted in (address, address.upper(), address.replace("@", "%40"), quote(address)):
        assert anonymised(f"{quoted} looks fake", address) == "… looks fake"
        assert anonymised(f"<{quoted}> looks fake", address) == "<…> looks fake"

    reject = RecordRejected("looks_fake", f"{address} looks fake")
    assert Cause.of(reject, address) == Cause("looks_fake", "", "… looks fake")


@pytest.mark.parametrize(
    "value,text,shown",
    [
        ("+15555550100", "+15555550100 is no mobile number", "… is no mobile number"),
        ("+15555550100", "The number (555) 555-0100 is taken", "The number … is taken"),
        ("+15555550100", "15555550100: no", "…: no"),
        (
            "+15555550100",
            "Ask again after 2026-11-25 with code 4711471147",
            "Ask again after 2026-11-25 with code 4711471147",
        ),
        ("Ann.Marie", "'ann.marie' is not a choice", "'…' is not a choice"),
        ("ate", "Please enter a date", "Please enter a date"),
        ({"addr1": "5 Main Street", "city": "Springfield"}, "5 Main Street is not in Springfield", "… is not in …"),
        (1234567, "1,234,567 or 1234567", "1,234,567 or …"),
        (None, "None of it", "None of it"),
        (True, "True or false", "True or false"),
    ],
)
def test_a_value_that_is_quoted_is_not_shown(value: object, text: str, shown: str) -> None:
    assert without_value(text, value) == shown


@pytest.mark.parametrize("address", ODD_ADDRESSES)
def test_a_rejected_record_in_the_log_shows_no_address(address: str, caplog: pytest.LogCaptureFixture) -> None:
    Rejects(None).add("people", RecordRejected("refused", f"{address} is not wanted"), address=address)

    assert address.partition("@")[0] not in caplog.text
    assert f"{address[0]}***@e***" in caplog.text


@pytest.mark.parametrize("half", ["before", "after"])
def test_half_an_address_is_shown_no_more_than_a_whole_one(half: str, caplog: pytest.LogCaptureFixture) -> None:
    """As Mailchimp quotes it of one with letters that it does not take; all such are refused for one cause."""
    rejects = Rejects(None)
    for name in ("solunina_zhеnya", "jané"):
        text = f"The portion of the email address is invalid (the portion {half} the @: {name})"
        rejects.add("people", RecordRejected("looks_fake", text), address=f"{name}@{name}.example")

    assert len(rejects.causes) == 1
    assert not [name for name in ("solunina", "jané") if name in caplog.text]


def test_a_cause_names_the_field_and_the_remedy() -> None:
    reject = RecordRejected("field_refused", "Please enter a valid phone number.", "merge_fields.PHONE")

    assert "(field merge_fields.PHONE)" in str(Cause.of(reject))
    assert "field_mapping" in str(Cause.of(reject))
    assert "email_field" in remedy("no_address")


def test_equal_warnings_come_three_times_and_are_counted_then(caplog: pytest.LogCaptureFixture) -> None:
    with warnings_counted(logger):
        for number in range(40):
            logger.warning("A line of input is not JSON")
            logger.warning("Another: %d", number)
            logger.error("An error is never held back")
    logger.warning("A line of input is not JSON")
    messages = [record.getMessage() for record in caplog.records]

    assert messages.count("A line of input is not JSON") == 4
    assert messages.count("An error is never held back") == 40
    assert sum(message.startswith("Another") for message in messages) == 40
    assert "37 more times: A line of input is not JSON" in messages


def test_a_file_of_rejects_keeps_the_address_that_the_log_must_not_show(tmp_path: Path) -> None:
    rejects = Rejects(str(tmp_path / "rejects.jsonl"))
    address = "o'hara@example.com"
    rejects.add("people", RecordRejected("refused", f"{address} no"), address=address, record={"a": 1})
    rejects.close()

    assert address in (tmp_path / "rejects.jsonl").read_text(encoding="utf-8")
