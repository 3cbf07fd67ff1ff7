"""Killed, stopped or starved at any moment: a STATE that came out vouches for everything before it, in order."""

from __future__ import annotations

import os
import random
import re
import signal
import threading
import time
from typing import Any

import orjson
import pytest

from destination_mailchimp.writing.dispatch import Waits
from integration_tests.harness.connectors import Piped
from integration_tests.harness.destination import DestinationHarness
from mailchimp_simulator.client import wait_until

RECORDS = 1500
EVERY = 100


def person(number: int) -> dict[str, Any]:
    return {
        "id": number,
        "email": f"person.{number}@example.com",
        "first_name": f"N{number}",
        "updated_at": number,
        "tags": ["even" if number % 2 == 0 else "odd"],
    }


def lines_from(destination: DestinationHarness, first: int) -> list[bytes]:
    """Everything that a source would send from a state on: records, and a STATE after each hundred."""
    lines = []
    for number in range(first, RECORDS):
        lines.append(destination.record(person(number)))
        if number % EVERY == EVERY - 1:
            lines.append(destination.state(number + 1))
    return lines


def states_in(output: bytes) -> list[int]:
    """Where the complete STATE lines of an output say the source may go on."""
    messages = [orjson.loads(line) for line in output.splitlines(keepends=True) if line.endswith(b"\n")]
    return [m["state"]["stream"]["stream_state"]["at"] for m in messages if m["type"] == "STATE"]


def holds(destination: DestinationHarness, upto: int) -> list[str]:
    """Those of the first ``upto`` people who are not in the audience as their record says, tag included."""
    rows = {row["email_address"]: row for row in destination.members()}
    wrong = []
    for number in range(upto):
        data = person(number)
        row = rows.get(data["email"])
        if (
            row is None
            or row["status"] != "subscribed"
            or row["merge_fields"]["FNAME"] != data["first_name"]
            or [tag["name"] for tag in row["tags"]] != data["tags"]
        ):
            wrong.append(data["email"])
    return wrong


def until_ready(process: Piped) -> bytes:
    """Read what the process prints until it begins to take input."""
    output = line = process.stdout.readline()
    while line and b"will be created as" not in line:
        line = process.stdout.readline()
        output += line
    return output


def feed(process: Piped, lines: list[bytes]) -> threading.Thread:
    def write() -> None:
        try:
            process.stdin.write(b"\n".join(lines) + b"\n")
            process.stdin.close()
        except BrokenPipeError:
            pass

    thread = threading.Thread(target=write)
    thread.start()
    return thread


class TestKilledAgainAndAgain:
    """Started again from the last STATE each time, the sync ends complete: nothing lost, nothing doubled."""

    @pytest.mark.slow
    @pytest.mark.parametrize("times", [10, pytest.param(50, marks=pytest.mark.nightly)])
    def test_nothing_is_lost_and_nothing_is_doubled(self, destination: DestinationHarness, times: int) -> None:
        destination.control.latency(seconds=0.06, path="/lists/{list_id}", method="POST")
        destination.control.latency(seconds=0.06, path="/lists/{list_id}/segments/{segment_id}", method="POST")
        before = len(destination.members())
        moments = random.Random(5)  # noqa: S311 - repeatable on purpose
        at = kills = 0
        while at < RECORDS:
            # A few hundred records each time, so that all kills hit work.
            lines = lines_from(destination, at)[: 300 + moments.randrange(400)]
            with destination.open() as process:
                feeder = feed(process, lines)
                # From when it says that it is ready there is about half a second of work.
                output = until_ready(process)
                killer = threading.Timer(moments.uniform(0.0, 0.45), process.kill)
                if kills < times:
                    killer.start()
                output += process.stdout.read()
                killer.cancel()
                feeder.join()
                kills += process.wait() == -signal.SIGKILL
            states = states_in(output)
            assert states == sorted(states)
            if states:
                at = states[-1]
                assert holds(destination, at) == []
            if kills < times and at >= RECORDS - 2 * EVERY:
                at = 0  # begin anew: everything exists already, which must change nothing either
        assert kills == times
        assert holds(destination, RECORDS) == []
        assert len(destination.members()) == before + RECORDS


