"""The same work done by this connector and by others, against the same simulator, in one run."""

from __future__ import annotations

import json
import statistics
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.measure import Cost, Distinct, cpu_per_record
from benchmarks.peers import Floor, Peer, Task
from benchmarks.table import number
from mailchimp_simulator.client import Simulator, SimulatorProcess, busy_window, mean_in_flight

Series = dict[str, list[tuple[float, float]]]
_MEMBERS = "/lists/{list_id}/members"
_DAY = 86_400
_NOTHING = "—"


@dataclass(frozen=True)
class Line:
    """One row of the table: what was measured, and each peer's figure by label."""

    what: str
    cells: dict[str, str]


@dataclass(frozen=True)
class Latency:
    """How long an answer takes, in seconds."""

    fixed: float = 0.0
    per_row: float = 0.0

    @property
    def page(self) -> float:
        """Seconds that a page of a thousand rows takes."""
        return self.fixed + 1000 * self.per_row

    def __str__(self) -> str:
        if not self.page:
            return "0 ms a request"
        return f"{self.fixed * 1000:.0f} ms" + (
            f" + {self.per_row * 1000:g} ms a row" if self.per_row else " a request"
        )


HEADLINES = (Latency(), Latency(0.5, 0.001))


# Each applies to every second request for contacts, beginning with the first.
FAULTS: dict[str, dict[str, Any]] = {
    "503 with HTML": {"kind": "status", "status": 503, "body": "html"},
    "504": {"kind": "status", "status": 504, "body": "html"},
    "429": {"kind": "status", "status": 429, "title": "Too Many Requests"},
    "403 with HTML (throttled)": {"kind": "status", "status": 403, "body": "html"},
    "body cut off": {"kind": "truncate", "content_length": "right"},
    "JSON cut off": {"kind": "truncate", "content_length": "wrong"},
    "HTML with status 200": {"kind": "not_json"},
    "rows' key missing": {"kind": "missing_items"},
    "connection reset": {"kind": "reset"},
    "reset in mid-answer": {"kind": "reset_midway"},
}


@dataclass(frozen=True)
class Sizes:
    """How much is read, and how often: ``rounds``, in which the peers take turns, so that all see the same machine.

    A peer that takes longer than ``seconds`` over the contacts is stopped then, and judged by what it got until its
    last record; one that took longer than ``patience`` is spared larger audiences, and ``despair`` ends a fault.
    """

    contacts: int = 50_000
    seconds: float = 10.0
    rounds: int = 3
    latencies: tuple[Latency, ...] = (Latency(), Latency(0.2), Latency(0.5, 0.001), Latency(1.0, 0.002))
    small_campaigns: int = 100
    small_latency: float = 0.2
    sent_campaigns: int = 200
    recipients: int = 200
    asked: tuple[int, int] = (3000, 300)
    drifting: int = 6000
    faulty: int = 4000
    faults: tuple[str, ...] = tuple(FAULTS)
    memory: tuple[int, ...] = (2_000, 10_000, 50_000, 200_000)
    patience: float = 40.0
    despair: float = 60.0


FULL = Sizes()
QUICK = Sizes(
    contacts=1500,
    seconds=4.0,
    rounds=1,
    latencies=HEADLINES,
    small_campaigns=4,
    small_latency=0.01,
    sent_campaigns=8,
    recipients=10,
    asked=(60, 10),
    drifting=1500,
    faulty=1500,
    faults=("504", "JSON cut off", "reset in mid-answer"),
    memory=(500, 1000),
)


@dataclass
class Results:
    """All that was measured, fit for a file."""

    lines: list[Line] = field(default_factory=list)
    series: dict[str, Series] = field(default_factory=dict)
    faults: list[Line] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """For the file that the documents are made of."""
        return asdict(self)


