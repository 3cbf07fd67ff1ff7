"""Mobile numbers and SMS consent are written where they are mapped and taken, and cost nobody's e-mail status."""

from __future__ import annotations

from typing import Any

import pytest

from integration_tests.harness.destination import DestinationHarness

MAPPING = {"field_mapping": [{"column": "mobile", "field": "sms_phone"}, {"column": "sms ok", "field": "sms_consent"}]}
STARTS = ("subscribed", "unsubscribed", "cleaned", "pending", "transactional")


def lines_for(destination: DestinationHarness, addresses: list[str], **data: Any) -> list[bytes]:
    row = {"mobile": "+1 (555) 555-0100", "sms ok": "yes", **data}
    return [destination.record({"id": n, "email": address, **row}) for n, address in enumerate(addresses)]


def sms_of(destination: DestinationHarness, address: str) -> tuple[str, str]:
    row = destination.contact(address)
    return row.get("sms_phone_number", ""), row.get("sms_subscription_status", "")


def test_new_and_existing_contacts_get_them(destination: DestinationHarness) -> None:
    destination.control.facts(audience_has_sms=True)
    existing = {status: destination.one_with(status) for status in STARTS}
    run = destination.write(
        lines_for(destination, [*existing.values(), "new@example.com"]), destination.config(**MAPPING)
    )

    assert run.accounting() == {"received": 6, "created": 1, "updated": 5}
    for status, address in existing.items():
        assert destination.status(address) == status
        assert sms_of(destination, address)[0] == "+15555550100"
    assert destination.status("new@example.com") == "subscribed"
    assert sms_of(destination, "new@example.com") == ("+15555550100", "pending")


def test_an_audience_without_sms_costs_the_number_only(destination: DestinationHarness) -> None:
    addresses = [f"n{n}@example.com" for n in range(30)]
    run = destination.write(lines_for(destination, addresses), destination.config(**MAPPING))

    assert run.exit_code == 0
    assert run.accounting() == {"received": 30, "created": 30}
    assert "mobile numbers in a row" in run.log
    assert destination.calls("POST /audiences/{audience_id}/contacts") < 12


def test_an_audience_that_takes_no_update_costs_the_number_only(destination: DestinationHarness) -> None:
    destination.control.facts(audience_has_sms=True, sms_update_of_existing="refused")
    run = destination.write(lines_for(destination, ["a@example.com", "b@example.com"]), destination.config(**MAPPING))

    assert run.accounting() == {"received": 2, "created": 2}
    assert "SMS refused by Mailchimp" in run.log


@pytest.mark.parametrize("consent", ["no", "", None])
def test_no_consent_is_never_sent_as_one(destination: DestinationHarness, consent: str | None) -> None:
    destination.control.facts(audience_has_sms=True)
    destination.write(lines_for(destination, ["a@example.com"], **{"sms ok": consent}), destination.config(**MAPPING))

    assert sms_of(destination, "a@example.com") == ("+15555550100", "nonsubscribed")


def test_a_number_without_its_country_is_left_out(destination: DestinationHarness) -> None:
    destination.control.facts(audience_has_sms=True)
    run = destination.write(lines_for(destination, ["a@example.com"], mobile="555 0100"), destination.config(**MAPPING))

    assert run.accounting() == {"received": 1, "created": 1}
    assert "is not a mobile number with its country code" in run.log
    assert sms_of(destination, "a@example.com")[0] == ""


def test_columns_of_sms_that_nobody_maps_are_not_written(destination: DestinationHarness) -> None:
    """The contacts of another audience bring them along: copying them would be consent that nobody gave here."""
    destination.control.facts(audience_has_sms=True)
    data = {"sms_phone_number": "+15555550100", "sms_subscription_status": "subscribed"}
    destination.write([destination.record({"id": 1, "email": "a@example.com", **data})])

    assert sms_of(destination, "a@example.com")[0] == ""


def test_a_number_that_would_cost_a_status_stops_all_others(destination: DestinationHarness) -> None:
    destination.control.facts(audience_has_sms=True)
    destination.control.person(
        "unsubscribe",
        "/audiences/{audience_id}/contacts",
        emails=["a@example.com"],
        list_id=destination.list_id,
        when="after",
    )
    config = destination.config(**MAPPING, num_workers=1)
    run = destination.write(lines_for(destination, ["a@example.com", "b@example.com", "c@example.com"]), config)

    assert "no other number is written" in run.log
    assert sms_of(destination, "c@example.com")[0] == ""
