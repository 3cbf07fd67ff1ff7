"""Tags are found, made once, and given."""

from __future__ import annotations

import time

import pytest
import requests_mock

from destination_mailchimp.accounting.ledger import StreamLedger
from destination_mailchimp.audience.calls import Calls
from destination_mailchimp.contacts.contact import Contact
from destination_mailchimp.writing.result import FollowUp, Noted, Result, Step, TagChange
from destination_mailchimp.writing.tags import TagBuffer, Tagger, TagIds
from mailchimp_api.errors import IncompleteListing, RequestRefused, UnreadableAnswer
from unit_tests.builders import LIST, PROBLEM, people


class TestTags:
    """Tags wait until their call is full, but not for ever."""

    def test_a_rare_tag_is_not_forgotten_over_a_frequent_one(self, monkeypatch: pytest.MonkeyPatch) -> None:
        now = [0.0]
        monkeypatch.setattr(time, "monotonic", lambda: now[0])
        ledger, buffer = StreamLedger("s"), TagBuffer()
        rare = Contact("rare@example.com", {}, ledger.receive())
        buffer.put("rare", rare)
        for second in range(40):
            now[0] = float(second)
            for number in range(600):
                buffer.put("Frequent", Contact(f"{number}@example.com", {}, ledger.receive()))
            assert all(len(contacts) == 500 for _, _, contacts in buffer.take(everything=False))

        assert buffer.age() == 39.0
        assert ("rare", False, [rare]) in buffer.take(everything=True)
        assert (buffer.size, buffer.age()) == (0, 0.0)

    def test_a_tag_that_somebody_else_has_just_made_is_found(self, calls: Calls, mock: requests_mock.Mocker) -> None:
        mock.get(
            f"{LIST}/segments",
            [
                {"json": {"segments": [], "total_items": 0}},
                {"json": {"segments": [{"id": 7, "name": "vip"}], "total_items": 1}},
            ],
        )
        mock.post(
            f"{LIST}/segments", status_code=400, json={"title": "Bad", "detail": "Sorry, that tag already exists."}
        )

        assert TagIds(calls).id_of("VIP") == 7

    def test_what_is_the_matter_with_the_account_costs_nobody_a_tag(
        self, calls: Calls, mock: requests_mock.Mocker
    ) -> None:
        mock.get(f"{LIST}/segments", json={"segments": [{"id": 7, "name": "vip"}], "total_items": 1})
        asked = mock.post(f"{LIST}/segments/7", status_code=400, json={"title": "Account Export in Progress"})
        result = Result()

        with pytest.raises(RequestRefused):
            Tagger(calls, TagIds(calls)).tag("vip", people(4), result)
        assert result.tags_failed == []
        assert asked.call_count == 1


NOBODY = {
    "title": "Invalid Resource",
    "status": 400,
    "errors": [{"field": "members_to_add", "message": "None of the emails provided were subscribed to the list"}],
}


