"""`python -m benchmarks [PART …]`: measure and print tables; exit with 1 if a limit is not kept.

With `--publish` the figures of each part that was measured take the place of those that `docs/benchmarks/figures/` has
of it, and `docs/benchmarks.md` is made anew; other parts' figures stay.

BENCH_QUICK=1 runs everything in small to see that it works; its figures say nothing and go nowhere near the documents.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks import destination, profiles, report, side_by_side, source
from benchmarks.destination import DestinationBenchmark
from benchmarks.peers import NotInstalled, all_peers
from benchmarks.side_by_side import SideBySide
from benchmarks.soak import soak
from benchmarks.source import SourceBenchmark
from benchmarks.table import Row, limits_table, text_table

Json = dict[str, Any]
_BESIDE = report.SECTIONS[report.SIDE_BY_SIDE]


def main() -> int:
    """Measure what the command line names (default: everything)."""
    quick = os.environ.get("BENCH_QUICK", "") not in {"", "0"}
    options = _options(quick=quick)
    results: list[Json] = []
    with tempfile.TemporaryDirectory(prefix="benchmarks-") as folder:
        compared = SideBySide(side_by_side.QUICK if quick else side_by_side.FULL, [], Path(folder))
        measures = _measures(compared, Path(folder), options.minutes, quick=quick)
        if not set(_BESIDE).isdisjoint(options.parts):
            compared.peers, missing = all_peers(others=not options.alone)
            print(*missing, sep="\n", end="\n" if missing else "", file=sys.stderr)
            if options.publish:
                report.keep_peers({x.label: {"about": x.about, "installed": x.installed()} for x in compared.peers})
        for part in options.parts:
            load = round(os.getloadavg()[0], 1)
            results.append({"load": load, **_timed(part, measures[part])})
            # After each part, so that a run which is cut short loses nothing.
            if options.publish:
                report.keep(part, results[-1])
                # A process of its own: drawing takes memory, which those that are measured next would inherit.
                subprocess.run([sys.executable, "-m", "benchmarks.report"], check=True)
    rows = [Row(**row) for part in results for row in part.get("rows", ())]
    lines = [line for part in results for line in (*part.get("lines", ()), *part.get("faults", ()))]
    if rows:
        print(limits_table(rows), end="\n\n")
    if lines:
        labels = [peer.label for peer in compared.peers]
        print(text_table(("", *labels), [(x["what"], *(x["cells"].get(y, "—") for y in labels)) for x in lines]))
    return 1 if any(row.ok is False for row in rows) and not quick else 0


def _measures(compared: SideBySide, folder: Path, minutes: float, *, quick: bool) -> dict[str, Callable[[], Json]]:
    """What measures each part of the page."""
    sources = SourceBenchmark(source.QUICK if quick else source.FULL, folder)
    destinations = DestinationBenchmark(destination.QUICK if quick else destination.FULL, folder)

    def limits(measure: Callable[[], list[Row]]) -> Callable[[], Json]:
        return lambda: {"rows": [row.to_json() for row in measure()]}

    def comparison(measure: Callable[[], side_by_side.Results]) -> Callable[[], Json]:
        return lambda: measure().to_json()

    return {
        **{name: limits(part) for name, part in (sources.parts() | destinations.parts()).items()},
        **{name: comparison(part) for name, part in compared.parts().items()},
        report.SOAK: limits(lambda: list(soak(minutes).rows(minutes))),
        report.PROFILE: lambda: _profiles(folder, 5_000 if quick else 300_000),
    }


def _profiles(folder: Path, size: int) -> Json:
    try:
        found = profiles.measure(folder, contacts=size, records=size)
    except (NotInstalled, subprocess.CalledProcessError) as reason:
        print(f"no profile: {reason}", file=sys.stderr)
        return {"profiles": []}
    return {"profiles": [profile.to_json() for profile in found]}


def _options(*, quick: bool) -> argparse.Namespace:
    every_part = [part for parts in report.SECTIONS.values() for part in parts]
    parser = argparse.ArgumentParser(
        prog="benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(every_part)}; default: all")
    parser.add_argument("--alone", action="store_true", help="install nothing: no other connectors, no profiler")
    parser.add_argument("--publish", action="store_true", help="put the figures into docs/benchmarks.md")
    parser.add_argument(
        "--minutes", type=float, default=0.2 if quick else 60.0, help="of the soak; default: %(default)g"
    )
    options = parser.parse_args()
    unknown = sorted(set(options.parts) - set(every_part))
    if unknown:
        parser.error(f"no such part: {', '.join(unknown)}")
    options.parts = [part for part in every_part if part in options.parts or not options.parts]
    others = [part for part in options.parts if part in (*_BESIDE, report.PROFILE)]
    if options.publish and quick:
        parser.error("BENCH_QUICK=1 measures nothing that could be published")
    if options.publish and options.alone and others:
        parser.error(f"with --alone, these measure too little to be published: {', '.join(others)}")
    if options.alone:
        options.parts = [part for part in options.parts if part != report.PROFILE]
    return options


def _timed(name: str, measure: Callable[[], Json]) -> Json:
    begun = time.monotonic()
    measured = measure()
    print(f"… {name}: {time.monotonic() - begun:.0f} s", file=sys.stderr, flush=True)
    return measured


if __name__ == "__main__":
    sys.exit(main())
