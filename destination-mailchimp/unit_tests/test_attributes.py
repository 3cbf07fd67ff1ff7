"""What a contact has beside merge fields, from columns as people have them."""

from __future__ import annotations

import pytest

from destination_mailchimp.contacts.contact import Json
from destination_mailchimp.mapping.attributes import ATTRIBUTES, as_object, put_tags
from destination_mailchimp.mapping.errors import BadValue
from destination_mailchimp.mapping.partial_contact import PartialContact


def body_of(name: str, value: object) -> Json:
    """What a column of this name makes of a value."""
    partial = PartialContact()
    ATTRIBUTES[name](partial, value)
    return partial.body


@pytest.mark.parametrize(
    "name,value,made",
    [
        ("language", "de-AT", "de"),
        ("language", " PT_br ", "pt"),
        ("language", "fr_ca", "fr_CA"),
        ("language", "xx", "xx"),
        ("vip", "no", False),
        ("email_type", "HTML", "html"),
        ("ip_opt", " 192.0.2.1 ", "192.0.2.1"),
        ("ip_signup", "2001:DB8::1", "2001:db8::1"),
        ("timestamp_opt", "2026-11-22T10:00:00.9+02:00", "2026-11-22T08:00:00+00:00"),
        ("timestamp_signup", "2026-11-22", "2026-11-22T00:00:00+00:00"),
        ("location", {"latitude": "1.5", "longitude": 2, "country_code": "DE"}, {"latitude": 1.5, "longitude": 2.0}),
        ("location", '{"latitude": 1, "longitude": 2}', {"latitude": 1.0, "longitude": 2.0}),
    ],
)
def test_a_value_becomes_what_mailchimp_takes(name: str, value: object, made: object) -> None:
    assert body_of(name, value) == {name: made}


@pytest.mark.parametrize("name", ATTRIBUTES)
def test_an_empty_text_leaves_it_as_it_is(name: str) -> None:
    assert body_of(name, "") == {}


def test_the_place_that_stands_for_none_is_none() -> None:
    assert body_of("location", {"latitude": 0, "longitude": 0}) == {}


@pytest.mark.parametrize(
    "name,value",
    [
        ("language", "German"),
        ("language", 5),
        ("vip", "perhaps"),
        ("email_type", "pdf"),
        ("ip_opt", "192.0.2.256"),
        ("timestamp_opt", "yesterday"),
        ("timestamp_opt", "2026-13-01"),
        ("timestamp_opt", 1_700_000_000),
        ("location", {"latitude": 1}),
        ("location", {"latitude": 91, "longitude": 0}),
        ("location", "Berlin"),
    ],
)
def test_what_does_not_fit_is_said_without_the_value(name: str, value: object) -> None:
    with pytest.raises(BadValue) as bad:
        body_of(name, value)
    assert str(value) not in str(bad.value)


@pytest.mark.parametrize("value,made", [({"a": 1}, {"a": 1}), ('{"a": 1}', {"a": 1}), (" ", {})])
def test_an_object_may_be_a_text(value: object, made: Json) -> None:
    assert as_object(value) == made


def test_tags_of_two_columns_go_together() -> None:
    """Who is to get a tag by one and to lose it by the other gets it."""
    partial = PartialContact()
    put_tags(partial, "remove:vip, remove: Old")
    put_tags(partial, ["VIP", {"name": "News", "status": "inactive"}])

    assert (partial.tags, partial.removed_tags) == (["VIP"], ["Old", "News"])
