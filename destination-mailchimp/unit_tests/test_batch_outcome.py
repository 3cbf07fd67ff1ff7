"""What the rows of an answer say: who was made, who was changed, and who has come back from the archive."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from destination_mailchimp.audience.forms import AcceptedForms
from destination_mailchimp.contacts.contact import Json
from destination_mailchimp.writing.batch_outcome import BatchOutcome, has_lived_before
from unit_tests.builders import batch_answer, people, row_of

BEGUN = datetime(2026, 11, 25, 12, 0, 0, tzinfo=timezone.utc)
"""When the call began."""


def seconds(count: float) -> str:
    """A moment so long after the call began, as an answer shows it."""
    return (BEGUN + timedelta(seconds=count)).isoformat()


DAYS = 86_400
REVIVED = {"timestamp_opt": seconds(1), "timestamp_signup": seconds(-400 * DAYS), "member_rating": 4}
"""Of somebody who was there long ago and has opted in by the call."""


class TestWhoHasComeBack:
    """Only whom a call itself has brought back is archived again, never who is new or has confirmed it themselves."""

    def read(self, body: Json, shown: Json, *, creating: bool, asked: str | None = None) -> BatchOutcome:
        """The outcome of a call about one contact that is listed among the updated ones."""
        (contact,) = people(1, **body)
        contact.asked_status = "subscribed" if creating else asked
        outcome = BatchOutcome(creating=creating)
        row = row_of(contact, **{"status": "subscribed", "member_rating": 2, **shown})
        outcome.read([contact], batch_answer(updated=[row]), BEGUN, AcceptedForms())
        return outcome

    @pytest.mark.parametrize(
        "shown,back",
        [
            (REVIVED, True),
            ({"timestamp_opt": seconds(1), "stats": {"avg_open_rate": 0.2}}, True),
            ({**REVIVED, "timestamp_opt": seconds(-5)}, False),
            ({**REVIVED, "status": "unsubscribed"}, False),
            # Made by an earlier call of ours, a second ago.
            ({"timestamp_opt": seconds(0), "timestamp_signup": "", "stats": {"avg_open_rate": 0}}, False),
            # Signed up two minutes ago, and has clicked on the link in the mail while the call was under way.
            ({"timestamp_opt": seconds(1), "timestamp_signup": seconds(-120)}, False),
        ],
    )
    def test_by_an_update_without_a_status(self, shown: Json, *, back: bool) -> None:
        outcome = self.read({}, shown, creating=False)

        assert (len(outcome.revived), len(outcome.updated)) == (int(back), int(not back))

    def test_a_status_that_was_asked_for_is_no_revival(self) -> None:
        assert self.read({}, REVIVED, creating=False, asked="subscribed").revived == []

    @pytest.mark.parametrize(
        "body,opted,back",
        [
            ({}, seconds(1), True),
            ({}, seconds(-5), False),
            # The record brings this date along, so it tells nothing; that the row is among the updated ones does.
            ({"timestamp_opt": "2020-01-01T00:00:00+00:00"}, "2020-01-01T00:00:00+00:00", True),
        ],
    )
    def test_by_a_call_that_was_to_make_new_contacts(self, body: Json, opted: str, *, back: bool) -> None:
        outcome = self.read(body, {"timestamp_opt": opted}, creating=True)

        assert (len(outcome.revived), len(outcome.updated)) == (int(back), int(not back))

    @pytest.mark.parametrize("creating", [True, False])
    @pytest.mark.parametrize(
        "shown,back",
        [
            (REVIVED, True),
            ({"stats": {"avg_open_rate": 0.2, "avg_click_rate": 0}}, True),
            # As all new contacts were that have been recorded.
            ({"timestamp_signup": "", "stats": {"avg_open_rate": 0, "avg_click_rate": 0}}, False),
        ],
    )
    def test_though_the_answer_calls_them_new(self, shown: Json, *, back: bool, creating: bool) -> None:
        """Under which name a batch lists whom it brings back is *open*."""
        (contact,) = people(1)
        outcome = BatchOutcome(creating=creating)
        row = row_of(contact, **{"status": "subscribed", "member_rating": 2, "timestamp_opt": seconds(1), **shown})
        outcome.read([contact], batch_answer(created=[row]), BEGUN, AcceptedForms())

        assert (len(outcome.revived), len(outcome.created)) == (int(back), int(not back))

    def test_by_a_larger_call_whose_answer_was_lost(self) -> None:
        """It was made smaller after that, and the smaller one is answered."""
        (contact,) = people(1)
        contact.possibly_written_since = BEGUN - timedelta(seconds=250)
        outcome = BatchOutcome()
        row = row_of(contact, status="subscribed", **{**REVIVED, "timestamp_opt": seconds(-240)})
        outcome.read([contact], batch_answer(updated=[row]), BEGUN, AcceptedForms())

        assert outcome.revived == [contact]

    @pytest.mark.parametrize(
        "shown,lived",
        [(REVIVED, True), ({**REVIVED, "timestamp_signup": seconds(-120), "member_rating": 2}, False)],
    )
    def test_by_a_call_that_made_others_and_whose_answer_was_lost(self, shown: Json, *, lived: bool) -> None:
        (contact,) = people(1)
        contact.asked_status = "subscribed"

        assert has_lived_before(contact, row_of(contact, status="subscribed", **shown), BEGUN) is lived
