"""Whatever comes in, the sync goes on with the rest, and nothing of it is shown."""

from __future__ import annotations

import itertools
import random

import pytest

from integration_tests.harness.destination import DestinationHarness


class TestInput:
    """Whatever comes on standard input, the records among it are written."""

    def test_a_line_cut_off_at_the_end_of_input_is_an_error_after_all_before_it(
        self, destination: DestinationHarness
    ) -> None:
        lines = b"\n".join([*destination.new_people(3), destination.state(3), destination.new_people(1)[0][:-9]])
        run = destination.run(lines)

        assert run.exit_code == 1
        assert run.accounting() == {"received": 3, "created": 3}
        assert len(run.states) == 1
        assert "middle of a line" in run.error_traces[0]["message"]

    def test_a_whole_last_line_needs_no_line_feed(self, destination: DestinationHarness) -> None:
        run = destination.run(b"\n".join([*destination.new_people(3), destination.state(3)]))

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
        assert "Lines of input that were no readable messages and were ignored" in run.output


class TestSecrets:
    """Neither the key nor an address shows in anything that the connector prints, whatever goes wrong."""

    @pytest.mark.parametrize("kind", ["lose_answer", "status", "not_json", "forget_members", "truncate"])
    def test_no_output_holds_one(self, destination: DestinationHarness, kind: str) -> None:
        destination.control.fault(
            kind, regex="/lists/", status=400, detail="jane.doe@example.org is wrong", every=3, skip=4
        )
        odd = [{"id": 1, "email": "not an@address@x"}, {"id": 2, "email": "fake@example.com"}]
        lines = [*destination.new_people(40, tags=["t"]), *(destination.record(data) for data in odd)]
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
