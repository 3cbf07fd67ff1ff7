"""A request ends in the JSON it asked for or in a typed error, whatever Mailchimp or its CDN answers."""

from __future__ import annotations

import logging
import re
import ssl
import traceback
from datetime import datetime, timedelta, timezone
from email.utils import formatdate
from pathlib import Path
from typing import Any

import certifi
import pytest
import requests
import requests_mock as rm

from mailchimp_api import errors
from mailchimp_api.access import Access
from mailchimp_api.client import MailchimpClient, RetryPolicy
from mailchimp_api.explanations import explain
from mailchimp_api.members import subscriber_hash

ROOT = "https://us10.api.mailchimp.com/3.0"
LISTS = f"{ROOT}/lists"
PROBLEM = {"Content-Type": "application/problem+json; charset=utf-8", "X-Request-Id": "req-1"}
ROWS = {"lists": [{"id": "a1"}], "total_items": 1}
ADDRESS = "jane@example.com"
MEMBER = f"lists/a1/members/{subscriber_hash(ADDRESS)}"
HTML = "<html><body>Access denied</body></html>"


def akamai(status: int) -> dict[str, Any]:
    """As the network in front of Mailchimp answers for it, without asking it (mailchimp-for-wordpress#573)."""
    reference = "Reference Number: 00.54f2f33f.1529514177.af3649e"
    body = {"type": "akamai_error_message", "title": f"akamai_{status}", "status": status, "ref_no": reference}
    return {"status_code": status, "headers": {"Content-Type": "application/json"}, "json": body}


def problem(status: int, title: str, detail: str = "", **more: Any) -> dict[str, Any]:
    """An error as the API itself answers it."""
    body = {"type": "about:blank", "title": title, "status": status, "detail": detail, "instance": "i"}
    return {"status_code": status, "headers": PROBLEM, "json": {**body, **more}}


TRANSIENT: dict[str, tuple[dict[str, Any], type[errors.TransientError]]] = {
    "429 problem+json": (problem(429, "Too Many Requests"), errors.RateLimited),
    "429 without a body": ({"status_code": 429}, errors.RateLimited),
    "403 HTML": ({"status_code": 403, "text": HTML, "headers": {"Content-Type": "text/html"}}, errors.RefusedByCdn),
    "403 HTML that can't be unpacked": (
        {"status_code": 403, "text": HTML, "headers": {"Content-Type": "text/html", "Content-Encoding": "gzip"}},
        errors.RefusedByCdn,
    ),
    "403 of Akamai's": (akamai(403), errors.RefusedByCdn),
    "503 of Akamai's": (akamai(503), errors.FailedAtCdn),
    "403 without a body": ({"status_code": 403}, errors.RateLimited),
    "403 JSON that is not a problem": ({"status_code": 403, "json": {"title": "Forbidden"}}, errors.RateLimited),
    "403 problem+json cut short": ({"status_code": 403, "headers": PROBLEM, "text": '{"ti'}, errors.RateLimited),
    "403 that says too many": (problem(403, "Too Many Requests"), errors.RateLimited),
    "500 problem+json": (problem(500, "InternalServerError"), errors.ServerFault),
    "502 HTML": ({"status_code": 502, "text": HTML}, errors.ServerFault),
    "503 without a body": ({"status_code": 503}, errors.ServerFault),
    "504 HTML": ({"status_code": 504, "text": HTML}, errors.AnswerTimeout),
    "408": ({"status_code": 408}, errors.AnswerTimeout),
    "404 HTML": ({"status_code": 404, "text": HTML}, errors.ServerFault),
    "401 HTML": ({"status_code": 401, "text": HTML}, errors.ServerFault),
    "a redirect": ({"status_code": 302, "headers": {"Location": "https://example.com/"}}, errors.ServerFault),
    "a redirect to nowhere": ({"status_code": 302, "headers": {"Location": "//\xff["}}, errors.ServerFault),
    "a redirect to no URL": ({"status_code": 302, "headers": {"Location": "http://[::1"}}, errors.ServerFault),
    "HTML with 200": ({"text": HTML, "headers": {"Content-Type": "text/html"}}, errors.UnreadableAnswer),
    "an empty body with 200": ({"text": ""}, errors.UnreadableAnswer),
    "a truncated body": ({"text": '{"lists": [{"id": "a1"'}, errors.UnreadableAnswer),
    "bytes that are not UTF-8": ({"content": b'{"lists": ["\xff"]}'}, errors.UnreadableAnswer),
    "a JSON list": ({"json": []}, errors.UnreadableAnswer),
    "JSON null": ({"json": None}, errors.UnreadableAnswer),
    "a number": ({"json": 1}, errors.UnreadableAnswer),
    "an object without the rows": ({"json": {"total_items": 1}}, errors.UnreadableAnswer),
    "rows that are not a list": ({"json": {"lists": {}, "total_items": 1}}, errors.UnreadableAnswer),
    "rows that are null": ({"json": {"lists": None, "total_items": 1}}, errors.UnreadableAnswer),
    "a row that is null": ({"json": {"lists": [{"id": "a1"}, None], "total_items": 2}}, errors.UnreadableAnswer),
    "a row that is a text": ({"json": {"lists": ["a1"], "total_items": 1}}, errors.UnreadableAnswer),
    "204 to a GET": ({"status_code": 204}, errors.UnreadableAnswer),
    "no answer in time": ({"exc": requests.exceptions.ReadTimeout}, errors.AnswerTimeout),
    "no connection in time": ({"exc": requests.exceptions.ConnectTimeout}, errors.ConnectionFault),
    "a broken connection": ({"exc": requests.exceptions.ConnectionError}, errors.ConnectionFault),
    "a proxy out of order": ({"exc": requests.exceptions.ProxyError}, errors.ConnectionFault),
    "a body that does not unpack": ({"exc": requests.exceptions.ContentDecodingError}, errors.UnreadableAnswer),
}
FINAL: dict[str, tuple[dict[str, Any], type[errors.MailchimpError]]] = {
    "401": (problem(401, "API Key Invalid"), errors.InvalidApiKey),
    "403 of a disabled user": (problem(403, "User Disabled"), errors.UserDisabled),
    "403 problem+json": (problem(403, "Forbidden"), errors.ResourceRefused),
    "403 problem+json of a role": (problem(403, "User action not permitted"), errors.ResourceRefused),
    "404": (problem(404, "Resource Not Found"), errors.ResourceGone),
    "400": (problem(400, "Invalid Resource"), errors.RequestRefused),
    "405": (problem(405, "Method Not Allowed"), errors.RequestRefused),
}


