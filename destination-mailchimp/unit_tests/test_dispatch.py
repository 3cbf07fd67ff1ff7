"""What comes back from a worker is accounted for, and followed by what it asks for."""

from __future__ import annotations

from queue import SimpleQueue

import pytest

from destination_mailchimp.accounting.ledger import Outcome, StreamLedger
from destination_mailchimp.accounting.rejects import Rejects
from destination_mailchimp.audience.calls import Calls
from destination_mailchimp.contacts.buffer import Buffer
from destination_mailchimp.contacts.contact import Contact
from destination_mailchimp.failures import RecordRejected, SyncFailure
from destination_mailchimp.writing.dispatch import Dispatcher, Waits
from destination_mailchimp.writing.result import (
    FieldLost,
    FollowUp,
    Job,
    Noted,
    Rejected,
    Result,
    Skipped,
    Step,
    TagChange,
    TagFailed,
    Written,
)
from destination_mailchimp.writing.singles import Singles
from unit_tests.builders import Writing, config_of, contact_of


class Tags:
    """Notes who gets or loses which tag."""

    def __init__(self, *, singly: bool = False) -> None:
        self.singly = singly
        self.made: list[str] = []
        self.given: list[tuple[str, bool, int]] = []

    def prepare(self, names: list[str], result: Result) -> None:
        """Note them."""
        del result
        self.made += names

    def goes_singly(self, contact: Contact) -> bool:
        """As was said."""
        del contact
        return self.singly

    def tag(self, name: str, contacts: list[Contact], result: Result, *, remove: bool = False) -> None:
        """Note how many."""
        del result
        self.given.append((name, remove, len(contacts)))


class Writer:
    """Returns for the contacts of each batch what it was told."""

    def __init__(self, result: Result) -> None:
        self.result = result

    def write_batch(self, contacts: list[Contact], result: Result) -> None:
        """Fill in what was told."""
        del contacts
        result.__dict__.update(self.result.__dict__)


class Noting(Singles):
    """Notes single calls instead of making them."""

    def __init__(self, calls: Calls) -> None:
        writing = Writing(calls)
        super().__init__(
            calls, writing.config, writing.policy, writing.limit, writing.archived, writing.writer.stubborn
        )
        self.noted: list[FollowUp] = []

    def run(self, follow_up: FollowUp, result: Result) -> None:
        """Note it."""
        del result
        self.noted.append(follow_up)


class Dispatch:
    """A dispatcher for one batch."""

    def __init__(self, calls: Calls, *, singly: bool = False, waits: Waits | None = None, **options: object) -> None:
        self.ledger = StreamLedger("people")
        self.told = Result()
        self.tags = Tags(singly=singly)
        self.singles = Noting(calls)
        self.buffer = Buffer()
        self._done: SimpleQueue[Job] = SimpleQueue()
        self.dispatcher = Dispatcher(
            config_of(num_workers=2, **options),
            self.buffer,
            Rejects(None),
            Writer(self.told),
            self.singles,
            self.tags,
            self._done.put,
            waits=waits or Waits(),
        )

    def contact(self, number: int = 0) -> Contact:
        """One that waits for its batch."""
        contact = contact_of(self.ledger, f"{number}@example.com")
        self.buffer.put(contact, (0, None))
        return contact

    def run(self) -> None:
        """Carry everything out that needs no waiting."""
        while True:
            self.dispatcher.begin_due(ended=True)
            if not self.dispatcher.outstanding:
                return
            self.dispatcher.done(self._done.get(timeout=10))


@pytest.fixture
def dispatch(calls: Calls) -> Dispatch:
    """One without options."""
    return Dispatch(calls)


