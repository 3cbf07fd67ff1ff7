"""What an error says: the words of Mailchimp and its request id, and no secret."""

from __future__ import annotations

import logging
import re
import traceback

import pytest
import requests_mock as rm

from mailchimp_api import errors
from mailchimp_api.client import MailchimpClient
from mailchimp_api.members import subscriber_hash
from unit_tests.canned import ADDRESS, LISTS, MEMBER, PROBLEM, ROWS, TRANSIENT, problem


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
        answer: dict[str, object],
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
