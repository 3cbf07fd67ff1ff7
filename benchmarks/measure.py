"""Runs a command as a process of its own and tells what it cost: wall time, CPU, peak memory, records."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import tempfile
import threading
import time
from array import array
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Json = dict[str, Any]

_BUFFER = 1 << 20
_KIND_SHOWS_WITHIN = 24  # characters of a line: `{"type":"RECORD"`, with or without blanks


@dataclass(frozen=True)
class Cost:
    """What a process took: seconds, megabytes (10^6 bytes) at its peak.

    ``last_record``: seconds until its last record came. Of a run that was cut short it tells the speed, ``wall`` does
    not: the page that was under way brought nothing.
    """

    wall: float
    cpu: float
    peak_mb: float
    records: int
    exit_code: int
    last_record: float
    states: list[Json] = field(default_factory=list, repr=False)
    stderr: str = field(default="", repr=False)


def run(
    command: Sequence[str | Path],
    *,
    on_record: Callable[[bytes], None] | None = None,
    keep_states: bool = False,
    stop_after: float | None = None,
    environment: Mapping[str, str] | None = None,
    stdin: Path | None = None,
) -> Cost:
    """Run ``command`` to its end and count the records on its stdout.

    ``on_record`` gets each record's line. ``keep_states``: return the STATE messages. ``stop_after``: send SIGTERM
    after this many seconds.
    """
    started = time.monotonic()
    with tempfile.TemporaryFile() as errors, open(stdin or os.devnull, "rb") as given:  # noqa: PTH123 - may be devnull
        process = subprocess.Popen(
            [str(part) for part in command],
            stdin=given,
            stdout=subprocess.PIPE,
            stderr=errors,
            bufsize=_BUFFER,
            env={**os.environ, **(environment or {})},
        )
        timer = threading.Timer(stop_after or 0, process.send_signal, (signal.SIGTERM,))
        if stop_after:
            timer.start()
        assert process.stdout is not None
        peak = _Peak(process.pid)
        records, last, states = _read(process.stdout, on_record, keep_states=keep_states)
        peak_mb = peak.stop()
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.monotonic() - started
        timer.cancel()
        process.returncode = os.waitstatus_to_exitcode(status)
        process.stdout.close()
        errors.seek(0)
        stderr = errors.read().decode(errors="replace")
    return Cost(
        wall=wall,
        cpu=usage.ru_utime + usage.ru_stime,
        peak_mb=peak_mb or usage.ru_maxrss * 1024 / 1e6,
        records=records,
        exit_code=process.returncode,
        last_record=(last or time.monotonic()) - started,
        states=states,
        stderr=stderr,
    )


class _Peak:
    """Looks at the most memory that a process has held, from its start until ``stop``.

    The kernel's ``ru_maxrss`` begins with the size of whoever started the process; what ``/proc`` says begins
    with the program itself. Without ``/proc`` there is nothing to see.
    """

    _INTERVAL = 0.05

    def __init__(self, pid: int) -> None:
        self._status = Path(f"/proc/{pid}/status")
        self._most = 0
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def stop(self) -> float:
        """Megabytes at the peak; 0 if that could not be seen."""
        self._look()
        self._stopped.set()
        self._thread.join()
        return self._most * 1024 / 1e6

    def _watch(self) -> None:
        while not self._stopped.wait(self._INTERVAL):
            self._look()

    def _look(self) -> None:
        try:
            found = re.search(r"VmHWM:\s*(\d+) kB", self._status.read_text(encoding="ascii", errors="replace"))
        except OSError:
            return
        # It can only grow; a process that has ended shows none.
        self._most = max(self._most, int(found[1]) if found else 0)


def _read(
    lines: Iterable[bytes], on_record: Callable[[bytes], None] | None, *, keep_states: bool
) -> tuple[int, float, list[Json]]:
    records, last, states = 0, 0.0, []
    now = time.monotonic
    for line in lines:
        head = line[:_KIND_SHOWS_WITHIN]
        if b'"RECORD"' in head:
            records += 1
            last = now()
            if on_record is not None:
                on_record(line)
        elif keep_states and b'"STATE"' in head:
            message = json.loads(line)
            states.append(message.get("state", message.get("value")))  # Singer's messages have a value
    return records, last, states


def latest_states(states: Iterable[Json]) -> list[Json]:
    """Of each stream the last one, as the platform keeps them."""
    last = {state["stream"]["stream_descriptor"]["name"]: state for state in states}
    return list(last.values())


class Distinct:
    """Counts the different contacts of one audience among records, in eight bytes each.

    As a listener it must cost next to nothing: the reader's output waits for it. The first ``id`` of a record's line
    is the contact's, a hash in hexadecimal digits, in everybody's notation.
    """

    _ID = re.compile(rb'"id": ?"([0-9a-f]{16})')

    def __init__(self) -> None:
        self._seen = array("Q")

    def __call__(self, line: bytes) -> None:
        """Note a record's line."""
        found = self._ID.search(line)
        if found:
            self._seen.append(int(found[1], 16))

    def __len__(self) -> int:
        return len(set(self._seen))


def cpu_per_record(cost: Cost, start_up: float, records: int | None = None) -> float:
    """Microseconds of CPU that a record takes beyond ``start_up`` (seconds of CPU)."""
    return (cost.cpu - start_up) / max(records or cost.records, 1) * 1e6
