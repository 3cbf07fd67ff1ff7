"""What `destination-mailchimp` promises, measured: ten calls at a time, CPU a record, memory at a million records."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import orjson

from benchmarks.measure import Cost, cpu_per_record, run
from benchmarks.table import Row, checked
from integration_tests.harness import Installed
from mailchimp_simulator.client import SimulatorProcess

CONNECTIONS = 10
_BATCH = 500
_FEW = 100
_LATENCIES_FOR_A_FEW = 5
_CREATE = "/lists/{list_id}"
_TAG = "/lists/{list_id}/segments/{segment_id}"
_MEMBERS = "/lists/{list_id}/members"


@dataclass(frozen=True)
class Sizes:
    """How much is written.

    ``records`` while each writing call takes ``latency`` seconds, ``mid`` while every call does, ``many`` while none
    does.
    """

    records: int = 100_000
    mid: int = 60_000
    many: int = 1_000_000
    latency: float = 2.0


FULL = Sizes()
QUICK = Sizes(records=2000, mid=2000, many=4000, latency=0.05)


class DestinationBenchmark:
    """Measures one property after the other; ``folder`` takes the connector's files and its input."""

    def __init__(self, sizes: Sizes, folder: Path) -> None:
        self._sizes = sizes
        self._folder = folder

    def parts(self) -> dict[str, Callable[[], list[Row]]]:
        """Every part by name, in the order of the table."""
        measure: dict[str, Callable[[], Iterator[Row]]] = {"calls": self.calls, "waits": self.waits, "many": self.many}
        return {name: partial(_all, part) for name, part in measure.items()}

    def calls(self) -> Iterator[Row]:
        """Slow calls: new contacts with one tag, and the same again, when all of them exist."""
        sizes = self._sizes
        with SimulatorProcess(contacts=1000, audiences=1, campaigns=1, plain=True) as simulator:
            target = Target(simulator, self._folder)
            start = target.write(1)
            for path in (_CREATE, _TAG):
                simulator.control.latency(seconds=sizes.latency, path=path, method="POST")
            name = f"{sizes.records:,} new contacts, one tag"
            # What no way of writing can do without: create and tag, or find them there and update. Answers show that
            # those have the tag. The one of the start-up is among them.
            yield from self._calls(target, name, start, per_batch=2, new=sizes.records - 1)
            yield from self._calls(target, "the same again, all existing", start, per_batch=2, new=0)
        yield Row("start-up and one contact", f"{start.wall:.1f} s")

    def _calls(self, target: Target, name: str, start: Cost, *, per_batch: int, new: int) -> Iterator[Row]:
        sizes = self._sizes
        before = target.contacts()
        cost = target.write(sizes.records, tags="Newsletter")
        needed = -(-sizes.records // _BATCH) * per_batch
        ideal = needed * sizes.latency / CONNECTIONS
        log = target.simulator.control.log()
        writes = sum(entry[2] != "GET" for entry in log)
        note = f"start-up aside; {needed:,} calls of {sizes.latency:g} s, ten at a time, take {ideal:.1f} s"
        yield checked(f"{name}: wall time", cost.wall - start.wall, 1.15 * ideal, "s", note=note)
        yield checked("… writes per 500", writes / sizes.records * _BATCH, per_batch * 1.02, "")
        yield checked("… CPU a record beyond start-up", cpu_per_record(cost, start.cpu, sizes.records), 120, "µs")
        yield _whole(cost, before + new - target.contacts())

    def waits(self) -> Iterator[Row]:
        """Every call is slow, those before the first batch too: nothing waits that need not."""
        sizes = self._sizes
        with SimulatorProcess(contacts=1000, audiences=1, campaigns=1, plain=True) as simulator:
            target = Target(simulator, self._folder)
            start = target.write(_FEW // 2)
            simulator.control.latency(seconds=sizes.latency)
            few = target.write(_FEW, tags="Some")
            limit = start.wall + _LATENCIES_FOR_A_FEW * sizes.latency
            note = f"{len(simulator.control.log())} calls of {sizes.latency:g} s; start-up is {start.wall:.1f} s"
            yield checked(f"{_FEW} contacts, half of them new: wall time", few.wall, limit, "s", note=note)
            before = target.contacts()
            cost = target.write(sizes.mid, tags="Newsletter")
            calls = len(simulator.control.log())
            ideal = calls * sizes.latency / CONNECTIONS
            limit = 1.10 * ideal + start.wall + sizes.latency
            note = f"{calls} calls of {sizes.latency:g} s, ten at a time, take {ideal:.1f} s"
            yield checked(f"{sizes.mid:,} new contacts, one tag, every call slow", cost.wall, limit, "s", note=note)
            yield _whole(cost, before + sizes.mid - _FEW - target.contacts())

    def many(self) -> Iterator[Row]:
        """Memory doesn't grow with the input."""
        with SimulatorProcess(contacts=1000, audiences=1, campaigns=1, plain=True) as simulator:
            target = Target(simulator, self._folder)
            before, count = target.contacts(), self._sizes.many
            cost = target.write(count)
            missing = count - (target.contacts() - before)
        note = f"{count / cost.wall:,.0f} records a second against an instant server on the same machine"
        yield checked(f"{count:,} records: peak memory", cost.peak_mb, 384, "MB", note=note)
        yield _whole(cost, missing)


class Target:
    """The account's first audience, and the connector that writes into it."""

    def __init__(self, simulator: SimulatorProcess, folder: Path) -> None:
        self.simulator = simulator
        self._folder = folder
        self._installed = Installed("destination-mailchimp", folder)
        rows = simulator.control.ground_truth("/lists", "rows")["rows"]
        self._list_id = str(rows[0]["row"]["id"])

    def contacts(self) -> int:
        """How many contacts the audience has."""
        return int(self.simulator.control.ground_truth(_MEMBERS)["count"])

    def write(self, records: int, **options: Any) -> Cost:
        """Write this many people; the simulator counts from zero."""
        command = self.command(records, **options)
        self.simulator.control.reset_stats()
        return run(command, stdin=self._folder / "input.jsonl")

    def command(self, records: int, **options: Any) -> list[str]:
        """The command that writes ``records`` people, whose lines are then in ``input.jsonl``."""
        config = {
            "credentials": {"auth_type": "apikey", "apikey": self.simulator.api_key},
            "list_id": self._list_id,
            "api_url": self.simulator.base_url,
            **options,
        }
        with (self._folder / "input.jsonl").open("wb") as file:
            file.writelines(lines(records))
        return self._installed.command_line("write", config=config, catalog=catalog())


def lines(count: int) -> Iterator[bytes]:
    """Records of about 400 bytes, a STATE after every ten thousand."""
    for n in range(count):
        data = {
            "id": n,
            "email": f"person.{n}@example.com",
            "first_name": f"First{n % 1000}",
            "last_name": f"Last{n % 700}",
            "phone": f"+1 555 {n % 10000:04}",
            "birthday": f"1990-{n % 12 + 1:02}-{n % 28 + 1:02}",
            "company": f"Company number {n % 5000}",
            "notes": "x" * 120,
            "updated_at": f"2026-11-22T10:{n // 60 % 60:02}:{n % 60:02}Z",
        }
        record = {"stream": "people", "emitted_at": 1_700_000_000_000, "data": data}
        yield orjson.dumps({"type": "RECORD", "record": record}) + b"\n"
        if n % 10_000 == 9_999:  # noqa: PLR2004 - see docstring
            stream = {"stream_descriptor": {"name": "people"}, "stream_state": {"n": n}}
            yield orjson.dumps({"type": "STATE", "state": {"type": "STREAM", "stream": stream}}) + b"\n"


def catalog() -> dict[str, Any]:
    """A configured catalog of the one stream."""
    columns = ["id", "email", "first_name", "last_name", "phone", "birthday", "company", "notes", "updated_at"]
    return {
        "streams": [
            {
                "stream": {
                    "name": "people",
                    "json_schema": {"properties": {column: {} for column in columns}},
                    "supported_sync_modes": ["incremental"],
                },
                "sync_mode": "incremental",
                "destination_sync_mode": "append_dedup",
                "primary_key": [["id"]],
                "cursor_field": ["updated_at"],
            }
        ]
    }


def _whole(cost: Cost, missing: int) -> Row:
    return Row("  contacts missing", str(missing), "0", missing == 0 and not cost.exit_code)


def _all(part: Callable[[], Iterator[Row]]) -> list[Row]:
    return list(part())
