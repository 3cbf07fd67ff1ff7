"""Every mistake in the configuration is told by the name of its field, and no value is ever shown."""

from __future__ import annotations

from typing import Any

import pytest

from mailchimp_api.credentials import ApiKeyCredentials, OAuthCredentials
from mailchimp_api.errors import ConfigError
from source_mailchimp.config import Config, parse_config
from unit_tests.mailchimp_model import moment

SECRET = "s3cret-value"
KEY = {"auth_type": "apikey", "apikey": "0123-us10"}
WRONG: dict[str, list[Any]] = {
    "start_date": [SECRET, 5, "2020-13-01", ["2020-01-01"]],
    "num_workers": [1, 11, SECRET, 2.5],
    "list_ids": [7, {"id": SECRET}],
    "include_archived": [SECRET, 7],
    "activity_lookback_days": [-1, 366, SECRET],
    "refresh_window_days": [-1, 3651, SECRET],
    "page_size": [0, 1001, SECRET, 1.5],
    "report_deletions": [SECRET, 7],
    "merge_fields": [SECRET, 7],
    "apikey": [7, [SECRET]],
    "data_center": [7],
    "api_url": [7],
    "request_timeout": [0, -1, SECRET],
    "retry_seconds": [0, SECRET],
}


def complaint(raw: dict[str, object]) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        parse_config(raw)
    assert SECRET not in str(caught.value) + repr(caught.value) + caught.value.field
    assert caught.value.__cause__ is None
    return caught.value


class TestMistakes:
    def test_every_field_has_its_mistakes_here(self) -> None:
        assert set(Config.model_fields) - {"credentials"} == set(WRONG)

    @pytest.mark.parametrize("name, value", [(name, value) for name, values in WRONG.items() for value in values])
    def test_a_wrong_value_is_told_by_the_name_of_its_field(self, name: str, value: object) -> None:
        error = complaint({"credentials": KEY, name: value})

        assert error.field == name
        assert str(error).startswith(f"Invalid configuration: {name}: must be ")

    @pytest.mark.parametrize(
        "credentials, field",
        [
            (SECRET, "credentials"),
            ({"auth_type": SECRET, "apikey": SECRET}, "credentials.auth_type"),
            ({"auth_type": "apikey"}, "credentials.apikey"),
            ({"auth_type": "apikey", "apikey": None}, "credentials.apikey"),
            ({"auth_type": "apikey", "apikey": [SECRET]}, "credentials.apikey"),
            ({"auth_type": "oauth2.0", "client_secret": SECRET}, "credentials.access_token"),
            ({"auth_type": "oauth2.0", "access_token": {"token": SECRET}}, "credentials.access_token"),
            ({"client_id": SECRET}, "credentials.access_token"),
            (None, "credentials"),
        ],
    )
    def test_wrong_credentials_are_told_by_the_field_a_person_sees(self, credentials: object, field: str) -> None:
        assert complaint({"credentials": credentials}).field == field

    @pytest.mark.parametrize("kind", [{}, {"auth_type": "apikey"}])
    def test_a_misspelt_key_is_told_the_right_name(self, kind: dict[str, str]) -> None:
        told = complaint({"credentials": {**kind, "api_key": SECRET}})

        assert str(told).endswith("credentials.apikey: is missing. There is api_key: did you mean apikey?")

    def test_an_item_of_a_list_is_told_by_its_place(self) -> None:
        assert complaint({"credentials": KEY, "list_ids": ["a", 7]}).field == "list_ids.1"


class TestOldConfigurations:
    def test_a_key_at_the_top_will_do(self) -> None:
        assert parse_config({"apikey": "0123-us10"}).access_credentials == ApiKeyCredentials(apikey="0123-us10")

    @pytest.mark.parametrize("credentials", [{"apikey": "0123-us10"}, KEY])
    def test_credentials_need_no_type(self, credentials: dict[str, str]) -> None:
        config = parse_config({"credentials": credentials, "apikey": None, "start_date": None})

        assert config.access_credentials == ApiKeyCredentials(apikey="0123-us10")

    def test_a_token_without_type_is_a_token(self) -> None:
        config = parse_config({"credentials": {"access_token": "t", "client_id": None}})

        assert config.access_credentials == OAuthCredentials(access_token="t")

    def test_what_nobody_knows_is_let_through(self) -> None:
        assert parse_config({"credentials": KEY, "campaign_id": "x"}).num_workers == 8

    @pytest.mark.parametrize("empty", ["", None])
    def test_an_empty_start_date_means_from_the_beginning(self, empty: str | None) -> None:
        assert parse_config({"credentials": KEY, "start_date": empty}).start is None

    @pytest.mark.parametrize(
        "text", ["2026-01-01T00:00:00.000Z", "2026-01-01T00:00:00Z", "2026-01-01", "2026-01-01T01:00:00+01:00"]
    )
    def test_a_start_date_may_have_any_usual_form(self, text: str) -> None:
        assert parse_config({"credentials": KEY, "start_date": text}).start == moment(0)

    @pytest.mark.parametrize(
        "text", ["0001-01-01", "0001-01-01T00:00:00Z", "0001-01-01T00:00:00+14:00", "1970-01-01T00:00:00Z"]
    )
    def test_a_date_before_mailchimp_itself_leaves_nothing_out(self, text: str) -> None:
        """As a filter it would overflow (``0001-01-01`` less a second), or hang Mailchimp (``since=1970-01-01``)."""
        assert parse_config({"credentials": KEY, "start_date": text}).start is None


def test_a_misspelt_option_is_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    """It would not do what it was set for, and nobody would know."""
    parse_config({"credentials": KEY, "list_id": [SECRET]})

    assert "does nothing: list_id. Did you mean list_ids?" in caplog.text
    assert SECRET not in caplog.text


@pytest.mark.parametrize("text, warnings", [("2999-01-01", 1), ("2020-01-01", 0)])
def test_a_start_date_in_the_future_is_warned_of(text: str, warnings: int, caplog: pytest.LogCaptureFixture) -> None:
    """A check succeeds, and a sync would read hardly anything."""
    parse_config({"credentials": KEY, "start_date": text})

    assert caplog.text.count("start_date lies in the future") == warnings
