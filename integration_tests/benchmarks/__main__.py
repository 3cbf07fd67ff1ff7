"""`python -m benchmarks`: measure, print tables, write `docs/benchmarks.md`; exit with 1 if a limit is not kept.

BENCH_QUICK=1 runs everything in small to see that it works; its figures say nothing and go nowhere near the documents.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from benchmarks import destination, report, side_by_side, source
from benchmarks.peers import CACHE, all_peers
from benchmarks.side_by_side import Line, SideBySide
from benchmarks.source import SourceBenchmark
from benchmarks.table import Row, judged, limits_table, text_table

T = TypeVar("T")


def main() -> int:
    """Measure what the command line names (default: everything)."""
    quick = os.environ.get("BENCH_QUICK", "") not in {"", "0"}
    with tempfile.TemporaryDirectory(prefix="benchmarks-") as folder:
        benchmark = SourceBenchmark(source.QUICK if quick else source.FULL, Path(folder))
        compared = SideBySide(side_by_side.QUICK if quick else side_by_side.FULL, [], Path(folder))
        limits: dict[str, tuple[str, Callable[[], list[Row]]]] = {
            **{name: ("source", part) for name, part in benchmark.parts().items()},
            "destination": ("destination", lambda: _destination(quick=quick)),
        }
        chosen = _chosen([*limits, *compared.parts()])
        if set(chosen) & set(compared.parts()):
            compared.peers, missing = all_peers()
            print(*missing, sep="\n", end="\n" if missing else "", file=sys.stderr)
        results = {} if quick else report.load()
        rows: list[Row] = []
        lines: list[Line] = []
        for name in chosen:
            if name in limits:
                section, measure = limits[name]
                measured = _timed(name, measure)
                report.note(results, section, name, {"rows": [row.to_json() for row in measured]})
                rows += measured
            else:
                part = _timed(name, compared.parts()[name])
                report.note(results, "side by side", name, part.to_json())
                lines += [*part.lines, *part.faults]
            # After each part, so that one which is cut short loses nothing.
            report.write(results, CACHE / "quick" if quick else report.DOCS)
    if rows:
        print(limits_table(rows), end="\n\n")
    if lines:
        labels = list(lines[0].cells)
        print(text_table(("", *labels), [(line.what, *(line.cells.get(x, "—") for x in labels)) for line in lines]))
    return 1 if any(row.ok is False for row in rows) and not quick else 0


def _chosen(parts: list[str]) -> list[str]:
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(parts)}; default: all")
    chosen = parser.parse_args().parts
    unknown = set(chosen) - set(parts)
    if unknown:
        parser.error(f"no such part: {', '.join(sorted(unknown))}")
    return [name for name in parts if name in chosen or not chosen]


def _destination(*, quick: bool) -> list[Row]:
    rows = destination.measure(records=2000, many=0, latency=0.05) if quick else destination.measure()
    return [judged(*row) for row in rows]


def _timed(name: str, measure: Callable[[], T]) -> T:
    begun = time.monotonic()
    measured = measure()
    load = os.getloadavg()[0]
    print(f"… {name}: {time.monotonic() - begun:.0f} s (load {load:.1f})", file=sys.stderr, flush=True)
    return measured


if __name__ == "__main__":
    sys.exit(main())
