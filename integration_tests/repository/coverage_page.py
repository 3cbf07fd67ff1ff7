"""Makes `docs/coverage.md` of what coverage.py has measured: by folder, and what is not covered, by name.

`make coverage` runs the tests and then this.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from benchmarks.report import commit, machine, markdown
from integration_tests.harness.repository import ROOT

Json = dict[str, Any]

PAGE = ROOT / "docs" / "coverage.md"
_WHY = {
    "probes": "the probes that only a real account can answer; the rest runs against the simulator",
    "benchmarks": "Docker-free, but minutes long or in need of other connectors: `make bench`",
}
_HEAD = """\
# Coverage

This page is made by `make coverage`, from what it measured. Do not edit it.

Lines and branches that all tests run, in every process that they start, of the code and of the tests themselves;
those in containers (`make test-images`) are not among them.
They are lower bounds: what a process has run that is killed outright is lost, and after some exceptions
the rest of a test goes unseen.

Measured on {machine}. Commit {commit} was the last that had changed the connectors.
"""


def main() -> int:
    """Write the page."""
    found = subprocess.run(
        [sys.executable, "-m", "coverage", "json", "-q", "-o", "-"],
        check=True,
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
    PAGE.write_text(page(json.loads(found.stdout)), encoding="utf-8")
    print(PAGE.relative_to(ROOT))
    return 0


def page(measured: Mapping[str, Any]) -> str:
    """The page for the JSON report of coverage.py."""
    files: Mapping[str, Json] = measured["files"]
    blocks = [_HEAD.format(machine=machine(), commit=commit())]
    blocks += ["## By folder\n", markdown(("folder", "lines", "of these missed", "covered"), _folders(files))]
    blocks += ["## Not covered\n", "Functions with how many of their lines no test runs; “module”: outside of them.\n"]
    for folder, why in _WHY.items():
        blocks.append(f"- `{folder}`: {why}.")
    blocks += ["", markdown(("file", "covered", "what is not"), _missing(files))]
    return "\n".join(blocks)


def _folders(files: Mapping[str, Json]) -> Iterator[tuple[str, ...]]:
    """A row for each folder, and one for all."""
    summaries = defaultdict(list)
    for name, file in files.items():
        summaries["/".join(name.split("/")[:2]) if name.count("/") > 1 else name.split("/")[0]].append(file["summary"])
    for folder, found in sorted(summaries.items()):
        yield _row(f"`{folder}`", found)
    yield _row("all", [file["summary"] for file in files.values()])


def _row(name: str, summaries: Iterable[Json]) -> tuple[str, ...]:
    total: dict[str, int] = defaultdict(int)
    for summary in summaries:
        for key in ("num_statements", "missing_lines", "covered_lines", "num_branches", "covered_branches"):
            total[key] += summary[key]
    there = total["num_statements"] + total["num_branches"]
    share = (total["covered_lines"] + total["covered_branches"]) / there if there else 1.0
    return name, f"{total['num_statements']:,}", f"{total['missing_lines']:,}", f"{share:.1%}"


def _missing(files: Mapping[str, Json]) -> Iterator[tuple[str, ...]]:
    """A row for each file that is not covered whole."""
    for name, file in sorted(files.items()):
        if file["summary"]["percent_covered"] == 100:
            continue
        parts = [
            f"`{function}` {_lines(region)}" if function else f"module {_lines(region)}"
            for function, region in file["functions"].items()
            if region["missing_lines"] or region["missing_branches"]
        ]
        yield f"`{name}`", f"{file['summary']['percent_covered']:.0f} %", ", ".join(parts)


def _lines(region: Json) -> str:
    missing = len(region["missing_lines"])
    return f"({missing} of {region['summary']['num_statements']})" if missing else "(a branch)"


if __name__ == "__main__":
    sys.exit(main())
