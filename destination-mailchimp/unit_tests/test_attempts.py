"""A contact that each call fails for is rejected; an outage that hits everything is waited out."""

from __future__ import annotations

import re
import threading
import time
from typing import Any

import orjson
import pytest
import requests_mock

from destination_mailchimp.accounting.ledger import Outcome
from destination_mailchimp.audience.attempts import LastingFault, Undecided
from destination_mailchimp.audience.calls import Calls
from destination_mailchimp.audience.splitting import BatchTooLarge
from destination_mailchimp.contacts.contact import Json, Suspect
from mailchimp_api.access import Access
from mailchimp_api.client import RetryPolicy
from mailchimp_api.errors import ServerFault, UnreadableAnswer
from unit_tests.builders import LIST, PROBLEM, ROOT, Sync, batch_answer

BAD = "3@example.com"
FAULT = {"type": "x", "title": "InternalServerError", "status": 500, "detail": "An unexpected internal error."}


class Mailchimp:
    """Takes every contact but those in ``bad``, of which each call is answered with 500, or ``unreadable``."""

    def __init__(self, mock: requests_mock.Mocker, *bad: str) -> None:
        self.bad = bad or (BAD,)
        self.down = False
        self.tags_fail = False
        self.unreadable = False
        self.batches: list[int] = []
        empty = {"members": [], "segments": [{"id": 7, "name": "vip"}], "total_items": 0}
        nobody = {"members": [], "total_items": 0}
        mock.get(f"{LIST}/members", json=lambda _, context: self._if_up(context, nobody))
        mock.get(LIST, json=lambda _, context: self._if_up(context, {"id": "abc"}))
        mock.get(f"{LIST}/segments", json=empty)
        mock.post(LIST, content=self._batch, headers=PROBLEM)
        mock.register_uri(requests_mock.ANY, requests_mock.ANY, json=self._single, headers=PROBLEM)
        nobody = {"members": [], "total_items": 0}
        mock.get(f"{LIST}/members", json=lambda _, context: self._if_up(context, nobody))
        mock.get(LIST, json=lambda _, context: self._if_up(context, {"id": "abc"}))
        mock.get(f"{LIST}/segments", json=empty)
        mock.post(LIST, content=self._batch, headers=PROBLEM)
        mock.post(f"{LIST}/segments/7", json=self._tag, headers=PROBLEM)

    def _if_up(self, context: Any, body: Json, *, fails: bool = False) -> Json:
        if self.down or fails:
            context.status_code = 500
            return FAULT
        return body

    def _batch(self, request: Any, context: Any) -> bytes:
        members = request.json()["members"]
        self.batches.append(len(members))
        fails = any(member["email_address"] in self.bad for member in members) and not self.tags_fail
        if fails and self.unreadable:
            return b"<html>"
        return orjson.dumps(self._if_up(context, batch_answer(created=members), fails=fails))

    def _tag(self, request: Any, context: Any) -> Json:
        addresses = request.json()["members_to_add"]
        added = [{"email_address": address} for address in addresses]
        return self._if_up(context, {"members_added": added, "errors": []}, fails=self.tags_fail and BAD in addresses)

    def _single(self, request: Any, context: Any) -> Json:
        if request.method == "GET":
            context.status_code = 404
            return {"type": "x", "title": "Resource Not Found", "status": 404}
        return self._if_up(context, {}, fails=not self.unreadable)


@pytest.fixture
def calls() -> Calls:
    """Calls with hardly a wait between attempts, which last for a few seconds."""
    return lasting(3.0)


def lasting(seconds: float) -> Calls:
    """Calls whose attempts last so long."""
    retry = RetryPolicy(attempts=10_000, seconds=seconds, first_wait=0.001, longest_wait=0.01)
    return Calls(Access(ROOT, "Bearer x"), "abc", workers=1, retry=retry)


