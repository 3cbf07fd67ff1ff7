"""A sync as Airbyte's platform runs it: two connectors in one pod, named pipes, and an orchestrator in between.

Each connector is what AIRBYTE_ENTRYPOINT names, under a shell that hands no signal on; its files are in a folder of its
own. The orchestrator reads what the source says, checks and counts it as the platform's does, numbers each STATE
(``id``), hands RECORDs and STATEs to the destination, and checks what that acknowledges.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import threading
import uuid
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import orjson
from jsonschema import Draft7Validator

Json = dict[str, Any]

PROTOCOL = Draft7Validator(json.loads(Path(__file__).with_name("protocol.json").read_text(encoding="utf-8")))
_MARK = "an unknown field"
_NEXT = {
    None: {"STARTED"},
    "STARTED": {"RUNNING", "COMPLETE", "INCOMPLETE"},
    "RUNNING": {"RUNNING", "COMPLETE", "INCOMPLETE"},
}


@dataclass
class Report:
    """What the orchestrator has seen. ``complaints``: everything that breaks the protocol, one sentence each.

    ``unexpected``: fields of records that their schema lacks; the platform counts them, and lets them pass.
    """

    complaints: list[str] = field(default_factory=list)
    unexpected: set[str] = field(default_factory=set)
    records: Counter[str] = field(default_factory=Counter)
    rejected: int = 0
    statuses: dict[str, str | None] = field(default_factory=dict)
    acknowledged: list[Json] = field(default_factory=list)
    source_code: int | None = None
    destination_code: int | None = None
    logs: list[str] = field(default_factory=list)
    errors: list[Json] = field(default_factory=list)

    def state(self) -> list[Json]:
        """What the next attempt gets: the last acknowledged state of each stream."""
        return list({item["stream"]["stream_descriptor"]["name"]: item for item in self.acknowledged}.values())


class Orchestrator:
    """Checks and counts what passes. ``catalog``: the configured one."""

    def __init__(self, catalog: Json) -> None:
        self.report = Report()
        self._streams = {item["stream"]["name"]: item for item in catalog["streams"]}
        self._since_state: Counter[str] = Counter()
        self._waiting: dict[str, list[Json]] = defaultdict(list)
        self._validated: set[str] = set()
        self._number = 0

    def from_source(self, line: bytes) -> bytes | None:
        """What the destination gets for a line of the source's output."""
        message = self._checked(line, "source")
        if message is None:
            return None
        if message["type"] == "RECORD":
            return self._record(message["record"], line)
        if message["type"] == "STATE":
            return self._state(message)
        if message["type"] == "TRACE" and "stream_status" in message["trace"]:
            self._status(message["trace"]["stream_status"])
        return None

    def from_destination(self, line: bytes) -> None:
        """Check what the destination says; a STATE must be the next one of its stream, as it was sent."""
        message = self._checked(line, "destination")
        if message is None or message["type"] != "STATE":
            return
        state = message["state"]
        name = state["stream"]["stream_descriptor"]["name"]
        waiting = self._waiting[name]
        if not waiting:
            self.report.complaints.append(f"{name}: a STATE came back that was not sent")
            return
        sent = waiting.pop(0)
        stats = state.pop("destinationStats", {})
        if state != sent["state"]:
            self.report.complaints.append(f"{name}: STATE {sent['state']['id']} came back changed, or out of order")
        rejected = stats.get("rejectedRecordCount", 0)
        count, given = stats.get("recordCount", 0) + rejected, sent["state"]["sourceStats"]["recordCount"]
        if count != given:
            self.report.complaints.append(f"{name}: {count} records acknowledged, {given} were sent")
        self.report.rejected += int(rejected)
        self.report.acknowledged.append(state)

    def _checked(self, line: bytes, whose: str) -> Json | None:
        try:
            message: Json = orjson.loads(line)
        except orjson.JSONDecodeError:
            self.report.complaints.append(f"{whose}: a line is not JSON: {line[:80]!r}")
            return None
        self.report.complaints += [
            f"{whose}: {message.get('type')}: {'.'.join(map(str, error.path))}: {error.message[:200]}"
            for error in PROTOCOL.iter_errors(message)
        ]
        if message.get("type") == "LOG":
            self.report.logs.append(message["log"]["message"])
        if message.get("type") == "TRACE" and "error" in message["trace"]:
            self.report.errors.append(message["trace"]["error"])
        return message

    def _record(self, record: Json, line: bytes) -> bytes:
        name = record["stream"]
        entry = self._streams.get(name)
        if entry is None:
            self.report.complaints.append(f"{name}: a record of a stream that is not in the catalog")
            return line
        self.report.records[name] += 1
        self._since_state[name] += 1
        if self.report.statuses.get(name) != "RUNNING":
            self.report.complaints.append(f"{name}: a record while {self.report.statuses.get(name)}")
        for path in entry.get("primary_key") or []:
            if record["data"].get(path[0]) is None:
                self.report.complaints.append(f"{name}: a record whose key {path[0]} is null")
        unexpected = record["data"].keys() - entry["stream"]["json_schema"].get("properties", {}).keys()
        self.report.unexpected |= {f"{name}.{column}" for column in unexpected}
        return line

    def _state(self, message: Json) -> bytes:
        state = message["state"]
        name = state["stream"]["stream_descriptor"]["name"]
        counted = state.get("sourceStats", {}).get("recordCount")
        if counted != self._since_state[name]:
            self.report.complaints.append(f"{name}: a STATE counts {counted} records, {self._since_state[name]} passed")
        self._since_state[name] = 0
        self._number += 1
        state.update(id=self._number, beside={_MARK: [1, 2.50, None]})
        self._waiting[name].append(message)
        return orjson.dumps(message)

    def _status(self, status: Json) -> None:
        name, now = status["stream_descriptor"]["name"], status["status"]
        before = self.report.statuses.get(name)
        if now not in _NEXT.get(before, set()):
            self.report.complaints.append(f"{name}: {now} after {before}")
        self.report.statuses[name] = now


