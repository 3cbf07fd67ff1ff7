"""What a user can type wrong is found before anything is sent, and said with the field's name and the remedy."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from mailchimp_api.credentials import (
    ApiKeyCredentials,
    OAuthCredentials,
    api_root,
    authorization_header,
    check_api_url,
    check_token,
    data_center_of_key,
    secrets_of,
)
from mailchimp_api.errors import ConfigError, InvalidAccessToken, InvalidApiKey
from mailchimp_api.masking import mask, register_secrets


class TestApiKey:
    def test_the_ending_of_the_key_names_the_data_center(self) -> None:
        assert data_center_of_key("0123456789abcdef0123456789abcdef-us10") == "us10"

    @pytest.mark.parametrize("key", [" abc-us10", "abc-us10 ", "abc-us10\n", "\tabc-us10", "", " "])
    def test_blanks_around_the_key_are_named_as_the_fault(self, key: str) -> None:
        with pytest.raises(InvalidApiKey, match=r"blanks around it, or it is empty\. Copy it again") as caught:
            data_center_of_key(key)

        assert caught.value.field == "credentials.apikey"

    @pytest.mark.parametrize(
        "key", ["abc", "abcus10", "abc-", "abc-us", "abc-10", "abc-us10-", "abc-us10.evil.com", "-us10", "a bc-us10"]
    )
    def test_a_key_without_its_data_center_is_told_what_it_lacks(self, key: str) -> None:
        with pytest.raises(InvalidApiKey, match="must end in a dash and your data center, such as -us10") as caught:
            data_center_of_key(key)

        assert caught.value.field == "credentials.apikey"
        assert "Account & billing" in str(caught.value)

    @pytest.mark.parametrize("key", ["abc-us１０", "äbc-us10"])
    def test_letters_and_digits_of_other_alphabets_do_not_pass(self, key: str) -> None:
        with pytest.raises(InvalidApiKey):
            data_center_of_key(key)

    def test_basic_authorization_takes_any_user_name_and_the_key_as_password(self) -> None:
        assert authorization_header(ApiKeyCredentials(apikey="abc-us1")) == "Basic a2V5OmFiYy11czE="


class TestToken:
    @pytest.mark.parametrize("token", ["", "a b", " abc", "abc\r\nX-Evil: 1", "äbc"])
    def test_a_token_that_no_header_can_hold_is_refused(self, token: str) -> None:
        with pytest.raises(InvalidAccessToken, match="empty, or there are blanks in it") as caught:
            check_token(token)

        assert caught.value.field == "credentials.access_token"

    def test_it_is_sent_as_a_bearer(self) -> None:
        assert authorization_header(OAuthCredentials(access_token="abc")) == "Bearer abc"


class TestDataCenter:
    def test_it_names_the_host(self) -> None:
        assert api_root("us21") == "https://us21.api.mailchimp.com/3.0"

    @pytest.mark.parametrize("value", ["", "us", "10", "US10", "us10\n", "us10.evil.com/", "us１０", "a" * 70 + "1"])
    def test_nothing_else_becomes_part_of_a_host(self, value: str) -> None:
        with pytest.raises(ConfigError, match="such as us10") as caught:
            api_root(value)

        assert caught.value.field == "data_center"


class TestApiUrl:
    @pytest.mark.parametrize(
        "url,origin",
        [
            ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
            ("http://localhost:8080/", "http://localhost:8080"),
            ("http://[::1]:8080/3.0", "http://[::1]:8080"),
            ("https://us10.api.mailchimp.com/3.0/", "https://us10.api.mailchimp.com"),
            ("HTTPS://Proxy.Example.com", "https://proxy.example.com"),
        ],
    )
    def test_https_anywhere_and_http_on_this_machine_will_do(self, url: str, origin: str) -> None:
        assert check_api_url(url) == origin

    @pytest.mark.parametrize(
        "url",
        [
            "http://example.com",
            "http://127.0.0.1.example.com",
            "http://127.0.0.1@example.com",
            "http://example.com\\@127.0.0.1",
            "http://user:password@127.0.0.1",
            "https://user:password@example.com",
            "ftp://127.0.0.1",
            "127.0.0.1:8080",
            "https://",
            "https://exam ple.com",
            "https://example.com:port",
            "https://example.com:99999",
            "https://example.com/prefix",
            "https://example.com?x=1",
            "https://example.com#x",
            "http://[::1",
            "",
        ],
    )
    def test_the_key_goes_nowhere_else(self, url: str) -> None:
        with pytest.raises(ConfigError, match="must be an https address") as caught:
            check_api_url(url)

        assert caught.value.field == "api_url"

    @given(st.text(max_size=60), st.sampled_from(["http://", "https://", "http://127.0.0.1", "https://a.example"]))
    def test_whatever_is_typed_it_is_an_origin_or_a_config_error(self, text: str, start: str) -> None:
        try:
            origin = check_api_url(start + text)
        except ConfigError:
            return

        assert origin.startswith(("https://", "http://127.0.0.1", "http://localhost", "http://[::1]"))
        assert check_api_url(origin) == origin


class TestSecrets:
    def test_everything_secret_in_the_credentials_is_masked(self) -> None:
        """In plain, without the key's ending, and as the header carries it."""
        key = ApiKeyCredentials(apikey=" not-a-hash-us10 ")
        oauth = OAuthCredentials(access_token="token-abc", client_id="id-abc", client_secret="secret-abc")
        register_secrets([*secrets_of(key), *secrets_of(oauth)])
        header = authorization_header(key)

        assert mask(f"{key.apikey}|not-a-hash-us10|not-a-hash|{header}") == "***|***|***|Basic ***"
        assert mask("token-abc secret-abc Bearer token-abc") == "*** *** Bearer ***"

    def test_a_config_that_does_not_validate_is_not_quoted(self) -> None:
        with pytest.raises(ValidationError) as caught:
            ApiKeyCredentials.model_validate({"auth_type": "apikey", "apikey": ["secret-key-us10"]})

        assert "secret-key" not in str(caught.value)
