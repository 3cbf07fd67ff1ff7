"""Both connectors against an account in which everything happens at once: `make soak`, or the part `soak`.

Contacts change, join, leave and are archived while they are read and written; calls fail in all the ways that the
simulator knows; and persons leave between two calls of the destination. Round after round the source reads what is
new, and the destination writes records about some of those people and about new ones. In the end nobody may have a
status that nobody asked for, no row may be missing in what the source has emitted, and every record is accounted for.
"""

from __future__ import annotations

import random
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.table import Row, checked
from integration_tests.harness.destination import DestinationHarness
from integration_tests.harness.source import SourceHarness
from mailchimp_api.members import subscriber_hash
from mailchimp_simulator.client import SimulatorProcess

Json = dict[str, Any]

_MEMBERS = "/lists/{list_id}/members"
# Whoever has left in one of these ways stays out: nobody in this account comes back by themselves.
_DEEDS = ("update", "join", "unsubscribe", "archive")
_LEFT = frozenset({"unsubscribed", "cleaned", "archived", "gone"})
_FAULTS: tuple[Json, ...] = (
    {"kind": "status", "status": 503, "body": "none", "retry_after": 1},
    {"kind": "status", "status": 429},
    {"kind": "status", "status": 403, "body": "html"},
    {"kind": "status", "status": 504, "body": "html"},
    {"kind": "lose_answer"},
    {"kind": "not_json"},
    {"kind": "truncate"},
)
_CONFIGURATIONS: tuple[Json, ...] = (
    {},
    {"status_field": "state"},
    {"status_field": "state", "update_status": True},
    {"tags": "Soaked", "archived_contacts": "reject"},
    {"update_only": True},
)
_STATUSES = ("subscribed", "pending", "unsubscribed", None)


@dataclass
class Figures:
    """What a soak has counted."""

    rounds: int = 0
    records_written: int = 0
    records_read: int = 0
    requests: int = 0
    faults: int = 0
    failed_syncs: int = 0
    unasked: Counter[str] = field(default_factory=Counter)
    lost: int = 0
    unaccounted: int = 0

    def rows(self, minutes: float) -> Iterator[Row]:
        """The figures against their limits."""
        about = (
            f"{minutes:.0f} minutes, {self.rounds:,} rounds, {self.requests:,} requests, "
            f"{self.faults:,} of them hit by faults; {self.records_read:,} records read, "
            f"{self.records_written:,} written; {self.failed_syncs:,} syncs failed and were made up for by the next"
        )
        changed = ", ".join(f"{what}: {count}" for what, count in sorted(self.unasked.items()))
        yield checked("statuses changed unasked", sum(self.unasked.values()), 0, "", note=changed or about)
        yield checked("rows lost by the source", self.lost, 0, "")
        yield checked("records not accounted for", self.unaccounted, 0, "")