class TestStopped:
    """SIGTERM ends the sync within seconds, and what is durable by then is acknowledged."""

    def stop(self, process: Piped) -> bytes:
        """Ask it to end; the output. It must not take five seconds."""
        process.send_signal(signal.SIGTERM)
        asked = time.monotonic()
        output, _ = process.communicate(timeout=20)

        assert time.monotonic() - asked < 5
        assert process.returncode == -signal.SIGTERM
        assert output.count(b'"type":"TRACE"') == 1
        return output

    def test_it_finishes_what_is_in_flight_and_counts_it(self, destination: DestinationHarness) -> None:
        destination.control.latency(seconds=1.5, path="/lists/{list_id}", method="POST")
        with destination.open() as process:
            until_ready(process)
            lines = [destination.record(person(number)) for number in range(500)]
            process.stdin.write(b"\n".join([*lines, destination.state(500)]) + b"\n")
            process.stdin.flush()
            wait_until(lambda: destination.control.faults()[0]["applied"] == 1)
            output = self.stop(process)

        # The batch was in flight and came back; its tags had not been given, so its STATE must not go out.
        assert b"500 received = 500 created" in output
        assert states_in(output) == []

    def test_a_call_that_never_ends_does_not_hold_it_up(self, destination: DestinationHarness) -> None:
        destination.control.fault("hang", "/lists/{list_id}", method="POST", seconds=60)
        with destination.open() as process:
            until_ready(process)
            process.stdin.write(b"\n".join(destination.record(person(number)) for number in range(500)) + b"\n")
            process.stdin.flush()
            wait_until(lambda: destination.control.faults()[0]["applied"] == 1)
            output = self.stop(process)

        assert b"500 not written" in output

    def test_states_that_are_durable_come_out_while_input_is_still_open(self, destination: DestinationHarness) -> None:
        with destination.open() as process:
            lines = [destination.record({"id": n, "email": f"p{n}@example.com"}) for n in range(500)]
            process.stdin.write(b"\n".join([*lines, destination.state(500), destination.record(person(1))]) + b"\n")
            process.stdin.flush()
            line = b""
            while b'"type":"STATE"' not in line:
                line = process.stdout.readline()
            output = self.stop(process)

        assert orjson.loads(line)["state"]["stream"]["stream_state"] == {"at": 500}
        # The last one may not have been read yet, or have been on its way already.
        [(received, created, left)] = re.findall(rb"(\d+) received = (\d+) created .* (\d+) not written", output)
        assert int(received) == int(created) + int(left)
        assert int(received) >= int(created) >= 500


class TestTrickle:
    """A few records that come and then nothing: they are written after a while of waiting."""

    def test_it_is_flushed_while_input_stays_open(self, destination: DestinationHarness) -> None:
        destination.waits = Waits(to_fill=0.3)
        read, write = os.pipe()
        os.write(
            write,
            b"\n".join([destination.record(person(number)) for number in range(3)] + [destination.state(3)]) + b"\n",
        )
        written: list[bool] = []

        def close_when_written() -> None:
            try:
                wait_until(lambda: holds(destination, 3) == [], seconds=30)
                written.append(True)
            finally:
                os.close(write)

        closer = threading.Thread(target=close_when_written)
        closer.start()
        run = destination.write_from(read)
        closer.join()
        os.close(read)

        assert written == [True]
        assert run.exit_code == 0
        assert [state["stream"]["stream_state"]["at"] for state in run.states] == [3]


class TestStateOrder:
    """States leave in the order in which they came, each equal as JSON to what came in."""

    def test_a_stream_that_is_done_does_not_wait_for_another_and_a_global_state_waits_for_all(
        self, destination: DestinationHarness
    ) -> None:
        # The first stream's contacts need a tag call that is slow; the second's need none.
        destination.control.latency(seconds=0.7, path="/lists/{list_id}/segments/{segment_id}", method="POST")
        slow = [
            destination.record({"id": n, "email": f"slow{n}@example.com", "tags": ["t"]}, "slow") for n in range(500)
        ]
        quick = [destination.record({"id": n, "email": f"quick{n}@example.com"}, "quick") for n in range(500)]
        everything = orjson.dumps(
            {"type": "STATE", "state": {"type": "GLOBAL", "global": {"shared_state": {"lsn": 7}, "stream_states": []}}}
        )
        legacy = orjson.dumps({"type": "STATE", "state": {"data": {"old": True}}})
        run = destination.write(
            [
                *slow,
                destination.state(1, "slow"),
                *quick,
                destination.state(1, "quick"),
                everything,
                destination.state(2, "quick"),
                legacy,
                destination.state(2, "slow"),
            ],
            streams=[destination.stream_of("slow"), destination.stream_of("quick")],
        )
        order = [
            (s["stream"]["stream_descriptor"]["name"], s["stream"]["stream_state"]["at"])
            if s.get("type") == "STREAM"
            else s.get("type", "LEGACY")
            for s in run.states
        ]

        assert run.exit_code == 0, run.log
        assert order == [("quick", 1), ("slow", 1), "GLOBAL", ("quick", 2), "LEGACY", ("slow", 2)]
        assert run.states[2]["destinationStats"] == {"recordCount": 0.0, "rejectedRecordCount": 0.0}

    def test_unknown_fields_and_numbers_beyond_any_float_come_back_unchanged(
        self, destination: DestinationHarness
    ) -> None:
        raw = (
            b'{"id": 9, "type":"STATE", "state" : {"type":"STREAM","stream":{"stream_descriptor":{"name":"people"},'
            b'"stream_state":{"lsn":123456789012345678901234567890,"f":0.1000000000000000055511151231257827,'
            b'"t":"}\\"{","e":1E400}}, "partition_id":"p-1", "id": 12345678901234567890 }, "unknown":[{"a":{}}] }'
        )
        run = destination.run([destination.record(person(1)), destination.record({"id": 2, "email": "no"}), raw])
        line = next(line for line in run.lines if b'"STATE"' in line)
        stats = b',"destinationStats":{"recordCount":1.0,"rejectedRecordCount":1.0}'

        assert run.exit_code == 0
        assert stats in line
        assert line.replace(stats, b"") == raw

    def test_no_state_passes_a_contact_that_could_not_be_written(self, destination: DestinationHarness) -> None:
        destination.control.fault("status", "/lists/{list_id}", method="POST", status=500, body="html", skip=2)
        # What a batch can't write is tried with calls about single contacts.
        destination.control.fault("status", regex="/members/[0-9a-f]{32}$", method="PUT", status=500, body="html")
        lines = lines_from(destination, 0)
        run = destination.write(lines)
        accounting = run.accounting()

        assert run.exit_code == 1
        assert run.error_traces[0]["failure_type"] == "transient_error"
        assert accounting["not_written"] > 0
        assert all(holds(destination, state["stream"]["stream_state"]["at"]) == [] for state in run.states)


