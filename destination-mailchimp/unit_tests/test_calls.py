"""Calls are repeated where that is safe."""

from __future__ import annotations

import sys
import time

import pytest
import requests
import requests_mock

from destination_mailchimp.audience.calls import Calls
from destination_mailchimp.audience.splitting import BatchTooLarge
from destination_mailchimp.config import read_config
from destination_mailchimp.failures import Stopped, SyncFailure
from destination_mailchimp.sync import open_calls
from mailchimp_api.client import RetryPolicy
from mailchimp_api.errors import ServerFault
from unit_tests.builders import CONFIG, LIST


class TestCalls:
    """Whoever writes learns whether an earlier attempt may have taken effect."""

    def test_a_broken_connection_leaves_it_open_whether_the_call_was_carried_out(
        self, calls: Calls, mock: requests_mock.Mocker
    ) -> None:
        mock.post(LIST, [{"exc": requests.exceptions.ConnectionError("reset")}, {"json": {"errors": []}}])

        assert calls.send("POST", "", json={}).replayed

    def test_a_throttled_call_was_not_carried_out(self, calls: Calls, mock: requests_mock.Mocker) -> None:
        mock.post(LIST, [{"status_code": 429, "text": "slow down"}, {"json": {"errors": []}}])

        assert not calls.send("POST", "", json={}).replayed

    @pytest.mark.parametrize(
        "failing,seconds",
        # Who opts in while a throttled call waits for its turn has not been subscribed by it.
        [({"status_code": 429, "text": "slow down"}, 60), ({"status_code": 502, "text": "<html>"}, 0)],
    )
    def test_it_learns_since_when_a_call_may_have_taken_effect(
        self,
        calls: Calls,
        mock: requests_mock.Mocker,
        monkeypatch: pytest.MonkeyPatch,
        failing: dict[str, object],
        seconds: int,
    ) -> None:
        """A minute passes between the two attempts."""
        now = [time.monotonic()]
        monkeypatch.setattr(time, "monotonic", lambda: now[0])
        began = calls.client.server_time()
        mock.post(LIST, [failing, {"json": {"errors": []}}])
        answered = calls.send("POST", "", json={}, before_repeat=lambda: now.append(now.pop() + 60))

        assert (answered.since - began).total_seconds() == seconds

    def test_a_sync_retries_for_as_long_as_it_is_told_to(self) -> None:
        """However often that is."""
        calls = open_calls(read_config({**CONFIG, "api_url": "http://127.0.0.1:9", "retry_seconds": 600}))

        assert calls.client.retry == RetryPolicy(attempts=sys.maxsize, seconds=600)

    def test_it_gives_up_after_so_many_attempts(self, calls: Calls, mock: requests_mock.Mocker) -> None:
        failing = mock.post(LIST, status_code=502, text="<html>")

        with pytest.raises(ServerFault):
            calls.send("POST", "", json={})
        assert failing.call_count == 4

    def test_a_batch_that_takes_too_long_twice_is_made_smaller(self, calls: Calls, mock: requests_mock.Mocker) -> None:
        slow = mock.post(LIST, status_code=504, text="<html>")

        with pytest.raises(BatchTooLarge):
            calls.send("POST", "", json={}, may_shrink=True)
        assert slow.call_count == 2

    def test_nothing_is_begun_once_the_sync_is_ending(self, calls: Calls, mock: requests_mock.Mocker) -> None:
        never = mock.post(LIST, json={})
        calls.stop()

        with pytest.raises(Stopped):
            calls.send("POST", "", json={})
        assert never.call_count == 0

    @pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
    def test_in_a_dry_run_whatever_would_write_is_an_error(
        self, calls: Calls, mock: requests_mock.Mocker, method: str
    ) -> None:
        never = mock.register_uri(method, LIST, json={})
        calls.read_only = True

        with pytest.raises(SyncFailure, match="dry run"):
            calls.send(method, "", json={})
        assert never.call_count == 0
