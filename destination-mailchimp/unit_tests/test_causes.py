"""What goes wrong is said with the field and the remedy, a few times, and shows nobody's address."""

from __future__ import annotations

import logging
from pathlib import Path
from urllib.parse import quote

import pytest

from destination_mailchimp.accounting.causes import Cause, anonymised, remedy
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


@pytest.mark.parametrize("address", ODD_ADDRESSES)
def test_a_rejected_record_in_the_log_shows_no_address(address: str, caplog: pytest.LogCaptureFixture) -> None:
    Rejects(None).add("people", RecordRejected("refused", f"{address} is not wanted"), address=address)

    assert address.partition("@")[0] not in caplog.text
    assert f"{address[0]}***@e***" in caplog.text


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
