"""Both connectors as processes: what they leave behind, what they do with broken output, and how they end."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from mailchimp_simulator.client import SimulatorProcess

Json = dict[str, Any]
SECONDS = 5.0
CONNECTORS = {"source-mailchimp": "read", "destination-mailchimp": "write"}
STATE = {"stream_descriptor": {"name": "people"}, "stream_state": {"at": 1}}


@pytest.fixture(scope="module")
def account() -> Iterator[SimulatorProcess]:
    with SimulatorProcess(contacts=3000, audiences=1, campaigns=2, recipients=5) as running:
        yield running


class Sync:
    """The command line of a sync, its files in ``folder``, and what it is fed."""

    def __init__(self, connector: str, account: SimulatorProcess, folder: Path) -> None:
        account.control.reset()
        [audience] = [row["row"]["id"] for row in account.control.ground_truth("/lists", "rows")["rows"]]
        self.key = account.api_key
        credentials = {"auth_type": "apikey", "apikey": self.key}
        config: Json = {"credentials": credentials, "api_url": account.base_url}
        if connector == "source-mailchimp":
            stream = {"name": "list_members", "json_schema": {}, "supported_sync_modes": ["full_refresh"]}
            catalog = {"streams": [{"stream": stream, "sync_mode": "full_refresh"}]}
            self.input = b""
        else:
            config["list_id"] = audience
            stream = {"name": "people", "json_schema": {}, "supported_sync_modes": ["full_refresh"]}
            modes: Json = {
                "sync_mode": "full_refresh",
                "destination_sync_mode": "append_dedup",
                "primary_key": [["id"]],
            }
            catalog = {"streams": [{"stream": stream, **modes}]}
            records = [
                {"stream": "people", "emitted_at": 1, "data": {"id": n, "email": f"person{n}@example.com"}}
                for n in range(2000)
            ]
            messages: list[Json] = [{"type": "RECORD", "record": record} for record in records]
            messages.append({"type": "STATE", "state": {"type": "STREAM", "stream": STATE}})
            self.input = b"".join(orjson.dumps(message) + b"\n" for message in messages)
        (folder / "config.json").write_bytes(orjson.dumps(config))
        (folder / "catalog.json").write_bytes(orjson.dumps(catalog))
        self.command = [
            str(Path(sys.executable).with_name(connector)), CONNECTORS[connector],
            "--config", str(folder / "config.json"), "--catalog", str(folder / "catalog.json"),
        ]  # fmt: skip
        (folder / "input").write_bytes(self.input)
        self._input = folder / "input"
        self._started: list[subprocess.Popen[bytes]] = []

    def start(self, *before: str, **options: Any) -> subprocess.Popen[bytes]:
        """Begin it, with the command ``before``. Input ends with what it is fed, unless ``stdin`` says otherwise."""
        given = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
        with self._input.open("rb") as source:
            self._started.append(subprocess.Popen([*before, *self.command], **{"stdin": source, **given}))
        return self._started[-1]

    def clean_up(self) -> None:
        """End what a test that failed has left behind: it is not to disturb the next ones."""
        for process in self._started:
            process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout, process.stderr):
                if pipe:
                    pipe.close()


@pytest.fixture(params=CONNECTORS)
def sync(request: pytest.FixtureRequest, account: SimulatorProcess, tmp_path: Path) -> Iterator[Sync]:
    made = Sync(request.param, account, tmp_path)
    yield made
    made.clean_up()


def wait_until(what: Callable[[], object], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.parametrize("end", ["killed", "to its end"])
def test_nothing_with_the_key_is_written_to_a_temporary_folder(
    sync: Sync, account: SimulatorProcess, tmp_path: Path, end: str
) -> None:
    """Not even for a moment: what is there after SIGKILL stays there."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    environment = {**os.environ, **dict.fromkeys(("TMPDIR", "TEMP", "TMP", "HOME"), str(folder))}
    if end == "killed":
        account.control.latency(seconds=30, path="/lists/{list_id}/members")
    process = sync.start(env=environment, cwd=folder)
    if end == "killed":
        time.sleep(3)
        process.kill()
    output, errors = process.communicate(timeout=60)

    assert process.returncode == (-signal.SIGKILL if end == "killed" else 0), errors
    left = [path for path in folder.rglob("*") if path.is_file()]
    assert [path for path in left if sync.key.encode() in path.read_bytes()] == []
    assert left == []
    assert sync.key.encode() not in output + errors


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a disk that is always full")
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_full_disk_is_a_failure(sync: Sync, unbuffered: str) -> None:
    with Path("/dev/full").open("wb") as full:
        process = sync.start(stdout=full, env={**os.environ, "PYTHONUNBUFFERED": unbuffered})
        _, errors = process.communicate(timeout=60)

    assert process.returncode == 1
    assert b"Standard output can't be written: No space left on device" in errors
    assert b"Traceback" not in errors
    assert b"@example.com" not in errors


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_reader_that_has_gone_is_a_failure(sync: Sync, unbuffered: str) -> None:
    process = sync.start(env={**os.environ, "PYTHONUNBUFFERED": unbuffered})
    assert process.stdout
    process.stdout.readline()
    process.stdout.close()
    assert process.stderr
    errors = process.stderr.read()

    assert process.wait(60) == 1
    assert b"Traceback" not in errors
    assert b"@example.com" not in errors
    process.stderr.close()


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_output_that_does_not_block_comes_whole(sync: Sync, unbuffered: str) -> None:
    """Nobody reads for a second, and what the pipe does not take must wait."""
    begin = "import os, sys; os.set_blocking(1, False); os.execv(sys.argv[1], sys.argv[1:])"
    process = sync.start(sys.executable, "-c", begin, env={**os.environ, "PYTHONUNBUFFERED": unbuffered})
    time.sleep(1)
    output, _ = process.communicate(timeout=60)

    messages = [orjson.loads(line) for line in output.splitlines()]
    assert process.returncode == 0
    assert [message for message in messages if message["type"] == "STATE"]
    if not sync.input:
        assert len([message for message in messages if message["type"] == "RECORD"]) >= 3000


