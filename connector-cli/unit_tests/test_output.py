"""What a command says arrives whole and in order, or the command has failed."""

from __future__ import annotations

import os
import threading
import time
from io import BytesIO

import pytest

from connector_cli.errors import OutputLost
from connector_cli.output import Output

LINE = b"x" * 99_999


def read_slowly(descriptor: int, into: bytearray) -> None:
    while part := os.read(descriptor, 4096):
        into += part
        time.sleep(0.0001)


def emit_often(output: Output, line: bytes) -> None:
    for _ in range(200):
        output.emit(line)


class TestOutput:
    @pytest.mark.parametrize("blocking", [True, False])
    def test_every_line_arrives_whole_though_the_pipe_takes_it_in_parts(self, *, blocking: bool) -> None:
        reading, writing = os.pipe()
        os.set_blocking(writing, blocking)
        found = bytearray()
        reader = threading.Thread(target=read_slowly, args=(reading, found))
        reader.start()
        output = Output(writing)

        for _ in range(20):
            output.emit(LINE)
        os.close(writing)
        reader.join(30)
        os.close(reading)

        assert bytes(found) == (LINE + b"\n") * 20

    def test_threads_do_not_mix_their_lines(self) -> None:
        sink = BytesIO()
        output = Output(sink=sink)
        threads = [threading.Thread(target=emit_often, args=(output, letter * 50)) for letter in (b"a", b"b", b"c")]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        lines = sink.getvalue().splitlines()
        assert len(lines) == 600
        assert all(len(set(line)) == 1 and len(line) == 50 for line in lines)

    def test_records_come_out_before_what_is_emitted_after_them(self) -> None:
        """A STATE must never overtake the records it speaks for."""
        sink = BytesIO()
        output = Output(sink=sink)

        output.add(b"record 1\nrecord 2\n")
        output.emit(b"state")

        assert sink.getvalue() == b"record 1\nrecord 2\nstate\n"

    def test_records_do_not_wait_for_long(self) -> None:
        sink = BytesIO()
        output = Output(sink=sink)
        output.add(b"one\n")
        time.sleep(0.11)

        output.add(b"two\n")

        assert sink.getvalue() == b"one\ntwo\n"

    def test_output_that_nobody_takes_is_a_failure_from_then_on(self) -> None:
        reading, writing = os.pipe()
        os.close(reading)
        output = Output(writing)

        for _ in range(2):
            with pytest.raises(OutputLost, match="Standard output can't be written: Broken pipe"):
                output.emit(b"state")
        os.close(writing)

        assert output.lost is not None
