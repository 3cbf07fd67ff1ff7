"""A sync that is killed goes on where it stood; one that is asked to end does so at once and cleanly."""

from __future__ import annotations

import fcntl
import random
import signal
import struct
import termios
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import IO, Any

import orjson
import pytest

from integration_tests.harness.connectors import Piped
from integration_tests.harness.source import SourceHarness
from mailchimp_simulator.client import wait_until

Json = dict[str, Any]
STREAMS = ("list_members", "email_activity", "sent_to", "segment_members")
KILLS = 3
PAGE = 400
PIPE = 65_536
SECONDS = 5.0
"""In which a sync that is asked to end has ended, whatever it does."""


@pytest.fixture(scope="module")
def account() -> Json:
    """Slices of twenty pages for contacts and eleven for recipients; no second holds more than a page."""
    return {"contacts": 9_000, "audiences": 1, "campaigns": 2, "recipients": 4_500, "plain": True,
            "import_size": 100, "segments": 2}  # fmt: skip


def whole_lines(output: bytes) -> list[Json]:
    """What Airbyte can read of a process that was killed: its last line may be broken off."""
    return [orjson.loads(line) for line in output.split(b"\n")[:-1]]


def key_of(record: Json) -> tuple[Any, ...]:
    data = record["data"]
    own = {"list_members": "id", "email_activity": "activity_id", "sent_to": "email_id", "segment_members": "id"}
    return (slice_of(record), data[own[record["stream"]]])


def slice_of(record: Json) -> tuple[Any, ...]:
    data = record["data"]
    place = data.get("campaign_id") or data.get("segment_id") or data["list_id"]
    return (record["stream"], place, data.get("status") == "archived")


def killed_after(process: Piped, records: int) -> bytes:
    """What the process printed until it had printed a number of records and was killed."""
    output = bytearray()
    for line in process.stdout:
        output += line
        if b'"type":"RECORD"' in line:
            records -= 1
            if not records:
                process.kill()
    process.wait()
    process.stdout.close()
    process.stderr.close()
    return bytes(output)


def unread(pipe: IO[bytes]) -> int:
    """How many bytes wait in a pipe."""
    [number] = struct.unpack("i", fcntl.ioctl(pipe, termios.FIONREAD, b"\0" * 4))
    return int(number)


@pytest.mark.parametrize("mode, seed", [("full_refresh", 1), ("incremental", 2)])
def test_a_sync_killed_again_and_again_loses_nothing_and_repeats_little(
    source: SourceHarness, mode: str, seed: int
) -> None:
    """The union of all attempts is the account, and a kill costs a tenth of a slice at most."""
    chance = random.Random(seed)  # noqa: S311 - repeatable on purpose
    control = source.simulator.control
    config, catalog = source.config(page_size=PAGE, num_workers=4), source.catalog(STREAMS, mode)
    truth = Counter(
        {
            "list_members": control.ground_truth("/lists/{list_id}/members")["count"],
            "sent_to": control.ground_truth("/reports/{campaign_id}/sent-to")["count"],
        }
    )
    calm = source.in_process("read", config, catalog)
    expected = {key_of(message["record"]) for message in calm.messages if message["type"] == "RECORD"}
    sizes = Counter(key[0] for key in expected)
    assert all(calm.counts[name] == count for name, count in truth.items())
    control.latency(seconds=0.05)
    seen: set[Any] = set()
    states: dict[str, Json] = {}

    for attempt in range(KILLS + 1):
        kill = attempt < KILLS
        process = source.open("read", config, catalog, list(states.values()))
        output = killed_after(process, chance.randrange(500, 6_000) if kill else -1)
        assert process.returncode in ({0, -signal.SIGKILL} if kill else {0})
        repeated: dict[Any, int] = defaultdict(int)
        now: set[Any] = set()
        for message in whole_lines(output):
            if message["type"] == "RECORD":
                key = key_of(message["record"])
                now.add(key)
                repeated[key[0]] += key in seen
            elif message["type"] == "STATE":
                states[message["state"]["stream"]["stream_descriptor"]["name"]] = message["state"]
        if attempt:
            # The first rows of a slice may repeat, as may those that came after its last state.
            for place, number in repeated.items():
                assert number <= max(sizes[place] / 10, 2 * PAGE if sizes[place] < 10 * PAGE else 0), (attempt, place)
        seen |= now

    assert seen == expected


