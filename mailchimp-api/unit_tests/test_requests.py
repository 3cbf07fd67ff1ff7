"""What is sent, and on which way: parameters, headers, proxies, certificates."""

from __future__ import annotations

from pathlib import Path

import certifi
import pytest
import requests
import requests_mock as rm

from mailchimp_api import errors
from mailchimp_api.access import Access
from mailchimp_api.client import MailchimpClient
from unit_tests.canned import LISTS, ROOT, ROWS, problem


class TestRequests:
    def test_parameters_are_sent_as_mailchimp_writes_them(
        self, client: MailchimpClient, requests_mock: rm.Mocker
    ) -> None:
        requests_mock.get(LISTS, json=ROWS)
        client.get(
            "lists", {"count": 10, "flag": True, "off": False, "since": "2026-11-23T10:00:00+00:00", "not": None}
        )

        assert requests_mock.last_request is not None
        assert requests_mock.last_request.url == (
            f"{LISTS}?count=10&flag=true&off=false&since=2026-11-23T10%3A00%3A00%2B00%3A00"
        )

    def test_a_write_sends_json_and_may_be_answered_without_a_body(
        self, client: MailchimpClient, requests_mock: rm.Mocker
    ) -> None:
        requests_mock.post(f"{LISTS}/a1/members/b2/tags", status_code=204)

        assert client.request("POST", "lists/a1/members/b2/tags", json={"tags": ["é"]}) is None
        assert requests_mock.last_request is not None
        assert requests_mock.last_request.body == '{"tags":["é"]}'.encode()
        assert requests_mock.last_request.headers["Content-Type"] == "application/json"

    def test_the_headers_name_us_and_ask_for_gzip(self, requests_mock: rm.Mocker) -> None:
        requests_mock.get(LISTS, json=ROWS)
        MailchimpClient(Access(ROOT, "Bearer token"), user_agent="source-mailchimp/1.0").get("lists")

        assert requests_mock.last_request is not None
        headers = requests_mock.last_request.headers
        assert headers["User-Agent"] == "source-mailchimp/1.0"
        assert headers["Authorization"] == "Bearer token"
        assert headers["Accept-Encoding"] == "gzip"

    def test_a_netrc_of_the_machine_does_not_replace_the_key(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, requests_mock: rm.Mocker
    ) -> None:
        netrc = tmp_path / "netrc"
        netrc.write_text("default login somebody password else\n")
        monkeypatch.setenv("NETRC", str(netrc))
        assert requests.utils.get_netrc_auth(ROOT) == ("somebody", "else")
        requests_mock.get(LISTS, json=ROWS)
        MailchimpClient(Access(ROOT, "Basic a2V5")).get("lists")

        assert requests_mock.last_request is not None
        assert requests_mock.last_request.headers["Authorization"] == "Basic a2V5"

    def test_proxies_and_certificates_of_the_environment_are_used(
        self, monkeypatch: pytest.MonkeyPatch, requests_mock: rm.Mocker
    ) -> None:
        monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:3128")
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", certifi.where())
        requests_mock.get(LISTS, json=ROWS)
        MailchimpClient(Access(ROOT, "Basic a2V5")).get("lists")

        assert requests_mock.last_request is not None
        assert requests_mock.last_request.proxies["https"] == "http://proxy.example:3128"
        assert requests_mock.last_request.verify == certifi.where()

    @pytest.mark.parametrize("made", ["missing", "empty", "no certificates"])
    def test_a_file_of_certificates_that_is_none_is_for_the_user_to_mend(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, waits: list[float], made: str
    ) -> None:
        """Told once, with the variable that names it, and not as an error of ours."""
        bundle = tmp_path / "ca.pem"
        if made != "missing":
            bundle.write_text("" if made == "empty" else "nothing of the kind")
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(bundle))

        with pytest.raises(errors.CertificatesUnreadable, match=r"ca\.pem.*REQUESTS_CA_BUNDLE.*PEM") as caught:
            MailchimpClient(Access(ROOT, "Basic a2V5")).get("lists")
        assert (caught.value.field, waits) == ("REQUESTS_CA_BUNDLE", [])

    @pytest.mark.parametrize("host", ["127.0.0.1:8080", "localhost:8080", "[::1]:8080"])
    def test_no_proxy_lies_between_the_machine_and_itself(
        self, monkeypatch: pytest.MonkeyPatch, requests_mock: rm.Mocker, host: str
    ) -> None:
        monkeypatch.setenv("HTTP_PROXY", "http://proxy.example:3128")
        monkeypatch.setenv("ALL_PROXY", "http://proxy.example:3128")
        requests_mock.get(f"http://{host}/3.0/lists", json=ROWS)
        MailchimpClient(Access(f"http://{host}/3.0", "Basic a2V5")).get("lists")

        assert requests_mock.last_request is not None
        assert not requests_mock.last_request.proxies

    def test_a_host_excepted_from_the_proxy_is_asked_directly(
        self, monkeypatch: pytest.MonkeyPatch, requests_mock: rm.Mocker
    ) -> None:
        monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:3128")
        monkeypatch.setenv("NO_PROXY", "api.mailchimp.com")
        requests_mock.get(LISTS, json=ROWS)
        MailchimpClient(Access(ROOT, "Basic a2V5")).get("lists")

        assert requests_mock.last_request is not None
        assert not requests_mock.last_request.proxies

    def test_a_refused_token_is_named_as_such(self, requests_mock: rm.Mocker) -> None:
        requests_mock.get(LISTS, [problem(401, "API Key Invalid")])

        with pytest.raises(errors.InvalidAccessToken, match="authorise again") as caught:
            MailchimpClient(Access(ROOT, "Bearer token")).get("lists")
        assert caught.value.field == "credentials.access_token"

    def test_throttling_lets_fewer_requests_fly(self, client: MailchimpClient, requests_mock: rm.Mocker) -> None:
        requests_mock.get(LISTS, [{"status_code": 429}, {"json": ROWS}])
        client.get("lists")

        assert client.limiter.cap == 7
        assert client.limiter.in_flight == 0
