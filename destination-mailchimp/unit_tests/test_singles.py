"""Calls about single contacts."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

import pytest
import requests_mock

from destination_mailchimp.accounting.ledger import Outcome, StreamLedger
from destination_mailchimp.audience.calls import Calls
from destination_mailchimp.config import read_config
from destination_mailchimp.contacts.contact import Contact, Json
from destination_mailchimp.writing.consent import StatusPolicy
from destination_mailchimp.writing.new_contact_limit import NewContactLimit
from destination_mailchimp.writing.result import FollowUp, Result, Skipped, Step, Written
from destination_mailchimp.writing.singles import Singles
from mailchimp_api.errors import ResourceGone
from unit_tests.builders import CONFIG, LIST, PROBLEM, Writing, config_of, contact_of, people, row_of

BEGUN = datetime(2026, 11, 25, 12, 0, 0, tzinfo=timezone.utc)
"""When a call began whose answer was lost."""
LATER, A_MOMENT_AGO, LONG_AGO = "2026-11-25T12:00:03+00:00", "2026-11-25T11:58:00+00:00", "2024-02-01T09:00:00+00:00"


class TestSingleCalls:
    """A refusal is this contact's; an audience that is gone is everybody's."""

    def one(self, calls: Calls, **options: object) -> tuple[Singles, Contact, NewContactLimit]:
        config = read_config({**CONFIG, "status_field": "state", "update_status": True, **options})
        (contact,) = people(1)
        contact.status = "subscribed"
        policy = StatusPolicy("subscribed", update=True, allow_resubscribe=config.allow_resubscribe)
        writing = Writing(calls, config, policy)
        return writing.singles, contact, writing.limit

    def ran(self, singles: Singles, contact: Contact, step: Step) -> Result:
        """What came of one step."""
        result = Result()
        singles.run(FollowUp(contact, step), result)
        return result

    def test_fields_refused_one_after_another_cost_these_fields_only(
        self, calls: Calls, mock: requests_mock.Mocker
    ) -> None:
        singles, contact, _ = self.one(calls)
        contact.body["merge_fields"] = {f"F{number}": "x" for number in range(12)}

        def answer(request: Any, context: Any) -> Json:
            tags = list(request.json().get("merge_fields", {}))
            if tags == ["F11"]:
                return row_of(contact, status="subscribed")
            context.status_code = 400
            return {"title": "Invalid Resource", "status": 400, "errors": [{"field": tags[0], "message": "No."}]}

        mock.patch(f"{LIST}/members/{contact.hash}", json=answer)
        mock.get(f"{LIST}/members/{contact.hash}", json={"status": "subscribed"})
        result = self.ran(singles, contact, Step.UPDATE)

        assert result.rejected == []
        assert result.written == [Written(contact, Outcome.UPDATED)]
        assert [lost.what.split()[0] for lost in result.lost_fields] == [f"F{number}" for number in range(11)]

    def test_who_is_archived_when_it_is_looked_what_became_of_them_stays_archived(
        self, calls: Calls, mock: requests_mock.Mocker
    ) -> None:
        """Though the status column may bring back who has unsubscribed: that is not what the archive is for."""
        singles, contact, _ = self.one(calls, allow_resubscribe=True)
        mock.get(f"{LIST}/members/{contact.hash}", json={"status": "archived"})
        put = mock.put(f"{LIST}/members/{contact.hash}", json=row_of(contact))
        result = self.ran(singles, contact, Step.CONFIRM)

        assert put.call_count == 0
        assert result.skipped == [Skipped(contact, "archived")]
        assert result.written == []

    def test_nor_does_the_next_version_of_the_record_bring_them_back(
        self, calls: Calls, mock: requests_mock.Mocker
    ) -> None:
        (contact,) = people(1)
        writing = Writing(calls)
        mock.get(f"{LIST}/members/{contact.hash}", json={"status": "archived"})
        before = writing.archived.among([contact.hash])
        writing.singles.run(FollowUp(contact, Step.CONFIRM), Result())

        assert (before, writing.archived.among([contact.hash])) == (set(), {contact.hash})

    @pytest.mark.parametrize("before", [False, True], ids=["first version", "later version"])
    @pytest.mark.parametrize("step", [Step.CONFIRM, Step.UPDATE])
    @pytest.mark.parametrize(
        "shown,back",
        [
            # Nobody but a contact of long ago has this rating, and they have opted in since our call: it did that.
            ({"timestamp_opt": LATER, "member_rating": 4}, True),
            ({"timestamp_opt": LATER, "timestamp_signup": LONG_AGO}, True),
            # Our call has made this one.
            ({"timestamp_opt": LATER, "member_rating": 2, "timestamp_signup": ""}, False),
            # Subscribed all the time, and changed by somebody else meanwhile.
            ({"timestamp_opt": LONG_AGO, "member_rating": 4}, False),
            # Signed up a moment ago, and has confirmed it themselves meanwhile.
            ({"timestamp_opt": LATER, "timestamp_signup": A_MOMENT_AGO, "member_rating": 2}, False),
        ],
    )
    def test_who_was_brought_back_by_a_call_whose_answer_was_lost_is_archived_again(
        self, calls: Calls, mock: requests_mock.Mocker, step: Step, shown: Json, *, back: bool, before: bool
    ) -> None:
        writing = Writing(calls)
        (contact,) = people(1)
        contact.written_before = before
        contact.asked_status, contact.possibly_written_since = "subscribed", BEGUN
        row = row_of(contact, status="subscribed", last_changed=LATER, **shown)
        mock.get(f"{LIST}/members/{contact.hash}", json=row)
        mock.patch(f"{LIST}/members/{contact.hash}", json=row)
        delete = mock.delete(f"{LIST}/members/{contact.hash}", status_code=204)
        result = self.ran(writing.singles, contact, step)

        assert delete.call_count == back
        assert result.skipped == ([Skipped(contact, "archived again")] if back else [])
        assert [written.contact for written in result.written] == ([] if back else [contact])

    @pytest.mark.parametrize(
        "present,set_to",
        [
            ("pending", "subscribed"),
            ("unsubscribed", None),
            ("cleaned", None),
            ("archived", None),
            ("subscribed", None),
        ],
    )
    def test_the_status_of_the_record_brings_nobody_back(
        self, calls: Calls, mock: requests_mock.Mocker, present: str, set_to: str | None
    ) -> None:
        """Whoever has left since it was seen who may be moved is seen to have left right before the call."""
        singles, contact, _ = self.one(calls)
        mock.get(f"{LIST}/members/{contact.hash}", json={"status": present})
        patch = mock.patch(f"{LIST}/members/{contact.hash}", json=row_of(contact, status="subscribed"))
        result = self.ran(singles, contact, Step.MOVE)

        assert [request.json() for request in patch.request_history] == ([{"status": set_to}] if set_to else [])
        assert result.written == [Written(contact, Outcome.UPDATED)]

    def test_nor_does_it_when_the_call_is_made_again(self, calls: Calls, mock: requests_mock.Mocker) -> None:
        singles, contact, _ = self.one(calls)
        seen = [{"json": {"status": status}} for status in ("pending", "unsubscribed")]
        mock.get(f"{LIST}/members/{contact.hash}", seen)
        lost = {"status_code": 503, "text": ""}
        patch = mock.patch(f"{LIST}/members/{contact.hash}", [lost, {"json": row_of(contact, status="subscribed")}])
        result = self.ran(singles, contact, Step.MOVE)

        assert patch.call_count == 1
        assert result.written == [Written(contact, Outcome.UPDATED)]

    def test_who_is_archived_while_their_call_is_put_off_stays_archived(
        self, calls: Calls, mock: requests_mock.Mocker
    ) -> None:
        singles, contact, _ = self.one(calls, allow_resubscribe=True)
        refusal = {"title": "Invalid Resource", "status": 400, "detail": "More signups for now are not allowed."}
        put = mock.patch(
            f"{LIST}/members/{contact.hash}",
            [{"status_code": 400, "json": refusal}, {"json": row_of(contact, status="subscribed")}],
        )
        mock.get(f"{LIST}/members/{contact.hash}", [{"json": {"status": status}} for status in ("pending", "archived")])
        first, second = self.ran(singles, contact, Step.UPDATE), Result()
        for follow_up in first.put_off:
            singles.run(follow_up, second)

        assert put.call_count == 1
        assert second.skipped == [Skipped(contact, "archived")]

    def test_who_is_archived_before_a_status_is_asked_for_again_stays_archived(
        self, calls: Calls, mock: requests_mock.Mocker
    ) -> None:
        singles, contact, _ = self.one(calls, allow_resubscribe=True)
        contact.asked_status = "subscribed"
        mock.get(f"{LIST}/members/{contact.hash}", json={"status": "archived"})
        patch = mock.patch(f"{LIST}/members/{contact.hash}", json=row_of(contact, status="archived"))
        self.ran(singles, contact, Step.INSIST)

        assert [call.json().get("status") for call in patch.request_history] == [None]

    def test_who_is_archived_while_a_status_is_asked_for_again_stays_archived(
        self, calls: Calls, mock: requests_mock.Mocker
    ) -> None:
        singles, contact, _ = self.one(calls, allow_resubscribe=True)
        contact.asked_status = "subscribed"
        mock.get(f"{LIST}/members/{contact.hash}", [{"json": {"status": now}} for now in ("pending", "archived")])
        answers: list[Json] = [{"json": row_of(contact, status="pending")}, {"status_code": 503, "text": ""}]
        patch = mock.patch(f"{LIST}/members/{contact.hash}", [*answers, {"json": row_of(contact, status="subscribed")}])
        self.ran(singles, contact, Step.INSIST)

        assert [call.json().get("status") for call in patch.request_history] == [None, "subscribed"]

    @pytest.mark.parametrize("named,sent", [(False, [None]), (True, [None, "subscribed"])])
    def test_whom_mailchimp_has_made_pending_is_not_subscribed_by_asking_for_a_value_again(
        self, calls: Calls, mock: requests_mock.Mocker, *, named: bool, sent: list[str | None]
    ) -> None:
        """It is for the person to confirm, unless the user's own word is that they are subscribed."""
        writing = Writing(calls, config_of(), StatusPolicy("subscribed", for_new_is_named=named))
        (contact,) = people(1, merge_fields={"FNAME": "Ann"})
        contact.asked_status, contact.shown_status = "subscribed", "pending"
        mock.get(f"{LIST}/members/{contact.hash}", json={"status": "pending"})
        patch = mock.patch(f"{LIST}/members/{contact.hash}", json=row_of(contact, status="pending"))
        result = Result()
        writing.singles.run(FollowUp(contact, Step.INSIST), result)

        assert [call.json().get("status") for call in patch.request_history] == sent
        assert [refused.reject.reason for refused in result.rejected] == ["status_not_taken"]

    @pytest.mark.parametrize("answer", [{}, {"id": "0" * 32, "email_address": "else@example.com", "status": "pending"}])
    def test_an_answer_that_does_not_show_the_contact_is_not_its_success(
        self, calls: Calls, mock: requests_mock.Mocker, answer: Json
    ) -> None:
        singles, contact, _ = self.one(calls)
        own = row_of(contact, status="subscribed")
        patch = mock.patch(f"{LIST}/members/{contact.hash}", [{"json": answer}, {"json": answer}, {"json": own}])
        mock.get(f"{LIST}/members/{contact.hash}", json={"status": "subscribed"})
        result = self.ran(singles, contact, Step.UPDATE)

        assert patch.call_count == 3
        assert result.written == [Written(contact, Outcome.UPDATED)]

    def test_an_answer_may_show_the_address_as_it_goes_over_the_wire(
        self, calls: Calls, mock: requests_mock.Mocker
    ) -> None:
        """And by another hash: nobody has shown which one Mailchimp makes of a domain beyond ASCII."""
        (contact,), result = [contact_of(StreamLedger("s"), "Jané@müller.example")], Result()
        shown = {"id": "0" * 32, "email_address": "jané@xn--mller-kva.example", "status": "subscribed"}
        gone = {"type": "x", "title": "Resource Not Found", "status": 404}
        mock.get(f"{LIST}/members/{contact.hash}", status_code=404, json=gone, headers=PROBLEM)
        mock.put(f"{LIST}/members/{contact.hash}", json=shown)
        Writing(calls).singles.run(FollowUp(contact, Step.CONFIRM), result)

        assert result.written == [Written(contact, Outcome.CREATED)]

    def test_all_fields_that_one_answer_names_are_left_out_at_once(
        self, calls: Calls, mock: requests_mock.Mocker
    ) -> None:
        singles, contact, _ = self.one(calls)
        contact.body |= {"merge_fields": {"A": "x", "B": "y"}, "language": "xx", "interests": {"i": True}, "vip": True}
        contact.permissions = [{"marketing_permission_id": "p", "enabled": True}]
        named = ["merge_fields.A", "language", "interests.i", "marketing_permissions.0.marketing_permission_id"]
        errors = [{"field": field, "message": "No."} for field in named]
        refusal = {"title": "Invalid Resource", "status": 400, "detail": "Look.", "errors": errors}
        put = mock.patch(
            f"{LIST}/members/{contact.hash}",
            [{"status_code": 400, "json": refusal}, {"json": row_of(contact, status="subscribed")}],
        )
        mock.get(f"{LIST}/members/{contact.hash}", json={"status": "subscribed"})
        result = self.ran(singles, contact, Step.UPDATE)

        sent = put.request_history[1].json()
        assert put.call_count == 2
        assert {key: sent[key] for key in ("merge_fields", "vip")} == {"merge_fields": {"B": "y"}, "vip": True}
        assert not {"language", "interests", "marketing_permissions"} & set(sent)
        assert (len(result.lost_fields), result.rejected) == (4, [])

    def test_a_field_refused_that_the_contact_had_before_does_not_keep_somebody_subscribed(
        self, calls: Calls, mock: requests_mock.Mocker
    ) -> None:
        singles, contact, _ = self.one(calls)
        contact.status = "unsubscribed"
        contact.body |= {"merge_fields": {"FNAME": "Ann"}, "interests": {"i": True}}

        def answer(request: Any, context: Any) -> Json:
            if "merge_fields" not in request.json():
                return row_of(contact, status="unsubscribed")
            context.status_code = 400
            errors = [{"field": "ADDRESS", "message": "Please enter a complete address"}]
            detail = "Your merge fields were invalid."
            return {"title": "Invalid Resource", "status": 400, "detail": detail, "errors": errors}

        put = mock.patch(f"{LIST}/members/{contact.hash}", json=answer)
        mock.get(f"{LIST}/members/{contact.hash}", json={"status": "subscribed"})
        result = self.ran(singles, contact, Step.UPDATE)

        assert (result.rejected, result.written) == ([], [Written(contact, Outcome.UPDATED)])
        sent = put.request_history[-1].json()
        assert (sent["status"], sent["interests"]) == ("unsubscribed", {"i": True})
        assert ["ADDRESS" in lost.what for lost in result.lost_fields] == [True]

    def test_who_is_rejected_is_not_moved(self, calls: Calls, mock: requests_mock.Mocker) -> None:
        singles, contact, _ = self.one(calls)
        refusal = {"title": "Invalid Resource", "status": 400, "detail": f"{contact.address} looks fake or invalid"}
        mock.patch(f"{LIST}/members/{contact.hash}", status_code=400, json=refusal)
        result = self.ran(singles, contact, Step.UPDATE)

        assert [(refused.contact, refused.reject.reason) for refused in result.rejected] == [(contact, "looks_fake")]
        assert (result.written, result.follow_ups) == ([], [])

    @pytest.mark.parametrize("status,left", [(500, 4), (400, 5)])
    def test_who_gets_errors_alone_may_have_been_made_and_counts_as_that(
        self, calls: Calls, mock: requests_mock.Mocker, status: int, left: int
    ) -> None:
        singles, contact, limit = self.one(calls, max_new_contacts=5)
        limit.confirm(limit.reserve(1), 1)
        gone = {"type": "x", "title": "Resource Not Found", "status": 404}
        mock.get(LIST, json={"id": "abc"})
        mock.get(f"{LIST}/members/{contact.hash}", status_code=404, json=gone, headers=PROBLEM)
        wrong = {"type": "x", "title": "Wrong", "status": status, "detail": "No."}
        mock.put(f"{LIST}/members/{contact.hash}", status_code=status, json=wrong, headers=PROBLEM)
        result = Result()
        singles.run(FollowUp(contact, Step.CONFIRM), result)

        assert [refused.reject.reason for refused in result.rejected] == [
            "server_error" if status == 500 else "refused"
        ]
        assert limit.reserve(10) == left

    def test_who_is_made_anew_counts_as_one_more(self, calls: Calls, mock: requests_mock.Mocker) -> None:
        singles, contact, limit = self.one(calls, max_new_contacts=5)
        gone = {"type": "x", "title": "Resource Not Found", "status": 404}
        mock.patch(f"{LIST}/members/{contact.hash}", status_code=404, json=gone, headers=PROBLEM)
        mock.put(f"{LIST}/members/{contact.hash}", json=row_of(contact, status="subscribed"))
        result = Result()
        singles.run(FollowUp(contact, Step.UPDATE), result)

        assert result.written == [Written(contact, Outcome.CREATED)]
        assert limit.reserve(10) == 4

    @pytest.mark.parametrize("update_only", [False, True])
    def test_an_update_that_would_make_the_contact_finds_out_that_the_audience_is_gone(
        self,
        calls: Calls,
        mock: requests_mock.Mocker,
        update_only: bool,  # noqa: FBT001
    ) -> None:
        singles, contact, _ = self.one(calls, update_only=update_only)
        gone = {"type": "x", "title": "Resource Not Found", "status": 404, "detail": "Gone."}
        headers = {"Content-Type": "application/problem+json"}
        mock.register_uri("PUT", f"{LIST}/members/{contact.hash}", status_code=404, json=gone, headers=headers)
        mock.register_uri("PATCH", f"{LIST}/members/{contact.hash}", status_code=404, json=gone, headers=headers)
        result = Result()

        if update_only:
            singles.run(FollowUp(contact, Step.UPDATE), result)
            assert result.skipped == [Skipped(contact, "not in the audience")]
        else:
            with pytest.raises(ResourceGone):
                singles.run(FollowUp(contact, Step.UPDATE), result)

    @pytest.mark.parametrize(
        "there,answer,left",
        [(None, 200, 0), (None, 400, 1), ("2020-01-01T00:00:00+00:00", 200, 1), ("2030-01-01T00:00:00+00:00", 200, 0)],
        ids=["made now", "refused", "existed before", "made by the call that did not mention it"],
    )
    def test_who_was_left_out_counts_as_made_unless_it_turns_out_otherwise(
        self, calls: Calls, mock: requests_mock.Mocker, there: str | None, answer: int, left: int
    ) -> None:
        singles, contact, limit = self.one(calls, max_new_contacts=1)
        limit.confirm(limit.reserve(1), 1)
        contact.possibly_written_since = datetime(2026, 1, 1, tzinfo=timezone.utc)
        mock.get(
            f"{LIST}/members/{contact.hash}",
            status_code=200 if there else 404,
            json={"status": "subscribed", "last_changed": there} if there else {"title": "Resource Not Found"},
            headers={"Content-Type": "application/json" if there else "application/problem+json"},
        )
        for method in ("PUT", "PATCH"):
            url = f"{LIST}/members/{contact.hash}"
            said = row_of(contact, status="subscribed") if answer == 200 else {"title": "Invalid Resource"}
            mock.register_uri(method, url, status_code=answer, json=said)
        singles.run(FollowUp(contact, Step.CONFIRM), Result())

        assert limit.reserve(5) == left


class TestAnotherStatusThanAsked:
    """A single call that ends otherwise than it asked counts as written, and says so."""

    @pytest.mark.parametrize("step,shown", [(Step.UPDATE, "subscribed"), (Step.CONFIRM, "pending")])
    def test_it_is_said(self, calls: Calls, mock: requests_mock.Mocker, step: Step, shown: str) -> None:
        (contact,), result = people(1), Result()
        contact.status = "unsubscribed" if step is Step.UPDATE else None
        gone = {"type": "x", "title": "Resource Not Found", "status": 404}
        mock.get(f"{LIST}/members/{contact.hash}", status_code=404, json=gone, headers=PROBLEM)
        for method in ("PUT", "PATCH"):
            mock.register_uri(method, f"{LIST}/members/{contact.hash}", json=row_of(contact, status=shown))
        writing = Writing(calls, config_of(), StatusPolicy("subscribed", update=True))
        writing.singles.run(FollowUp(contact, step), result)

        outcome = Outcome.UPDATED if step is Step.UPDATE else Outcome.CREATED
        assert result.written == [Written(contact, outcome)]
        assert [refused.reject.reason for refused in result.rejected] == ["status_not_taken"]