@dataclass
class Pod:
    """Runs jobs in a folder. ``entrypoint_of``: what AIRBYTE_ENTRYPOINT is, by connector."""

    folder: Path
    entrypoint_of: Callable[[str], str]

    def kill(self, process: subprocess.Popen[bytes]) -> None:
        """What the end of a container's grace period does to everything in it."""
        with contextlib.suppress(ProcessLookupError):  # it may have ended by itself
            os.killpg(process.pid, signal.SIGKILL)

    def answer(self, connector: str, command: str, config: Json | None = None) -> list[Json]:
        """The messages of ``spec``, ``check`` or ``discover``; each is held to the protocol."""
        folder = self._files(connector, {} if config is None else {"connectionConfiguration.json": config})
        arguments = command if config is None else f"{command} --config connectionConfiguration.json"
        process = self._start(connector, arguments, folder, subprocess.DEVNULL, subprocess.PIPE)
        output, _ = process.communicate(timeout=120)
        messages: list[Json] = [orjson.loads(line) for line in output.splitlines()]
        assert [error.message for message in messages for error in PROTOCOL.iter_errors(message)] == []
        assert process.returncode == 0
        return messages

    def sync(
        self,
        source_config: Json,
        destination_config: Json,
        catalog: Json,
        state: list[Json] | None = None,
        *,
        cancel_after: int | None = None,
    ) -> Report:
        """Source into destination. ``cancel_after``: kill both after N acknowledged STATEs, as a cancel does."""
        orchestrator = Orchestrator(catalog)
        files = {"connectionConfiguration.json": source_config, "catalog.json": catalog}
        arguments = "read --config connectionConfiguration.json --catalog catalog.json"
        if state:
            files["state.json"] = state  # type: ignore[assignment] # a list, as the platform passes it
            arguments += " --state state.json"
        source = self._start(
            "source-mailchimp", arguments, self._files("source-mailchimp", files), subprocess.DEVNULL, subprocess.PIPE
        )
        destination = self._destination(destination_config, catalog)
        reader = threading.Thread(target=self._acknowledge, args=(orchestrator, source, destination, cancel_after))
        reader.start()
        assert source.stdout is not None
        self._feed(destination, filter(None, map(orchestrator.from_source, _lines(source.stdout))))
        orchestrator.report.source_code = source.wait(120)
        reader.join(120)
        orchestrator.report.destination_code = destination.wait(120)
        _close(source, destination)
        return orchestrator.report

    def reset(self, destination_config: Json, catalog: Json) -> Report:
        """“Clear data”: the platform's own empty source, which says that each stream's state is null."""
        modes = {"sync_mode": "full_refresh", "destination_sync_mode": "overwrite"}
        emptied = {"streams": [{**item, **modes} for item in catalog["streams"]]}
        orchestrator = Orchestrator(emptied)
        sent = []
        for number, item in enumerate(emptied["streams"], start=1):
            stream = {"stream_descriptor": {"name": item["stream"]["name"]}, "stream_state": None}
            sent.append({"type": "STREAM", "stream": stream, "id": number, "sourceStats": {"recordCount": 0.0}})
        destination = self._destination(destination_config, emptied)
        lines = [orjson.dumps({"type": "STATE", "state": state}) for state in sent]
        threading.Thread(target=self._feed, args=(destination, lines)).start()
        assert destination.stdout is not None
        for line in _lines(destination.stdout):
            message = orjson.loads(line)
            if message["type"] == "STATE":
                state = message["state"]
                state.pop("destinationStats", None)
                orchestrator.report.acknowledged.append(state)
            elif message["type"] == "LOG":
                orchestrator.report.logs.append(message["log"]["message"])
        orchestrator.report.destination_code = destination.wait(60)
        _close(destination)
        if orchestrator.report.acknowledged != sent:
            orchestrator.report.complaints.append("the emptied states did not come back as they were")
        return orchestrator.report

    def _destination(self, config: Json, catalog: Json) -> subprocess.Popen[bytes]:
        files = {"connectionConfiguration.json": config, "catalog.json": catalog}
        return self._start(
            "destination-mailchimp",
            "write --config connectionConfiguration.json --catalog catalog.json",
            self._files("destination-mailchimp", files),
            subprocess.PIPE,
            subprocess.PIPE,
        )

    def _acknowledge(
        self,
        orchestrator: Orchestrator,
        source: subprocess.Popen[bytes],
        destination: subprocess.Popen[bytes],
        cancel_after: int | None,
    ) -> None:
        assert destination.stdout is not None
        for line in _lines(destination.stdout):
            orchestrator.from_destination(line)
            if cancel_after is not None and len(orchestrator.report.acknowledged) >= cancel_after:
                self.kill(source)
                self.kill(destination)
                return

    @staticmethod
    def _feed(destination: subprocess.Popen[bytes], lines: Iterable[bytes]) -> None:
        assert destination.stdin is not None
        try:
            for line in lines:
                destination.stdin.write(line + b"\n")
            destination.stdin.close()
        except BrokenPipeError:
            # It has gone; what the source still says is read to its end, as the platform does.
            for _ in lines:
                pass

    def _files(self, connector: str, files: dict[str, Json]) -> Path:
        folder = self.folder / connector.partition("-")[0]
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            (folder / name).write_bytes(orjson.dumps(content))
        return folder

    def _start(self, connector: str, arguments: str, folder: Path, stdin: int, stdout: int) -> subprocess.Popen[bytes]:
        """Through a named pipe each way and a shell without a trap, in a process group of its own."""
        for name in ("in.fifo", "out.fifo"):
            (folder / name).unlink(missing_ok=True)
            os.mkfifo(folder / name)
        feeding = "cat <&3 > in.fifo &" if stdin == subprocess.PIPE else ""
        taking = "< in.fifo" if stdin == subprocess.PIPE else "< /dev/null"
        # The shell hands its own standard input to the first cat: a command in the background gets none by itself.
        script = (
            f"exec 3<&0; {feeding} cat out.fifo & reader=$!; "
            f'eval "$AIRBYTE_ENTRYPOINT {arguments}" {taking} > out.fifo 2> errors.txt; '
            "code=$?; wait $reader; exit $code"
        )
        return self._open(connector, script, folder, stdin, stdout)

    def _open(self, connector: str, script: str, folder: Path, stdin: int, stdout: int) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            ["/bin/sh", "-c", script],
            cwd=folder,
            stdin=stdin,
            stdout=stdout,
            env={**os.environ, "AIRBYTE_ENTRYPOINT": self.entrypoint_of(connector)},
            start_new_session=True,
        )


