"""Contacts are named as Mailchimp names them."""

from __future__ import annotations

from mailchimp_api.members import subscriber_hash


def test_the_hash_of_an_address_ignores_case() -> None:
    """As in Mailchimp's documentation: md5 of the lower-cased address."""
    assert subscriber_hash("Urist.McVankab@freddiesjokes.com") == "62eeb292278cc15f5817cb78f7790b08"