@pytest.mark.parametrize("answer,kind", TRANSIENT.values(), ids=TRANSIENT)
class TestWhatMayPass:
    def test_it_is_tried_again_until_the_answer_is_whole(
        self,
        client: MailchimpClient,
        requests_mock: rm.Mocker,
        answer: dict[str, Any],
        kind: type[errors.TransientError],
    ) -> None:
        requests_mock.get(LISTS, [answer, answer, {"json": ROWS}])

        assert client.get("lists", items="lists") == ROWS
        assert requests_mock.call_count == 3

    def test_it_ends_in_a_typed_error_when_the_tries_are_used_up(
        self,
        client: MailchimpClient,
        requests_mock: rm.Mocker,
        answer: dict[str, Any],
        kind: type[errors.TransientError],
    ) -> None:
        requests_mock.get(LISTS, [answer])

        with pytest.raises(kind, match=r"GET /lists.*; given up after 3 attempts in 0 s"):
            client.get("lists", items="lists")
        assert requests_mock.call_count == 3


@pytest.mark.parametrize("answer,kind", FINAL.values(), ids=FINAL)
def test_what_mailchimp_means_is_not_asked_again(
    client: MailchimpClient,
    requests_mock: rm.Mocker,
    waits: list[float],
    answer: dict[str, Any],
    kind: type[errors.MailchimpError],
) -> None:
    requests_mock.get(LISTS, [answer])

    with pytest.raises(kind) as caught:
        client.get("lists")

    assert type(caught.value) is kind
    assert (requests_mock.call_count, waits) == (1, [])
    assert str(caught.value).endswith("(request id req-1)")


@pytest.mark.parametrize("status", [400, 429, 500])
def test_the_words_of_an_error_are_no_object_of_mailchimps_though_the_status_is_200(
    client: MailchimpClient, requests_mock: rm.Mocker, status: int
) -> None:
    body = {"type": "about:blank", "title": "Odd", "status": status, "detail": "It is odd.", "instance": "i"}
    audience = {"id": "a1", "name": "One", "status": "x"}
    requests_mock.get(f"{LISTS}/a1", [{"json": body}, {"json": audience}])

    assert client.get("lists/a1") == audience
    assert requests_mock.call_count == 2


def test_the_page_of_the_cdn_is_named_as_such(client: MailchimpClient, requests_mock: rm.Mocker) -> None:
    """It may be the address of the machine that it doesn't trust: no slower asking mends that."""
    requests_mock.get(LISTS, status_code=403, text=HTML, headers={"Content-Type": "text/html; charset=utf-8"})

    with pytest.raises(errors.RefusedByCdn, match=r"not Mailchimp's own answer.*ask from another one"):
        client.get("lists")


