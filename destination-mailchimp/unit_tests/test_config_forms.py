"""Options as people and tools write them."""

from __future__ import annotations

import pytest

from destination_mailchimp.config import read_config
from destination_mailchimp.failures import SyncFailure
from unit_tests.builders import CONFIG, KEY, config_of

MAPPING = [("firstname", "FNAME"), ("company", "")]


@pytest.mark.parametrize(
    "written",
    [
        [{"column": "firstname", "field": "FNAME"}, {"column": "company", "field": ""}],
        {"firstname": "FNAME", "company": ""},
        {"firstname": "FNAME", "company": None},
        "firstname=FNAME, company=",
        " firstname = FNAME ,company=,",
    ],
)
def test_a_mapping_is_a_list_an_object_or_a_text(written: object) -> None:
    assert [(one.column, one.field) for one in config_of(field_mapping=written).field_mapping] == MAPPING


@pytest.mark.parametrize("written", ["firstname", "firstname=FNAME, =LNAME"])
def test_a_text_that_holds_no_pairs_is_no_mapping(written: str) -> None:
    with pytest.raises(SyncFailure, match="or a text such as firstname=FNAME, lastname=LNAME"):
        config_of(field_mapping=written)


@pytest.mark.parametrize("written", ["News, VIP", ["News", "VIP"], " News,VIP,,"])
def test_tags_are_a_text_or_a_list(written: object) -> None:
    assert config_of(tags=written).tag_names == ["News", "VIP"]


@pytest.mark.parametrize("option", ["email_field", "status_field", "rejects_file", "state_placeholder", "api_url"])
@pytest.mark.parametrize("cleared", ["", "  ", None])
def test_an_option_that_was_cleared_is_unset(option: str, cleared: str | None) -> None:
    assert config_of(**{option: cleared}) == config_of()


def test_null_in_the_credentials_is_unset_too() -> None:
    credentials = {"auth_type": "apikey", "apikey": KEY, "access_token": None}

    assert read_config({**CONFIG, "credentials": credentials}) == read_config(CONFIG)


def test_what_is_no_object_is_no_configuration() -> None:
    with pytest.raises(SyncFailure):
        read_config([CONFIG])


@pytest.mark.parametrize(
    "written", [7, True, ["firstname"], [{"firstname": "FNAME"}], [{"column": "firstname"}], {"firstname": ["FNAME"]}]
)
def test_a_wrong_mapping_is_told_the_forms_that_work(written: object) -> None:
    with pytest.raises(SyncFailure) as caught:
        config_of(field_mapping=written)

    assert caught.value.message == (
        'The configuration is not valid. field_mapping: must be a list such as [{"column": "firstname", "field": '
        '"FNAME"}], an object such as {"firstname": "FNAME"}, or a text such as firstname=FNAME, lastname=LNAME'
    )


@pytest.mark.parametrize("kind", [{}, {"auth_type": "apikey"}])
def test_a_misspelt_key_is_told_the_right_name(kind: dict[str, str]) -> None:
    with pytest.raises(SyncFailure) as caught:
        config_of(credentials={**kind, "api_key": "0123-us10"})

    assert caught.value.message == (
        "The configuration is not valid. credentials.apikey: is missing. There is api_key: did you mean apikey?"
    )


def test_a_key_needs_no_type() -> None:
    """As the source takes it."""
    assert config_of(credentials={"apikey": KEY}).credentials.auth_type == "apikey"
