"""Every record is accounted for."""

from __future__ import annotations

import pytest

from destination_mailchimp.accounting.ledger import Outcome, StreamLedger, report
from destination_mailchimp.failures import SyncFailure
from unit_tests.builders import contact_of


class TestLedger:
    """The accounting adds up, or the run fails."""

    def test_a_record_that_is_not_accounted_for_fails_the_run(self) -> None:
        ledger = StreamLedger("s")
        ledger.receive()

        with pytest.raises(SyncFailure, match="does not add up"):
            report([ledger])

    def test_the_first_outcome_counts(self) -> None:
        ledger = StreamLedger("s")
        one = contact_of(ledger, "a@example.com")
        one.receipt.record_outcome(Outcome.CREATED)
        one.receipt.record_outcome(Outcome.UPDATED)

        assert dict(ledger.outcomes) == {Outcome.CREATED: 1}
        report([ledger])
