"""A request ends in the JSON it asked for or in a typed error, whatever Mailchimp or its CDN answers."""

from __future__ import annotations

import ssl
from datetime import datetime, timedelta, timezone
from email.utils import formatdate
from typing import Any

import pytest
import requests
import requests_mock as rm

from mailchimp_api import errors
from mailchimp_api.access import Access
from mailchimp_api.client import MailchimpClient
from mailchimp_api.explanations import explain
from unit_tests.canned import FINAL, HTML, LISTS, ROOT, ROWS, TRANSIENT, akamai, problem


@pytest.mark.parametrize("answer,kind", TRANSIENT.values(), ids=TRANSIENT)
class TestWhatMayPass:
    def test_it_is_tried_again_until_the_answer_is_whole(
        self,
        client: MailchimpClient,
        requests_mock: rm.Mocker,
        answer: dict[str, object],
        kind: type[errors.TransientError],
    ) -> None:
        requests_mock.get(LISTS, [answer, answer, {"json": ROWS}])

        assert client.get("lists", items="lists") == ROWS
        assert requests_mock.call_count == 3

    def test_it_ends_in_a_typed_error_when_the_tries_are_used_up(
        self,
        client: MailchimpClient,
        requests_mock: rm.Mocker,
        answer: dict[str, object],
        kind: type[errors.TransientError],
    ) -> None:
        requests_mock.get(LISTS, [answer])

        with pytest.raises(kind, match=r"GET /lists.*; given up after 3 attempts in [0-9]+ s"):
            client.get("lists", items="lists")
        assert requests_mock.call_count == 3


@pytest.mark.parametrize("answer,kind", FINAL.values(), ids=FINAL)
def test_what_mailchimp_means_is_not_asked_again(
    client: MailchimpClient,
    requests_mock: rm.Mocker,
    waits: list[float],
    answer: dict[str, object],
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