PHASES: dict[str, Json] = {
    "before its first call": {"seconds": 120},
    "while Mailchimp does not answer": {"seconds": 120},
    "while it waits for input": {"stdin": subprocess.PIPE},
}


def alone(command: list[str]) -> str:
    """Why no process can be process 1 of a namespace here; empty if it can."""
    if not shutil.which(command[0]):
        return "needs unshare (util-linux)"
    probe = subprocess.run([*command, sys.executable, "-c", "pass"], capture_output=True, check=False)
    return probe.stderr.decode().strip()


ALONE = ["unshare", "--user", "--map-root-user", "--pid", "--fork", "--kill-child"]


@pytest.mark.parametrize("phase", PHASES)
@pytest.mark.parametrize("first", [False, True], ids=["as any process", "as process 1"])
def test_it_ends_within_seconds_though_nobody_reads_its_output(
    sync: Sync, account: SimulatorProcess, phase: str, *, first: bool
) -> None:
    """Mailchimp is down or silent, or the platform feeds it no more: SIGTERM ends it anyway."""
    if first and (why := alone(ALONE)):
        pytest.skip(f"no new process namespace can be made here: {why}")
    options = PHASES[phase]
    if "seconds" in options:
        account.control.latency(seconds=options["seconds"])
    stdin = {"stdin": options["stdin"]} if "stdin" in options else {}
    process = sync.start(*(ALONE if first else ()), **stdin)
    pid = process.pid
    if first:
        children = Path(f"/proc/{pid}/task/{pid}/children")
        wait_until(lambda: children.read_text(encoding="ascii").split())
        pid = int(children.read_text(encoding="ascii").split()[0])
    if phase == "before its first call":
        # From the moment on in which it is Python that runs.
        wait_until(lambda: b"python" in Path(f"/proc/{pid}/cmdline").read_bytes())
        time.sleep(0.5)
    else:
        time.sleep(3)
    asked = time.monotonic()
    os.kill(pid, signal.SIGTERM)

    code = process.wait(30)
    assert time.monotonic() - asked < SECONDS
    ended = phase == "while it waits for input" and not sync.input  # the source waits for none
    assert code in ({0} if ended else set()) | {128 + signal.SIGTERM if first else -signal.SIGTERM}
    for pipe in (process.stdin, process.stdout, process.stderr):
        if pipe:
            pipe.close()
