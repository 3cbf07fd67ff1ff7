"""Contacts that wait for their batch."""

from __future__ import annotations

from destination_mailchimp.accounting.ledger import Outcome, StreamLedger
from destination_mailchimp.accounting.states import States
from destination_mailchimp.contacts.buffer import Buffer
from destination_mailchimp.contacts.cursors import NUMBER
from unit_tests.builders import contact_of


class TestBuffer:
    """Never are two versions of one address on their way at once."""

    def test_a_newer_version_waits_until_the_one_before_it_is_done(self) -> None:
        ledger, buffer = StreamLedger("s"), Buffer()
        first = contact_of(ledger, "a@example.com")
        buffer.put(first, (NUMBER, 1))

        assert buffer.take(500) == [first]
        second, third = contact_of(ledger, "A@example.com"), contact_of(ledger, "a@example.com")
        buffer.put(second, (NUMBER, 2))
        buffer.put(third, (NUMBER, 3))
        assert buffer.take(500) == []
        assert second.receipt.outcome is Outcome.DEDUPLICATED
        buffer.free(first)
        assert buffer.take(500) == [third]
        assert third.written_before

    def test_a_state_waits_for_what_has_replaced_the_records_before_it(self) -> None:
        ledger, buffer = StreamLedger("s"), Buffer()
        emitted: list[bytes] = []
        states = States(emitted.append)
        buffer.put(contact_of(ledger, "a@example.com"), (NUMBER, 1))
        states.arrive(b'{"type":"STATE","state":{"n":1}}', ledger, [])
        newer = contact_of(ledger, "a@example.com")
        buffer.put(newer, (NUMBER, 2))
        states.emit_ready()

        assert emitted == []
        assert [segment.open for segment in newer.receipt.segments] == [1, 1]