class Soak:
    """One account and both connectors, for a while. ``seed`` makes the order of deeds and faults."""

    def __init__(self, simulator: SimulatorProcess, folder: Path, seed: int = 1) -> None:
        self._simulator = simulator
        self._source = SourceHarness(simulator, folder)
        self._destination = DestinationHarness(simulator, folder)
        self._random = random.Random(seed)  # noqa: S311 - repeatable on purpose
        self._states: list[Json] | None = None
        self._emitted: set[tuple[str, str, str, str]] = set()
        self._before: dict[str, str] = {}
        self._number = 0
        self._leaving: list[str] = []
        self._asked: dict[str, str] = {}
        self._options: list[str] = []
        self.figures = Figures()

    def run(self, seconds: float) -> None:
        """Go on for so long, then compare everything once more in quiet."""
        self._before = self._statuses()
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self._make_trouble()
            self._write()
            self._read()
            self._calm_down()
            self._look_at_statuses()
            self.figures.rounds += 1
            if self.figures.rounds % 10 == 0:
                self._compare_rows()
        self._compare_rows()
        self.figures.requests = int(self._simulator.control.stats()["requests"])

    def _make_trouble(self) -> None:
        control, chance = self._simulator.control, self._random
        control.facts(archived_in_create=chance.choice(("exists", "revives")), resubscribe_succeeds=True)
        control.drift(chance.choice((0.3, 1.0)), seed=chance.randrange(10**6), kinds=list(_DEEDS))
        for fault in chance.sample(_FAULTS, 2):
            control.fault(**fault, regex="/lists", every=chance.choice((5, 9, 17)))
        active = [email for email, status in self._statuses_by_email().items() if status not in _LEFT]
        self._leaving = chance.sample(active, min(6, len(active)))
        for email in self._leaving:
            deed = chance.choice(("unsubscribe", "archive"))
            control.person(deed, emails=[email], list_id=self._destination.list_id, skip=chance.randrange(40), times=1)

    def _calm_down(self) -> None:
        control = self._simulator.control
        self.figures.faults += sum(int(rule["applied"]) for rule in control.faults() if rule["kind"] != "person")
        control.clear_faults()
        control.drift(0)

    def _write(self) -> None:
        """A sync about those who are just leaving, about others, and about new ones; repeated until it ends well."""
        chance = self._random
        present = list(self._statuses_by_email())
        addresses = [*self._leaving, *chance.sample(present, min(150, len(present)))]
        for _ in range(40):
            self._number += 1
            addresses.append(f"soak.{self._number}@example.com")
        options = chance.choice(_CONFIGURATIONS)
        self._options = list(options)
        self._asked = {}
        lines = []
        for number, address in enumerate(dict.fromkeys(addresses)):
            status = chance.choice(_STATUSES) if options.get("status_field") else None
            if status and options.get("update_status"):
                self._asked[address] = status
            data = {"id": number, "email": address, "state": status, "fname": str(number)}
            lines.append(self._destination.record(data))
        batches = [lines, [self._destination.state(self._number)]]
        run = self._destination.write(batches, self._destination.config(**options))
        counts = run.accounting() if " received = " in run.log else {}
        accounted = sum(count for name, count in counts.items() if name not in ("received", "tags_failed"))
        if counts and (counts["received"] != accounted or (run.exit_code == 0 and counts.get("not_written"))):
            self.figures.unaccounted += abs(counts["received"] - accounted) or counts["not_written"]
        if run.exit_code == 0:
            self.figures.unaccounted += len(lines) - counts.get("received", 0)
        else:
            self.figures.failed_syncs += 1
        self.figures.records_written += counts.get("received", 0)

    def _read(self) -> None:
        run = self._source.read(["list_members"], state=self._states, retry_seconds=20, page_size=200)
        self.figures.failed_syncs += run.exit_code != 0
        self._take(run)

    def _take(self, run: Any) -> None:
        rows = run.records("list_members")
        self.figures.records_read += len(rows)
        self._emitted.update((row["list_id"], row["id"], row["status"], row["last_changed"]) for row in rows)
        self._states = run.last_states or self._states

    def _compare_rows(self) -> None:
        """In quiet, one more sync must have brought the newest version of every contact."""
        self._simulator.control.clock(advance=60)
        run = self._source.read(["list_members"], state=self._states, page_size=200)
        self._take(run)
        keys = self._simulator.control.ground_truth(_MEMBERS, "keys")["keys"]
        there = {(key[0], key[1], key[2], key[3]) for key in keys if key[2] != "gone"}
        self.figures.lost += len(there - self._emitted)

    def _look_at_statuses(self) -> None:
        """What drift and persons do is known: they unsubscribe and archive. All else was done by the destination."""
        now = self._statuses()
        asked = {subscriber_hash(email): status for email, status in self._asked.items()}
        for digest, before in self._before.items():
            after = now.get(digest)
            if after in (before, None) or after in ("unsubscribed", "archived"):
                continue
            wanted = asked.get(digest)
            if before not in _LEFT and wanted == after:
                continue
            self.figures.unasked[f"{before} → {after} with {', '.join(self._options) or 'no option'}"] += 1
        self._before = now

    def _statuses(self) -> dict[str, str]:
        keys = self._simulator.control.ground_truth(_MEMBERS, "keys", [self._destination.list_id])["keys"]
        return {key[1]: key[2] for key in keys}

    def _statuses_by_email(self) -> dict[str, str]:
        return {row["email_address"]: row["status"] for row in self._destination.members()}


def soak(minutes: float, seed: int = 1) -> Figures:
    """Soak for ``minutes``."""
    with (
        tempfile.TemporaryDirectory(prefix="soak-") as folder,
        SimulatorProcess(contacts=1500, audiences=2, campaigns=2) as simulator,
    ):
        one = Soak(simulator, Path(folder), seed)
        one.run(60 * minutes)
        return one.figures
