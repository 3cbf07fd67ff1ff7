"""What an answer shows of a contact is compared with what was sent."""

from __future__ import annotations

import pytest

from destination_mailchimp.contacts.contact import Json
from destination_mailchimp.writing.shown import StubbornFields, fields_not_taken, note_shown
from unit_tests.builders import people


@pytest.mark.parametrize(
    "sent,shown",
    [
        ("Jane", "Jane"),
        ("+1 (555) 010-0", "15550100"),
        (5, "5"),
        (5.0, 5),
        ("example.com", "http://example.com"),
        ({"addr1": "1 Main St", "city": "Gary"}, {"addr1": "1 Main St", "city": "Gary", "country": "US"}),
        ("", None),
    ],
)
def test_a_value_that_mailchimp_only_writes_otherwise_was_taken(sent: object, shown: object) -> None:
    assert fields_not_taken({"merge_fields": {"F": sent}}, {"merge_fields": {"F": shown}}) == []


@pytest.mark.parametrize(
    "sent,shown",
    [("Jane", "John"), ("Jane", ""), (5, 6), (15550100, 15550101), ({"addr1": "1 Main St"}, ""), ("", "x")],
)
def test_another_value_was_not(sent: object, shown: object) -> None:
    assert fields_not_taken({"merge_fields": {"F": sent}}, {"merge_fields": {"F": shown}}) == ["F"]


@pytest.mark.parametrize("row", [{}, {"merge_fields": None}, {"merge_fields": {"G": "x"}}])
def test_a_field_that_is_not_shown_is_not_judged(row: Json) -> None:
    assert fields_not_taken({"merge_fields": {"F": "Jane"}}, row) == []


def test_the_status_and_the_tags_are_remembered() -> None:
    (contact,) = people(1)
    note_shown(contact, {"status": "pending", "tags": [{"id": 1, "name": "VIP"}, "Old"]})

    assert contact.shown_status == "pending"
    assert contact.shown_tags == frozenset({"vip", "old"})


def test_a_field_that_never_changes_is_asked_for_no_more() -> None:
    stubborn = StubbornFields()
    for _ in range(19):
        stubborn.note(["F"])
    assert not stubborn.all_stubborn(["F"])
    stubborn.note(["F"])

    assert stubborn.all_stubborn(["F"])
    assert not stubborn.all_stubborn(["F", "G"])