@dataclass
class ImagePod(Pod):
    """The same with images, which name their own entry point. ``entrypoint_of``: the image's name, by connector.

    As in the platform's pod: uid 1000 without a capability, which owns the folder that its files are in.
    """

    _names: dict[int, str] = field(default_factory=dict)

    def kill(self, process: subprocess.Popen[bytes]) -> None:
        """The container itself; its client ends with it, and with its exit code."""
        docker = os.environ.get("DOCKER", "docker")
        subprocess.run([docker, "kill", self._names[process.pid]], check=False, capture_output=True, timeout=60)

    def _open(self, connector: str, script: str, folder: Path, stdin: int, stdout: int) -> subprocess.Popen[bytes]:
        for path in (folder, *folder.iterdir()):
            path.chmod(0o777)
            if os.geteuid() == 0:
                os.chown(path, 1000, 1000)
        place = "/source" if connector.startswith("source") else "/dest"
        name = f"mailchimp-pod-{os.getpid()}-{uuid.uuid4().hex[:8]}"
        command = [os.environ.get("DOCKER", "docker"), "run", "--rm", "--name", name, "--pull", "never"]
        command += ["--network", "host", "--user", "1000:1000", "--cap-drop", "ALL"]
        command += ["--security-opt", "no-new-privileges", "--volume", f"{folder}:{place}", "--workdir", place]
        command += ["--entrypoint", "/bin/sh", *(["--interactive"] if stdin == subprocess.PIPE else [])]
        process = subprocess.Popen(
            [*command, self.entrypoint_of(connector), "-c", script],
            stdin=stdin,
            stdout=stdout,
            start_new_session=True,
        )
        self._names[process.pid] = name
        return process


def _close(*processes: subprocess.Popen[bytes]) -> None:
    for process in processes:
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()


def _lines(pipe: IO[bytes]) -> Iterable[bytes]:
    """Whole lines; what a killed process leaves of its last one is nobody's message."""
    for line in pipe:
        if line.endswith(b"\n"):
            yield line.rstrip(b"\n")