class TestLastVersionWins:
    """However its versions arrive, an address ends at the one with the greatest cursor."""

    @pytest.mark.parametrize("seed", range(3))
    def test_ten_thousand_versions_in_any_order(self, destination: DestinationHarness, seed: int) -> None:
        versions = list(range(10_000))
        random.Random(seed).shuffle(versions)  # noqa: S311 - repeatable on purpose
        lines = []
        for place, version in enumerate(versions):
            data = {"id": 1, "email": "Same@Example.com", "first_name": f"v{version}", "updated_at": version}
            lines.append(destination.record(data))
            # Others in between, so that batches fill and versions of the one address are on their way.
            lines.append(destination.record({"id": place + 10, "email": f"other{place % 4000}@example.com"}))
        destination.control.latency(seconds=0.02, path="/lists/{list_id}", method="POST")
        run = destination.write(lines)
        accounting = run.accounting()

        assert run.exit_code == 0
        assert destination.contact("same@example.com")["merge_fields"]["FNAME"] == "v9999"
        assert accounting["created"] == 4001
        assert accounting["received"] == 20_000

    @pytest.mark.parametrize(
        "older,newer",
        [
            ("2026-01-01T00:00:00+02:00", "2025-12-31T23:00:00Z"),
            ("2026-01-01T00:00:00.123456788Z", "2026-01-01T00:00:00.123456789Z"),
            (9, 10),
            ("9", "10"),
            (9007199254740993, 9007199254740994),
            ("01ARZ3A", "01ARZ3B"),
            (1.5, 2),
        ],
    )
    def test_cursors_compare_as_what_they_are(
        self, destination: DestinationHarness, older: object, newer: object
    ) -> None:
        for order in ((older, newer), (newer, older)):
            destination.control.reset()
            lines = [
                [destination.record({"id": 1, "email": "x@example.com", "first_name": str(c), "updated_at": c})]
                for c in order
            ]
            run = destination.write(lines)

            assert run.accounting() == {"received": 2, "created": 1, "deduplicated": 1}
            assert destination.contact("x@example.com")["merge_fields"]["FNAME"] == str(newer)

    def test_an_older_row_of_another_stream_does_not_win_but_what_only_it_tells_is_kept(
        self, destination: DestinationHarness
    ) -> None:
        streams = [destination.stream_of("crm"), destination.stream_of("shop")]
        crm = {"id": 1, "email": "x@example.com", "first_name": "Old", "last_name": "Kept", "updated_at": 5}
        shop = {"id": 7, "email": "X@example.com", "first_name": "New", "updated_at": 6}
        run = destination.write([destination.record(crm, "crm"), destination.record(shop, "shop")], streams=streams)
        fields = destination.contact("x@example.com")["merge_fields"]

        assert run.accounting("crm") == {"received": 1, "deduplicated": 1}
        assert run.accounting("shop") == {"received": 1, "created": 1}
        assert (fields["FNAME"], fields["LNAME"]) == ("New", "Kept")