class TestOutcomes:
    def test_what_is_written_is_durable_when_all_of_it_is_done(self, dispatch: Dispatch) -> None:
        contact = dispatch.contact()
        dispatch.told.written = [Written(contact, Outcome.CREATED)]
        dispatch.told.follow_ups = [FollowUp(contact, Step.PERMISSIONS)]
        segment = dispatch.ledger.segment
        dispatch.run()

        assert [follow_up.step for follow_up in dispatch.singles.noted] == [Step.PERMISSIONS]
        assert (dispatch.ledger.outcomes[Outcome.CREATED], segment.open, dispatch.dispatcher.is_idle) == (1, 0, True)

    def test_what_nobody_accounts_for_ends_the_sync(self, dispatch: Dispatch) -> None:
        dispatch.contact()

        with pytest.raises(SyncFailure, match="The connector lost a record"):
            dispatch.run()

    def test_everything_beside_an_outcome_is_counted_without_the_address(self, dispatch: Dispatch) -> None:
        contact = dispatch.contact()
        dispatch.told.skipped = [Skipped(contact, "archived")]
        dispatch.told.lost_fields = [FieldLost(contact, f"A was refused: {contact.address}")]
        dispatch.told.notes = [Noted(contact, f"{contact.address} is odd")]
        dispatch.told.tags_failed = [TagFailed(contact, "too long")]
        dispatch.run()

        assert dict(dispatch.ledger.fields_lost) == {"A was refused: …": 1}
        assert dict(dispatch.ledger.reasons) == {"skipped: archived": 1, "… is odd": 1, "tag not set: too long": 1}
        assert dispatch.ledger.tags_failed == 1

    def test_a_refusal_beside_what_was_written_rejects_nobody(self, dispatch: Dispatch) -> None:
        written, refused = dispatch.contact(0), dispatch.contact(1)
        reject = RecordRejected("status_not_taken", "No.")
        dispatch.told.written = [Written(written, Outcome.UPDATED)]
        dispatch.told.rejected = [Rejected(written, reject), Rejected(refused, reject)]
        dispatch.run()

        assert dict(dispatch.ledger.outcomes) == {Outcome.UPDATED: 1, Outcome.REJECTED: 1}
        assert dispatch.ledger.reasons["written but for: status_not_taken"] == 1

    def test_what_ends_early_is_not_written(self, dispatch: Dispatch) -> None:
        dispatch.contact()
        dispatch.dispatcher.close()

        assert dict(dispatch.ledger.outcomes) == {Outcome.NOT_WRITTEN: 1}


class TestTags:
    def test_those_that_an_answer_has_shown_cost_no_call(self, calls: Calls) -> None:
        dispatch = Dispatch(calls, tags="News, VIP")
        contact = dispatch.contact()
        contact.tags, contact.shown_tags = ["Own"], frozenset({"vip"})
        dispatch.told.written = [Written(contact, Outcome.UPDATED)]
        dispatch.run()

        assert dispatch.tags.made == ["News", "VIP"]
        assert sorted(dispatch.tags.given) == [("News", False, 1), ("Own", False, 1)]

    @pytest.mark.parametrize("outcome,lost", [(Outcome.UPDATED, [("Old", True, 1)]), (Outcome.CREATED, [])])
    def test_who_is_new_has_none_to_lose(
        self, dispatch: Dispatch, outcome: Outcome, lost: list[tuple[str, bool, int]]
    ) -> None:
        contact = dispatch.contact()
        contact.removed_tags = ["Old"]
        dispatch.told.written = [Written(contact, outcome)]
        dispatch.run()

        assert dispatch.tags.given == lost

    def test_whom_a_tags_call_passes_over_gets_all_of_them_by_one_call(self, calls: Calls) -> None:
        dispatch = Dispatch(calls, singly=True, tags="News, VIP")
        contact = dispatch.contact()
        contact.removed_tags = ["Old"]
        dispatch.told.written = [Written(contact, Outcome.UPDATED)]
        dispatch.run()

        changes = (TagChange("News"), TagChange("VIP"), TagChange("Old", remove=True))
        assert (dispatch.singles.noted, dispatch.tags.given) == ([FollowUp(contact, Step.TAGS, changes)], [])

    def test_who_is_not_written_gets_none(self, calls: Calls) -> None:
        dispatch = Dispatch(calls, tags="News")
        contact = dispatch.contact()
        dispatch.told.skipped = [Skipped(contact, "archived")]
        dispatch.run()

        assert dispatch.tags.given == []


class TestPutOff:
    @pytest.mark.parametrize("ended,seconds", [(True, 10), (False, 60)])
    def test_it_waits_for_less_long_where_nothing_else_is_to_be_done(
        self, dispatch: Dispatch, seconds: float, *, ended: bool
    ) -> None:
        dispatch.told.put_off = [FollowUp(dispatch.contact(), Step.UPDATE)]
        dispatch.run()

        wait = dispatch.dispatcher.seconds_until_due(ended=ended)
        assert (dispatch.singles.noted, dispatch.dispatcher.is_idle) == ([], False)
        assert wait is not None
        assert seconds - 5 < wait <= seconds

    def test_it_is_begun_again_then(self, calls: Calls) -> None:
        dispatch = Dispatch(calls, waits=Waits(put_off_at_the_end=0.0))
        contact = dispatch.contact()
        contact.receipt.record_outcome(Outcome.UPDATED)
        dispatch.told.put_off = [FollowUp(contact, Step.UPDATE)]
        dispatch.run()

        assert dispatch.singles.noted == [FollowUp(contact, Step.UPDATE)]
        assert dispatch.dispatcher.is_idle
