"""`python -m benchmarks`: measure, print tables, write `docs/benchmarks.md`; exit with 1 if a limit is not kept.

Without arguments everything is measured anew in one run. Parts that are named take the place of what the last run
measured of them, if that was at the same commit. The documents are written when every part is there.

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
from benchmarks.peers import CACHE, NotInstalled, all_peers
from benchmarks.side_by_side import SideBySide
from benchmarks.source import SourceBenchmark
from benchmarks.table import Row, limits_table, text_table

Json = dict[str, Any]
Parts = dict[tuple[str, str], Callable[[], Json]]


def main() -> int:
    """Measure what the command line names (default: everything)."""
    quick = os.environ.get("BENCH_QUICK", "") not in {"", "0"}
    kept = CACHE / ("quick.json" if quick else "measured.json")
    with tempfile.TemporaryDirectory(prefix="benchmarks-") as folder:
        compared = SideBySide(side_by_side.QUICK if quick else side_by_side.FULL, [], Path(folder))
        parts = _parts(compared, Path(folder), quick=quick)
        options = _options([name for _, name in parts])
        if options.alone:
            del parts["profile", "profile"]
        chosen = [key for key in parts if key[1] in options.parts or not options.parts]
        results = report.begin(report.load(kept) if options.parts else {})
        if any(section == report.SIDE_BY_SIDE for section, _ in chosen):
            compared.peers, missing = all_peers(others=not options.alone)
            print(*missing, sep="\n", end="\n" if missing else "", file=sys.stderr)
            results["peers"] = {
                peer.label: {"about": peer.about, "installed": peer.installed()} for peer in compared.peers
            }
        for section, name in chosen:
            load = os.getloadavg()[0]
            report.note(results, section, name, {"load": round(load, 1), **_timed(name, parts[section, name])})
            # After each part, so that a run which is cut short loses nothing.
            report.save(results, kept)
    rows = [Row(**row) for part in _measured(results, chosen) for row in part.get("rows", ())]
    lines = [line for part in _measured(results, chosen) for line in (*part.get("lines", ()), *part.get("faults", ()))]
    if rows:
        print(limits_table(rows), end="\n\n")
    if lines:
        labels = list(results["peers"])
        print(text_table(("", *labels), [(x["what"], *(x["cells"].get(y, "—") for y in labels)) for x in lines]))
    if not quick and not options.alone and all(name in results["parts"].get(section, {}) for section, name in parts):
        # A process of its own: drawing takes memory, which those that are measured next would inherit.
        subprocess.run([sys.executable, "-m", "benchmarks.report", kept], check=True)
    return 1 if any(row.ok is False for row in rows) and not quick else 0


def _parts(compared: SideBySide, folder: Path, *, quick: bool) -> Parts:
    """Every part by section and name, in the order of the page."""
    sources = SourceBenchmark(source.QUICK if quick else source.FULL, folder)
    destinations = DestinationBenchmark(destination.QUICK if quick else destination.FULL, folder)

    def limits(measure: Callable[[], list[Row]]) -> Callable[[], Json]:
        return lambda: {"rows": [row.to_json() for row in measure()]}

    def comparison(measure: Callable[[], side_by_side.Results]) -> Callable[[], Json]:
        return lambda: measure().to_json()

    return {
        **{("source", name): limits(part) for name, part in sources.parts().items()},
        **{(report.SIDE_BY_SIDE, name): comparison(part) for name, part in compared.parts().items()},
        **{("destination", name): limits(part) for name, part in destinations.parts().items()},
        ("profile", "profile"): lambda: _profiles(folder, 5_000 if quick else 300_000),
    }


def _profiles(folder: Path, size: int) -> Json:
    try:
        found = profiles.measure(folder, contacts=size, records=size)
    except (NotInstalled, subprocess.CalledProcessError) as reason:
        print(f"no profile: {reason}", file=sys.stderr)
        return {"profiles": []}
    return {"profiles": [profile.to_json() for profile in found]}


def _options(names: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(names)}; default: all")
    parser.add_argument("--alone", action="store_true", help="install nothing: no other connectors, no profiler")
    options = parser.parse_args()
    unknown = set(options.parts) - set(names)
    if unknown:
        parser.error(f"no such part: {', '.join(sorted(unknown))}")
    return options


def _measured(results: Json, chosen: list[tuple[str, str]]) -> list[Json]:
    return [results["parts"][section][name] for section, name in chosen]


def _timed(name: str, measure: Callable[[], Json]) -> Json:
    begun = time.monotonic()
    measured = measure()
    print(f"… {name}: {time.monotonic() - begun:.0f} s", file=sys.stderr, flush=True)
    return measured


if __name__ == "__main__":
    sys.exit(main())
