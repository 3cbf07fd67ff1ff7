"""Mobile numbers and SMS consent are written where they are mapped and taken, and cost nobody's e-mail status."""

from __future__ import annotations

from typing import Any

import pytest

from integration_tests.harness.destination import DestinationHarness

MAPPING = {"field_mapping": [{"column": "mobile", "field": "sms_phone"}, {"column": "sms ok", "field": "sms_consent"}]}
STARTS = ("subscribed", "unsubscribed", "cleaned", "pending", "transactional")


def lines_for(bench: DestinationHarness, addresses: list[str], **data: Any) -> list[bytes]:
    row = {"mobile": "+1 (555) 555-0100", "sms ok": "yes", **data}
    return [bench.record({"id": n, "email": address, **row}) for n, address in enumerate(addresses)]


def sms_of(bench: DestinationHarness, address: str) -> tuple[str, str]:
    row = bench.contact(address)
    return row.get("sms_phone_number", ""), row.get("sms_subscription_status", "")


def test_new_and_existing_contacts_get_them(bench: DestinationHarness) -> None:
    bench.control.facts(audience_has_sms=True)
    existing = {status: bench.one_with(status) for status in STARTS}
    run = bench.write(lines_for(bench, [*existing.values(), "new@example.com"]), bench.config(**MAPPING))

    assert run.accounting() == {"received": 6, "created": 1, "updated": 5}
    for status, address in existing.items():
        assert bench.status(address) == status
        assert sms_of(bench, address)[0] == "+15555550100"
    assert bench.status("new@example.com") == "subscribed"
    assert sms_of(bench, "new@example.com") == ("+15555550100", "pending")


def test_an_audience_without_sms_costs_the_number_only(bench: DestinationHarness) -> None:
    addresses = [f"n{n}@example.com" for n in range(30)]
    run = bench.write(lines_for(bench, addresses), bench.config(**MAPPING))

    assert run.exit_code == 0
    assert run.accounting() == {"received": 30, "created": 30}
    assert "mobile numbers in a row" in run.log
    assert bench.calls("POST /audiences/{audience_id}/contacts") < 12


def test_an_audience_that_takes_no_update_costs_the_number_only(bench: DestinationHarness) -> None:
    bench.control.facts(audience_has_sms=True, sms_update_of_existing="refused")
    run = bench.write(lines_for(bench, ["a@example.com", "b@example.com"]), bench.config(**MAPPING))

    assert run.accounting() == {"received": 2, "created": 2}
    assert "SMS refused by Mailchimp" in run.log


@pytest.mark.parametrize("consent", ["no", "", None])
def test_no_consent_is_never_sent_as_one(bench: DestinationHarness, consent: str | None) -> None:
    bench.control.facts(audience_has_sms=True)
    bench.write(lines_for(bench, ["a@example.com"], **{"sms ok": consent}), bench.config(**MAPPING))

    assert sms_of(bench, "a@example.com") == ("+15555550100", "nonsubscribed")


def test_a_number_without_its_country_is_left_out(bench: DestinationHarness) -> None:
    bench.control.facts(audience_has_sms=True)
    run = bench.write(lines_for(bench, ["a@example.com"], mobile="555 0100"), bench.config(**MAPPING))

    assert run.accounting() == {"received": 1, "created": 1}
    assert "is not a mobile number with its country code" in run.log
    assert sms_of(bench, "a@example.com")[0] == ""


def test_columns_of_sms_that_nobody_maps_are_not_written(bench: DestinationHarness) -> None:
    """The contacts of another audience bring them along: copying them would be consent that nobody gave here."""
    bench.control.facts(audience_has_sms=True)
    data = {"sms_phone_number": "+15555550100", "sms_subscription_status": "subscribed"}
    bench.write([bench.record({"id": 1, "email": "a@example.com", **data})])

    assert sms_of(bench, "a@example.com")[0] == ""


def test_a_number_that_would_cost_a_status_stops_all_others(bench: DestinationHarness) -> None:
    bench.control.facts(audience_has_sms=True)
    bench.control.person(
        "unsubscribe",
        "/audiences/{audience_id}/contacts",
        emails=["a@example.com"],
        list_id=bench.list_id,
        when="after",
    )
    config = bench.config(**MAPPING, num_workers=1)
    run = bench.write(lines_for(bench, ["a@example.com", "b@example.com", "c@example.com"]), config)

    assert "no other number is written" in run.log
    assert sms_of(bench, "c@example.com")[0] == ""
