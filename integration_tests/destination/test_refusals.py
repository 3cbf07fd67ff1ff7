"""What Mailchimp refuses costs the value or the contact, with its reason; what concerns all ends the sync."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Any, ClassVar

import fsspec  # type: ignore[import-untyped]
import orjson
import pytest
from airbyte_cdk.models import AirbyteMessageSerializer, ConfiguredAirbyteCatalogSerializer

from connector_cli.errors import OutputLost
from connector_cli.output import Output
from destination_mailchimp import DestinationMailchimp
from destination_mailchimp.config import read_config
from destination_mailchimp.sync import run_sync
from integration_tests.harness.destination import DestinationHarness, record, state

BATCH = "/lists/{list_id}"


class BucketFile(BytesIO):
    """A file that is there once it is closed. With ``full`` there is no room for it then."""

    def __init__(self, *, full: bool) -> None:
        super().__init__()
        self._full = full

    def close(self) -> None:
        if self._full:
            self._full = False
            raise OSError("no space")
        super().close()


class Bucket(fsspec.AbstractFileSystem):  # type: ignore[misc] # fsspec has no types
    """A bucket that a URL names, with the files that were put in. One with the name ``full`` has no room."""

    files: ClassVar[list[BucketFile]] = []

    def _open(self, path: str, *_: Any, **__: Any) -> BucketFile:
        file = BucketFile(full=path.startswith("full/"))
        self.files.append(file)
        return file


fsspec.register_implementation("bucket", Bucket)


class TestRefusals:
    """A contact that is refused costs nobody else anything."""

    def test_a_batch_refused_whole_is_taken_apart_until_the_culprit_is_found(
        self, destination: DestinationHarness
    ) -> None:
        """What is wrong with one contact, Mailchimp holds against the whole call."""
        destination.control.contact_fault(["new41@example.com"], text="Schema describes object.", whole_call=True)
        run = destination.write(destination.new_people(100))
        there = destination.statuses(f"new{n}@example.com" for n in range(100))

        assert run.exit_code == 0
        assert run.accounting() == {"received": 100, "created": 99, "rejected": 1}
        assert [address for address, status in there.items() if status is None] == ["new41@example.com"]
        # Seven halvings are enough for a hundred, each with two calls.
        assert destination.calls("POST /lists/{list_id}") <= 15

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
        lines = [destination.record({"id": reason, **row}) for reason, row in rows.items()] + destination.new_people(5)
        run = destination.write(lines, config, [destination.stream_of(columns=["id", "email", "first_name", "state"])])
        rejects = [orjson.loads(line) for line in target.read_bytes().splitlines()]

        assert run.accounting() == {"received": 12, "created": 5, "rejected": 7}
        assert {reject["primary_key"]: reject["reason"] for reject in rejects} == {reason: reason for reason in rows}
        assert {reject["primary_key"]: reject["record"] for reject in rejects} == {
            reason: {"id": reason, **row} for reason, row in rows.items()
        }
        assert all(reject["error"] and reject["stream"] == "people" for reject in rejects)
        # None of them is tried again; who is there already is written alone, with a status.
        assert destination.calls("POST /lists/{list_id}") == 1

    def test_who_was_rejected_can_be_told_from_the_log(self, destination: DestinationHarness) -> None:
        lines = [
            destination.record({"email": "jane@example.com", "state": "perhaps"}),
            destination.record({"email": "john@example.com", "gone": 7}),
        ]
        run = destination.write(
            lines,
            destination.config(status_field="state", deleted_field="gone", deletes="archive"),
            [destination.stream_of(columns=["email", "state", "gone"])],
        )

        assert run.accounting() == {"received": 2, "rejected": 2}
        assert "Stream people: record 1 of j***@e*** was rejected" in run.log
        assert "Stream people: record 2 of j***@e*** was rejected" in run.log
        assert run.log.count("Name a rejects_file") == 1

    def test_a_rejects_file_that_can_not_be_finished_fails_the_sync_once(self, destination: DestinationHarness) -> None:
        run = destination.write(
            [*destination.new_people(3), destination.record({"email": None})],
            destination.config(rejects_file="bucket://full/r"),
        )

        assert run.exit_code == 1
        assert run.accounting() == {"received": 4, "created": 3, "rejected": 1}
        (trace,) = run.error_traces
        assert "rejects_file" in trace["message"]

    @pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a disk that is always full")
    def test_a_rejects_file_that_can_not_be_written_fails_the_sync_and_the_accounting_adds_up(
        self, destination: DestinationHarness
    ) -> None:
        lines = [*destination.new_people(3), destination.record({"email": "fake@example.com"}), destination.state(4)]
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
        self, destination: DestinationHarness
    ) -> None:
        class Broken(BytesIO):
            def write(self, line: Any) -> int:
                raise BrokenPipeError

        config = read_config(destination.config(rejects_file="bucket://b/r"))
        lines = [destination.record({"email": None}), *destination.new_people(1), destination.state(1)]

        with pytest.raises(OutputLost):
            run_sync(config, {"streams": [destination.stream_of()]}, [(lines, True)], Output(sink=Broken()))
        assert Bucket.files[-1].closed

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
        run = destination.write(destination.new_people(60))

        assert run.exit_code == 1
        assert "The audience is closed." in run.error_traces[0]["message"]
        assert run.accounting()["received"] == 60

    def test_too_many_rejects_fail_the_sync(self, destination: DestinationHarness) -> None:
        lines = [*destination.new_people(8), *(destination.record({"id": n, "email": f"bad{n}"}) for n in range(2))]

        assert destination.write(lines, destination.config(max_rejected_percent=20)).exit_code == 0
        run = destination.write(lines, destination.config(max_rejected_percent=19))
        assert run.exit_code == 1
        assert "max_rejected_percent" in run.error_traces[0]["message"]

    def test_throttling_is_waited_out(self, destination: DestinationHarness) -> None:
        destination.control.limit(3)
        # Calls last until others have begun; a process of its own waits between attempts as in real life.
        destination.control.latency(seconds=0.5)
        run = destination.run(destination.new_people(6000))

        assert run.exit_code == 0
        assert destination.control.stats()["refused"] > 0
        assert run.accounting() == {"received": 6000, "created": 6000}

    def test_a_revoked_key_ends_the_sync_with_advice(self, destination: DestinationHarness) -> None:
        run = destination.write(
            destination.new_people(1),
            destination.config(credentials={"auth_type": "apikey", "apikey": "f" * 32 + "-us1"}),
        )

        assert run.exit_code == 1
        assert run.error_traces[0]["failure_type"] == "config_error"
        assert run.error_traces[0]["message"].startswith("Invalid API Key: ")


class TestAccountTroubles:
    """What concerns the account, or one odd record, rejects no contact."""

    def test_an_account_that_is_being_exported_rejects_nobody(self, destination: DestinationHarness) -> None:
        destination.control.fault(
            "status", BATCH, method="POST", status=400, title="Account Export in Progress", skip=1
        )
        run = destination.write([*destination.new_people(1000), destination.state(1000)])

        assert run.exit_code == 1
        assert run.error_traces[0]["failure_type"] == "transient_error"
        assert "rejected" not in run.accounting()
        assert run.states == []

    def test_a_refusal_of_whole_calls_after_others_were_accepted_ends_the_sync(
        self, destination: DestinationHarness
    ) -> None:
        destination.control.fault("status", BATCH, method="POST", status=400, title="Odd", detail="Not today.", skip=2)
        run = destination.write(destination.new_people(1100), destination.config(num_workers=1))

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


class TestStatesOfFailedSyncs:
    """What the source is told to go on past it does not send again: a sync that fails by rejects keeps that back."""

    def bad(self, count: int) -> list[bytes]:
        """Records without a usable address."""
        return [record({"id": n, "email": "nobody"}) for n in range(count)]

    def test_none_goes_out_where_all_is_rejected_for_one_cause(self, destination: DestinationHarness) -> None:
        run = destination.write([*self.bad(2), state(1), *self.bad(2), state(2)])

        assert run.exit_code == 1
        assert run.states == []
        assert "Mend the cause and run the sync again" in run.error_traces[0]["message"]

    def test_nor_where_the_records_name_a_stream_that_is_none(self, destination: DestinationHarness) -> None:
        lines = [record({"id": n, "email": f"new{n}@example.com"}, "poeple") for n in range(3)]
        for where in ("people", "poeple"):
            run = destination.write([*lines, state(1, where)])

            assert run.exit_code == 1
            assert run.states == []

    def test_nor_where_more_is_rejected_than_admitted(self, destination: DestinationHarness) -> None:
        lines = [*self.bad(3), state(1), *destination.new_people(6), *self.bad(10), state(2)]
        run = destination.write(lines, destination.config(max_rejected_percent=10))

        assert run.exit_code == 1
        assert run.accounting() == {"received": 19, "created": 6, "rejected": 13}
        assert run.states == []
        assert "run the sync again" in run.error_traces[0]["message"]

    def test_nor_where_too_much_can_not_be_read(self, destination: DestinationHarness) -> None:
        run = destination.write(
            [b"a,b", *destination.new_people(1), state(1)], destination.config(max_rejected_percent=9)
        )

        assert run.exit_code == 1
        assert run.states == []

    def test_those_that_waited_go_out_in_order_once_the_share_is_small_enough(
        self, destination: DestinationHarness
    ) -> None:
        lines = [*self.bad(1), state(1), *destination.new_people(9), state(2)]
        run = destination.write(lines, destination.config(max_rejected_percent=10))

        assert run.exit_code == 0
        assert [item["stream"]["stream_state"]["at"] for item in run.states] == [1, 2]
        stats = [item["destinationStats"] for item in run.states]
        assert [(item["recordCount"], item["rejectedRecordCount"]) for item in stats] == [(0, 1), (9, 0)]