class TestWhatATagsCallDoesNotConfirm:
    """A tag's own call passes over contacts that are not subscribed; what its answer does not show did not happen."""

    @pytest.fixture
    def tagger(self, calls: Calls, mock: requests_mock.Mocker) -> Tagger:
        mock.get(f"{LIST}/segments", json={"segments": [{"id": 7, "name": "vip"}], "total_items": 1})
        return Tagger(calls, TagIds(calls))

    def test_where_nobody_is_subscribed_one_call_tells_and_each_is_tagged_alone(
        self, tagger: Tagger, mock: requests_mock.Mocker
    ) -> None:
        asked = mock.post(f"{LIST}/segments/7", status_code=400, json=NOBODY)
        contacts, result = people(500), Result()
        for contact in contacts:
            contact.shown_status = "pending"
        tagger.tag("vip", contacts, result)

        assert asked.call_count == 1
        assert result.follow_ups == [FollowUp(contact, Step.TAGS, (TagChange("vip"),)) for contact in contacts]
        assert result.tags_failed == []
        assert tagger.goes_singly(contacts[0])

    def test_who_is_passed_over_without_a_word_is_tagged_alone(
        self, tagger: Tagger, mock: requests_mock.Mocker
    ) -> None:
        contacts, result = people(6), Result()
        added = [{"email_address": contact.address.upper()} for contact in contacts[:3]]
        mock.post(f"{LIST}/segments/7", json={"members_added": added, "total_added": 3, "errors": []})
        tagger.tag("vip", contacts, result)

        assert [follow_up.contact for follow_up in result.follow_ups] == contacts[3:]
        assert result.tags_failed == []

    @pytest.mark.parametrize(
        "remove,text",
        [
            (False, "Email addresses already exist in the static segment"),
            (True, "Email addresses do not exist in the static segment"),
        ],
    )
    def test_what_is_so_already_is_no_failure(
        self,
        tagger: Tagger,
        mock: requests_mock.Mocker,
        remove: bool,  # noqa: FBT001
        text: str,
    ) -> None:
        contacts, result = people(2), Result()
        errors = [{"email_addresses": [contact.address for contact in contacts], "error": text}]
        mock.post(f"{LIST}/segments/7", json={"total_added": 0, "total_removed": 0, "errors": errors, "error_count": 2})
        tagger.tag("vip", contacts, result, remove=remove)

        assert (result.follow_ups, result.tags_failed) == ([], [])

    def test_a_tag_that_is_not_there_can_not_be_taken_away_and_that_is_told(
        self, tagger: Tagger, mock: requests_mock.Mocker
    ) -> None:
        contacts, result = people(2), Result()
        tagger.tag("Vlp", contacts, result, remove=True)

        assert result.notes == [Noted(contact, "no tag Vlp to take away in the audience") for contact in contacts]
        assert [request.method for request in mock.request_history] == ["GET"], "no tag is made for it"

    def test_one_that_is_deleted_meanwhile_is_not_made_to_be_taken_away(
        self, calls: Calls, mock: requests_mock.Mocker
    ) -> None:
        mock.get(f"{LIST}/segments", json={"segments": [{"id": 7, "name": "vip"}], "total_items": 1})
        gone = {"type": "x", "title": "Resource Not Found", "status": 404}
        mock.post(f"{LIST}/segments/7", status_code=404, json=gone, headers=PROBLEM)
        make = mock.post(f"{LIST}/segments", json={"id": 8, "name": "vip"})
        mock.post(f"{LIST}/segments/8", json={"members_removed": [], "errors": []})
        (contact,), result = people(1), Result()
        Tagger(calls, TagIds(calls)).tag("vip", [contact], result, remove=True)

        assert not make.called
        assert result == Result(notes=[Noted(contact, "no tag vip to take away in the audience")])

    def test_one_that_only_mailchimp_knows_is_taken_away_by_its_name(
        self, tagger: Tagger, mock: requests_mock.Mocker
    ) -> None:
        exists = {"title": "Bad", "detail": "Sorry, that tag already exists."}
        mock.post(f"{LIST}/segments", status_code=400, json=exists)
        contacts, result = people(1), Result()
        tagger.tag("Café", contacts, Result())
        tagger.tag("Café", contacts, result, remove=True)

        assert result.follow_ups == [FollowUp(contacts[0], Step.TAGS, (TagChange("Café", remove=True),))]

    def test_a_total_of_nothing_without_an_error_is_no_failure_and_no_success(
        self, tagger: Tagger, mock: requests_mock.Mocker
    ) -> None:
        contacts, result = people(3), Result()
        mock.post(f"{LIST}/segments/7", json={"total_added": 0, "total_removed": 0, "errors": []})
        tagger.tag("vip", contacts, result)

        assert [follow_up.contact for follow_up in result.follow_ups] == contacts
        assert result.tags_failed == []

    def test_a_name_that_stands_there_twice_means_the_older_tag(self, calls: Calls, mock: requests_mock.Mocker) -> None:
        rows = [{"id": 7, "name": "vip"}, {"id": 8, "name": "VIP"}]
        mock.get(f"{LIST}/segments", json={"segments": rows, "total_items": 2})

        assert TagIds(calls).id_of("Vip") == 7


class TestAnswersThatLackWhatDecides:
    """They are asked for again, and then an error that says what they lack: no error of the connector's own."""

    @pytest.mark.parametrize("made", [{}, {"id": None}, {"id": "seven"}])
    def test_a_tag_that_was_made_without_an_id(
        self, calls: Calls, mock: requests_mock.Mocker, made: dict[str, object]
    ) -> None:
        mock.get(f"{LIST}/segments", json={"segments": [], "total_items": 0})
        mock.post(f"{LIST}/segments", [{"json": made}, {"json": {"id": 7, "name": "vip"}}])

        assert TagIds(calls).id_of("vip") == 7

    @pytest.mark.parametrize("row", [None, {}, {"id": 7}, {"name": "vip"}])
    def test_a_listing_of_tags_with_a_row_that_is_none(
        self, calls: Calls, mock: requests_mock.Mocker, row: object
    ) -> None:
        mock.get(f"{LIST}/segments", json={"segments": [row], "total_items": 1})

        with pytest.raises(UnreadableAnswer, match="GET /lists/abc/segments"):
            TagIds(calls).id_of("vip")

    def test_a_server_that_ignores_the_offset_is_not_asked_for_ever(
        self, calls: Calls, mock: requests_mock.Mocker
    ) -> None:
        mock.get(f"{LIST}/segments", json={"segments": [{"id": 7, "name": "other"}], "total_items": 10**9})

        with pytest.raises(IncompleteListing):
            TagIds(calls).id_of("vip")
        assert mock.call_count < 50
