"""Calls are repeated where that is safe, and who is archived is known before anything is written."""

from __future__ import annotations

import threading
import time
from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from typing import Any

import orjson
import pytest
import requests
import requests_mock

from destination_mailchimp.accounting.ledger import Outcome, StreamLedger
from destination_mailchimp.accounting.rejects import Rejects
from destination_mailchimp.accounting.states import States
from destination_mailchimp.audience.calls import ONE_ATTEMPT, BatchTooLarge, Calls
from destination_mailchimp.audience.fields import Audience
from destination_mailchimp.audience.new_fields import NewFields
from destination_mailchimp.checks import check
from destination_mailchimp.config import read_config
from destination_mailchimp.contacts.buffer import Buffer
from destination_mailchimp.contacts.contact import Contact
from destination_mailchimp.engine import Engine
from destination_mailchimp.failures import Stopped, SyncFailure
from destination_mailchimp.input.lines import Reader
from destination_mailchimp.input.messages import MessageReader
from destination_mailchimp.mapping.catalog import ConfiguredStream
from destination_mailchimp.mapping.columns import Columns
from destination_mailchimp.mapping.record import RecordMapper
from destination_mailchimp.sync import open_calls
from destination_mailchimp.writing import membership
from destination_mailchimp.writing.batches import BatchWriter
from destination_mailchimp.writing.consent import StatusPolicy
from destination_mailchimp.writing.limit import NewContactLimit
from destination_mailchimp.writing.membership import StatusIndex
from destination_mailchimp.writing.result import FieldLost, FollowUp, Result, Skipped, Step, TagFailed, Written
from destination_mailchimp.writing.singles import Singles
from destination_mailchimp.writing.tags import TagBuffer, Tagger, TagIds
from mailchimp_api.access import Access
from mailchimp_api.client import MailchimpClient, RetryPolicy
from mailchimp_api.errors import (
    PermissionDenied,
    RequestRefused,
    ResourceGone,
    ResourceRefused,
    ServerFault,
    UnreadableAnswer,
)
from mailchimp_api.members import subscriber_hash

ROOT = "http://127.0.0.1:9/3.0"
LIST = f"{ROOT}/lists/abc"
HASHES = [subscriber_hash(f"{number}@example.com") for number in range(6000)]


@pytest.fixture
def calls() -> Calls:
    client = MailchimpClient(Access(ROOT, "Bearer x"), retry=ONE_ATTEMPT)
    return Calls(client, client, "abc", workers=2, retry=RetryPolicy(attempts=4, first_wait=0.001))


@pytest.fixture
def mock() -> Iterator[requests_mock.Mocker]:
    with requests_mock.Mocker() as mocker:
        yield mocker