@pytest.mark.parametrize(
    "answer",
    [
        akamai(403),
        akamai(503),
        {
            "status_code": 403,
            "text": "<H1>Access Denied</H1>Reference&#32;&#35;00&#46;54f2f33f&#46;1529514177&#46;af3649e</BODY>",
            "headers": {"Content-Type": "text/html"},
        },
    ],
    ids=["JSON with 403", "JSON with 503", "a page"],
)
def test_what_the_cdn_answers_names_its_reference_number(
    client: MailchimpClient, requests_mock: rm.Mocker, answer: dict[str, Any]
) -> None:
    """Mailchimp's support looks up by it why an address is not trusted (spree_chimpy#91)."""
    requests_mock.get(LISTS, [answer])

    with pytest.raises(errors.TransientError, match=r"reference number is 00\.54f2f33f\.1529514177\.af3649e") as caught:
        client.get("lists")
    told = explain(caught.value)
    assert "another network" in told
    assert "00.54f2f33f.1529514177.af3649e" in told
    assert "ten connections" not in told


@pytest.mark.parametrize(
    "authorization,field,remedy",
    [
        ("Basic a2V5", "credentials.apikey", "data center us6.*Copy the whole key again, with its own ending .-us6."),
        ("Bearer token", "data_center", "data center us6.*Leave data_center empty"),
    ],
)
def test_a_wrong_data_center_is_told_from_a_missing_role(
    requests_mock: rm.Mocker, authorization: str, field: str, remedy: str
) -> None:
    requests_mock.get(LISTS, [problem(403, "Forbidden", "The API key provided is linked to datacenter 'us6'")])

    with pytest.raises(errors.WrongDataCenter, match=remedy) as caught:
        MailchimpClient(Access(ROOT, authorization)).get("lists")
    assert (caught.value.field, requests_mock.call_count) == (field, 1)


def test_a_certificate_that_is_not_trusted_is_for_the_user_to_mend(
    client: MailchimpClient, requests_mock: rm.Mocker
) -> None:
    """As behind a proxy that looks into TLS: trying again does not help, naming the proxy's certificate does."""
    cause = ssl.SSLCertVerificationError(1, "certificate verify failed")
    cause.verify_message = "self-signed certificate in certificate chain"
    fault = requests.exceptions.SSLError()
    fault.__cause__ = cause
    requests_mock.get(LISTS, exc=fault)

    with pytest.raises(errors.HostUnreachable, match=r"self-signed certificate.*REQUESTS_CA_BUNDLE"):
        client.get("lists")
    assert requests_mock.call_count == 1


class TestErrorTexts:
    def test_they_carry_mailchimps_words_and_its_request_id(
        self, client: MailchimpClient, requests_mock: rm.Mocker
    ) -> None:
        faults = [{"field": "email_address", "message": "blank"}, {"message": "odd"}, "rubbish"]
        requests_mock.get(LISTS, [problem(400, "Invalid Resource", "It is invalid.", errors=faults)])

        with pytest.raises(errors.RequestRefused) as caught:
            client.get("lists")

        assert str(caught.value) == (
            "Mailchimp answered 400 to GET /lists: Invalid Resource — It is invalid. — email_address: blank; odd "
            "(request id req-1)"
        )
        assert caught.value.problem.field_errors == (("email_address", "blank"), ("", "odd"))

    def test_a_problem_without_type_title_or_words_is_told_by_its_status(
        self, client: MailchimpClient, requests_mock: rm.Mocker
    ) -> None:
        requests_mock.get(LISTS, status_code=403, headers=PROBLEM, json={"title": None, "errors": 1})

        with pytest.raises(errors.ResourceRefused, match="to GET /lists: status 403"):
            client.get("lists")

    def test_a_request_id_that_is_none_is_not_shown(self, client: MailchimpClient, requests_mock: rm.Mocker) -> None:
        requests_mock.get(
            LISTS, status_code=404, headers={**PROBLEM, "X-Request-Id": "jane@example.com"}, json={"title": "x"}
        )

        with pytest.raises(errors.ResourceGone) as caught:
            client.get("lists")

        assert caught.value.request_id is None

    @pytest.mark.parametrize(
        "answer",
        [*(answer for answer, _ in TRANSIENT.values()), problem(404, "Gone", f"{ADDRESS} is not a member")],
        ids=[*TRANSIENT, "404"],
    )
    def test_neither_hash_nor_address_nor_key_shows_however_they_are_printed(
        self,
        client: MailchimpClient,
        requests_mock: rm.Mocker,
        caplog: pytest.LogCaptureFixture,
        answer: dict[str, Any],
    ) -> None:
        """Nor in a chain of exceptions behind them, which crash reporters print, nor in the log of the retries."""
        caplog.set_level(logging.DEBUG, logger="airbyte")
        requests_mock.get(rm.ANY, [answer])

        with pytest.raises(errors.MailchimpError) as caught:
            client.get(MEMBER, {"email": ADDRESS}, items="lists")

        chain: list[BaseException | None] = [caught.value]
        while chain[-1] is not None:
            chain.append(chain[-1].__cause__ or chain[-1].__context__)
        shown = "".join(traceback.format_exception(caught.value)) + caplog.text + repr(chain)
        assert "GET /lists/a1/members/***" in shown
        assert re.findall(f"{subscriber_hash(ADDRESS)}|jane|a2V5|<html", shown) == []

    def test_each_retry_is_logged_with_its_reason(
        self, client: MailchimpClient, requests_mock: rm.Mocker, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.INFO, logger="airbyte")
        requests_mock.get(
            LISTS, [{"status_code": 503, "headers": {"X-Request-Id": "r9", "Retry-After": "7"}}, {"json": ROWS}]
        )
        client.get("lists")

        assert caplog.messages == ["Mailchimp answered 503 to GET /lists (request id r9); attempt 1, again in 7.0 s"]


