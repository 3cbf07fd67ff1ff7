"""Every record is accounted for, whatever Mailchimp answers, and an answer that lies is not believed."""

from __future__ import annotations

import itertools
import random
from io import BytesIO
from pathlib import Path
from typing import Any

import orjson
import pytest
from airbyte_cdk.models import AirbyteMessageSerializer, ConfiguredAirbyteCatalogSerializer

from connector_cli.errors import OutputLost
from connector_cli.output import Output
from destination_mailchimp import DestinationMailchimp
from destination_mailchimp.accounting import lines as lines_module
from destination_mailchimp.config import read_config
from destination_mailchimp.sync import run_sync
from integration_tests.harness.destination import DestinationHarness
from mailchimp_api.client import MailchimpClient
from mailchimp_api.errors import Problem, RequestRefused

BATCH = "/lists/{list_id}"


def new_people(destination: DestinationHarness, count: int, **more: Any) -> list[bytes]:
    return [
        destination.record({"id": n, "email": f"new{n}@example.com", "first_name": f"N{n}", **more})
        for n in range(count)
    ]


class TestAnswers:
    """Created is what this sync has created, though the answer that said so was lost."""

    def test_contacts_made_by_a_call_whose_answer_was_lost_count_as_created(
        self, destination: DestinationHarness
    ) -> None:
        there = [row["email_address"] for row in destination.members() if row["status"] == "subscribed"][:40]
        destination.control.fault("lose_answer", BATCH, method="POST", times=1)
        destination.control.clock(advance=3600)
        lines = new_people(destination, 60) + [
            destination.record({"id": a, "email": a, "first_name": "Z"}) for a in there
        ]
        run = destination.write(lines)

        assert run.accounting() == {"received": 100, "created": 60, "updated": 40}
        assert destination.contact(there[0])["merge_fields"]["FNAME"] == "Z"

    def test_contacts_that_existed_count_as_updated_though_an_answer_was_lost(
        self, destination: DestinationHarness
    ) -> None:
        assert destination.write(new_people(destination, 50)).accounting() == {"received": 50, "created": 50}

        destination.control.clock(advance=3600)
        destination.control.fault("lose_answer", BATCH, method="POST", times=1)

        assert destination.write(new_people(destination, 50)).accounting() == {"received": 50, "updated": 50}

    @pytest.mark.parametrize("times", [1, 2, 6], ids=["once", "twice", "always"])
    def test_a_batch_answer_that_forgets_a_member_is_an_error_and_not_a_success(
        self, destination: DestinationHarness, times: int
    ) -> None:
        destination.control.fault("forget_members", BATCH, method="POST", members=3, times=times)
        run = destination.write(new_people(destination, 20))

        assert run.exit_code == 0
        assert run.accounting() == {"received": 20, "created": 20}
        assert all(destination.contact(f"new{n}@example.com")["merge_fields"]["FNAME"] == f"N{n}" for n in range(20))

    def test_who_is_forgotten_by_every_answer_still_gets_the_status_of_the_column(
        self, destination: DestinationHarness
    ) -> None:
        """Above all: who asked to leave, leaves."""
        destination.write(new_people(destination, 3))
        destination.control.clock(advance=3600)
        destination.control.fault("forget_members", BATCH, method="POST", members=3)
        leaving = [{"id": n, "email": f"new{n}@example.com", "wish": "unsubscribed"} for n in range(3)]
        run = destination.write(
            [destination.record(person) for person in leaving],
            destination.config(status_field="wish", update_status=True),
        )

        assert run.exit_code == 0
        assert run.accounting() == {"received": 3, "updated": 3}
        assert [destination.contact(str(person["email"]))["status"] for person in leaving] == ["unsubscribed"] * 3

    def test_every_third_call_losing_its_answer_changes_nothing_about_the_outcome(
        self, destination: DestinationHarness
    ) -> None:
        # One call may well be the unlucky one several times; of every two it would always be the one behind its look.
        destination.attempts = 20
        destination.control.fault("lose_answer", regex="/lists/", every=3)
        run = destination.write(new_people(destination, 700, tags=["x", "y"]), destination.config(tags="Z"))
        rows = [row for row in destination.members() if row["email_address"].startswith("new")]

        assert run.exit_code == 0, run.log
        assert run.accounting() == {"received": 700, "created": 700}
        assert {tuple(sorted(tag["name"] for tag in row["tags"])) for row in rows} == {("Z", "x", "y")}
        assert len(rows) == 700


