"""Where both connectors spend their time on the way of a record: samples of their stacks, taken by py-spy.

A sample counts for the innermost Python function, what it calls in C (JSON, gzip) included. Threads that wait for an
answer, a connection or work are left out: what remains is what a faster machine would shorten.
"""

from __future__ import annotations

import re
import subprocess
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.connector import Source
from benchmarks.destination import Target
from benchmarks.peers import environment
from mailchimp_simulator.client import SimulatorProcess

PROFILER = "py-spy==0.4.3"
_RATE = 250  # a second
_TOP = 14
_FRAME = re.compile(r"(?P<function>.+) \((?P<file>[^()]+?)(:\d+)?\)$")
# Innermost functions of threads that have nothing to do: blocking calls that the profiler takes for work.
_WAITING = {
    ("thread.py", "_worker"),
    ("threading.py", "Condition.wait"),
    ("threading.py", "Thread.join"),
    ("selectors.py", "EpollSelector.select"),
    ("socket.py", "SocketIO.readinto"),
    ("socket.py", "create_connection"),
    ("workers.py", "Workers._run"),
    ("stdin.py", "lines_of"),
    ("wait.py", "poll_wait_for_socket"),
}
_AREAS = {
    "airbyte_cdk": "Airbyte's CDK: messages, printing",
    "serpyco_rs": "Airbyte's CDK: messages, printing",
    "urllib3": "HTTP: requests, urllib3",
    "requests": "HTTP: requests, urllib3",
    "http": "HTTP: requests, urllib3",
    "asyncio": "event loop, threads, queues",
    "concurrent": "event loop, threads, queues",
    "threading.py": "event loop, threads, queues",
    "queue.py": "event loop, threads, queues",
    "mailchimp_api": "mailchimp_api: JSON of answers, requests",
    "source_mailchimp": "source_mailchimp",
    "destination_mailchimp": "destination_mailchimp",
}


@dataclass
class Profile:
    """Shares of all samples that were no waiting: by area, and by function with its module."""

    what: str
    samples: int
    areas: list[tuple[str, float]] = field(default_factory=list)
    functions: list[tuple[str, str, float]] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """For the file that the documents are made of."""
        return asdict(self)


def measure(folder: Path, *, contacts: int = 300_000, records: int = 300_000) -> list[Profile]:
    """Profile a read of contacts and a write of records against a simulator that answers at once.

    Raises NotInstalled without a package index, CalledProcessError where the machine forbids looking at processes.
    """
    spy = environment("profiler", PROFILER) / "bin" / "py-spy"
    with SimulatorProcess(contacts=contacts, audiences=1, campaigns=2) as simulator:
        read = _profile(spy, Source(simulator, folder).command(["list_members"]), folder)
    with SimulatorProcess(contacts=1000, audiences=1, campaigns=1, plain=True) as simulator:
        target = Target(simulator, folder)
        write = _profile(spy, target.command(records), folder, stdin=folder / "input.jsonl")
    return [summary(f"reading {contacts:,} contacts", read), summary(f"writing {records:,} contacts", write)]


def _profile(spy: Path, command: Sequence[str | Path], folder: Path, *, stdin: Path | None = None) -> list[str]:
    """The stacks of a run of ``command``, each with how often it was seen."""
    stacks = folder / "stacks.txt"
    profiler = [spy, "record", "--rate", str(_RATE), "--format", "raw", "--full-filenames", "--output", stacks, "--"]
    with (stdin or Path("/dev/null")).open("rb") as given:
        subprocess.run(
            [str(part) for part in (*profiler, *command)], stdin=given, check=True, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )  # fmt: skip
    return stacks.read_text(encoding="utf-8").splitlines()


def summary(what: str, stacks: Iterable[str]) -> Profile:
    """Shares of the samples in ``stacks``, lines of ``frame;frame;… count`` as py-spy writes them."""
    areas: Counter[str] = Counter()
    functions: Counter[tuple[str, str]] = Counter()
    for line in stacks:
        stack, _, count = line.rpartition(" ")
        frames = [found for frame in stack.split(";") if (found := _FRAME.match(frame))]
        if not frames or any("<frozen importlib" in frame["file"] for frame in frames):
            continue  # start-up is measured elsewhere
        file, function = Path(frames[-1]["file"]), frames[-1]["function"]
        if (file.name, function) in _WAITING:
            continue
        areas[_area(file)] += int(count)
        functions[function, _module(file)] += int(count)
    total = max(areas.total(), 1)
    return Profile(
        what,
        areas.total(),
        [(area, count / total) for area, count in areas.most_common()],
        [(function, module, count / total) for (function, module), count in functions.most_common(_TOP)],
    )


def _area(file: Path) -> str:
    for part in reversed(file.parts):
        if part in _AREAS:
            return _AREAS[part]
    return "other modules of Python and of libraries"


def _module(file: Path) -> str:
    """The file from its package on, as ``urllib3/response.py``: no path of the machine."""
    places = [index for index, part in enumerate(file.parts) if part in _AREAS]
    return "/".join(file.parts[places[-1] :]) if places else file.name
