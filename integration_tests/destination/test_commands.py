"""The commands as Airbyte calls them: spec, check, discover, and a write from an audience into another."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import jsonschema
import orjson
import pytest
import requests

from integration_tests.harness.destination import DestinationHarness, DestinationRun
from mailchimp_simulator.client import SimulatorProcess

COMMAND = [sys.executable, "-m", "destination_mailchimp.run"]


def status_of(run: DestinationRun) -> dict[str, Any]:
    """The CONNECTION_STATUS of a check."""
    (found,) = [message["connectionStatus"] for message in run.messages if message["type"] == "CONNECTION_STATUS"]
    status: dict[str, Any] = found
    return status


class TestSpec:
    """The options, and that only upserting is offered."""

    def test_it_describes_a_configuration_that_works(self, destination: DestinationHarness) -> None:
        done = subprocess.run([*COMMAND, "spec"], capture_output=True, check=True)
        (message,) = [orjson.loads(line) for line in done.stdout.splitlines()]
        spec = message["spec"]

        assert spec["supported_destination_sync_modes"] == ["append_dedup"]
        jsonschema.validate(destination.config(tags="a", status_for_new="pending"), spec["connectionSpecification"])
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(destination.config(status_for_new="cleaned"), spec["connectionSpecification"])


class TestCheck:
    """It proves what a sync needs, says what will happen, and writes nothing."""

    def test_it_succeeds_and_warns(self, destination: DestinationHarness) -> None:
        destination.control.reset_stats()
        run = destination.run(config=destination.config(tags="Brand new, Newer"), command="check")
        status = status_of(run)

        assert run.exit_code == 0
        assert status["status"] == "SUCCEEDED"
        assert "Brand new, Newer" in status["message"]
        assert destination.control.stats()["writes"] == {}

    @pytest.mark.parametrize(
        "change,words",
        [
            ({"credentials": {"auth_type": "apikey", "apikey": "f" * 32 + "-us10"}}, "Invalid API Key: "),
            ({"credentials": {"auth_type": "apikey", "apikey": "nonsense"}}, "Invalid API Key: "),
            ({"credentials": {"auth_type": "oauth2.0", "access_token": "wrong"}}, "Invalid access token"),
            ({"list_id": "0000000000"}, "List ID not found: 0000000000"),
            ({"field_mapping": [{"column": "a", "field": "NOPE"}]}, "NOPE"),
            ({"status_for_new": "cleaned"}, "status_for_new"),
            ({"rejects_file": "/dev/null/rejects.jsonl"}, "/dev/null/rejects.jsonl"),
            ({"rejects_file": "/"}, "rejects_file: / is a folder"),
            ({"rejects_file": "nope://bucket/file"}, "nope://"),
        ],
    )
    def test_it_names_what_is_wrong(self, destination: DestinationHarness, change: dict[str, Any], words: str) -> None:
        status = destination.check(destination.config(**change))

        assert status["status"] == "FAILED"
        assert words in status["message"]

    def test_a_file_of_certificates_that_is_missing_is_named(
        self, destination: DestinationHarness, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """It is for the user to mend, and no error in the connector."""
        missing = tmp_path / "none.pem"
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(missing))
        run = destination.run(config=destination.config(api_url="https://127.0.0.1:9"), command="check")
        status = status_of(run)

        assert (run.exit_code, status["status"]) == (0, "FAILED")
        assert str(missing) in status["message"]
        assert "REQUESTS_CA_BUNDLE" in status["message"]

    def test_a_misspelt_option_is_a_warning(self, destination: DestinationHarness) -> None:
        """Or the limit that somebody believes in would not be there."""
        run = destination.run(config=destination.config(max_new_contact=3), command="check")

        assert status_of(run)["status"] == "SUCCEEDED"
        assert "does nothing: max_new_contact. Did you mean max_new_contacts?" in run.output

    def test_a_user_who_may_not_read_the_audience_is_told_so(self, destination: DestinationHarness) -> None:
        destination.control.forbid("/lists")
        status = destination.check(destination.config())

        assert status["status"] == "FAILED"
        assert "may not read" in status["message"]

    @pytest.mark.parametrize(
        "fault, words",
        [
            ({"kind": "hang", "seconds": 100}, ("Mailchimp did not answer within 25 seconds", "proxy")),
            ({"kind": "status", "status": 403, "body": "html"}, ("The network in front of Mailchimp answers", "VPN")),
            ({"kind": "status", "status": 500}, ("Mailchimp itself failed", "Try again")),
        ],
        ids=["hangs", "refused by the network", "fails"],
    )
    def test_a_person_gets_an_answer_within_half_a_minute(
        self, destination: DestinationHarness, fault: dict[str, Any], words: tuple[str, ...]
    ) -> None:
        """In sentences of its own: a check has written nothing that could stay written."""
        destination.control.fault(**fault)
        to_start = destination.run(command="spec").seconds  # on this machine, as busy as it is

        run = destination.run(config=destination.config(), command="check")
        status = status_of(run)

        assert run.seconds - to_start < 30
        assert (run.exit_code, status["status"]) == (0, "FAILED")
        assert [word for word in words if word not in status["message"]] == []
        assert "written" not in status["message"]

    @pytest.mark.parametrize(
        "mapping", [{"firm": "FNAME", "note": ""}, "firm=FNAME, note=", [{"column": "firm", "field": "FNAME"}]]
    )
    @pytest.mark.parametrize("tags", ["a, b", ["a", "b"]])
    def test_options_are_taken_as_people_type_them(
        self, destination: DestinationHarness, mapping: object, tags: object
    ) -> None:
        run = destination.run(
            [destination.record({"id": 1, "email": "typed@example.com", "firm": "Ada", "note": "x"})],
            destination.config(field_mapping=mapping, tags=tags),
        )

        assert run.exit_code == 0, run.log
        contact = destination.contact("typed@example.com")
        assert contact["merge_fields"]["FNAME"] == "Ada"
        assert {tag["name"] for tag in contact["tags"]} == {"a", "b"}

    def test_an_oauth_token_works_as_well(self, destination: DestinationHarness) -> None:
        credentials = {"auth_type": "oauth2.0", "access_token": destination.simulator.oauth_token}

        assert destination.check(destination.config(credentials=credentials))["status"] == "SUCCEEDED"


class TestDoubleOptIn:
    """Where an audience asks everybody to confirm, and requires a field, nobody is surprised by it."""

    @pytest.fixture
    def asking(self, destination: DestinationHarness, tmp_path: Path) -> Iterator[Any]:
        """An audience with double opt-in and a required field that no column has."""
        with SimulatorProcess(contacts=60, audiences=3, campaigns=1) as running:
            asking = type(destination)(running, tmp_path)
            lists = [row["row"] for row in asking.control.ground_truth("/lists", "rows")["rows"]]
            asking.list_id = next(row["id"] for row in lists if row["double_optin"])
            yield asking

    def test_check_says_so_and_new_contacts_become_pending_unless_a_status_is_set(self, asking: Any) -> None:
        warning = asking.check(asking.config())["message"]
        lines = [asking.record({"id": 1, "email": "new@example.com"})]
        run = asking.write(lines)
        set_status = asking.write(
            [asking.record({"id": 2, "email": "sure@example.com"})], asking.config(status_for_new="subscribed")
        )

        assert "double opt-in" in warning
        assert (run.exit_code, set_status.exit_code) == (0, 0)
        assert asking.status("new@example.com") == "pending"
        assert asking.status("sure@example.com") == "subscribed"

    @pytest.mark.parametrize("dry_run", [False, True], ids=["write", "dry run"])
    def test_a_status_column_that_overrides_it_is_warned_of(self, asking: Any, dry_run: bool) -> None:  # noqa: FBT001
        config = asking.config(status_field="state")
        run = asking.write(
            [asking.record({"id": 1, "email": "new@example.com", "state": "subscribed"})],
            {**config, "dry_run": dry_run},
        )

        assert run.exit_code == 0
        for said in (asking.check(config)["message"], run.log):
            assert "status_field overrides it" in said
            assert "new contacts become pending" not in said
        assert "will be created as pending" not in run.log
        assert asking.status("new@example.com") == (None if dry_run else "subscribed")

    def test_a_required_field_that_nothing_maps_to_is_named_and_its_lack_rejects_new_contacts(
        self, asking: Any
    ) -> None:
        requests.post(
            f"{asking.simulator.base_url}/3.0/lists/{asking.list_id}/merge-fields",
            json={"name": "Company", "tag": "COMPANY", "type": "text", "required": True},
            auth=("any", asking.simulator.api_key),
            timeout=10,
        ).raise_for_status()
        mapped = {"field_mapping": [{"column": "firm", "field": "COMPANY"}]}
        line = asking.record({"id": 1, "email": "new@example.com"})
        lines = [line, asking.record({"id": 2, "email": "other@example.com", "company": "ACME"})]

        assert "COMPANY" in asking.check(asking.config())["message"]
        assert "COMPANY" not in asking.check(asking.config(**mapped))["message"]
        assert asking.write(lines).accounting() == {"received": 2, "created": 1, "rejected": 1}
        assert asking.write([line], asking.config(accept_missing_required=True)).accounting()["created"] == 1


class TestDiscover:
    """What a contact of this audience looks like."""

    def test_it_tells_the_audiences_own_fields(self, destination: DestinationHarness) -> None:
        run = destination.run(config=destination.config(), command="discover")
        (catalog,) = [m["destination_catalog"] for m in run.messages if m["type"] == "DESTINATION_CATALOG"]
        (operation,) = catalog["operations"]
        properties = operation["json_schema"]["properties"]

        assert (operation["object_name"], operation["sync_mode"]) == ("contacts", "append_dedup")
        assert operation["matching_keys"] == [["email_address"]]
        assert {"email_address", "status", "language", "vip", "tags", "interests", "FNAME", "ADDRESS"} <= set(
            properties
        )
        jsonschema.Draft7Validator.check_schema(operation["json_schema"])


class TestClearData:
    """Airbyte's “Clear data”: every job of it must end well, or Airbyte tries it again before each sync."""

    @pytest.mark.parametrize("others", [[], ["orders"]])
    def test_it_is_accepted_and_touches_nothing(self, destination: DestinationHarness, others: list[str]) -> None:
        """As the platform sends it, though Mailchimp doesn't answer: the key may have been revoked long ago."""
        cleared = destination.stream_of(sync_mode="full_refresh", destination_sync_mode="overwrite", primary_key=[])
        stream = {"stream_descriptor": {"name": "people"}, "stream_state": None}
        null = {"type": "STATE", "state": {"type": "STREAM", "stream": stream, "id": 7}}
        started = {"type": "TRACE", "trace": {"type": "STREAM_STATUS", "stream_status": {"status": "STARTED"}}}
        destination.control.reset_stats()

        run = destination.run(
            [orjson.dumps(started), orjson.dumps(null)],
            destination.config(credentials={"auth_type": "apikey", "apikey": "0" * 32 + "-us1"}),
            [cleared, *(destination.stream_of(name) for name in others)],
        )

        assert run.exit_code == 0, run.output
        [state] = run.of("STATE")
        assert {key: value for key, value in state.items() if key != "destinationStats"} == null["state"]
        assert run.error_traces == []
        assert run.logs() == [
            "Asked to clear people: Airbyte forgets how far it was; contacts in Mailchimp stay as they are"
        ]
        assert destination.control.stats()["requests"] == 0

    @pytest.mark.parametrize("mode", ["overwrite", "append", "overwrite_dedup"])
    @pytest.mark.parametrize("line", [b"", b'{"type":"RECORD","record":{"stream":"people","da'])
    def test_a_sync_in_such_a_mode_is_refused_at_its_first_record(
        self, destination: DestinationHarness, mode: str, line: bytes
    ) -> None:
        """The advice can be followed in the interface; a STATE after the record must not come out."""
        destination.control.reset_stats()
        record = line or destination.record({"id": 1, "email": "new@example.com"})

        run = destination.run(
            [record, destination.state(1)], streams=[destination.stream_of(destination_sync_mode=mode)]
        )

        assert run.exit_code == 1
        assert [trace["failure_type"] for trace in run.error_traces] == ["config_error"]
        assert "“Incremental | Append + Deduped”" in run.error_traces[0]["message"]
        assert run.of("STATE") == []
        assert destination.control.stats()["writes"] == {}

    def test_a_misspelt_mode_is_told_which_is_meant(self, destination: DestinationHarness) -> None:
        run = destination.run(
            [destination.state(1)], streams=[destination.stream_of(destination_sync_mode="append_dedupe")]
        )

        assert run.exit_code == 1
        assert "no such sync mode. Did you mean append_dedup?" in run.error_traces[0]["message"]
        assert run.of("STATE") == []


