"""The loop that runs a sync."""

from __future__ import annotations

from destination_mailchimp.accounting.ledger import Outcome
from destination_mailchimp.audience.calls import Calls
from destination_mailchimp.contacts.contact import Contact
from destination_mailchimp.writing.batches import BatchWriter
from destination_mailchimp.writing.consent import StatusPolicy
from destination_mailchimp.writing.membership import StatusIndex
from destination_mailchimp.writing.result import FieldLost, Result, TagFailed, Written
from unit_tests.builders import Sync, config_of


class TestCauses:
    """What Mailchimp says is counted by cause, and names nobody."""

    def test_the_same_cause_counts_as_one_whatever_address_it_quotes(self, calls: Calls) -> None:
        class Quoting(BatchWriter):
            def write_batch(self, contacts: list[Contact], result: Result) -> None:
                result.written += [Written(contact, Outcome.CREATED) for contact in contacts]
                result.lost_fields += [FieldLost(contact, f"Refused for {contact.address}") for contact in contacts]
                result.tags_failed += [TagFailed(contact, f"Refused for {contact.address}") for contact in contacts]

        archived = StatusIndex(calls, "archived")
        sync = Sync(calls, Quoting(calls, config_of(), StatusPolicy("subscribed"), archived))
        sync.run(3)

        assert sync.ledger.reasons == {"tag not set: Refused for …": 3}
        assert sync.ledger.fields_lost == {"Refused for …": 3}
        assert len(sync.emitted) == 1
