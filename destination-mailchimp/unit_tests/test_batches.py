"""Contacts written in batches."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import requests_mock

from destination_mailchimp.accounting.ledger import Outcome
from destination_mailchimp.audience.calls import Calls
from destination_mailchimp.config import read_config
from destination_mailchimp.contacts.contact import Contact, Json
from destination_mailchimp.failures import SyncFailure
from destination_mailchimp.writing.archived import ArchivedPolicy
from destination_mailchimp.writing.batches import BatchWriter
from destination_mailchimp.writing.consent import StatusPolicy
from destination_mailchimp.writing.membership import StatusIndex
from destination_mailchimp.writing.result import FollowUp, Result, Skipped, Step, Written
from mailchimp_api.errors import ServerFault
from unit_tests.builders import CONFIG, LIST, Sync, Writing, batch_answer, config_of, people, row_of


class TestWriting:
    """What several threads and several versions of a record must not get wrong."""

    @pytest.mark.parametrize("looks", [1, 2, 3])
    def test_no_contact_is_forgotten_when_another_thread_learns_that_batches_insist_on_a_status(
        self, calls: Calls, mock: requests_mock.Mocker, looks: int
    ) -> None:
        writer, others = Writing(calls).writer, people(20)
        insists = {"error": "A status is required.", "field": "status", "field_message": "This should not be blank."}
        refused = batch_answer(errors=[{"email_address": other.address, **insists} for other in others])

        class Meanwhile(list[Contact]):
            """Another thread learns it just after these have been looked through so often."""

            looked = 0

            def __iter__(self) -> Iterator[Contact]:
                yield from super().__iter__()
                self.looked += 1
                if self.looked == looks:
                    writer.update(others, Result())

        contacts, result = people(3), Result()
        taken = batch_answer(updated=[row_of(contact) for contact in contacts])
        sent = mock.post(LIST, [{"json": refused}, {"json": taken}])
        writer.update(Meanwhile(contacts), result)

        assert sent.called, "the other thread has learnt it"
        assert {*(w.contact.key for w in result.written), *(f.contact.key for f in result.follow_ups)} == {
            c.key for c in contacts
        }

    def test_one_that_can_not_be_archived_again_keeps_no_other_from_it(
        self, calls: Calls, mock: requests_mock.Mocker
    ) -> None:
        """A call has brought three back: all are archived again that can be, and the sync ends anyway."""
        contacts, result = people(3), Result()
        policy = ArchivedPolicy(calls, read_config(CONFIG), StatusIndex(calls, "archived"))
        mock.delete(f"{LIST}/members/{contacts[0].hash}", status_code=500, text="")
        for contact in contacts[1:]:
            mock.delete(f"{LIST}/members/{contact.hash}", status_code=204)

        with pytest.raises(ServerFault):
            policy.undo(contacts, result)

        assert result.skipped == [Skipped(contact, "archived again") for contact in contacts[1:]]

    def test_a_record_of_which_nothing_is_known_ends_the_sync_and_lets_no_state_pass(self, calls: Calls) -> None:
        class Forgetful(BatchWriter):
            def write_batch(self, contacts: list[Contact], result: Result) -> None:
                result.written += [Written(contact, Outcome.CREATED) for contact in contacts[1:]]

        sync = Sync(
            calls, Forgetful(calls, read_config(CONFIG), StatusPolicy("subscribed"), StatusIndex(calls, "archived"))
        )
        sync.run(3)

        assert isinstance(sync.engine.failure, SyncFailure)
        assert dict(sync.ledger.outcomes) == {Outcome.CREATED: 2, Outcome.NOT_WRITTEN: 1}
        assert sync.emitted == []

    @pytest.mark.parametrize("present,sent", [("archived", "subscribed"), ("unsubscribed", None)])
    def test_who_has_come_back_from_the_archive_and_left_since_is_not_subscribed_again(
        self, calls: Calls, mock: requests_mock.Mocker, present: str, sent: str | None
    ) -> None:
        config, policy = read_config({**CONFIG, "archived_contacts": "revive"}), StatusPolicy("subscribed")
        (contact,) = people(1)
        mock.get(f"{LIST}/members/{contact.hash}", json={"status": present})
        for method in ("PUT", "PATCH"):
            answer = row_of(contact, status=sent or present)
            mock.register_uri(method, f"{LIST}/members/{contact.hash}", json=answer)
        singles = Writing(calls, config, policy).singles
        singles.run(FollowUp(contact, Step.REVIVE), Result())

        made = [request for request in mock.request_history if request.method != "GET"]
        assert [request.json().get("status") for request in made] == [sent]

    @pytest.mark.parametrize("present,sent", [("archived", ["subscribed"] * 2), ("unsubscribed", ["subscribed", None])])
    def test_nor_by_the_repeat_of_the_call_that_brings_them_back(
        self, calls: Calls, mock: requests_mock.Mocker, present: str, sent: list[str | None]
    ) -> None:
        (contact,) = people(1)
        url = f"{LIST}/members/{contact.hash}"
        mock.get(url, [{"json": {"status": status}} for status in ("archived", present)])
        mock.put(url, [{"status_code": 503, "text": ""}, {"json": row_of(contact, status="subscribed")}])
        mock.patch(url, json=row_of(contact, status=present))
        singles = Writing(calls, config_of(archived_contacts="revive")).singles
        singles.run(FollowUp(contact, Step.REVIVE), Result())

        made = [request for request in mock.request_history if request.method != "GET"]
        assert [request.json().get("status") for request in made] == sent


LONG_AGO, LATER = "2024-02-01T09:00:00+00:00", "2099-01-01T00:00:00+00:00"
EXISTS = {"error": "It is in the list already.", "error_code": "ERROR_CONTACT_EXISTS"}


class TestLostAnswers:
    """A call that was to make contacts is made again, and says that they exist: who has made them?"""

    @pytest.mark.parametrize("policy,archived_again", [("leave", True), ("revive", False)])
    @pytest.mark.parametrize("signed_up,lived", [(LONG_AGO, True), ("", False)])
    def test_who_was_there_long_before_was_brought_back_by_it(
        self,
        calls: Calls,
        mock: requests_mock.Mocker,
        policy: str,
        signed_up: str,
        *,
        lived: bool,
        archived_again: bool,
    ) -> None:
        (contact,), result = people(1), Result()
        dates = {"last_changed": LATER, "timestamp_opt": LATER, "timestamp_signup": signed_up}
        row = row_of(contact, status="subscribed", **dates)
        mock.get(f"{LIST}/members", json={"members": [row], "total_items": 1})
        mock.get(f"{LIST}/members?status=archived", json={"members": [], "total_items": 0})
        exists = batch_answer(errors=[{"email_address": contact.address, **EXISTS}])
        mock.post(LIST, [{"status_code": 503, "text": ""}, {"json": exists}, {"json": batch_answer(updated=[row])}])
        delete = mock.delete(f"{LIST}/members/{contact.hash}", status_code=204)
        writing = Writing(calls, config_of(archived_contacts=policy, max_new_contacts=5))
        writing.writer.write_batch([contact], result)

        back = lived and archived_again
        assert delete.call_count == back
        assert result.skipped == ([Skipped(contact, "archived again")] if back else [])
        outcomes = [] if back else [Outcome.UPDATED if lived else Outcome.CREATED]
        assert [written.outcome for written in result.written][:1] == outcomes
        assert writing.limit.reserve(10) == (5 if back else 4)

    @pytest.mark.parametrize("create", [True, False])
    @pytest.mark.parametrize("policy,left", [("leave", 5), ("revive", 4)])
    def test_whom_an_answer_shows_to_be_back_counts_as_one_more_where_that_is_wanted(
        self, calls: Calls, mock: requests_mock.Mocker, policy: str, left: int, *, create: bool
    ) -> None:
        (contact,), result = people(1), Result()
        dates = {"timestamp_opt": LATER, "timestamp_signup": LONG_AGO}
        shown = {"json": batch_answer(updated=[row_of(contact, status="subscribed", **dates)])}
        exists = {"json": batch_answer(errors=[{"email_address": contact.address, **EXISTS}])}
        mock.post(LIST, [shown] if create else [exists, shown])
        delete = mock.delete(f"{LIST}/members/{contact.hash}", status_code=204)
        writing = Writing(calls, config_of(archived_contacts=policy, max_new_contacts=5))
        writing.writer.write_batch([contact], result)

        assert delete.call_count == (policy == "leave")
        assert writing.limit.reserve(10) == left

    def test_whom_an_update_makes_anew_counts_as_one_more(self, calls: Calls, mock: requests_mock.Mocker) -> None:
        (contact,) = people(1)
        exists = {"json": batch_answer(errors=[{"email_address": contact.address, **EXISTS}])}
        mock.post(LIST, [exists, {"json": batch_answer(created=[row_of(contact, status="subscribed")])}])
        writing = Writing(calls, config_of(max_new_contacts=5))
        writing.writer.write_batch([contact], Result())

        assert writing.limit.reserve(10) == 4


class TestSomebodyDeletesContactsMeanwhile:
    """A contact that is gone is a matter of that contact, not of the audience."""

    @pytest.mark.parametrize("step", [Step.PERMISSIONS, Step.MOVE])
    def test_it_does_not_end_the_sync(self, calls: Calls, mock: requests_mock.Mocker, step: Step) -> None:
        config = read_config({**CONFIG, "status_field": "state", "update_status": True})
        (contact,) = people(1)
        contact.status, contact.permissions = "subscribed", [{"marketing_permission_id": "a", "enabled": True}]
        gone = {"type": "x", "title": "Resource Not Found", "status": 404, "detail": "No such member."}
        mock.get(f"{LIST}/members/{contact.hash}", json={"status": "pending"})
        mock.patch(
            f"{LIST}/members/{contact.hash}",
            status_code=404,
            json=gone,
            headers={"Content-Type": "application/problem+json"},
        )
        result = Result()
        policy = StatusPolicy("subscribed", update=True)
        Writing(calls, config, policy).singles.run(FollowUp(contact, step), result)

        assert [(rejected.contact, rejected.reject.reason) for rejected in result.rejected] == [(contact, "vanished")]
        assert result.written == []

    @pytest.mark.parametrize("count,warnings", [(1, 0), (20, 1)])
    def test_one_that_is_gone_does_not_pass_for_batches_that_insist_on_a_status(
        self,
        calls: Calls,
        mock: requests_mock.Mocker,
        count: int,
        warnings: int,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        writer = Writing(calls).writer
        contacts, result = people(count), Result()
        insists = {"error": "A status is required.", "field": "status", "field_message": "This should not be blank."}
        rows = [{"email_address": contact.address, **insists} for contact in contacts]
        mock.post(LIST, json={"new_members": [], "updated_members": [], "errors": rows})
        writer.update(contacts, result)

        assert caplog.text.count("one call each") == warnings
        assert result.follow_ups == [FollowUp(contact, Step.UPDATE) for contact in contacts]


class TestWhatAnAnswerShows:
    """200 does not say that everything was taken: the rows do."""

    def update(self, calls: Calls, contacts: list[Contact], **options: object) -> Result:
        writing = Writing(calls, config_of(**options), StatusPolicy("subscribed", update=bool(options)))
        result = Result()
        writing.writer.update(contacts, result)
        return result

    def test_a_new_contact_with_another_status_than_asked_for_is_asked_for_once_more(
        self, calls: Calls, mock: requests_mock.Mocker
    ) -> None:
        contacts, result = people(3), Result()
        contacts[0].status = "subscribed"
        shown = ("pending", "subscribed", "pending")
        rows = [row_of(contact, status=status) for contact, status in zip(contacts, shown, strict=True)]
        mock.post(LIST, json=batch_answer(created=rows))
        Writing(calls).writer.create(contacts, result)

        assert result.written == [Written(contact, Outcome.CREATED) for contact in contacts]
        assert result.follow_ups == [FollowUp(contacts[0], Step.INSIST)]
        # Nobody but we had chosen that the last one be subscribed: it is for the person to confirm.
        assert [(one.contact, one.reject.reason) for one in result.rejected] == [(contacts[2], "status_not_taken")]

    def test_a_status_that_stayed_is_asked_for_once_more(self, calls: Calls, mock: requests_mock.Mocker) -> None:
        (contact,) = people(1)
        contact.status = "unsubscribed"
        mock.post(LIST, json=batch_answer(updated=[row_of(contact, status="subscribed")]))
        result = self.update(calls, [contact], status_field="state", update_status=True)

        assert result.follow_ups == [FollowUp(contact, Step.INSIST)]

    @pytest.mark.parametrize(
        "sent,shown,asked",
        [
            ("Jane", "Jane", False),
            ("Jane", "", True),
            ("Jane", "Joan", True),
            ("", "Jane", True),
            ("", "", False),
            (5, "5", False),
            ("5.0", 5, False),
            ("(555) 010-0000", "+1 555-010-0000", False),
            ("EXAMPLE.com", "http://example.com", False),
            ({"addr1": "1 Way", "state": ""}, {"addr1": "1 Way", "state": "", "country": "US"}, False),
            ({"addr1": "1 Way"}, "", True),
        ],
    )
    def test_a_value_that_was_not_taken_is_asked_for_once_more(
        self,
        calls: Calls,
        mock: requests_mock.Mocker,
        sent: object,
        shown: object,
        asked: bool,  # noqa: FBT001
    ) -> None:
        (contact,) = people(1, merge_fields={"X": sent})
        mock.post(LIST, json=batch_answer(updated=[row_of(contact, merge_fields={"X": shown})]))
        result = self.update(calls, [contact])

        assert result.written == [Written(contact, Outcome.UPDATED)]
        assert [follow_up.step for follow_up in result.follow_ups] == [Step.INSIST] * asked

    def test_what_a_call_alone_does_not_change_either_is_accounted_for(
        self, calls: Calls, mock: requests_mock.Mocker
    ) -> None:
        (contact,) = people(1, merge_fields={"X": "new"})
        contact.status = contact.asked_status = "subscribed"
        shown = row_of(contact, status="pending", merge_fields={"X": "old"})
        mock.get(f"{LIST}/members/{contact.hash}", json={"status": "pending"})
        sent = mock.patch(f"{LIST}/members/{contact.hash}", json=shown)
        result = Result()
        Writing(calls).singles.run(FollowUp(contact, Step.INSIST), result)

        assert [request.json().get("status") for request in sent.request_history] == [None, "subscribed"]
        assert [rejected.reject.reason for rejected in result.rejected] == ["status_not_taken"]
        assert [lost.what for lost in result.lost_fields] == ["X was accepted, but Mailchimp shows another value"]

    @pytest.mark.parametrize("left", ["unsubscribed", "cleaned"])
    def test_nobody_who_has_left_is_brought_back_by_asking_once_more(
        self, calls: Calls, mock: requests_mock.Mocker, left: str
    ) -> None:
        (contact,) = people(1)
        contact.asked_status = "subscribed"
        mock.get(f"{LIST}/members/{contact.hash}", json={"status": left})
        sent = mock.patch(f"{LIST}/members/{contact.hash}", json=row_of(contact, status=left))
        Writing(calls).singles.run(FollowUp(contact, Step.INSIST), Result())

        assert [request.json().get("status") for request in sent.request_history] == [None]


class TestRefusedRows:
    """A refused value costs the value; a refused contact is asked about where the row leaves it open."""

    def created(self, calls: Calls, contacts: list[Contact]) -> Result:
        result = Result()
        Writing(calls).writer.create(contacts, result)
        return result

    @pytest.mark.parametrize(
        "text", ["Your merge fields were invalid.", "The resource submitted could not be validated."]
    )
    def test_a_row_that_names_no_field_is_followed_by_a_call_that_does(
        self, calls: Calls, mock: requests_mock.Mocker, text: str
    ) -> None:
        contacts = people(3)
        rows = [row_of(contact, status="subscribed") for contact in contacts[1:]]
        errors = [{"email_address": contacts[0].address, "error": text}]
        mock.post(LIST, json=batch_answer(created=rows, errors=errors))
        result = self.created(calls, contacts)

        assert result.follow_ups == [FollowUp(contacts[0], Step.CONFIRM)]
        assert result.rejected == []

    @pytest.mark.parametrize(
        "body,error",
        [
            ({"interests": {"abc": True}}, {"error": "Invalid interest ID: 'abc'."}),
            ({"language": "xx"}, {"error": "Invalid.", "field": "language", "field_message": "No."}),
            ({"ip_opt": "x"}, {"error": "Invalid.", "field": "ip_opt", "field_message": "No."}),
            ({"timestamp_opt": "x"}, {"error": "Invalid.", "field": "timestamp_opt", "field_message": "No."}),
            ({"location": {"latitude": 1}}, {"error": "Invalid.", "field": "location.latitude"}),
            ({"vip": True}, {"error": "Invalid.", "field": "vip", "field_message": "No."}),
            ({"merge_fields": {"BDAY": "1"}}, {"error": "Invalid.", "field": "BDAY", "field_message": "No."}),
        ],
    )
    def test_a_refused_value_costs_the_value(
        self, calls: Calls, mock: requests_mock.Mocker, body: Json, error: Json
    ) -> None:
        (contact,) = people(1, **body)
        refused = batch_answer(errors=[{"email_address": contact.address, **error}])
        sent = mock.post(LIST, [{"json": refused}, {"json": batch_answer(created=[row_of(contact)])}])
        result = self.created(calls, [contact])

        assert not set(body) & set(sent.request_history[-1].json()["members"][0])
        assert result.written == [Written(contact, Outcome.CREATED)]
        assert len(result.lost_fields) == 1

    @pytest.mark.parametrize("exists", [True, False])
    def test_a_refused_field_that_was_not_sent_costs_the_fields_of_a_contact_that_exists(
        self, calls: Calls, mock: requests_mock.Mocker, *, exists: bool
    ) -> None:
        (contact,) = people(1, merge_fields={"FNAME": "Ann"}, interests={"i": True})
        row = {"error": "Your merge fields were invalid.", "field": "ADDRESS", "field_message": "Please enter it."}
        refused = batch_answer(errors=[{"email_address": contact.address, **row}])
        sent = mock.post(LIST, [{"json": refused}, {"json": batch_answer(updated=[row_of(contact)])}])
        if exists:
            result = Result()
            Writing(calls).writer.update([contact], result)
        else:
            result = self.created(calls, [contact])

        assert sent.call_count == 1 + exists
        assert ("merge_fields" in sent.request_history[-1].json()["members"][0]) is not exists
        assert (len(result.written), len(result.lost_fields), len(result.rejected)) == (exists, exists, not exists)

    def test_a_bounced_address_that_stays_out_is_told_as_such(self, calls: Calls, mock: requests_mock.Mocker) -> None:
        (contact,) = people(1)
        text = f"{contact.address} has bounced, and cannot be resubscribed"
        mock.post(LIST, json=batch_answer(errors=[{"email_address": contact.address, "error": text}]))
        result = self.created(calls, [contact])

        assert [rejected.reject.reason for rejected in result.rejected] == ["compliance_state"]

    def test_a_refusal_for_the_time_being_is_put_off_once(self, calls: Calls, mock: requests_mock.Mocker) -> None:
        (contact,) = people(1)
        text = f"{contact.address} has signed up to a lot of lists very recently; we're not allowing more signups"
        mock.post(LIST, json=batch_answer(errors=[{"email_address": contact.address, "error": text}]))
        first, second = self.created(calls, [contact]), self.created(calls, [contact])

        assert (first.put_off, first.rejected) == ([FollowUp(contact, Step.CONFIRM)], [])
        assert [rejected.reject.reason for rejected in second.rejected] == ["too_many_signups"]

    def test_a_body_refused_for_one_member_is_sent_again_without_it(
        self, calls: Calls, mock: requests_mock.Mocker
    ) -> None:
        contacts = people(5)
        errors = [{"field": "members.item:2.email_address", "message": "This value is not valid."}]
        refusal = {"title": "Invalid Resource", "status": 400, "detail": "Not validated.", "errors": errors}
        rest = [row_of(contact, status="subscribed") for contact in contacts if contact is not contacts[2]]
        sent = mock.post(LIST, [{"status_code": 400, "json": refusal}, {"json": batch_answer(created=rest)}])
        result = self.created(calls, contacts)

        assert sent.call_count == 2
        assert [rejected.contact for rejected in result.rejected] == [contacts[2]]
        assert len(result.written) == 4


class TestStatusIfNew:
    """An update that may meet a contact gone meanwhile says what a new one would become."""

    @pytest.mark.parametrize("update_only,sent", [(False, "pending"), (True, None)])
    def test_it_goes_into_batches_that_may_make_contacts(
        self,
        calls: Calls,
        mock: requests_mock.Mocker,
        update_only: bool,  # noqa: FBT001
        sent: str | None,
    ) -> None:
        (contact,), config = people(1), config_of(update_only=update_only)
        asked = mock.post(LIST, json=batch_answer(updated=[row_of(contact)]))
        Writing(calls, config, StatusPolicy("pending")).writer.update([contact], Result())

        (member,) = asked.request_history[-1].json()["members"]
        assert (member.get("status_if_new"), "status" in member) == (sent, False)

    @pytest.mark.parametrize("status,step", [(None, Step.UPDATE), ("unsubscribed", Step.UPDATE)])
    def test_not_validated_is_a_request_for_a_status_only_where_none_was_sent(
        self, calls: Calls, mock: requests_mock.Mocker, status: str | None, step: Step
    ) -> None:
        contacts, result = people(20), Result()
        for contact in contacts:
            contact.status = status
        text = "The resource submitted could not be validated. For field-specific details, see the 'errors' array."
        errors = [{"email_address": contact.address, "error": text} for contact in contacts]
        sent = mock.post(LIST, json=batch_answer(errors=errors))
        writer = Writing(calls, config_of(), StatusPolicy("subscribed", update=True)).writer
        writer.update(contacts, result)
        assert result.follow_ups == [FollowUp(contact, step) for contact in contacts]
        writer.update(contacts, Result())

        # Where a batch insists on a status, no other is sent.
        assert sent.call_count == (1 if status is None else 2)