class TestStrayInput:
    """What came in by mistake, or not at all, is told with the way out."""

    def test_no_input_at_all_is_warned_of(self, destination: DestinationHarness) -> None:
        run = destination.run(b"")

        assert run.exit_code == 0
        warned = [
            message["log"]["message"] for message in run.messages if message.get("log", {}).get("level") == "WARN"
        ]
        assert [text for text in warned if "No input came" in text and "--interactive" in text]

    def test_a_state_alone_is_input(self, destination: DestinationHarness) -> None:
        assert "No input came" not in destination.run([destination.state(1)]).output

    @pytest.mark.parametrize(
        "lines", [[b"id,email", b"1,a@example.com"], [b'{"id": 1, "email": "a@example.com"}']], ids=["CSV", "bare rows"]
    )
    def test_rows_that_are_no_messages_are_told_of_the_example(
        self, destination: DestinationHarness, lines: list[bytes]
    ) -> None:
        run = destination.run(lines)

        assert run.exit_code == 1
        assert "examples/csv_to_audience.py" in run.error_traces[0]["message"]
        assert "a message without a type" not in run.output


class TestRefusedCatalogs:
    """A catalog that can't be synced ends the command before the first call that writes."""

    def test_the_trace_says_why(self, destination: DestinationHarness) -> None:
        run = destination.run(streams=[destination.stream_of(columns=["email"], primary_key=[])])

        assert run.exit_code == 1
        assert [trace["failure_type"] for trace in run.error_traces] == ["config_error"]
        assert "primary key" in run.error_traces[0]["message"]
        assert destination.control.stats()["writes"] == {}

    def test_a_stream_without_an_address_is_refused(self, destination: DestinationHarness) -> None:
        run = destination.run(streams=[destination.stream_of(columns=["id", "name"])])

        assert run.exit_code == 1
        assert "email_field" in run.error_traces[0]["message"]


