"""What is tried again, how long, and what is looked at before."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
import requests_mock as rm

from mailchimp_api import errors
from mailchimp_api.access import Access
from mailchimp_api.client import MailchimpClient, RetryPolicy
from unit_tests.canned import LISTS, ROOT, ROWS


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
