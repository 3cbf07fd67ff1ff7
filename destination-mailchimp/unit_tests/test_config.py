"""The configuration."""

from __future__ import annotations

import json

import pytest

from destination_mailchimp.config import Config, read_config
from destination_mailchimp.contacts.contact import Json
from destination_mailchimp.failures import SyncFailure
from mailchimp_api.options import option_schema
from unit_tests.builders import CONFIG, KEY


class TestConfig:
    """One model is the spec, the validation and the documentation."""

    def test_the_titles_are_what_users_know(self) -> None:
        properties = option_schema(Config)["properties"]
        key = properties["credentials"]["oneOf"][0]["properties"]["apikey"]

        assert (key["title"], key["airbyte_secret"]) == ("Account level API Key", True)
        assert (properties["list_id"]["title"], properties["tags"]["title"]) == ("List ID", "Tags")
        assert properties["api_url"]["airbyte_hidden"]
        assert properties["num_workers"]["airbyte_hidden"]
        assert option_schema(Config)["required"] == ["credentials", "list_id"]

    def test_every_option_has_a_sentence_and_a_place(self) -> None:
        properties = option_schema(Config)["properties"]

        assert all(option["description"].endswith(".") and option["title"] for option in properties.values())
        assert sorted(option["order"] for option in properties.values()) == list(range(len(properties)))
        assert "$ref" not in json.dumps(properties)

    @pytest.mark.parametrize(
        "change,words",
        [
            ({"list_id": 5}, "list_id"),
            ({"credentials": {"auth_type": "apikey"}}, "apikey"),
            ({"update_status": True}, "needs status_field"),
            ({"status_for_new": "cleaned"}, "status_for_new"),
            ({"num_workers": 11}, "num_workers"),
            ({"list_id": " "}, "list_id: it is empty.*Audience name and defaults"),
            ({"list_id": None}, "list_id: is missing"),
            ({"max_new_contacts": "lots"}, "max_new_contacts: must be a whole number"),
        ],
    )
    def test_a_mistake_is_named_and_no_value_is_shown(self, change: Json, words: str) -> None:
        with pytest.raises(SyncFailure, match=words) as failure:
            read_config({**CONFIG, **change, "tags": "secret tag"})

        assert KEY not in failure.value.message
        assert "secret tag" not in failure.value.message

    def test_a_key_at_the_top_level_and_cleared_options_are_understood(self) -> None:
        config = read_config({"apikey": KEY, "list_id": " a1 ", "email_field": "", "tags": "a, A ,b", "new_option": 1})

        assert (config.list_id, config.email_field, config.tag_names) == ("a1", None, ["a", "b"])

    def test_null_is_unset_for_every_option(self) -> None:
        optional = dict.fromkeys(set(Config.model_fields) - {"credentials", "list_id"})

        assert read_config({**CONFIG, **optional}) == read_config(CONFIG)
        assert read_config({**CONFIG, "credentials": None, "apikey": KEY}) == read_config(CONFIG)

    @pytest.mark.parametrize("tags", ["remove:Customers", "News, Remove : Customers", ["News", "remove:Customers"]])
    def test_a_tag_to_remove_is_no_tag_to_give(self, tags: object) -> None:
        with pytest.raises(SyncFailure, match="tags: “remove:” takes a tag away in the tags column") as failure:
            read_config({**CONFIG, "tags": tags})

        assert "Customers" not in failure.value.message


def test_a_wrong_auth_type_is_not_quoted() -> None:
    """It may be the key itself, in the wrong place."""
    credentials = {"auth_type": "0123456789abcdef0123456789abcdef-us10", "apikey": KEY}

    with pytest.raises(SyncFailure, match=r"credentials: auth_type must be apikey or oauth2\.0") as caught:
        read_config({**CONFIG, "credentials": credentials})
    assert "0123456789" not in caught.value.message