class TestOneContact:
    """Its record is rejected with what Mailchimp said, the others are written, and the STATE comes out."""

    def test_it_costs_nobody_else_anything(self, calls: Calls, mock: requests_mock.Mocker) -> None:
        mailchimp = Mailchimp(mock)
        sync = Sync(calls)
        sync.run(40)

        assert sync.engine.failure is None
        assert dict(sync.ledger.outcomes) == {Outcome.CREATED: 39, Outcome.REJECTED: 1}
        (cause,) = sync.rejects.causes
        assert (cause.reason, "An unexpected internal error" in cause.text) == ("server_error", True)
        assert len(sync.emitted) == 1
        # Halved until it stood alone, not sent one by one.
        assert len(mailchimp.batches) < 60

    def test_it_is_rejected_where_nothing_else_is_to_be_written(self, calls: Calls, mock: requests_mock.Mocker) -> None:
        Mailchimp(mock)
        sync = Sync(calls)
        sync.feed([{"id": 3, "email": BAD}])

        assert (sync.engine.failure, dict(sync.ledger.outcomes)) == (None, {Outcome.REJECTED: 1})
        assert len(sync.emitted) == 1

    def test_many_of_the_kind_are_rejected_where_others_of_their_batch_were_written(
        self, mock: requests_mock.Mocker
    ) -> None:
        """All addresses of a blocked domain, say, which are the last that are left to be written."""
        Mailchimp(mock, *(f"{number}@example.com" for number in range(3, 8)))
        sync = Sync(lasting(0.5))
        sync.run(8)

        assert sync.engine.failure is None
        assert dict(sync.ledger.outcomes) == {Outcome.CREATED: 3, Outcome.REJECTED: 5}
        assert len(sync.emitted) == 1

    def test_one_whose_answers_can_not_be_read_costs_nobody_else_anything(
        self, calls: Calls, mock: requests_mock.Mocker
    ) -> None:
        Mailchimp(mock).unreadable = True
        sync = Sync(calls)
        sync.run(40)

        assert sync.engine.failure is None
        assert dict(sync.ledger.outcomes) == {Outcome.CREATED: 39, Outcome.REJECTED: 1}
        assert [cause.reason for cause in sync.rejects.causes] == ["server_error"]
        assert len(sync.emitted) == 1

    def test_nor_does_one_that_can_not_even_be_looked_at(self, calls: Calls, mock: requests_mock.Mocker) -> None:
        """Whatever of a contact spoils the answer to a call that writes it spoils the one to a look at it, too."""
        Mailchimp(mock).unreadable = True
        mock.get(re.compile(f"{LIST}/members/[0-9a-f]+"), text="<html>")
        sync = Sync(calls)
        sync.run(40)

        assert sync.engine.failure is None
        assert dict(sync.ledger.outcomes) == {Outcome.CREATED: 39, Outcome.REJECTED: 1}
        assert len(sync.emitted) == 1

    def test_its_tag_costs_nobody_else_anything_either(self, calls: Calls, mock: requests_mock.Mocker) -> None:
        Mailchimp(mock).tags_fail = True
        sync = Sync(calls, tags="vip")
        sync.run(10)

        assert (sync.engine.failure, dict(sync.ledger.outcomes)) == (None, {Outcome.CREATED: 10})
        assert sync.ledger.tags_failed == 1
        assert len(sync.emitted) == 1


class TestAnOutage:
    """Where nothing gets through, nobody is rejected."""

    def test_it_is_waited_out(self, calls: Calls, mock: requests_mock.Mocker) -> None:
        mailchimp = Mailchimp(mock)
        mailchimp.down = True
        threading.Timer(0.5, lambda: setattr(mailchimp, "down", False)).start()
        sync = Sync(calls)
        sync.feed([{"id": number, "email": f"{number}@example.org"} for number in range(20)])

        assert (sync.engine.failure, dict(sync.ledger.outcomes)) == (None, {Outcome.CREATED: 20})
        # As it was, not in pieces.
        assert set(mailchimp.batches) == {20}

    def test_one_that_can_not_be_read_rejects_nobody(self, calls: Calls, mock: requests_mock.Mocker) -> None:
        Mailchimp(mock, *(f"{number}@example.com" for number in range(20))).unreadable = True
        sync = Sync(calls)
        sync.run(20)

        assert isinstance(sync.engine.failure, UnreadableAnswer)
        assert dict(sync.ledger.outcomes) == {Outcome.NOT_WRITTEN: 20}

    def test_one_that_lasts_ends_the_sync_and_rejects_nobody(self, calls: Calls, mock: requests_mock.Mocker) -> None:
        Mailchimp(mock).down = True
        sync = Sync(calls)
        sync.run(20)

        assert isinstance(sync.engine.failure, ServerFault)
        assert dict(sync.ledger.outcomes) == {Outcome.NOT_WRITTEN: 20}
        assert sync.emitted == []

    def test_one_of_all_writing_calls_rejects_nobody_either(self, mock: requests_mock.Mocker) -> None:
        """Reading calls are answered all the while."""
        Mailchimp(mock, *(f"{number}@example.com" for number in range(20)))
        sync = Sync(lasting(0.5))
        sync.run(20)

        assert isinstance(sync.engine.failure, ServerFault)
        assert dict(sync.ledger.outcomes) == {Outcome.NOT_WRITTEN: 20}
        assert sync.emitted == []


class TestTooLarge:
    """A call that is too large is so each time: nothing is waited for."""

    @pytest.mark.parametrize("body", ["<html>413</html>", ""])
    def test_it_is_made_smaller_at_once(self, calls: Calls, mock: requests_mock.Mocker, body: str) -> None:
        posted = mock.post(LIST, status_code=413, text=body)

        with pytest.raises(BatchTooLarge):
            calls.send("POST", "", json={"members": []}, may_shrink=True)
        assert posted.call_count == 1


class TestSuspects:
    """A call about one contact is given up early only if others went well since it failed first."""

    def send(self, calls: Calls, suspect: Suspect) -> None:
        calls.send("PUT", "members/x", json={}, suspect=suspect)

    def test_while_nothing_else_is_written_it_is_put_off_once(self, calls: Calls, mock: requests_mock.Mocker) -> None:
        Mailchimp(mock)
        suspect = Suspect()

        with pytest.raises(Undecided):
            self.send(calls, suspect)
        calls.send("POST", "", json={"members": []})
        began = time.monotonic()
        with pytest.raises(LastingFault):
            self.send(calls, suspect)
        assert time.monotonic() - began < 1.0
