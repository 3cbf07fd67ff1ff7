"""Which status a contact gets, and which present status must be looked at first."""

from __future__ import annotations

import pytest

from destination_mailchimp.accounting.ledger import StreamLedger
from destination_mailchimp.audience.fields import Audience
from destination_mailchimp.contacts.contact import Contact
from destination_mailchimp.writing.consent import StatusPolicy, announcement, opt_in_overridden, statuses_upgradable_to
from unit_tests.builders import config_of, contact_of


def wanting(status: str | None) -> Contact:
    """A contact whose record asks for a status."""
    contact = contact_of(StreamLedger("s"), "a@example.com")
    contact.status = status
    return contact


@pytest.mark.parametrize(
    "options,double_optin,status",
    [
        ({}, False, "subscribed"),
        ({}, True, "pending"),
        ({"status_for_new": "subscribed"}, True, "subscribed"),
        ({"status_for_new": "transactional"}, False, "transactional"),
    ],
)
def test_new_contacts_are_asked_first_where_the_audience_does_so(
    options: dict[str, str],
    double_optin: bool,  # noqa: FBT001
    status: str,
) -> None:
    policy = StatusPolicy.of(config_of(**options), Audience("abc", "News", double_optin=double_optin))

    assert policy.new(wanting(None)) == status
    assert policy.new(wanting("unsubscribed")) == "unsubscribed"


@pytest.mark.parametrize("status", ["subscribed", "pending", "transactional", "unsubscribed", "cleaned", None])
def test_an_existing_contact_gets_no_status_unless_the_user_wants_it(status: str | None) -> None:
    policy = StatusPolicy("subscribed")

    assert policy.existing(wanting(status)) is None
    assert not policy.needs_current_status(wanting(status))


@pytest.mark.parametrize(
    "status,sent,looked_at",
    [
        ("unsubscribed", "unsubscribed", False),
        ("cleaned", "cleaned", False),
        ("subscribed", None, True),
        ("pending", None, True),
        ("transactional", None, True),
        (None, None, False),
    ],
)
def test_a_status_that_receives_mail_is_sent_only_after_a_look(
    status: str | None,
    sent: str | None,
    looked_at: bool,  # noqa: FBT001
) -> None:
    policy = StatusPolicy("subscribed", update=True)

    assert policy.existing(wanting(status)) == sent
    assert policy.needs_current_status(wanting(status)) is looked_at


@pytest.mark.parametrize("status", ["subscribed", "pending", "transactional"])
def test_nobody_who_has_left_may_be_moved_up(status: str) -> None:
    assert not {"unsubscribed", "cleaned", "archived", status} & set(statuses_upgradable_to(status))


@pytest.mark.parametrize(
    "options,told",
    [
        ({}, None),
        ({"status_for_new": "pending"}, None),
        ({"status_for_new": "subscribed"}, "status_for_new is subscribed"),
        ({"status_field": "state"}, "those where it holds none become pending"),
        ({"status_field": "state", "status_for_new": "subscribed"}, "so are those where it holds none"),
        ({"status_field": "state", "status_for_new": "unsubscribed"}, "those where it holds none become unsubscribed"),
        ({"status_field": "state", "update_only": True}, None),
    ],
)
def test_what_overrides_double_opt_in_is_told(options: dict[str, object], told: str | None) -> None:
    warned = opt_in_overridden(config_of(**options), Audience("abc", "News", double_optin=True))

    assert (warned is None) == (told is None)
    assert told is None or (warned and told in warned and "without being asked" in warned)
    assert opt_in_overridden(config_of(**options), Audience("abc", "News", double_optin=False)) is None


def test_the_announcement_names_the_status_column() -> None:
    audience = Audience("abc", "News", double_optin=True)

    assert announcement(config_of(), audience) == "New contacts in audience News will be created as pending"
    assert "the column state holds, and pending where it holds none" in announcement(
        config_of(status_field="state"), audience
    )
