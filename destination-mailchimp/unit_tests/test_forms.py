"""Values that Mailchimp may take in one of two forms get the form it takes, and never a wrong day silently."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from destination_mailchimp.accounting.ledger import StreamLedger
from destination_mailchimp.audience.fields import MergeField
from destination_mailchimp.audience.forms import AcceptedForms, Birthday
from destination_mailchimp.contacts.contact import Contact, Json
from destination_mailchimp.mapping.targets import field_put
from destination_mailchimp.writing.refused_fields import prepare

FIELDS = [
    MergeField("BDAY", "Birthday", "birthday", date_format="DD/MM"),
    MergeField("USDAY", "Name day", "birthday", date_format="MM/DD"),
    MergeField("ADDRESS", "Address", "address"),
]
REFUSAL = "Please enter a month (01-12) and a day (01-31)"
NO_STATE = {"addr1": "1 Rue X", "city": "Paris", "state": "", "zip": "75001", "country": "FR"}


def forms(existing: list[Json] | None = None, placeholder: str | None = None) -> AcceptedForms:
    return AcceptedForms(FIELDS, lambda: existing or [], {"state": placeholder})


def sent(accepted: AcceptedForms, month: int, day: int) -> Any:
    """The birthday as it goes out; None if it is left out."""
    merge: Json = {"BDAY": Birthday(month, day)}
    accepted.prepare(merge)
    return merge.get("BDAY")


class Audience:
    """Takes birthdays in one order, as the real one does in one reading or the other."""

    def __init__(self, *, day_first: bool) -> None:
        self.day_first = day_first
        self.stored: list[tuple[int, int]] = []

    def write(self, accepted: AcceptedForms, month: int, day: int) -> str:
        merge: Json = {"BDAY": Birthday(month, day)}
        for _ in range(3):
            if accepted.prepare(merge):
                return "left out"
            first, second = (int(part) for part in orjson.loads(orjson.dumps(merge))["BDAY"].split("/"))
            stored = (second, first) if self.day_first else (first, second)
            if stored[0] <= 12:
                self.stored.append(stored)
                accepted.accepted(merge, dict(merge))
                return "stored"
            if not accepted.refused(merge, "BDAY", REFUSAL):
                return "lost"
        raise AssertionError("it is sent for ever")


@pytest.mark.parametrize("day_first", [False, True])
class TestBirthdaysOfADayFirstField:
    """Both readings of the open fact end with the right day, and nothing is sent that could be a wrong one."""

    def test_a_refusal_settles_it(self, day_first: bool) -> None:  # noqa: FBT001
        audience, accepted = Audience(day_first=day_first), forms()

        assert [audience.write(accepted, 3, day) for day in (4, 14, 4, 31)] == [
            "left out",
            "stored",
            "stored",
            "stored",
        ]
        assert audience.stored == [(3, 14), (3, 4), (3, 31)]

    def test_what_existing_contacts_show_settles_it_too(self, day_first: bool) -> None:  # noqa: FBT001
        shown = "14/03" if day_first else "03/14"
        audience, accepted = (
            Audience(day_first=day_first),
            forms([{"BDAY": ""}, {}, {"BDAY": "02/02"}, {"BDAY": shown}]),
        )

        assert audience.write(accepted, 3, 4) == "stored"
        assert audience.stored == [(3, 4)]

    def test_contacts_that_tell_go_first(self, day_first: bool) -> None:  # noqa: FBT001
        audience, accepted = Audience(day_first=day_first), forms()
        batch: list[Json] = [
            {"BDAY": Birthday(3, 4)},
            {"FNAME": "A"},
            {"BDAY": Birthday(3, 14)},
            {"BDAY": ""},
        ]

        assert accepted.telling_first(batch) == [False, False, True, False]
        audience.write(accepted, 3, 14)
        assert accepted.telling_first(batch) == [False] * 4


def test_a_day_and_month_that_are_the_same_number_need_no_order() -> None:
    assert sent(forms(), 5, 5) == "05/05"


def test_existing_contacts_that_contradict_each_other_settle_nothing() -> None:
    assert sent(forms([{"BDAY": "14/03"}, {"BDAY": "03/14"}]), 3, 4) is None


def test_an_order_that_is_refused_both_ways_is_given_up() -> None:
    accepted = forms()
    merge: Json = {"BDAY": Birthday(3, 14)}
    accepted.prepare(merge)
    assert accepted.refused(merge, "BDAY", REFUSAL)
    accepted.prepare(merge)
    assert not accepted.refused(merge, "BDAY", REFUSAL)


def test_a_field_that_has_the_month_first_is_never_in_doubt() -> None:
    merge = {"USDAY": Birthday(3, 4)}

    assert forms().prepare(merge) == []
    assert merge == {"USDAY": "03/04"}
    assert not forms().refused({"USDAY": Birthday(3, 14)}, "USDAY", REFUSAL)


class TestAddressesWithoutAState:
    """The state is sent empty first; then with the placeholder, or the address is left out, and it is said."""

    def test_the_placeholder_stands_in_once_an_empty_state_was_refused(self, caplog: pytest.LogCaptureFixture) -> None:
        accepted = forms(placeholder="-")
        merge: Json = {"ADDRESS": dict(NO_STATE)}

        assert accepted.prepare(merge) == []
        assert merge["ADDRESS"] == NO_STATE
        assert accepted.refused(merge, "ADDRESS", "Please enter a complete address.")
        assert accepted.prepare(merge) == []
        assert merge["ADDRESS"] == {**NO_STATE, "state": "-"}
        assert not accepted.refused(merge, "ADDRESS", "Please enter a complete address.")
        assert caplog.text.count("state_placeholder") == 1

    def test_without_one_the_address_is_left_out_at_once_after_the_first_refusal(self) -> None:
        accepted = forms()
        assert not accepted.refused({"ADDRESS": dict(NO_STATE)}, "ADDRESS", "Incomplete")
        merge: Json = {"ADDRESS": dict(NO_STATE), "FNAME": "A"}

        assert [tag for tag, _ in accepted.prepare(merge)] == ["ADDRESS"]
        assert merge == {"FNAME": "A"}

    def test_one_that_is_refused_for_something_else_costs_no_other(self) -> None:
        """Mailchimp has taken one without a state, so it is not that."""
        accepted = forms()
        accepted.accepted({"ADDRESS": NO_STATE}, {"ADDRESS": dict(NO_STATE)})
        merge = {"ADDRESS": NO_STATE}

        assert not accepted.refused({"ADDRESS": {**NO_STATE, "country": "Atlantis"}}, "ADDRESS", "No such country.")
        assert accepted.prepare(merge) == []
        assert merge == {"ADDRESS": NO_STATE}

    def test_an_address_with_a_state_is_none_of_this(self) -> None:
        assert not forms(placeholder="-").refused({"ADDRESS": {**NO_STATE, "state": "X"}}, "ADDRESS", "Incomplete")


def test_a_contact_that_is_being_sent_is_not_changed_by_a_later_record() -> None:
    """A column that turns out to have the day first turns round what waits, and nothing that is on its way."""
    put = field_put(FIELDS[1], "dob")
    merges: list[Json] = [{}, {}]
    for merge in merges:
        put(merge, "09/06")
    sent_contact = Contact("a@example.com", {"merge_fields": merges[0]}, StreamLedger("people").receive())
    assert prepare(sent_contact, forms()) == []
    put({}, "25/12")

    assert sent_contact.merge_fields == {"USDAY": "09/06"}
    assert merges[1] == {"USDAY": "06/09"}