class TestWayBack:
    """What the source reads from one audience is written into another as it is."""

    def test_contacts_arrive_with_their_fields_and_tags(self, destination: DestinationHarness) -> None:
        rows = [row for row in destination.members() if row["status"] == "subscribed"]
        columns = list(rows[0])
        lines = [destination.record(row) for row in rows]
        destination.list_id = destination.audiences()[1]
        before = {row["email_address"] for row in destination.members()}
        stream = destination.stream_of(columns=columns, cursor_field=["last_changed"])
        run = destination.run(lines, destination.config(create_missing_merge_fields=True), [stream])
        written = {row["email_address"]: row for row in destination.members()}
        new = [row for row in rows if row["email_address"] not in before]

        assert run.exit_code == 0, run.log
        assert new
        for row in new:
            twin = written[row["email_address"]]
            assert twin["status"] == "subscribed"
            assert {tag["name"] for tag in twin["tags"]} == {tag["name"] for tag in row["tags"]}
            for tag, value in (row["merge_fields"] or {}).items():
                assert twin["merge_fields"][tag] == ("" if value is None else value)

    def test_missing_fields_are_made_and_the_first_value_is_written(self, destination: DestinationHarness) -> None:
        columns = {"email": {}, "Company": {"type": "string"}, "points": {"type": ["null", "integer"]}, "id": {}}
        stream = destination.stream_of()
        stream["stream"]["json_schema"]["properties"] = columns
        people = [
            {"id": 1, "email": "a@example.com", "Company": "ACME", "points": None},
            {"id": 2, "email": "b@example.com", "Company": None, "points": 7},
        ]
        config = destination.config(create_missing_merge_fields=True, field_mapping=[{"column": "id", "field": ""}])
        run = destination.run([destination.record(person) for person in people], config, [stream])

        assert run.accounting() == {"received": 2, "created": 2}
        assert destination.contact("a@example.com")["merge_fields"]["COMPANY"] == "ACME"
        assert destination.contact("b@example.com")["merge_fields"]["POINTS"] == 7


