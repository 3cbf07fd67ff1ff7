"""Measures destination-mailchimp: how busy the connections are, CPU a record, and memory at a million records.

``python -m benchmarks.destination`` prints a table. The figures to keep (issue D): with 2 s a call, wall time at most
1.15 × (the sum of all calls' times ÷ 10) plus start-up; at most 120 µs of CPU a record beyond start-up;
a million records within 384 MB.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from mailchimp_simulator.client import SimulatorProcess

COMMAND = [sys.executable, "-m", "destination_mailchimp.run", "write"]
_BATCH = "/lists/{list_id}"
_TAG = "/lists/{list_id}/segments/{segment_id}"


@dataclass
class Measured:
    """One run: seconds, megabytes, and the calls that it made."""

    records: int
    seconds: float
    cpu_seconds: float
    peak_megabytes: float
    writes: int
    call_seconds: float

    @property
    def wall_ratio(self) -> float:
        """Wall time against the time that ten connections busy all the while would need."""
        return self.seconds / (self.call_seconds / 10)


def lines(count: int, *, first: int = 0) -> Iterator[bytes]:
    """Records of about 400 bytes, a STATE after every ten thousand."""
    for n in range(first, first + count):
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


def run(simulator: SimulatorProcess, list_id: str, source: Iterable[bytes], records: int, **options: Any) -> Measured:
    """Write ``source`` in a process of its own. Raises RuntimeError if it fails."""
    simulator.control.reset_stats()
    config = {
        "credentials": {"auth_type": "apikey", "apikey": simulator.api_key},
        "list_id": list_id,
        "api_url": simulator.base_url,
        **options,
    }
    with tempfile.TemporaryDirectory() as folder:
        for name, content in (("config", config), ("catalog", catalog())):
            Path(folder, f"{name}.json").write_text(json.dumps(content), encoding="utf-8")
        arguments = [*COMMAND, "--config", f"{folder}/config.json", "--catalog", f"{folder}/catalog.json"]
        began = time.monotonic()
        process = subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert process.stdin is not None
        assert process.stdout is not None
        feeder = threading.Thread(target=_feed, args=(process.stdin, source))
        feeder.start()
        output = process.stdout.read()
        feeder.join()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        seconds = time.monotonic() - began
    if process.returncode:
        raise RuntimeError(f"the destination ended with {process.returncode}: {output[-2000:].decode()}")
    log = simulator.control.log()
    return Measured(
        records,
        seconds,
        usage.ru_utime + usage.ru_stime,
        usage.ru_maxrss / 1024,
        sum(entry[2] != "GET" for entry in log),
        sum(entry[1] - entry[0] for entry in log),
    )


def _feed(pipe: Any, source: Iterable[bytes]) -> None:
    block: list[bytes] = []
    for line in source:
        block.append(line)
        if len(block) == 1000:  # noqa: PLR2004 - a comfortable write
            pipe.write(b"".join(block))
            block.clear()
    pipe.write(b"".join(block))
    pipe.close()


def audience(simulator: SimulatorProcess) -> str:
    """The id of the account's first audience."""
    rows = simulator.control.truth("/lists", "rows")["rows"]
    return str(rows[0]["row"]["id"])


def measure(*, records: int = 100_000, many: int = 1_000_000, latency: float = 2.0) -> list[tuple[str, str, str]]:
    """Rows of (what, measured, goal)."""
    with SimulatorProcess(contacts=1000, audiences=1, campaigns=1, plain=True) as simulator:
        list_id = audience(simulator)
        start_up = run(simulator, list_id, lines(1), 1)
        for path in (_BATCH, _TAG):
            simulator.control.latency(seconds=latency, path=path, method="POST")
        new = run(simulator, list_id, lines(records), records, tags="Newsletter")
        simulator.control.reset_stats()
        again = run(simulator, list_id, lines(records), records, tags="Newsletter")
        simulator.control.clear_faults()
    own = (new.cpu_seconds - start_up.cpu_seconds) / records * 1e6
    ideal = new.call_seconds / 10 * 1.15 + start_up.seconds
    rows = [
        (f"{records:,} new contacts, one tag: wall time", f"{new.seconds:.1f} s", f"≤ {ideal:.1f} s"),
        ("… against all calls ÷ 10", f"{new.wall_ratio:.3f}", "≤ 1.15, start-up aside"),
        ("… CPU a record beyond start-up", f"{own:.0f} µs", "≤ 120 µs"),
        ("… peak memory", f"{new.peak_megabytes:.0f} MB", ""),
        (
            "the same again, all existing: writes per 500",
            f"{again.writes / (records / 500):.2f}",
            "≤ 3 (2 + one tag)",
        ),
        ("… wall time", f"{again.seconds:.1f} s", f"≤ {again.call_seconds / 10 * 1.15 + start_up.seconds:.1f} s"),
        ("start-up and one contact", f"{start_up.seconds:.1f} s", ""),
    ]
    if many:
        with SimulatorProcess(contacts=1000, audiences=1, campaigns=1, plain=True) as simulator:
            big = run(simulator, audience(simulator), lines(many), many)
        rows += [
            (f"{many:,} records: peak memory", f"{big.peak_megabytes:.0f} MB", "≤ 384 MB"),
            ("… records a second against an instant server", f"{many / big.seconds:,.0f}", ""),
        ]
    return rows


def main() -> None:
    """Print the table."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    records = int(os.environ.get("BENCH_RECORDS", "100000"))
    many = int(os.environ.get("BENCH_MANY", "1000000"))
    rows = measure(records=records, many=many)
    width = max(len(row[0]) for row in rows)
    for what, measured, goal in rows:
        print(f"{what:<{width}}  {measured:>10}  {goal}")


if __name__ == "__main__":
    main()