@pytest.fixture
def _ctrl_c_is_heard() -> Iterator[None]:
    """What a script has started in the background ignores it, and so does whatever that starts in turn."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("_ctrl_c_is_heard")
@pytest.mark.parametrize("unbuffered, number", [("", signal.SIGTERM), ("1", signal.SIGTERM), ("", signal.SIGINT)])
def test_a_sync_asked_to_end_does_so_within_seconds(
    source: SourceHarness, monkeypatch: pytest.MonkeyPatch, unbuffered: str, number: signal.Signals
) -> None:
    """After SIGTERM or Ctrl-C every line is whole, buffered by Python or not, and the process ends by the signal."""
    monkeypatch.setenv("PYTHONUNBUFFERED", unbuffered)
    source.simulator.control.latency(seconds=0.1)
    config, catalog = source.config(page_size=PAGE, num_workers=2), source.catalog(STREAMS)
    process = source.open("read", config, catalog)
    output = bytearray()
    for line in process.stdout:
        output += line
        if b'"type":"STATE"' in line:
            break
    asked = time.monotonic()
    process.send_signal(number)

    output += process.stdout.read()

    assert process.wait(20) == -number
    assert time.monotonic() - asked < SECONDS
    process.stdout.close()
    process.stderr.close()
    assert output.endswith(b"\n")
    messages = [orjson.loads(line) for line in output.splitlines()]
    ended = [m["trace"]["stream_status"]["status"] for m in messages
             if m["type"] == "TRACE" and m["trace"]["type"] == "STREAM_STATUS"]  # fmt: skip
    assert "COMPLETE" not in ended
    assert ended.count("INCOMPLETE") == len(STREAMS)


def ends_within_seconds(process: Piped) -> None:
    """Send SIGTERM: the process ends by it, soon, whether or not somebody reads its output."""
    asked = time.monotonic()
    process.send_signal(signal.SIGTERM)

    assert process.wait(20) == -signal.SIGTERM
    assert time.monotonic() - asked < SECONDS
    process.stdout.close()
    process.stderr.close()


def test_a_sync_whose_reader_stands_still_ends_as_well(source: SourceHarness) -> None:
    """Nobody reads the output any more: SIGTERM still ends the process within seconds."""
    process = source.open("read", source.config(page_size=PAGE), source.catalog(STREAMS))
    # A page has more rows than the pipe has room for: from here to full is but a moment.
    wait_until(lambda: unread(process.stdout) > PIPE // 2)
    ends_within_seconds(process)


def test_a_sync_that_waits_for_mailchimp_ends_as_well(source: SourceHarness) -> None:
    """Mailchimp takes the connection and never answers: SIGTERM ends the process within seconds."""
    source.simulator.control.latency(seconds=120)
    process = source.open("read", source.config(page_size=PAGE), source.catalog(STREAMS))
    for line in process.stdout:
        if b"STARTED" in line:
            break
    ends_within_seconds(process)


@pytest.mark.parametrize("command", ["spec", "check", "discover"])
def test_a_command_that_has_nothing_to_bring_in_order_just_ends(source: SourceHarness, command: str) -> None:
    """PyAirbyte ends what it has heard enough of with SIGTERM, and complains unless that shows in the exit code."""
    source.simulator.control.latency(seconds=30)
    process = source.open(command)
    process.send_signal(signal.SIGTERM)

    assert process.wait(20) == -signal.SIGTERM
    process.stdout.close()
    process.stderr.close()