def feed(pipe: IO[bytes], data: bytes) -> None:
    """Write all and close."""
    with pipe:
        pipe.write(data)


class TestOutput:
    """What the sync says arrives whole whatever standard output is, or the sync has failed."""

    @pytest.mark.parametrize("blocking", [True, False])
    def test_no_line_is_cut_and_none_is_lost(
        self, destination: DestinationHarness, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, blocking: bool
    ) -> None:
        """States are big, nobody reads them for a while, and Python's own buffer is off."""
        monkeypatch.setenv("PYTHONUNBUFFERED", "1")
        states = [destination.state("x" * 60_000 + str(number)) for number in range(40)]
        config, catalog = tmp_path / "config.json", tmp_path / "catalog.json"
        config.write_bytes(orjson.dumps(destination.config()))
        catalog.write_bytes(orjson.dumps({"streams": [destination.stream_of()]}))
        begin = f"import os, sys; os.set_blocking(1, {blocking}); os.execv(sys.argv[1], sys.argv[1:])"
        files = ["--config", str(config), "--catalog", str(catalog)]
        with subprocess.Popen(
            [sys.executable, "-c", begin, *COMMAND, "write", *files],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        ) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            feeder = threading.Thread(target=feed, args=(process.stdin, b"\n".join(states) + b"\n"))
            feeder.start()
            time.sleep(1)
            output = process.stdout.read()
            feeder.join()

        found = [orjson.loads(line) for line in output.splitlines()]
        assert process.returncode == 0
        assert [m["state"]["stream"] for m in found if m["type"] == "STATE"] == [
            orjson.loads(state)["state"]["stream"] for state in states
        ]

    def test_output_that_cannot_be_written_fails_the_sync(self, destination: DestinationHarness) -> None:
        with destination.open() as process:
            assert process.stdin is not None
            assert process.stdout is not None
            assert process.stderr is not None
            process.stdout.close()
            process.stdin.write(
                destination.record({"id": 1, "email": "new@example.com"}) + b"\n" + destination.state(1) + b"\n"
            )
            process.stdin.close()
            errors = process.stderr.read()

        assert process.returncode == 1
        assert b"Standard output can't be written: Broken pipe" in errors
