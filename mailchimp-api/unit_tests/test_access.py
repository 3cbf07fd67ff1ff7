"""From what the user configured to a host: each way to fail names its field and the remedy."""

from __future__ import annotations

import socket
from typing import Any

import pytest
import requests
import requests_mock as rm

from mailchimp_api import errors
from mailchimp_api.access import Access, open_access
from mailchimp_api.account import account_of, audience_of, check_audiences
from mailchimp_api.client import MailchimpClient, RetryPolicy
from mailchimp_api.credentials import ApiKeyCredentials, OAuthCredentials
from mailchimp_api.masking import mask
from mailchimp_api.readers import AudienceFacts

KEY = ApiKeyCredentials(apikey="0123456789abcdef0123456789abcdef-us10")
TOKEN = OAuthCredentials(access_token="an-access-token")
METADATA = "https://login.mailchimp.com/oauth2/metadata"
ROOT = "https://us10.api.mailchimp.com/3.0"
PROBLEM = {"Content-Type": "application/problem+json", "X-Request-Id": "req-1"}


@pytest.fixture(autouse=True)
def looked_up(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names looked up; those of us10 and us21 exist."""
    names: list[str] = []

    def look_up(host: str, port: int) -> list[Any]:
        names.append(host)
        if host.startswith("down1."):
            raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
        if not host.startswith(("us10.", "us21.")):
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return []

    monkeypatch.setattr("mailchimp_api.access.socket.getaddrinfo", look_up)
    return names


class TestApiKey:
    def test_the_keys_ending_gives_the_host(self, looked_up: list[str]) -> None:
        access = open_access(KEY)

        assert access.root == ROOT
        assert access.authorization.startswith("Basic ")
        assert looked_up == ["us10.api.mailchimp.com"]

    def test_a_key_without_its_ending_is_refused_even_where_the_host_is_given(self) -> None:
        with pytest.raises(errors.InvalidApiKey, match="such as -us10"):
            open_access(ApiKeyCredentials(apikey="abcdef"), api_url="http://127.0.0.1:8080")

    def test_a_data_center_that_does_not_exist_is_named(self) -> None:
        with pytest.raises(
            errors.HostUnreachable, match=r"us99\.api\.mailchimp\.com can't be found\. Check the ending"
        ) as caught:
            open_access(ApiKeyCredentials(apikey="abcdef-us99"))

        assert caught.value.field == "credentials.apikey"

    def test_a_name_service_that_is_down_is_no_fault_of_the_key(self) -> None:
        """The request itself is tried again for minutes; the name service may be back by then."""
        assert open_access(ApiKeyCredentials(apikey="abcdef-down1")).root == "https://down1.api.mailchimp.com/3.0"

    def test_behind_a_proxy_names_are_the_proxys_business(
        self, monkeypatch: pytest.MonkeyPatch, looked_up: list[str]
    ) -> None:
        monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:3128")
        open_access(ApiKeyCredentials(apikey="abcdef-us99"))

        assert looked_up == []

    def test_a_list_of_exceptions_alone_is_no_proxy(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("NO_PROXY", "localhost")

        with pytest.raises(errors.HostUnreachable):
            open_access(ApiKeyCredentials(apikey="abcdef-us99"))

    def test_api_url_replaces_the_host(self, looked_up: list[str]) -> None:
        assert open_access(KEY, api_url="http://127.0.0.1:8080/").root == "http://127.0.0.1:8080/3.0"
        assert looked_up == []

    def test_from_then_on_the_key_is_masked(self) -> None:
        access = open_access(ApiKeyCredentials(apikey="marked-key-us10"))

        assert mask(f"marked-key-us10 {access.authorization}") == "*** Basic ***"
        assert access.authorization not in repr(access)


class TestOAuth:
    def test_mailchimp_is_asked_for_the_data_center(self, requests_mock: rm.Mocker) -> None:
        requests_mock.get(METADATA, json={"dc": "us21", "role": "owner"})

        assert open_access(TOKEN) == Access("https://us21.api.mailchimp.com/3.0", "Bearer an-access-token")
        assert requests_mock.last_request is not None
        assert requests_mock.last_request.headers["Authorization"] == "OAuth an-access-token"

    def test_a_configured_data_center_saves_the_question(self, requests_mock: rm.Mocker) -> None:
        assert open_access(TOKEN, data_center="us10").root == ROOT

    def test_a_mistyped_data_center_is_named(self) -> None:
        with pytest.raises(errors.HostUnreachable, match=r"Check data_center \(us99\)") as caught:
            open_access(TOKEN, data_center="us99")

        assert caught.value.field == "data_center"

    def test_api_url_replaces_the_login_host_too(self, requests_mock: rm.Mocker) -> None:
        requests_mock.get("http://127.0.0.1:8080/oauth2/metadata", json={"dc": "us21"})

        assert open_access(TOKEN, api_url="http://127.0.0.1:8080").root == "http://127.0.0.1:8080/3.0"

    @pytest.mark.parametrize(
        "answer",
        [
            {"json": {"error": "invalid_token"}, "headers": {"X-Request-Id": "req-1"}},
            {"status_code": 401, "json": {"title": "API Key Invalid"}, "headers": PROBLEM},
            {"status_code": 403, "json": {"title": "Forbidden"}, "headers": PROBLEM},
        ],
        ids=["200 with error", "401", "403"],
    )
    def test_a_bad_token_is_said_to_be_one(
        self, requests_mock: rm.Mocker, waits: list[float], answer: dict[str, Any]
    ) -> None:
        requests_mock.get(METADATA, [answer])

        with pytest.raises(errors.InvalidAccessToken, match=r"authorise again\. \(request id req-1\)") as caught:
            open_access(TOKEN)
        assert caught.value.field == "credentials.access_token"
        assert (requests_mock.call_count, waits) == (1, [])

    @pytest.mark.parametrize(
        "answer,kind",
        [
            ({"status_code": 503, "json": {}}, errors.ServerFault),
            ({"status_code": 429}, errors.RateLimited),
            ({"text": "<html>"}, errors.UnreadableAnswer),
            ({"json": {}}, errors.UnreadableAnswer),
            ({"json": {"dc": "evil.example/"}}, errors.UnreadableAnswer),
            ({"json": {"dc": None}}, errors.UnreadableAnswer),
            ({"exc": requests.exceptions.ReadTimeout}, errors.AnswerTimeout),
            ({"exc": requests.exceptions.ConnectionError}, errors.HostUnreachable),
        ],
    )
    def test_a_login_host_with_a_problem_is_asked_again_and_not_blamed_on_the_token(
        self, requests_mock: rm.Mocker, waits: list[float], answer: dict[str, object], kind: type[errors.MailchimpError]
    ) -> None:
        requests_mock.get(METADATA, [answer, answer, {"json": {"dc": "us21"}}])
        assert open_access(TOKEN).root.startswith("https://us21.")

        requests_mock.get(METADATA, [answer])
        with pytest.raises(kind):
            open_access(TOKEN)

    def test_a_login_host_out_of_reach_is_named_with_the_way_around_it(
        self, requests_mock: rm.Mocker, waits: list[float]
    ) -> None:
        requests_mock.get(METADATA, exc=requests.exceptions.ConnectTimeout)

        with pytest.raises(errors.HostUnreachable, match=r"login\.mailchimp\.com.*proxy.*set data_center") as caught:
            open_access(TOKEN)
        assert caught.value.field == "credentials.access_token"
        assert caught.value.__context__ is None


class TestAccount:
    def test_it_is_what_mailchimp_says_of_it(self, client: MailchimpClient, requests_mock: rm.Mocker) -> None:
        requests_mock.get(f"{ROOT}/", json={"account_id": "abc"})

        assert account_of(client) == {"account_id": "abc"}

    @pytest.mark.parametrize(
        "answer,kind,field,remedy",
        [
            ((401, "API Key Invalid"), errors.InvalidApiKey, "credentials.apikey", "make a new one in Mailchimp under"),
            ((403, "User Disabled"), errors.UserDisabled, "credentials.apikey", "Reactivate the user"),
            ((403, "WrongDatacenter"), errors.WrongDataCenter, "credentials.apikey", "with its own ending; you find"),
            ((403, "Forbidden"), errors.PermissionDenied, "credentials", "at least the Viewer role"),
            ((404, "Resource Not Found"), errors.HostUnreachable, "credentials", "Check the ending of the key"),
        ],
    )
    def test_each_refusal_names_the_field_the_remedy_and_the_request(
        self,
        client: MailchimpClient,
        requests_mock: rm.Mocker,
        answer: tuple[int, str],
        kind: type[errors.ConfigError],
        field: str,
        remedy: str,
    ) -> None:
        status, title = answer
        body = {"title": title, "status": status, "detail": "jane@example.com may not"}
        requests_mock.get(f"{ROOT}/", status_code=status, json=body, headers=PROBLEM)

        with pytest.raises(kind, match=remedy) as caught:
            account_of(client)
        assert caught.value.field == field
        assert str(caught.value).endswith("(request id req-1)")
        assert "jane" not in str(caught.value)

    def test_a_tokens_data_center_that_is_another_accounts_is_no_fault_of_the_token(
        self, requests_mock: rm.Mocker
    ) -> None:
        requests_mock.get(f"{ROOT}/", status_code=403, json={"title": "Wrong Datacenter"}, headers=PROBLEM)

        with pytest.raises(errors.ConfigError, match="Leave data_center empty") as caught:
            account_of(MailchimpClient(open_access(TOKEN, data_center="us10")))
        assert caught.value.field == "data_center"

    def test_an_unreachable_host_names_what_to_check(self, client: MailchimpClient, requests_mock: rm.Mocker) -> None:
        requests_mock.get(f"{ROOT}/", exc=requests.exceptions.ConnectionError)

        with pytest.raises(errors.HostUnreachable, match="Check the ending of the key, and that this machine reaches"):
            account_of(client)

    def test_an_address_of_ones_own_that_nobody_answers_at_is_what_to_check(
        self, waits: list[float], requests_mock: rm.Mocker
    ) -> None:
        """The key's ending decides nothing where ``api_url`` is set."""
        requests_mock.get("http://127.0.0.1:8080/3.0/", exc=requests.exceptions.ConnectionError)
        client = MailchimpClient(open_access(KEY, api_url="http://127.0.0.1:8080"), retry=RetryPolicy(attempts=1))

        with pytest.raises(errors.HostUnreachable, match="Check api_url, and that this machine reaches it") as caught:
            account_of(client)
        assert caught.value.field == "api_url"
        assert "ending of the key" not in str(caught.value)


class TestAudiences:
    def test_those_that_exist_pass(self, client: MailchimpClient, requests_mock: rm.Mocker) -> None:
        body = {"id": "a1b2c3d4e5", "name": "One", "double_optin": True, "marketing_permissions": False, "stats": {}}
        requests_mock.get(f"{ROOT}/lists/a1b2c3d4e5", json=body)

        assert audience_of(client, "a1b2c3d4e5", field="list_ids") == AudienceFacts(
            "a1b2c3d4e5", "One", double_optin=True, marketing_permissions=False
        )
        check_audiences(client, ["a1b2c3d4e5"], field="list_ids")
        assert requests_mock.call_count == 2

    @pytest.mark.parametrize(
        "body",
        [
            {},
            {"id": "a1", "name": "One", "marketing_permissions": False},
            {"id": "a1", "name": "One", "double_optin": None, "marketing_permissions": False},
            {"id": "a1", "name": "One", "double_optin": "false", "marketing_permissions": False},
            {"title": "Odd", "status": 500, "detail": "It is odd."},
        ],
    )
    def test_one_that_does_not_say_whether_it_asks_first_is_asked_again_and_then_an_error(
        self, client: MailchimpClient, requests_mock: rm.Mocker, body: dict[str, Any]
    ) -> None:
        """What is missing is no permission to subscribe without a double opt-in."""
        requests_mock.get(f"{ROOT}/lists/a1", json=body)

        with pytest.raises(errors.UnreadableAnswer, match="given up after 3 attempts"):
            audience_of(client, "a1", field="list_id")

    def test_the_first_that_does_not_exist_is_named_and_where_to_find_the_right_one(
        self, client: MailchimpClient, requests_mock: rm.Mocker
    ) -> None:
        requests_mock.get(f"{ROOT}/lists/here", json={"id": "here"})
        requests_mock.get(f"{ROOT}/lists/gone", status_code=404, json={"title": "Resource Not Found"}, headers=PROBLEM)

        with pytest.raises(
            errors.AudienceNotFound, match=r"List ID not found: gone\. Mailchimp shows it under"
        ) as caught:
            check_audiences(client, ["here", "gone", "never-asked"], field="list_ids")
        assert (caught.value.field, caught.value.request_id) == ("list_ids", "req-1")

    @pytest.mark.parametrize("list_id", ["", "a/b", "a b", "../campaigns", "a?b", "Über", "jane@example.com"])
    def test_what_can_be_no_id_is_not_even_asked_for(
        self, client: MailchimpClient, requests_mock: rm.Mocker, list_id: str
    ) -> None:
        with pytest.raises(errors.AudienceNotFound) as caught:
            audience_of(client, list_id, field="list_id")

        assert not requests_mock.called
        assert "jane@" not in str(caught.value)

    def test_one_the_keys_user_may_not_read_is_named(self, client: MailchimpClient, requests_mock: rm.Mocker) -> None:
        requests_mock.get(f"{ROOT}/lists/a1", status_code=403, json={"title": "Forbidden"}, headers=PROBLEM)

        with pytest.raises(errors.PermissionDenied, match="may not read the audience a1: Forbidden") as caught:
            audience_of(client, "a1", field="list_id")
        assert (caught.value.field, caught.value.request_id) == ("list_id", "req-1")
