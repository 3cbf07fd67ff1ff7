"""A command from its arguments to its exit code, and how it ends when it is asked to: as a process of its own."""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import orjson
import pytest

PROGRAM = Path(__file__).with_name("program.py")
SECONDS = 5.0
"""In which a command has ended after a signal, whatever it does."""
PIPE = 65_536
"""A pipe counts as full from half of this on: what it holds of a page that isn't full can't be used by others."""


def start(*args: str, **more: Any) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, str(PROGRAM), *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE, **more
    )


def run(*args: str) -> tuple[int, list[dict[str, Any]], str]:
    done = subprocess.run([sys.executable, str(PROGRAM), *args], capture_output=True, check=False)
    return done.returncode, [orjson.loads(line) for line in done.stdout.splitlines()], done.stderr.decode()


def wait_until_full(pipe: IO[bytes]) -> None:
    deadline = time.monotonic() + 20
    while struct.unpack("i", fcntl.ioctl(pipe, termios.FIONREAD, b"\0" * 4))[0] < PIPE // 2:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    time.sleep(0.2)


def asked_to_end(process: subprocess.Popen[bytes], number: signal.Signals) -> float:
    """How many seconds it took."""
    asked = time.monotonic()
    process.send_signal(number)
    process.wait(20)
    return time.monotonic() - asked


@pytest.fixture
def _ctrl_c_is_heard() -> Iterator[None]:
    """What a script has started in the background ignores it, and so does whatever that starts in turn."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("_ctrl_c_is_heard")
class TestSignals:
    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
    def test_a_command_says_its_last_words_and_ends_by_the_signal(self, number: signal.Signals) -> None:
        """PyAirbyte takes exit codes 0 and -15 for good, and complains of 143."""
        with start("read", "--config", "x") as process:
            assert process.stdout
            assert b"ready" in process.stdout.readline()
            seconds = asked_to_end(process, number)

            assert b"last words" in process.stdout.readline()
        assert process.returncode == -number
        assert seconds < SECONDS

    @pytest.mark.parametrize("config", ["hang", "deaf"])
    def test_one_that_does_not_end_is_ended(self, config: str) -> None:
        with start("read", "--config", config) as process:
            assert process.stdout
            process.stdout.readline()

            assert asked_to_end(process, signal.SIGTERM) < SECONDS
        assert process.returncode == -signal.SIGTERM

    def test_one_whose_output_nobody_reads_is_ended(self) -> None:
        with start("read", "--config", "flood") as process:
            assert process.stdout
            wait_until_full(process.stdout)

            assert asked_to_end(process, signal.SIGTERM) < SECONDS
        assert process.returncode == -signal.SIGTERM

    def test_a_second_signal_ends_it_at_once(self) -> None:
        """Whoever presses Ctrl-C twice doesn't want to wait."""
        with start("read", "--config", "hang") as process:
            assert process.stdout
            process.stdout.readline()
            process.send_signal(signal.SIGINT)
            time.sleep(0.3)

            assert asked_to_end(process, signal.SIGINT) < 1
        assert process.returncode == -signal.SIGINT

    @pytest.mark.parametrize("command", ["read", "check"])
    def test_one_with_nothing_to_bring_in_order_just_ends(self, command: str) -> None:
        with start(command, "--config", "deaf") as process:
            assert process.stdout
            process.stdout.readline()

            assert asked_to_end(process, signal.SIGTERM) < SECONDS / 2
        assert process.returncode == -signal.SIGTERM

    @pytest.mark.skipif(not shutil.which("unshare"), reason="needs unshare (util-linux)")
    @pytest.mark.parametrize("name,config", [("read", "x"), ("read", "hang"), ("read", "deaf"), ("check", "x")])
    def test_process_1_ends_as_well(self, name: str, config: str) -> None:
        """In a container it is process 1, for which the kernel ignores what has no handler."""
        command = ["unshare", "--user", "--map-root-user", "--pid", "--fork", "--kill-child", sys.executable]
        probe = subprocess.run([*command, "-c", "pass"], capture_output=True, check=False)
        if probe.returncode:
            pytest.skip(f"no new process namespace can be made here: {probe.stderr.decode().strip()}")
        with subprocess.Popen([*command, str(PROGRAM), name, "--config", config], stdout=subprocess.PIPE) as process:
            assert process.stdout
            assert b"ready" in process.stdout.readline()
            [inner] = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text(encoding="ascii").split()
            asked = time.monotonic()
            os.kill(int(inner), signal.SIGTERM)

            assert process.wait(20) == 128 + signal.SIGTERM
            assert time.monotonic() - asked < SECONDS


class TestCommands:
    def test_a_failure_is_one_trace_and_tells_no_secret(self) -> None:
        code, found, errors = run("read", "--config", "fail")

        [trace] = [message["trace"]["error"] for message in found if message["type"] == "TRACE"]
        assert code == 1
        assert (trace["message"], trace["failure_type"]) == ("Something broke.", "system_error")
        assert "KeyError" in trace["stack_trace"]
        assert "hush" not in str(found) + errors

    @pytest.mark.parametrize(
        "args, words",
        [
            ((), "There is no command; give one of spec, check, read"),
            (("raed",), "invalid choice: 'raed'"),
            (("read",), "--config"),
            (("read", "--config", "x", "--nonsense"), "--nonsense"),
        ],
    )
    def test_a_command_line_that_is_not_understood_is_a_persons_mistake(
        self, args: tuple[str, ...], words: str
    ) -> None:
        code, [message], errors = run(*args)

        assert code == 2
        assert message["trace"]["error"]["failure_type"] == "config_error"
        assert words.casefold() in message["trace"]["error"]["message"].casefold()
        assert "--help" in message["trace"]["error"]["message"]
        assert "Traceback" not in errors

    def test_version_and_help(self) -> None:
        version, text = (
            subprocess.run([sys.executable, str(PROGRAM), option], capture_output=True, check=True, text=True).stdout
            for option in ("--version", "--help")
        )

        assert version == "source-test 1.2.3\n"
        assert "source-test read --config config.json" in text

    def test_output_that_cannot_be_written_is_a_failure(self) -> None:
        """On a full disk, for one."""
        with Path("/dev/full").open("wb") as full:
            done = subprocess.run(
                [sys.executable, str(PROGRAM), "spec"], stdout=full, stderr=subprocess.PIPE, check=False
            )

        assert done.returncode == 1
        assert b"Standard output can't be written: No space left on device" in done.stderr