class TestBounds:
    def test_waits_grow_at_random_within_their_limits(self, requests_mock: rm.Mocker, waits: list[float]) -> None:
        requests_mock.get(LISTS, status_code=503)
        client = MailchimpClient(
            Access(ROOT, "Basic a2V5"), retry=RetryPolicy(attempts=60, seconds=1e9, first_wait=1.0, longest_wait=8.0)
        )
        with pytest.raises(errors.ServerFault):
            client.get("lists")

        assert len(waits) == 59
        assert all(0 <= wait <= most for wait, most in zip(waits, [1, 2, 4] + [8] * 56, strict=True))
        assert len(set(waits)) > 50
        assert max(waits) > 4

    def test_no_attempt_begins_after_the_time_is_up(self, requests_mock: rm.Mocker, waits: list[float]) -> None:
        """A wait that would end too late is not begun."""
        requests_mock.get(LISTS, status_code=429, headers={"Retry-After": "200"})
        client = MailchimpClient(Access(ROOT, "Basic a2V5"), retry=RetryPolicy(attempts=100, seconds=100))
        with pytest.raises(errors.RateLimited):
            client.get("lists")

        assert waits == []
        assert requests_mock.call_count == 1

    @pytest.mark.parametrize(
        "headers,wait",
        [
            ({"Retry-After": "20"}, 20.0),
            ({"Retry-After": " 2.5 "}, 2.5),
            ({"Retry-After": "100000"}, 300.0),
            (
                {"Retry-After": "Mon, 23 Nov 2026 10:00:30 GMT", "Date": "Mon, 23 Nov 2026 10:00:00 GMT"},
                30.0,
            ),
            (
                {"Retry-After": "Mon, 23 Nov 2026 11:00:45 +0100", "Date": "Mon, 23 Nov 2026 10:00:00 GMT"},
                45.0,
            ),
        ],
    )
    @pytest.mark.parametrize("status", [429, 403, 503, 504, 500])
    def test_retry_after_is_honoured_as_number_and_as_date_by_the_servers_clock(
        self,
        client: MailchimpClient,
        requests_mock: rm.Mocker,
        waits: list[float],
        headers: dict[str, str],
        wait: float,
        status: int,
    ) -> None:
        requests_mock.get(LISTS, [{"status_code": status, "headers": headers}, {"json": ROWS}])
        client.get("lists")

        assert waits == [wait]

    def test_a_date_without_the_servers_clock_is_read_by_our_own(
        self, client: MailchimpClient, requests_mock: rm.Mocker, waits: list[float]
    ) -> None:
        at = datetime.now(timezone.utc) + timedelta(seconds=30)
        value = at.strftime("%a, %d %b %Y %H:%M:%S GMT")
        requests_mock.get(LISTS, [{"status_code": 503, "headers": {"Retry-After": value}}, {"json": ROWS}])
        client.get("lists")

        assert 27 <= waits[0] <= 30

    @pytest.mark.parametrize(
        "value",
        [
            "",
            "soon",
            "²",
            "-5",
            "nan",
            "inf",
            "1e9",
            "Mon, 01 Jan 1990 00:00:00 GMT",
            "Fri, 31 Dec 9999 23:59:59 -0500",
        ],
    )
    def test_a_retry_after_that_says_nothing_changes_nothing(
        self, client: MailchimpClient, requests_mock: rm.Mocker, waits: list[float], value: str
    ) -> None:
        requests_mock.get(LISTS, [{"status_code": 503, "headers": {"Retry-After": value}}, {"json": ROWS}])

        assert client.get("lists") == ROWS
        assert waits[0] <= 1.0

    def test_a_caller_who_would_rather_ask_for_less_gets_a_time_out_at_once(
        self, client: MailchimpClient, requests_mock: rm.Mocker
    ) -> None:
        """But everything else is still tried again."""
        requests_mock.get(LISTS, [{"status_code": 503}, {"status_code": 504}, {"json": ROWS}])
        with pytest.raises(errors.AnswerTimeout):
            client.get("lists", retry_timeouts=False)

        assert requests_mock.call_count == 2


