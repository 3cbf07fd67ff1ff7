"""How a sync ends, decided from what it has counted."""

from __future__ import annotations

import pytest

from destination_mailchimp.accounting.ledger import Outcome, StreamLedger
from destination_mailchimp.accounting.rejects import Rejects
from destination_mailchimp.accounting.states import States
from destination_mailchimp.failures import ABOUT_A_PERSON, Reason, RecordRejected, SyncFailure
from destination_mailchimp.input.messages import MessageReader
from destination_mailchimp.sync import input_failure, too_many_rejects


class TestInput:
    """Input of which nothing can be read is no sync that had nothing to do."""

    @pytest.mark.parametrize(
        "unreadable,understood,percent,fails",
        [(1001, 0, 100, True), (0, 0, 100, False), (1, 99, 100, False), (1, 99, 0.5, True), (1, 99, 1, False)],
    )
    def test_it_fails_the_sync(
        self,
        unreadable: int,
        understood: int,
        percent: float,
        fails: bool,  # noqa: FBT001
    ) -> None:
        messages = MessageReader({}, States(lambda _: None), Rejects(None))
        messages.unreadable, messages.understood = unreadable, understood
        failure = input_failure(messages, percent)

        told = (
            f"{unreadable} of {unreadable + understood} lines of input could not be read. Expected are Airbyte messages"
        )
        assert ([failure.message[: len(told)]] if failure else []) == [told] * fails


class TestRejects:
    """All rejected for one cause means a wrong option, unless the cause is a person's own."""

    def failure(self, reason: Reason, count: int) -> SyncFailure | None:
        ledger, rejects = StreamLedger("s"), Rejects(None)
        for number in range(count):
            receipt = ledger.receive()
            address = f"{number}@example.com"
            rejects.add("s", RecordRejected(reason, f"{address} is refused"), address=address)
            receipt.record_outcome(Outcome.REJECTED, reason)
        return too_many_rejects([ledger], rejects, 100)

    @pytest.mark.parametrize("reason", sorted(ABOUT_A_PERSON))
    @pytest.mark.parametrize("count", [1, 5])
    def test_a_persons_own_reason_fails_no_sync(self, reason: Reason, count: int) -> None:
        assert self.failure(reason, count) is None

    @pytest.mark.parametrize("reason", ["no_address", "invalid_status", "field_refused"])
    def test_a_wrong_option_fails_it(self, reason: Reason) -> None:
        failure = self.failure(reason, 5)

        assert failure is not None
        assert failure.message.startswith("All 5 records were rejected for the same cause: … is refused")
        assert failure.failure_type == "config_error"