class TestCalls:
    """Whoever writes learns whether an earlier attempt may have taken effect."""

    def test_a_broken_connection_leaves_it_open_whether_the_call_was_carried_out(
        self, calls: Calls, mock: requests_mock.Mocker
    ) -> None:
        mock.post(LIST, [{"exc": requests.exceptions.ConnectionError("reset")}, {"json": {"errors": []}}])

        assert calls.send("POST", "", json={}).replayed

    def test_a_throttled_call_was_not_carried_out(self, calls: Calls, mock: requests_mock.Mocker) -> None:
        mock.post(LIST, [{"status_code": 429, "text": "slow down"}, {"json": {"errors": []}}])

        assert not calls.send("POST", "", json={}).replayed

    def test_a_sync_retries_for_as_long_as_it_is_told_to(
        self, mock: requests_mock.Mocker, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        now = [0.0]
        calls = open_calls(read_config({**CONFIG, "api_url": "http://127.0.0.1:9", "retry_seconds": 600}))

        def wait(seconds: float) -> bool:
            now[0] += seconds
            return False

        monkeypatch.setattr(time, "monotonic", lambda: now[0])
        monkeypatch.setattr(calls.stopping, "wait", wait)
        mock.post(LIST, status_code=502, text="<html>")

        with pytest.raises(ServerFault):
            calls.send("POST", "", json={})
        assert now[0] > 600

    def test_it_gives_up_after_so_many_attempts(self, calls: Calls, mock: requests_mock.Mocker) -> None:
        failing = mock.post(LIST, status_code=502, text="<html>")

        with pytest.raises(ServerFault):
            calls.send("POST", "", json={})
        assert failing.call_count == 4

    def test_a_batch_that_takes_too_long_twice_is_made_smaller(self, calls: Calls, mock: requests_mock.Mocker) -> None:
        slow = mock.post(LIST, status_code=504, text="<html>")

        with pytest.raises(BatchTooLarge):
            calls.send("POST", "", json={}, may_shrink=True)
        assert slow.call_count == 2

    def test_nothing_is_begun_once_the_sync_is_ending(self, calls: Calls, mock: requests_mock.Mocker) -> None:
        never = mock.post(LIST, json={})
        calls.stopping.set()

        with pytest.raises(Stopped):
            calls.send("POST", "", json={})
        assert never.call_count == 0


class Archive:
    """Plays the listing of archived contacts and the look-up of one."""

    def __init__(self, mock: requests_mock.Mocker, archived: list[str]) -> None:
        self.archived = archived
        self.hidden: list[str] = []
        """Those that the pages never show, though the total counts them."""
        self.just_archived: list[str] = []
        """They are in no listing that ends before now."""
        self.after_first_page: Callable[[], None] = lambda: None
        self.listing = mock.get(f"{LIST}/members", json=self._page)
        for digest in HASHES[:10]:
            mock.get(f"{LIST}/members/{digest}", json=self._one)

    def _page(self, request: Any, _: Any) -> dict[str, Any]:
        query = {key: values[0] for key, values in request.qs.items()}
        rows = self.archived + ([] if "before_last_changed" in query else self.just_archived)
        if "since_last_changed" in query:
            rows = (self.just_archived or rows)[-2:]
        start, count = int(query.get("offset", 0)), int(query["count"])
        members = [{"id": digest} for digest in rows[start : start + count] if digest not in self.hidden]
        answer = {"members": members, "total_items": len(rows)}
        if members and "before_last_changed" in query:
            then, self.after_first_page = self.after_first_page, lambda: None
            then()
        return answer

    def _one(self, request: Any, _: Any) -> dict[str, Any]:
        return {"status": "archived" if request.path.rpartition("/")[2] in self.archived else "subscribed"}


class TestStatusIndex:
    """Who is archived is found out by whichever costs fewer calls."""

    def test_few_archived_contacts_are_listed_once(self, calls: Calls, mock: requests_mock.Mocker) -> None:
        archive = Archive(mock, HASHES[:1500])
        roster = StatusIndex(calls, "archived")

        assert roster.among(HASHES[1490:1510]) == set(HASHES[1490:1500])
        asked = archive.listing.call_count
        assert roster.among(HASHES[:10]) == set(HASHES[:10])
        assert archive.listing.call_count == asked

    def test_many_archived_contacts_are_looked_up_while_few_addresses_are_at_hand(
        self, calls: Calls, mock: requests_mock.Mocker
    ) -> None:
        archive = Archive(mock, HASHES[3:])
        roster = StatusIndex(calls, "archived")

        assert roster.among(HASHES[:5]) == set(HASHES[3:5])
        assert archive.listing.call_count == 1  # the total
        # Six pages would cost less than these and those before together.
        assert roster.among(HASHES[:10]) == set(HASHES[3:10])
        assert archive.listing.call_count > 6

    def test_nobody_is_missed_though_some_come_back_while_as_many_are_archived(
        self, calls: Calls, mock: requests_mock.Mocker
    ) -> None:
        """The total stands still, as many are found as it says, and the next two have moved up to the page before."""
        archive = Archive(mock, HASHES[:1500])

        def swap() -> None:
            archive.archived = HASHES[2:1500]
            archive.just_archived = HASHES[1500:1502]

        archive.after_first_page = swap

        assert StatusIndex(calls, "archived").among(HASHES[995:1510]) == set(HASHES[995:1502])

    @pytest.mark.parametrize(
        "body",
        [
            {"total_items": 0},
            {"members": [], "total_items": None},
            {"members": [], "total_items": -1},
            {"members": [None], "total_items": 1},
            {"members": [{}], "total_items": 1},
            {"members": []},
        ],
    )
    def test_an_answer_that_does_not_say_who_is_archived_is_no_permission(
        self, calls: Calls, mock: requests_mock.Mocker, body: dict[str, Any]
    ) -> None:
        mock.get(
            f"{LIST}/members",
            json=lambda request, _: {"total_items": 3} if request.qs["count"] == ["0"] else body,
        )

        with pytest.raises(UnreadableAnswer):
            StatusIndex(calls, "archived").among(HASHES[:5])

    @pytest.mark.parametrize("total", [{}, {"total_items": None}, {"total_items": -1}, {"title": "x", "status": 500}])
    def test_nor_is_a_count_that_is_none(self, calls: Calls, mock: requests_mock.Mocker, total: dict[str, Any]) -> None:
        mock.get(f"{LIST}/members", json=total)

        with pytest.raises(UnreadableAnswer):
            StatusIndex(calls, "archived").among(HASHES[:5])

    def test_a_listing_that_stays_incomplete_is_not_used(self, calls: Calls, mock: requests_mock.Mocker) -> None:
        archive = Archive(mock, HASHES[:1500])
        archive.hidden = HASHES[3:5]

        assert StatusIndex(calls, "archived").among(HASHES[:10]) == set(HASHES[:10])

    def test_a_look_up_is_not_disturbed_by_another_thread_that_adds(self, monkeypatch: pytest.MonkeyPatch) -> None:
        known = membership.HashSet()
        known.add(HASHES[:1])

        def meanwhile(numbers: Any, number: int) -> int:
            place = bisect_left(numbers, number)
            monkeypatch.setattr(membership, "bisect_left", bisect_left)
            known.add(f"{more:032x}" for more in range(1 << 64, 60_000 << 64, 1 << 64))
            return place

        known._sorted, known._new = array("Q", [int(HASHES[0][:16], 16)]), set()
        monkeypatch.setattr(membership, "bisect_left", meanwhile)

        assert HASHES[0] in known

    def test_who_is_archived_later_is_learnt_later(
        self, calls: Calls, mock: requests_mock.Mocker, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        archive = Archive(mock, HASHES[:2])
        roster = StatusIndex(calls, "archived")
        assert roster.among([HASHES[4]]) == set()
        archive.archived.append(HASHES[4])
        assert roster.among([HASHES[4]]) == set()
        monkeypatch.setattr(membership, "_REFRESH_SECONDS", -1.0)

        assert roster.among([HASHES[4]]) == {HASHES[4]}

    def test_if_it_can_not_be_found_out_nobody_is_taken_for_not_archived(
        self, calls: Calls, mock: requests_mock.Mocker
    ) -> None:
        mock.get(f"{LIST}/members", status_code=500, text="")

        with pytest.raises(ServerFault):
            StatusIndex(calls, "archived").among(HASHES[:5])


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


CONFIG: dict[str, Any] = {"credentials": {"auth_type": "apikey", "apikey": "0" * 32 + "-us1"}, "list_id": "abc"}


def people(count: int) -> list[Contact]:
    ledger = StreamLedger("s")
    addresses = [f"{number}@example.com" for number in range(count)]
    return [Contact(address, {"email_address": address}, ledger.receive()) for address in addresses]


class Sync:
    """A whole sync of the stream ``s``, but for the writer, which may be another."""

    def __init__(self, calls: Calls, writer: BatchWriter | None = None) -> None:
        config, policy = read_config(CONFIG), StatusPolicy("subscribed")
        columns = Columns(config, Audience("abc", "News"))
        mapper = RecordMapper(ConfiguredStream("s", None, [["id"]], []), config, columns)
        writer = writer or BatchWriter(calls, config, policy)
        self.emitted: list[bytes] = []
        self.ledger = StreamLedger("s")
        states, rejects = States(self.emitted.append), Rejects(None)
        self.engine = Engine(
            messages=MessageReader({(None, "s"): (mapper, self.ledger)}, states, rejects, lambda _: None),
            buffer=Buffer(),
            states=states,
            rejects=rejects,
            writer=writer,
            singles=Singles(calls, config, policy, writer.limit, writer.archived),
            tagger=Tagger(calls, TagIds(calls)),
            tags=[],
            replace_tags=False,
            workers=1,
            stop_calls=calls.stopping.set,
            interrupt_calls=calls.interrupt,
        )

    def run(self, count: int) -> None:
        """So many records, and a STATE."""
        records = [{"stream": "s", "data": {"id": n, "email": f"{n}@example.com"}} for n in range(count)]
        messages = [{"type": "RECORD", "record": record} for record in records]
        lines = [orjson.dumps(message) for message in [*messages, {"type": "STATE", "state": {"data": {}}}]]
        self.engine.run(lambda put: Reader([(lines, True)], put))


class TestWriting:
    """What several threads and several versions of a record must not get wrong."""

    def test_no_contact_is_forgotten_when_another_thread_learns_that_batches_insist_on_a_status(
        self, calls: Calls, mock: requests_mock.Mocker
    ) -> None:
        writer = BatchWriter(calls, read_config(CONFIG), StatusPolicy("subscribed"))

        class Meanwhile(list[Contact]):
            """Another thread learns it just after these have been looked through."""

            def __iter__(self) -> Iterator[Contact]:
                yield from super().__iter__()
                writer._update_in_batches = False

        contacts, result = people(3), Result()
        mock.post(LIST, json={"updated_members": [contact.body for contact in contacts], "errors": []})
        writer._update(Meanwhile(contacts), result)

        assert {*(w.contact.key for w in result.written), *(f.contact.key for f in result.follow_ups)} == {
            c.key for c in contacts
        }

    def test_a_record_of_which_nothing_is_known_ends_the_sync_and_lets_no_state_pass(self, calls: Calls) -> None:
        class Forgetful(BatchWriter):
            def write_batch(self, contacts: list[Contact], result: Result) -> None:
                result.written += [Written(contact, Outcome.CREATED) for contact in contacts[1:]]

        sync = Sync(calls, Forgetful(calls, read_config(CONFIG), StatusPolicy("subscribed")))
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
        put = mock.put(f"{LIST}/members/{contact.hash}", json={})
        singles = Singles(calls, config, policy, NewContactLimit(None), StatusIndex(calls, "archived"))
        singles.run(contact, Step.REVIVE, Result())

        assert [request.json().get("status") for request in put.request_history] == [sent]


class TestSingleCalls:
    """A refusal is this contact's; an audience that is gone is everybody's."""

    def one(self, calls: Calls, **options: Any) -> tuple[Singles, Contact, NewContactLimit]:
        config = read_config({**CONFIG, "status_field": "state", "update_status": True, **options})
        (contact,) = people(1)
        contact.status = "subscribed"
        budget = NewContactLimit(config.max_new_contacts)
        policy = StatusPolicy("subscribed", update=True)
        return Singles(calls, config, policy, budget, StatusIndex(calls, "archived")), contact, budget

    def test_who_is_rejected_for_too_many_fields_is_not_moved(self, calls: Calls, mock: requests_mock.Mocker) -> None:
        singles, contact, _ = self.one(calls)
        contact.body["merge_fields"] = {f"F{number}": "x" for number in range(9)}

        def refused(request: Any, _: Any) -> dict[str, Any]:
            tag = next(iter(request.json()["merge_fields"]))
            return {"title": "Invalid Resource", "status": 400, "errors": [{"field": tag, "message": "No."}]}

        mock.put(f"{LIST}/members/{contact.hash}", status_code=400, json=refused)
        result = Result()
        singles.run(contact, Step.UPDATE, result)

        assert [(rejected.contact, rejected.fault.reason) for rejected in result.rejected] == [
            (contact, "field_refused")
        ]
        assert (result.written, result.follow_ups) == ([], [])

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
            singles.run(contact, Step.UPDATE, result)
            assert result.skipped == [Skipped(contact, "not in the audience")]
        else:
            with pytest.raises(ResourceGone):
                singles.run(contact, Step.UPDATE, result)

    @pytest.mark.parametrize(
        "there,answer,left",
        [(None, 200, 0), (None, 400, 1), ("2020-01-01T00:00:00+00:00", 200, 1), ("2030-01-01T00:00:00+00:00", 200, 0)],
        ids=["made now", "refused", "existed before", "made by the call that did not mention it"],
    )
    def test_who_was_left_out_counts_as_made_unless_it_turns_out_otherwise(
        self, calls: Calls, mock: requests_mock.Mocker, there: str | None, answer: int, left: int
    ) -> None:
        singles, contact, budget = self.one(calls, max_new_contacts=1)
        budget.confirm(budget.reserve(1), 1)
        contact.possibly_written_since = datetime(2026, 1, 1, tzinfo=timezone.utc)
        mock.get(
            f"{LIST}/members/{contact.hash}",
            status_code=200 if there else 404,
            json={"status": "subscribed", "last_changed": there} if there else {"title": "Resource Not Found"},
            headers={"Content-Type": "application/json" if there else "application/problem+json"},
        )
        mock.put(f"{LIST}/members/{contact.hash}", status_code=answer, json={"title": "Invalid Resource"})
        singles.run(contact, Step.CONFIRM, Result())

        assert budget.reserve(5) == left


class TestRoles:
    """The check proves that the key's user may write, as far as Mailchimp tells."""

    @pytest.fixture
    def checked(self, mock: requests_mock.Mocker) -> Callable[[Any], list[str]]:
        audience = {"id": "abc", "name": "News", "double_optin": False, "marketing_permissions": False}
        mock.get(LIST, json=audience)
        for name, items in (("merge-fields", "merge_fields"), ("interest-categories", "categories")):
            mock.get(f"{LIST}/{name}", json={items: [], "total_items": 0})

        def checked(role: Any) -> list[str]:
            mock.get(f"{ROOT}/", json={"account_id": "a", "role": role})
            return check(read_config({**CONFIG, "api_url": "http://127.0.0.1:9"}))

        return checked

    @pytest.mark.parametrize("role", ["viewer", "Author"])
    def test_one_that_may_only_look_is_named_with_the_remedy(
        self, checked: Callable[[Any], list[str]], role: str
    ) -> None:
        with pytest.raises(PermissionDenied, match=f"role {role.capitalize()}, .* at least the Manager role"):
            checked(role)

    @pytest.mark.parametrize("role", ["owner", "admin", "manager", "steward of all lists", "", None])
    def test_any_other_passes(self, checked: Callable[[Any], list[str]], role: str | None) -> None:
        assert checked(role) == []


class TestNewFields:
    """Merge fields are made on the main thread, and what is the matter with the account is no column's fault."""

    def test_a_signal_ends_the_wait_for_a_field(self, calls: Calls, mock: requests_mock.Mocker) -> None:
        patient = Calls(calls.client, calls.client, "abc", workers=2, retry=RetryPolicy(attempts=9))
        asked = mock.post(f"{LIST}/merge-fields", status_code=503, text="", headers={"Retry-After": "20"})
        threading.Timer(0.3, Sync(patient).engine.stop).start()
        began = time.monotonic()

        with pytest.raises(Stopped):
            NewFields(patient).make("shoe", {}, "42", [])
        assert time.monotonic() - began < 5
        assert asked.call_count == 1

    @pytest.mark.parametrize(
        "status,title", [(400, "Account Export in Progress"), (403, "User action not permitted"), (403, "Forbidden")]
    )
    def test_what_is_the_matter_with_the_account_ends_the_sync_rather_than_lose_the_column(
        self, calls: Calls, mock: requests_mock.Mocker, status: int, title: str
    ) -> None:
        problem = {"type": "x", "title": title, "status": status, "detail": "Not now."}
        headers = {"Content-Type": "application/problem+json"}
        mock.post(f"{LIST}/merge-fields", status_code=status, json=problem, headers=headers)

        with pytest.raises((RequestRefused, ResourceRefused)):
            NewFields(calls).make("shoe", {}, "42", [])

    def test_a_refusal_of_this_column_costs_this_column_only(self, calls: Calls, mock: requests_mock.Mocker) -> None:
        problem = {"type": "x", "title": "Invalid Resource", "status": 400, "detail": "Too many merge fields."}
        mock.post(f"{LIST}/merge-fields", status_code=400, json=problem)
        mock.get(f"{LIST}/merge-fields", json={"merge_fields": [], "total_items": 0})

        assert NewFields(calls).make("shoe", {}, "42", []) is None


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
        Singles(calls, config, policy, NewContactLimit(None), StatusIndex(calls, "archived")).run(contact, step, result)

        assert [(rejected.contact, rejected.fault.reason) for rejected in result.rejected] == [(contact, "vanished")]
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
        writer = BatchWriter(calls, read_config(CONFIG), StatusPolicy("subscribed"))
        contacts, result = people(count), Result()
        insists = {"error": "A status is required.", "field": "status", "field_message": "This should not be blank."}
        rows = [{"email_address": contact.address, **insists} for contact in contacts]
        mock.post(LIST, json={"new_members": [], "updated_members": [], "errors": rows})
        writer._update(contacts, result)

        assert caplog.text.count("one call each") == warnings
        assert result.follow_ups == [FollowUp(contact, Step.UPDATE) for contact in contacts]


class TestCauses:
    """What Mailchimp says is counted by cause, and names nobody."""

    def test_the_same_cause_counts_as_one_whatever_address_it_quotes(self, calls: Calls) -> None:
        class Quoting(BatchWriter):
            def write_batch(self, contacts: list[Contact], result: Result) -> None:
                result.written += [Written(contact, Outcome.CREATED) for contact in contacts]
                result.lost_fields += [FieldLost(contact, f"Refused for {contact.address}") for contact in contacts]
                result.tags_failed += [TagFailed(contact, f"Refused for {contact.address}") for contact in contacts]

        sync = Sync(calls, Quoting(calls, read_config(CONFIG), StatusPolicy("subscribed")))
        sync.run(3)

        assert sync.ledger.reasons == {"tag not set: Refused for …": 3}
        assert sync.ledger.fields_lost == {"Refused for …": 3}
        assert len(sync.emitted) == 1