class TestRepeats:
    """Some calls may only be repeated if nothing has happened meanwhile."""

    def test_what_must_be_looked_at_is_looked_at_after_each_wait_and_before_no_first_attempt(
        self, client: MailchimpClient, requests_mock: rm.Mocker, waits: list[float]
    ) -> None:
        looked: list[tuple[int, int]] = []
        requests_mock.put(LISTS, [{"status_code": 503}, {"status_code": 503}, {"json": {}}])
        client.request("PUT", "lists", before_repeat=lambda: looked.append((requests_mock.call_count, len(waits))))

        assert looked == [(1, 1), (2, 2)]

    def test_what_it_raises_ends_the_request(self, client: MailchimpClient, requests_mock: rm.Mocker) -> None:
        class Left(Exception):
            pass

        def look() -> None:
            raise Left

        requests_mock.put(LISTS, status_code=503)
        with pytest.raises(Left):
            client.request("PUT", "lists", before_repeat=look)

        assert requests_mock.call_count == 1


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


class TestServerTime:
    def test_it_is_that_of_the_apis_own_answers(self, client: MailchimpClient, requests_mock: rm.Mocker) -> None:
        """Not that of a proxy's error page."""
        own = datetime.now(timezone.utc)
        dates = [formatdate((own - timedelta(minutes=3)).timestamp(), usegmt=True)] * 4
        answers: list[dict[str, Any]] = [{"json": ROWS, "headers": {"Date": date}} for date in (*dates, "rubbish")]
        page = {"status_code": 502, "text": HTML, "headers": {"Date": "Mon, 23 Nov 2020 10:00:00 GMT"}}
        requests_mock.get(LISTS, [answers[0], page, *answers[1:]])
        requests_mock.get(f"{ROOT}/ping", json={}, headers={"Date": dates[0]})
        for _ in range(5):
            client.get("lists")

        assert (
            timedelta(minutes=3) <= own - client.server_time() + timedelta(seconds=2) < timedelta(minutes=3, seconds=5)
        )

    def test_where_it_differs_from_the_machines_it_is_asked_for_until_it_is_sure(
        self, client: MailchimpClient, requests_mock: rm.Mocker
    ) -> None:
        """So that a sync of a single answer is not ten minutes early, nor one wrong header believed."""
        right = formatdate((datetime.now(timezone.utc) + timedelta(minutes=5)).timestamp(), usegmt=True)
        requests_mock.get(LISTS, json=ROWS, headers={"Date": "Mon, 23 Nov 2037 10:00:00 GMT"})
        requests_mock.get(f"{ROOT}/ping", json={}, headers={"Date": right})
        client.get("lists")

        assert timedelta(minutes=4) < client.server_time() - datetime.now(timezone.utc) <= timedelta(minutes=5)
        assert [request.path for request in requests_mock.request_history[1:]] == ["/3.0/ping"] * 3

    def test_where_it_never_gets_sure_it_is_asked_for_a_few_times_only(
        self, client: MailchimpClient, requests_mock: rm.Mocker
    ) -> None:
        dates = [f"Mon, 23 Nov 2037 {hour:02}:00:00 GMT" for hour in range(24)]
        requests_mock.get(LISTS, json=ROWS, headers={"Date": dates[0]})
        requests_mock.get(f"{ROOT}/ping", [{"json": {}, "headers": {"Date": date}} for date in dates[1:]])
        for _ in range(20):
            client.get("lists")

        assert requests_mock.call_count < 30

    def test_before_any_answer_it_is_safely_in_the_past(self, client: MailchimpClient) -> None:
        age = datetime.now(timezone.utc) - client.server_time()

        assert timedelta(minutes=10) <= age < timedelta(minutes=11)
