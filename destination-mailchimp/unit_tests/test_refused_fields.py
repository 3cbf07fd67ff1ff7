"""A refused value costs the value: it is found in the contact by whatever name Mailchimp gives it."""

from __future__ import annotations

import pytest

from destination_mailchimp.audience.fields import MergeField
from destination_mailchimp.audience.forms import AcceptedForms, Birthday
from destination_mailchimp.contacts.contact import Contact, Json
from destination_mailchimp.failures import RecordRejected
from destination_mailchimp.writing.refused_fields import drop_refused, has_other_form, prepare
from unit_tests.builders import people


def contact_with(**body: object) -> Contact:
    """A contact that has these beside its address."""
    (contact,) = people(1, **body)
    return contact


def refusal(field: str, message: str = "No.") -> RecordRejected:
    """A refusal that names a field."""
    return RecordRejected("field_refused", message, field, fields=((field, message),))


BODY: Json = {
    "merge_fields": {"FNAME": "Ann", "ADDRESS": {"addr1": "5 Main Street"}},
    "interests": {"i1": True, "i2": True},
    "location": {"latitude": 1.0, "longitude": 2.0},
    "language": "xx",
}


@pytest.mark.parametrize(
    "field,message,name,left",
    [
        ("merge_fields.FNAME", "No.", "FNAME", {**BODY, "merge_fields": {"ADDRESS": {"addr1": "5 Main Street"}}}),
        ("FNAME", "No.", "FNAME", {**BODY, "merge_fields": {"ADDRESS": {"addr1": "5 Main Street"}}}),
        ("merge_fields[ADDRESS].addr1", "No.", "ADDRESS", {**BODY, "merge_fields": {"FNAME": "Ann"}}),
        ("interests.i1", "No.", "interests.i1", {**BODY, "interests": {"i2": True}}),
        ("interests", "No.", "interests", {name: BODY[name] for name in BODY if name != "interests"}),
        ("", "Invalid interest ID: 'i2'.", "interests.i2", {**BODY, "interests": {"i1": True}}),
        ("location.latitude", "No.", "location", {name: BODY[name] for name in BODY if name != "location"}),
        ("language", "No.", "language", {name: BODY[name] for name in BODY if name != "language"}),
    ],
)
def test_the_value_that_is_named_is_left_out(field: str, message: str, name: str, left: Json) -> None:
    contact = contact_with(**BODY)
    lost = drop_refused(contact, refusal(field, message))

    assert lost == [f"{name} was refused by Mailchimp: {message}"]
    assert contact.body == {"email_address": contact.address, **left}


@pytest.mark.parametrize("field", ["email_address", "status", "vip", "merge_fields.OTHER", ""])
def test_what_is_no_value_of_the_contact_costs_none(field: str) -> None:
    contact = contact_with(**BODY)

    assert drop_refused(contact, refusal(field)) == []
    assert contact.body == {"email_address": contact.address, **BODY}


def test_the_last_value_of_its_kind_takes_the_kind_with_it() -> None:
    contact = contact_with(merge_fields={"FNAME": "Ann"})
    drop_refused(contact, refusal("FNAME"))

    assert contact.body == {"email_address": contact.address}


def test_permissions_go_together() -> None:
    contact = contact_with()
    contact.permissions = [{"marketing_permission_id": "p", "enabled": True}]

    assert len(drop_refused(contact, refusal("marketing_permissions.0.enabled"))) == 1
    assert contact.permissions is None


def test_a_body_that_others_hold_is_not_changed() -> None:
    """Batches that were built of it are still on their way."""
    contact = contact_with(**BODY)
    before = contact.body
    drop_refused(contact, refusal("FNAME"))

    assert before == {"email_address": contact.address, **BODY}


@pytest.mark.parametrize(
    "field,message,shown",
    [
        ("FNAME", "Ann is not a choice.", "… is not a choice."),
        ("ADDRESS", "We don't know 5 Main Street.", "We don't know …."),
        ("FNAME", "The annual choice is another.", "The annual choice is another."),
    ],
)
def test_the_value_is_not_shown(field: str, message: str, shown: str) -> None:
    assert drop_refused(contact_with(**BODY), refusal(field, message)) == [f"{field} was refused by Mailchimp: {shown}"]


@pytest.mark.parametrize("number", ["+49 30 1234-5678", "(555) 555-0100", "15555550100"])
def test_nor_is_the_number_that_the_contact_has_of_earlier(number: str) -> None:
    """No record holds it, so it is known by its look."""
    reject = RecordRejected("field_refused", f"Your merge fields were invalid. {number} is no number", "PHONE")
    (lost,) = drop_refused(contact_with(**BODY), reject, exists=True)

    assert lost.startswith("merge_fields were refused by Mailchimp for the contact's own PHONE: ")
    assert lost.endswith("… is no number")


def test_a_birthday_that_is_refused_in_one_order_has_another() -> None:
    fields = [MergeField("BDAY", "Birthday", "birthday", date_format="DD/MM")]
    forms = AcceptedForms(fields, list)
    contact = contact_with(merge_fields={"BDAY": Birthday(3, 14)})
    assert prepare(contact, forms) == []
    sent = dict(contact.merge_fields)
    refused = refusal("merge_fields.BDAY", "Please enter a month (01-12) and a day (01-31)")

    assert has_other_form(contact, refused, forms)
    assert not has_other_form(contact_with(merge_fields={"FNAME": "Ann"}), refusal("FNAME"), forms)
    prepare(contact, forms)
    assert contact.merge_fields != sent
