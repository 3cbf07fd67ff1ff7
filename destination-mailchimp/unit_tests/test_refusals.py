"""Why Mailchimp refused a contact is read from its text, as recorded and reported."""

from __future__ import annotations

import pytest

from destination_mailchimp.audience.refusals import (
    asks_for_status,
    by_item,
    classify,
    from_problem,
    from_row,
    is_account_wide,
    is_temporary,
    names_no_field,
    nobody_subscribed,
)
from mailchimp_api.errors import Problem


@pytest.mark.parametrize(
    "text,field,reason",
    [
        ("a@example.com is in a compliance state due to unsubscribe", "", "compliance_state"),
        ("a@example.com was permanently deleted and cannot be re-imported", "", "forgotten"),
        ("a@example.com looks fake or invalid, please enter a real email address.", "", "looks_fake"),
        ("Please provide a valid email address.", "", "looks_fake"),
        ("The username portion of the email address is invalid (the portion before the @: jané)", "", "looks_fake"),
        ("The domain portion of the email address is invalid (the portion after the @: x)", "", "looks_fake"),
        ("An email address must contain a single @", "", "looks_fake"),
        ("a@example.com has signed up to a lot of lists very recently", "", "too_many_signups"),
        ("Your merge fields were invalid.", "", "field_refused"),
        ("Something else", "language", "field_refused"),
        ("Something else", "", "refused"),
    ],
)
def test_the_kind_of_a_refusal(text: str, field: str, reason: str) -> None:
    assert classify(text, field) == reason


def test_a_row_without_a_field_leaves_open_which_value_it_was() -> None:
    assert names_no_field(from_row({"error": "Your merge fields were invalid."}))
    assert not names_no_field(from_row({"error": "Your merge fields were invalid.", "field": "DOB"}))


def test_all_fields_that_a_problem_names_are_told() -> None:
    problem = Problem(400, "Invalid Resource", "no", (("merge_fields.A", "bad"), ("language", "worse")))

    assert from_problem(problem).field == "merge_fields.A"
    assert by_item(problem, 5) == {}


def test_members_of_a_batch_are_found_by_their_place() -> None:
    problem = Problem(400, "Invalid Resource", "no", (("members.item:3.status", "bad"), ("members.1.email", "bad")))

    assert sorted(by_item(problem, 5)) == [1, 3]
    assert by_item(problem, 2) == {}


def test_what_concerns_the_account_is_nobodys_own() -> None:
    assert is_account_wide(Problem(403, "Forbidden", "no"))
    assert not is_account_wide(Problem(400, "Member In Compliance State", "no"))


def test_a_refusal_for_the_time_being_is_told_apart() -> None:
    assert is_temporary(from_row({"error": "… very recently; we're not allowing more signups for now"}))
    assert not is_temporary(from_row({"error": "looks fake or invalid"}))


def test_a_tag_call_whose_contacts_are_not_subscribed_is_recognised() -> None:
    text = "None of the emails provided were subscribed to the list"

    assert nobody_subscribed(Problem(400, "Invalid Resource", "no", (("members_to_add", text),)))


@pytest.mark.parametrize("without,asked", [(True, True), (False, False)])
def test_not_validated_asks_for_a_status_only_where_none_was_sent(without: bool, asked: bool) -> None:  # noqa: FBT001
    reject = from_row({"error": "The resource submitted could not be validated. For field-specific details, …"})

    assert asks_for_status(reject, without_status=without) is asked