class SideBySide:
    """Measures ``peers``; ``folder`` takes their files."""

    def __init__(self, sizes: Sizes, peers: list[Peer], folder: Path) -> None:
        self._sizes = sizes
        self.peers = peers
        self._folder = folder
        self.results = Results()
        self._start: dict[str, Cost] = {}

    def parts(self) -> dict[str, Callable[[], Results]]:
        """Every part by name; each starts with an empty ``results`` and returns it."""
        measure = {
            "contacts": self.contacts,
            "small": self.small_resources,
            "email": self.email_activity,
            "asked-again": self.asked_again,
            "drift": self.drift,
            "faults": self.faults,
            "memory-by-size": self.memory,
        }
        return {name: partial(self._fresh, part) for name, part in measure.items()}

    def _fresh(self, part: Callable[[], None]) -> Results:
        self.results = Results()
        part()
        return self.results

    def start(self, peer: Peer) -> Cost:
        """What ``peer`` takes before its first request (median by wall time)."""
        if peer.label not in self._start:
            runs = sorted((peer.start() for _ in range(self._sizes.rounds)), key=lambda cost: cost.wall)
            self._start[peer.label] = runs[len(runs) // 2]
        return self._start[peer.label]

    def contacts(self) -> None:
        """One audience under several latencies."""
        speed: Series = {}
        with SimulatorProcess(contacts=self._sizes.contacts, audiences=1, campaigns=2) as simulator:
            statuses = simulator.control.ground_truth(_MEMBERS)["by_status"]
            # Archived ones are not read by everybody.
            wanted = sum(count for status, count in statuses.items() if status != "archived")
            for latency in self._sizes.latencies:
                simulator.control.clear_faults()
                if latency.page:
                    simulator.control.latency(seconds=latency.fixed, seconds_per_row=latency.per_row)
                rounds = self._sizes.rounds if latency in HEADLINES else 1
                measured = self._in_turn(partial(self._contacts, simulator, wanted), rounds=rounds)
                for label, figures in measured.items():
                    speed.setdefault(label, []).append((latency.page, figures["speed"]))
                if latency in HEADLINES:
                    self._add(f"contacts a second, {latency}", measured, "speed")
                if latency == HEADLINES[1]:
                    self._add(f"connections in use on average, {latency}", measured, "busy")
                if not latency.page:
                    self._add("CPU a contact, µs", measured, "cpu")
        self._add("start-up, s", {peer.label: {"wall": self.start(peer).wall} for peer in self.peers}, "wall")
        self.results.series["throughput"] = speed

    def small_resources(self) -> None:
        """Many small listings: the official connector's twelve streams."""
        sizes = self._sizes
        with SimulatorProcess(contacts=500, audiences=5, campaigns=sizes.small_campaigns, recipients=20) as simulator:
            simulator.control.latency(seconds=sizes.small_latency)

            def read(peer: Peer) -> dict[str, float]:
                cost = peer.read(simulator, self._folder, Task(streams=peer.streams))
                stats = simulator.control.stats()
                return {
                    **self._figures(peer, cost, stats["requests"]),
                    "streams": len(peer.streams),
                    "busy": stats["mean_in_flight"],
                }

            measured = self._in_turn(read, without=Floor)
        self._add(
            f"an account of small resources, {sizes.small_latency * 1000:.0f} ms a request: s", measured, "seconds"
        )
        work = "{streams:,.0f} streams, {records:,.0f} records, {requests:,.0f} requests, {busy:.1f} in flight"
        self._line("what was read in them", {label: work.format_map(figures) for label, figures in measured.items()})

    def email_activity(self) -> None:
        """Everything, and then what is new in five campaigns."""
        sizes = self._sizes

        def both(peer: Peer) -> dict[str, float]:
            with SimulatorProcess(
                contacts=5000, audiences=1, campaigns=sizes.sent_campaigns, recipients=sizes.recipients, all_sent=True
            ) as simulator:
                simulator.control.latency(seconds=sizes.small_latency)
                task = Task(streams=("email_activity",), mode="incremental")
                first = peer.read(simulator, self._folder, task)
                figures = self._figures(peer, first, simulator.control.stats()["requests"])
                simulator.control.clock(advance=10 * _DAY)
                simulator.control.add_events(campaigns=min(5, sizes.sent_campaigns), opens=2, clicks=1)
                simulator.control.clock(advance=60)
                second = peer.read(simulator, self._folder, replace(task, state=peer.state_of(first)))
                again = self._figures(peer, second, simulator.control.stats()["requests"])
            return {**figures, **{f"again_{name}": value for name, value in again.items()}}

        measured = self._in_turn(both, only=lambda peer: "email_activity" in peer.streams)
        what = f"email activity of {sizes.sent_campaigns} campaigns, {sizes.small_latency * 1000:.0f} ms a request"
        for title, prefix in ((what, ""), ("the same again, five have news", "again_")):
            self._add(f"{title}: s", measured, f"{prefix}seconds")
            work = f"{{{prefix}requests:,.0f}} requests, {{{prefix}records:,.0f}} records"
            cells = {label: work.format_map(figures) for label, figures in measured.items()}
            self._line("what was read in them", cells)

    def asked_again(self) -> None:
        """How often Mailchimp is asked for the official connector's twelve streams, and again if nothing has changed.

        The account is that of the part `requests`. What a peer does not have it does not ask for.
        """
        contacts, campaigns = self._sizes.asked
        account = {"contacts": contacts, "audiences": 3, "campaigns": campaigns, "recipients": 40}

        def both(peer: Peer) -> dict[str, float]:
            with SimulatorProcess(**account) as simulator:
                task = Task(streams=peer.streams, mode="incremental")
                first = peer.read(simulator, self._folder, task)
                before = simulator.control.stats()["requests"]
                second = peer.read(simulator, self._folder, replace(task, state=peer.state_of(first)))
                again = simulator.control.stats()["requests"]
            failed = first.exit_code or second.exit_code
            return {"first": before, "again": again, "failed": failed != 0, "streams": len(peer.streams)}

        # Counts are the same whatever else the machine does.
        measured = self._in_turn(both, rounds=1, only=lambda peer: peer.incremental)
        self._add(f"requests of a first sync, {campaigns} campaigns", measured, "first")
        self._add("requests of a second one, nothing has changed", measured, "again")
        self._add("streams of the twelve in them", measured, "streams")

    def drift(self) -> None:
        """Contacts change while they are read; two syncs later, whose latest version was never emitted?"""
        lost: dict[str, list[int]] = {}
        wanted: dict[str, int] = {}
        failed: dict[str, str] = {}
        for seed in range(self._sizes.rounds):
            for peer in self.peers:
                if peer.incremental:
                    missing, there, failure = self._drifting(peer, seed)
                    lost.setdefault(peer.label, []).append(missing)
                    wanted[peer.label] = wanted.get(peer.label, 0) + there
                    failed[peer.label] = failed.get(peer.label) or failure
        cells = {label: f"{sum(rounds):,} of {wanted[label]:,}{failed[label]}" for label, rounds in lost.items()}
        self._line("contacts lost while others change (two syncs)", cells)

    def _drifting(self, peer: Peer, seed: int) -> tuple[int, int, str]:
        """How many contacts' latest versions never came, of how many, and whether a sync failed."""
        with SimulatorProcess(contacts=self._sizes.drifting, audiences=2, campaigns=2) as simulator:
            simulator.control.drift(20, kinds=["update", "unsubscribe", "join"], seed=seed)
            seen: set[tuple[str, str]] = set()
            task = Task(mode="incremental", on_record=_collect(seen))
            first = peer.read(simulator, self._folder, task)
            simulator.control.drift(0)
            simulator.control.clock(advance=60)
            second = peer.read(simulator, self._folder, replace(task, state=peer.state_of(first)))
            keys = simulator.control.ground_truth(_MEMBERS, detail="keys")["keys"]
        # Archived ones are not read by everybody; paging has nothing to do with that.
        wanted = {(str(key[1]), _moment(key[3])) for key in keys if key[2] != "archived"}
        return len(wanted - seen), len(wanted), _failure(first, second)

    def faults(self) -> None:
        """Each fault applies to every second request for contacts."""
        peers = [peer for peer in self.peers if not isinstance(peer, Floor)]
        survived = dict.fromkeys((peer.label for peer in peers), 0)
        with SimulatorProcess(contacts=self._sizes.faulty, audiences=1, campaigns=2) as simulator:
            keys = simulator.control.ground_truth(_MEMBERS, detail="keys")["keys"]
            wanted = {str(key[1]) for key in keys if key[2] != "archived"}
            for name in self._sizes.faults:
                cells = {}
                for peer in peers:
                    simulator.control.clear_faults()
                    simulator.control.fault(path=_MEMBERS, every=2, **FAULTS[name])
                    seen: set[tuple[str, str]] = set()
                    task = Task(on_record=_collect(seen), stop_after=self._sizes.despair)
                    cost = peer.read(simulator, self._folder, task)
                    missing = len(wanted - {row for row, _ in seen})
                    survived[peer.label] += not missing and not cost.exit_code
                    cells[peer.label] = self._outcome(cost, missing)
                self.results.faults.append(Line(name, cells))
        summary = {label: f"{count} of {len(self._sizes.faults)}" for label, count in survived.items()}
        self._line("faults survived without loss", summary)

    def memory(self) -> None:
        """Peak memory against the number of contacts."""
        peaks: Series = {}
        tired: set[str] = set()
        for contacts in self._sizes.memory:
            with SimulatorProcess(contacts=contacts, audiences=1, campaigns=2) as simulator:
                for peer in self.peers:
                    if peer.label in tired:
                        continue
                    cost = peer.read(simulator, self._folder, Task())
                    peaks.setdefault(peer.label, []).append((contacts, round(cost.peak_mb, 1)))
                    if cost.wall > self._sizes.patience:
                        tired.add(peer.label)  # the next size would take longer than anybody waits
        self.results.series["memory"] = peaks
        cells = {label: f"{number(points[-1][1])} MB at {points[-1][0]:,}" for label, points in peaks.items()}
        self._line("peak memory, at the largest audience read", cells)

    def _in_turn(
        self,
        measure: Callable[[Peer], dict[str, float]],
        *,
        rounds: int | None = None,
        without: type[Peer] | tuple[type[Peer], ...] = (),
        only: Callable[[Peer], bool] = lambda _: True,
    ) -> dict[str, dict[str, float]]:
        """What ``measure`` says of each peer: medians over the rounds, and under ``failed`` how often it failed."""
        found: dict[str, list[dict[str, float]]] = {}
        for _ in range(rounds or self._sizes.rounds):
            for peer in self.peers:
                if not isinstance(peer, without) and only(peer):
                    found.setdefault(peer.label, []).append(measure(peer))
        return {
            label: {name: statistics.median(entry[name] for entry in entries) for name in entries[0]}
            | {"failed": sum(entry["failed"] for entry in entries)}
            for label, entries in found.items()
        }

    def _contacts(self, simulator: Simulator, wanted: int, peer: Peer) -> dict[str, float]:
        start, sizes = self.start(peer), self._sizes
        seen = Distinct()
        cost = peer.read(simulator, self._folder, Task(on_record=seen, stop_after=start.wall + sizes.seconds))
        log = simulator.control.log("/members")
        cut = cost.wall >= start.wall + sizes.seconds
        return {
            "speed": len(seen) / max(cost.last_record - start.wall, 0.01),
            "cpu": cpu_per_record(cost, start.cpu),
            "busy": mean_in_flight(log, *busy_window(log)) if log else 0.0,
            "failed": not cut and (cost.exit_code != 0 or len(seen) < wanted),
        }

    def _outcome(self, cost: Cost, missing: int) -> str:
        if not cost.exit_code:
            return "whole" if not missing else f"{missing:,} rows lost in silence"
        despair = self._sizes.despair
        return "stopped with an error" if cost.wall < despair - 1 else f"still at it after {despair:.0f} s"

    def _figures(self, peer: Peer, cost: Cost, requests: int) -> dict[str, float]:
        seconds = max(cost.wall - self.start(peer).wall, 0)
        return {"seconds": seconds, "records": cost.records, "requests": requests, "failed": cost.exit_code != 0}

    def _add(self, what: str, measured: dict[str, dict[str, float]], name: str) -> None:
        cells = {label: number(figures[name]) for label, figures in measured.items()}
        for label, figures in measured.items():
            if figures.get("failed"):
                cells[label] += " (failed)"
        self._line(what, cells)

    def _line(self, what: str, cells: dict[str, str]) -> None:
        self.results.lines.append(Line(what, {peer.label: cells.get(peer.label, _NOTHING) for peer in self.peers}))


def _collect(seen: set[tuple[str, str]]) -> Callable[[bytes], None]:
    """A listener that notes each contact and the second of its version. Airbyte's and Singer's records alike."""

    def note(line: bytes) -> None:
        record = json.loads(line)["record"]
        row = record.get("data", record)
        seen.add((str(row["id"]), _moment(str(row.get("last_changed", "")))))

    return note


def _moment(text: str) -> str:
    """A date to the second, in whatever notation of UTC."""
    return text[:19].replace(" ", "T")


def _failure(*costs: Cost) -> str:
    return ", ended with an error" if any(cost.exit_code for cost in costs) else ""
