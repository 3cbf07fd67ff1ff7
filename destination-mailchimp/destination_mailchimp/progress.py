"""What a write says of itself while it runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from destination_mailchimp.accounting.ledger import Outcome, StreamLedger
from mailchimp_api.usage import Usage


class WriteProgress:
    """Tells the records of a write and what came of them so far, its requests and their concurrency."""

    def __init__(self, ledgers: Callable[[], list[StreamLedger]], usage: Usage) -> None:
        self._ledgers = ledgers
        self._usage = usage

    def lines(self) -> list[str]:
        """For the log: one sentence for each stream that has records, one on the requests."""
        told = [_stream(ledger) for ledger in self._ledgers() if ledger.received]
        return [*(told or ["No record has come so far"]), str(self._usage)]

    def line(self) -> str:
        """For a person who watches."""
        ledgers = self._ledgers()
        received = sum(ledger.received for ledger in ledgers)
        outcomes: Counter[Outcome] = sum((ledger.outcomes.copy() for ledger in ledgers), Counter())
        parts = [f"{outcomes[outcome]:,} {outcome.value}" for outcome in Outcome if outcomes[outcome]]
        return ", ".join([f"{received:,} received", *parts, f"{self._usage.requests:,} requests"])


def _stream(ledger: StreamLedger) -> str:
    outcomes = ledger.outcomes.copy()
    parts = [f"{outcomes[outcome]:,} {outcome.value}" for outcome in Outcome if outcomes[outcome]]
    under_way = ledger.received - sum(outcomes.values())
    parts.append(f"{max(0, under_way):,} under way")
    return f"Stream {ledger.label}: {ledger.received:,} received so far, {', '.join(parts)}"
