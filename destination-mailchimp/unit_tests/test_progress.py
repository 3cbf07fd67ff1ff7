"""What a write says of itself while it runs."""

from __future__ import annotations

from destination_mailchimp.accounting.ledger import Outcome, StreamLedger
from destination_mailchimp.progress import WriteProgress
from mailchimp_api.usage import Usage


def ledger_of(name: str, received: int, **outcomes: int) -> StreamLedger:
    """A stream of which so many records have come, and what came of them."""
    ledger = StreamLedger(name)
    receipts = [ledger.receive() for _ in range(received)]
    for outcome, count in outcomes.items():
        for _ in range(count):
            receipts.pop().record_outcome(Outcome[outcome.upper()])
    return ledger


def test_each_stream_that_has_records_has_a_sentence() -> None:
    ledgers = [ledger_of("people", 1200, created=1000, rejected=1), ledger_of("nobody", 0), ledger_of("more", 2)]
    told = WriteProgress(lambda: ledgers, Usage(10)).lines()

    assert told[:-1] == [
        "Stream people: 1,200 received so far, 1,000 created, 1 rejected, 199 under way",
        "Stream more: 2 received so far, 2 under way",
    ]
    assert told[-1].startswith("0 requests")


def test_that_none_has_come_is_said() -> None:
    assert WriteProgress(lambda: [StreamLedger("people")], Usage(10)).lines()[0] == "No record has come so far"


def test_the_line_for_a_person_sums_all_streams_up() -> None:
    ledgers = [ledger_of("a", 3, created=2), ledger_of("b", 4, created=1, skipped=3)]

    assert WriteProgress(lambda: ledgers, Usage(10)).line() == "7 received, 3 created, 3 skipped, 0 requests"