class TestRefusals:
    """A contact that is refused costs nobody else anything."""

    def test_a_batch_refused_whole_is_taken_apart_until_the_culprit_is_found(
        self, destination: DestinationHarness, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        request = MailchimpClient.request

        def refusing(client: MailchimpClient, method: str, path: str, *args: Any, json: Any = None, **more: Any) -> Any:
            """What is wrong with one contact, Mailchimp holds against the whole call."""
            if any(member["email_address"] == "new41@example.com" for member in (json or {}).get("members", ())):
                raise RequestRefused("Refused", problem=Problem(400, "Invalid Resource", "Schema describes object."))
            return request(client, method, path, *args, json=json, **more)

        monkeypatch.setattr(MailchimpClient, "request", refusing)
        run = destination.write(new_people(destination, 100))
        there = destination.statuses(f"new{n}@example.com" for n in range(100))

        assert run.exit_code == 0
        assert run.accounting() == {"received": 100, "created": 99, "rejected": 1}
        assert [address for address, status in there.items() if status is None] == ["new41@example.com"]
        # Seven halvings are enough for a hundred, each with one half that is taken.
        assert destination.calls("POST /lists/{list_id}") <= 7

    def test_each_kind_of_refusal_has_its_reason(self, destination: DestinationHarness, tmp_path: Path) -> None:
        gone = destination.one_with("subscribed")
        left = destination.one_with("unsubscribed")
        destination.control.change("delete_permanent", emails=[gone], list_id=destination.list_id)
        rows: dict[str, dict[str, Any]] = {
            "forgotten": {"email": gone},
            "looks_fake": {"email": "fake@example.com"},
            "too_many_signups": {"email": "toomany@example.com"},
            "compliance_state": {"email": left, "state": "subscribed"},
            "invalid_address": {"email": "nobody@@example"},
            "no_address": {"email": None},
            "invalid_status": {"email": "a@example.com", "state": "perhaps"},
        }
        target = tmp_path / "rejects" / "r.jsonl"
        config = destination.config(
            status_field="state", update_status=True, allow_resubscribe=True, rejects_file=str(target)
        )
        lines = [destination.record({"id": reason, **row}) for reason, row in rows.items()] + new_people(destination, 5)
        run = destination.write(lines, config)
        rejects = [orjson.loads(line) for line in target.read_bytes().splitlines()]

        assert run.accounting() == {"received": 12, "created": 5, "rejected": 7}
        assert {reject["primary_key"]: reject["reason"] for reject in rejects} == {reason: reason for reason in rows}
        assert {reject["primary_key"]: reject["record"] for reject in rejects} == {
            reason: {"id": reason, **row} for reason, row in rows.items()
        }
        assert all(reject["error"] and reject["stream"] == "people" for reject in rejects)
        # None of them is tried again.
        assert destination.calls("POST /lists/{list_id}") == 2

    def test_who_was_rejected_can_be_told_from_the_log(self, destination: DestinationHarness) -> None:
        lines = [
            destination.record({"email": "jane@example.com", "state": "perhaps"}),
            destination.record({"email": "john@example.com", "gone": 7}),
        ]
        run = destination.write(
            lines, destination.config(status_field="state", deleted_field="gone", deletes="archive")
        )

        assert run.accounting() == {"received": 2, "rejected": 2}
        assert run.log.count("a record of j***@e*** was rejected") == 2

    def test_a_rejects_file_that_can_not_be_finished_fails_the_sync_once(
        self, destination: DestinationHarness, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        class Bucket(BytesIO):
            def close(self) -> None:
                raise OSError("no space")

        monkeypatch.setattr(lines_module, "_open", lambda *_: Bucket())
        run = destination.write(
            [*new_people(destination, 3), destination.record({"email": None})],
            destination.config(rejects_file="s3://b/r"),
        )

        assert run.exit_code == 1
        assert run.accounting() == {"received": 4, "created": 3, "rejected": 1}
        (trace,) = run.error_traces
        assert "rejects_file" in trace["message"]

    @pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a disk that is always full")
    def test_a_rejects_file_that_can_not_be_written_fails_the_sync_and_the_accounting_adds_up(
        self, destination: DestinationHarness
    ) -> None:
        lines = [*new_people(destination, 3), destination.record({"email": "fake@example.com"}), destination.state(4)]
        late = destination.write(lines, destination.config(rejects_file="/dev/full"))
        early = destination.write(
            [destination.record({"email": None}), *lines], destination.config(rejects_file="/dev/full")
        )

        for run in (late, early):
            (trace,) = run.error_traces
            assert run.exit_code == 1
            assert "rejects_file can't be written" in trace["message"]
            assert run.states == []
        assert late.accounting() == {"received": 4, "created": 3, "not_written": 1}
        assert early.accounting() == {"received": 1, "not_written": 1}

    def test_a_rejects_file_is_finished_also_if_nobody_reads_the_output_any_more(
        self, destination: DestinationHarness, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        class Broken(BytesIO):
            def write(self, line: Any) -> int:
                raise BrokenPipeError

        bucket = BytesIO()
        monkeypatch.setattr(lines_module, "_open", lambda *_: bucket)
        config = read_config(destination.config(rejects_file="s3://b/r"))
        lines = [destination.record({"email": None}), destination.state(1)]

        with pytest.raises(OutputLost):
            run_sync(config, {"streams": [destination.stream_of()]}, [(lines, True)], Output(sink=Broken()))
        assert bucket.closed

    def test_a_value_that_mailchimp_refuses_loses_that_field_only(self, destination: DestinationHarness) -> None:
        data = {"id": 1, "email": "x@example.com", "first_name": "A" * 300, "last_name": "Kept"}
        run = destination.write([destination.record(data)])
        fields = destination.contact("x@example.com")["merge_fields"]

        assert run.accounting() == {"received": 1, "created": 1}
        assert fields["LNAME"] == "Kept"
        assert "FNAME was refused by Mailchimp" in run.log

    def test_one_cause_for_everything_fails_the_sync_with_that_cause(self, destination: DestinationHarness) -> None:
        destination.control.fault(
            "status", BATCH, method="POST", status=400, title="Odd", detail="The audience is closed."
        )
        run = destination.write(new_people(destination, 60))

        assert run.exit_code == 1
        assert "The audience is closed." in run.error_traces[0]["message"]
        assert run.accounting()["received"] == 60

    def test_too_many_rejects_fail_the_sync(self, destination: DestinationHarness) -> None:
        lines = [*new_people(destination, 8), *(destination.record({"id": n, "email": f"bad{n}"}) for n in range(2))]

        assert destination.write(lines, destination.config(max_rejected_percent=20)).exit_code == 0
        run = destination.write(lines, destination.config(max_rejected_percent=19))
        assert run.exit_code == 1
        assert "max_rejected_percent" in run.error_traces[0]["message"]

    def test_throttling_is_waited_out(self, destination: DestinationHarness) -> None:
        destination.control.limit(3)
        # Calls last until others have begun; a process of its own waits between attempts as in real life.
        destination.control.latency(seconds=0.5)
        run = destination.run(new_people(destination, 6000))

        assert run.exit_code == 0
        assert destination.control.stats()["refused"] > 0
        assert run.accounting() == {"received": 6000, "created": 6000}

    def test_a_revoked_key_ends_the_sync_with_advice(self, destination: DestinationHarness) -> None:
        run = destination.write(
            new_people(destination, 1),
            destination.config(credentials={"auth_type": "apikey", "apikey": "f" * 32 + "-us1"}),
        )

        assert run.exit_code == 1
        assert run.error_traces[0]["failure_type"] == "config_error"
        assert run.error_traces[0]["message"].startswith("Invalid API Key: ")


class TestTags:
    """Tags are found without regard to case, made once, and given to five hundred contacts a call."""

    def test_existing_tags_are_found_and_nobody_loses_one(self, destination: DestinationHarness) -> None:
        rows = [row for row in destination.members() if row["status"] == "subscribed" and row["tags"]]
        before = {row["email_address"]: {tag["name"] for tag in row["tags"]} for row in rows}
        name = next(iter(next(iter(before.values()))))
        lines = [destination.record({"id": a, "email": a, "tags": f"{name.upper()}, Other"}) for a in before]
        run = destination.write(lines, destination.config(tags="Added"))
        after = {a: {tag["name"] for tag in destination.contact(a)["tags"]} for a in before}

        assert run.accounting() == {"received": len(before), "updated": len(before)}
        assert after == {a: names | {name, "Other", "Added"} for a, names in before.items()}

    def test_replacing_takes_away_what_the_record_does_not_have(self, destination: DestinationHarness) -> None:
        row = next(row for row in destination.members() if row["status"] == "subscribed" and row["tags"])
        other = next(
            r for r in destination.members() if r["status"] == "subscribed" and r["tags"] and r["id"] != row["id"]
        )
        lines = [
            destination.record({"id": 1, "email": row["email_address"], "tags": ["Only"]}),
            destination.record({"id": 2, "email": other["email_address"], "tags": None}),
        ]
        run = destination.write(lines, destination.config(replace_tags=True, tags="Base"))

        assert run.exit_code == 0
        assert {tag["name"] for tag in destination.contact(row["email_address"])["tags"]} == {"Only", "Base"}
        # No value means: leave as it is.
        assert {tag["name"] for tag in other["tags"]} < {
            t["name"] for t in destination.contact(other["email_address"])["tags"]
        }

    def test_calls_are_full(self, destination: DestinationHarness) -> None:
        destination.write(new_people(destination, 5000, tags=["a"]), destination.config(tags="b"))

        assert destination.calls("POST /lists/{list_id}") == 10
        assert destination.calls("POST /lists/{list_id}/segments") == 2
        assert destination.calls("POST /lists/{list_id}/segments/{segment_id}") == 20

    def test_tags_that_can_not_be_set_are_counted_apart(self, destination: DestinationHarness) -> None:
        run = destination.write(new_people(destination, 3, tags=["x" * 101, "good"]))

        assert run.accounting() == {"received": 3, "created": 3, "tags_failed": 3}
        assert [tag["name"] for tag in destination.contact("new0@example.com")["tags"]] == ["good"]


class TestCosts:
    """What exists already costs two calls per five hundred; what needs single calls says so."""

    def test_an_incremental_sync_of_existing_contacts(self, destination: DestinationHarness) -> None:
        lines = new_people(destination, 2000)
        destination.write(lines)
        destination.control.reset_stats()
        run = destination.write(lines)

        assert run.accounting() == {"received": 2000, "updated": 2000}
        assert destination.calls("POST /lists/{list_id}") == 8
        assert destination.calls("PUT /lists/{list_id}/members/{subscriber_hash}") == 0

    def test_where_a_batch_insists_on_a_status_each_contact_costs_one_call(
        self, destination: DestinationHarness
    ) -> None:
        lines = new_people(destination, 1500)
        destination.control.facts(batch_update_without_status=False)
        destination.write(lines)
        destination.control.reset_stats()
        # What may make contacts sends status_if_new, which no batch has been seen to refuse.
        run = destination.write(lines, destination.config(update_only=True))

        assert run.accounting() == {"received": 1500, "updated": 1500}
        assert destination.calls("PATCH /lists/{list_id}/members/{subscriber_hash}") == 1500
        assert "one call each" in run.log

    def test_marketing_permissions_are_set_by_single_calls(self, destination: DestinationHarness) -> None:
        permission = [{"marketing_permission_id": "p1", "enabled": True, "text": "Mail"}]
        known = destination.one_with("subscribed")
        lines = [
            destination.record({"id": 1, "email": "new@example.com", "marketing_permissions": permission}),
            destination.record({"id": 2, "email": known, "marketing_permissions": orjson.dumps(permission).decode()}),
        ]
        run = destination.write(lines)

        assert run.accounting() == {"received": 2, "created": 1, "updated": 1}
        for address in ("new@example.com", known):
            assert destination.contact(address)["marketing_permissions"][0]["enabled"] is True

    @pytest.mark.parametrize("archived,lookups", [(900, 0), (4500, 3)])
    def test_who_is_archived_is_asked_the_cheaper_way(
        self, destination: DestinationHarness, archived: int, lookups: int
    ) -> None:
        destination.control.rows(
            {"/lists/{list_id}/members?status=archived": archived, "/lists/{list_id}/members": 5000}
        )
        try:
            destination.control.reset_stats()
            run = destination.write(new_people(destination, 3))

            assert run.accounting() == {"received": 3, "created": 3}
            assert destination.calls("GET /lists/{list_id}/members/{subscriber_hash}") == lookups
            # One call, which tells the total and, where they are few, who they are.
            assert destination.calls("GET /lists/{list_id}/members") == 1
        finally:
            destination.control.reset()


class TestLimit:
    """A sync that may add no more contacts still updates those that exist and were sent along."""

    def test_contacts_that_need_calls_of_their_own_are_updated_too(self, destination: DestinationHarness) -> None:
        there = [row["email_address"] for row in destination.members() if row["status"] == "subscribed"][:30]
        permission = [{"marketing_permission_id": "p1", "enabled": True}]
        lines = [
            *new_people(destination, 5),
            *(
                destination.record({"id": a, "email": a, "first_name": "Z", "marketing_permissions": permission})
                for a in there
            ),
        ]
        run = destination.write([*lines, destination.state(1)], destination.config(max_new_contacts=2))

        assert run.exit_code == 1
        assert "max_new_contacts" in run.error_traces[0]["message"]
        assert run.accounting() == {"received": 35, "created": 2, "updated": 30, "not_written": 3}
        assert {destination.contact(address)["merge_fields"]["FNAME"] for address in there} == {"Z"}
        assert run.states == []

    def test_those_who_were_added_before_the_limit_have_their_tags(self, destination: DestinationHarness) -> None:
        """Nobody would come back for them: no later sync need bring them again."""
        run = destination.write(new_people(destination, 5), destination.config(max_new_contacts=2, tags="Import"))
        made = [row for row in destination.members() if row["email_address"].startswith("new")]

        assert run.exit_code == 1
        assert run.accounting()["created"] == len(made) == 2
        assert [[tag["name"] for tag in row["tags"]] for row in made] == [["Import"], ["Import"]]


class TestInput:
    """Whatever comes on standard input, the records among it are written."""

    def test_a_line_cut_off_at_the_end_of_input_is_an_error_after_all_before_it(
        self, destination: DestinationHarness
    ) -> None:
        lines = b"\n".join([*new_people(destination, 3), destination.state(3), new_people(destination, 1)[0][:-9]])
        run = destination.run(lines)

        assert run.exit_code == 1
        assert run.accounting() == {"received": 3, "created": 3}
        assert len(run.states) == 1
        assert "middle of a line" in run.error_traces[0]["message"]

    def test_a_whole_last_line_needs_no_line_feed(self, destination: DestinationHarness) -> None:
        run = destination.run(b"\n".join([*new_people(destination, 3), destination.state(3)]))

        assert run.exit_code == 0
        assert len(run.states) == 1

    def test_rubbish_is_counted_and_never_shown(self, destination: DestinationHarness) -> None:
        rubbish = random.Random(3)  # noqa: S311 - repeatable on purpose
        odd: list[bytes] = [
            b"\xff\xfe secret@example.com",
            b'{"type":"RECORD","record":{"stream":"people","data":{"email":"secret@example.com"',
            b'{"type":"NEWS","news":1}',
            b'{"type":"TRACE","trace":{"type":"STREAM_STATUS","stream_status":{"status":"STARTED"}}}',
            b'{"type":"STATE"}',
            b'{"type":"STATE","state":{"type":"PARTITIONED","x":1}}',
            b'{"type":"RECORD"}',
            b'{"type":"RECORD","record":{"stream":7,"data":{}}}',
            b'{"type":"RECORD","record":{"stream":"people","data":["secret@example.com"]}}',
            b'{"type":"RECORD","record":{"stream":"strangers","data":{"email":"secret@example.com"}}}',
            b"[]",
            b"17",
            b"null",
            b'"secret@example.com"',
            b"[" * 100_000,
            b'{"a":' * 5000 + b"1" + b"}" * 5000,
            b'{"type":{"a":1}}',
            b"\x00" * 100,
            *(rubbish.randbytes(rubbish.randrange(1, 400)).replace(b"\n", b" ") for _ in range(200)),
        ]
        huge = destination.record({"email": "huge@example.com", "first_name": "Huge", "blob": "x" * 20_000_000})
        nested = b'{"x":' * 900 + b"1" + b"}" * 900
        records = [
            b'{"type":"RECORD","record":{"stream":"people","data":{"email":"deep@example.com","deep":%s}}}' % nested,
            b'{"type":"RECORD","record":{"stream":"people","data":{"email":"nan@example.com","first_name":NaN}}}',
            destination.record(
                {"email": "types@example.com", "first_name": [1], "vip": "?", "tags": 5, "interests": 3.5}
            ),
            destination.record({"email": ["list@example.com"]}),
            destination.record({"email": "surrogate@example.com", "first_name": "ok"}).replace(b"ok", b"\\ud800"),
        ]
        run = destination.run(
            [huge, *(line for pair in zip(odd, itertools.cycle(records), strict=False) for line in pair)]
        )

        assert run.exit_code == 0, run.error_traces
        assert destination.status("deep@example.com") == destination.status("nan@example.com") == "subscribed"
        assert destination.contact("huge@example.com")["merge_fields"]["FNAME"] == "Huge"
        assert destination.status("types@example.com") == "subscribed"
        assert "strangers: 1 received" in run.log
        assert "secret@example.com" not in run.output
        assert "lines of input were not readable" in run.output


class TestSecrets:
    """Neither the key nor an address shows in anything that the connector prints, whatever goes wrong."""

    @pytest.mark.parametrize("kind", ["lose_answer", "status", "not_json", "forget_members", "truncate"])
    def test_no_output_holds_one(self, destination: DestinationHarness, kind: str) -> None:
        destination.control.fault(
            kind, regex="/lists/", status=400, detail="jane.doe@example.org is wrong", every=3, skip=4
        )
        odd = [{"id": 1, "email": "not an@address@x"}, {"id": 2, "email": "fake@example.com"}]
        lines = [*new_people(destination, 40, tags=["t"]), *(destination.record(data) for data in odd)]
        run = destination.run(lines, destination.config(tags="T"))
        printed = run.output
        (fault,) = destination.control.faults()

        assert fault["applied"] > 0
        # Addresses were printed, masked.
        assert "***@" in printed
        assert destination.simulator.api_key not in printed
        assert destination.simulator.api_key.split("-")[0] not in printed
        assert "@example" not in printed
        assert "an@address" not in printed
        assert len(run.error_traces) == (run.exit_code != 0)


class TestAccountTroubles:
    """What is the matter with the account, or with one odd record, is not blamed on the contacts."""

    def test_an_account_that_is_being_exported_rejects_nobody(self, destination: DestinationHarness) -> None:
        destination.control.fault(
            "status", BATCH, method="POST", status=400, title="Account Export in Progress", skip=1
        )
        run = destination.write([*new_people(destination, 1000), destination.state(1000)])

        assert run.exit_code == 1
        assert run.error_traces[0]["failure_type"] == "transient_error"
        assert "rejected" not in run.accounting()
        assert run.states == []

    def test_a_refusal_of_whole_calls_after_others_were_accepted_ends_the_sync(
        self, destination: DestinationHarness
    ) -> None:
        destination.control.fault("status", BATCH, method="POST", status=400, title="Odd", detail="Not today.", skip=2)
        run = destination.write(new_people(destination, 1100), destination.config(num_workers=1))

        assert run.exit_code == 1
        assert "Not today." in run.error_traces[0]["message"]
        assert run.accounting()["created"] == 1000

    def test_a_stream_is_found_by_its_name_if_only_the_namespace_differs(self, destination: DestinationHarness) -> None:
        lines = [destination.record({"id": 1, "email": "a@example.com"}, namespace="public"), destination.state(1)]
        run = destination.write(lines)

        assert run.accounting() == {"received": 1, "created": 1}
        assert len(run.states) == 1

    def test_the_kit_can_write_within_a_process(self, destination: DestinationHarness) -> None:
        catalog = ConfiguredAirbyteCatalogSerializer.load({"streams": [destination.stream_of()]})
        lines = [destination.record({"id": 1, "email": "a@example.com"}), destination.state(1)]
        messages = [AirbyteMessageSerializer.load(orjson.loads(line)) for line in lines]
        written = list(DestinationMailchimp().write(destination.config(), catalog, messages))

        assert [message.type.value for message in written if message.state] == ["STATE"]
        assert destination.status("a@example.com") == "subscribed"
