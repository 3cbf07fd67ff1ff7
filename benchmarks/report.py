"""Makes `docs/benchmarks.md` and its plots of `docs/benchmarks/results.json`; nothing in them is typed by hand.

`python -m benchmarks.report [RESULTS]` takes over a run's results, if there are any, and makes the page anew.
"""

from __future__ import annotations

import json
import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from benchmarks import picture

Json = dict[str, Any]

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
RESULTS = DOCS / "benchmarks" / "results.json"
SIDE_BY_SIDE = "side by side"
_CONNECTORS = ("mailchimp-api", "source-mailchimp", "destination-mailchimp")
_MARKS = {True: "kept", False: "**missed**", None: ""}

_HEAD = """\
# Benchmarks

This page is made by `make bench`, from the figures that it measured. Do not edit it.

The simulator (`mailchimp-simulator`) runs in a process of its own on the same machine:
figures without latency are the machine's, shared with it, rather than Mailchimp's.
A page is 1000 rows; a megabyte is a million bytes. Seconds and microseconds are without start-up unless it says so.
Connections in use are counted from the first page's answer to the last request's start.
A missed limit stays in the table.

Measured on {machine}. Commit {commit} was the last that had changed the connectors.
"""


def load(path: Path = RESULTS) -> Json:
    """The results that ``path`` holds; none if it isn't there."""
    found: Json = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    return found


def save(results: Json, path: Path = RESULTS) -> None:
    """Keep the results."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def begin(earlier: Json) -> Json:
    """Results to add to: ``earlier`` ones if they are of this commit and machine, else none."""
    here = {"commit": commit(), "machine": machine()}
    same = all(earlier.get(name) == value for name, value in here.items())
    return earlier if same else {**here, "peers": {}, "parts": {}}


def note(results: Json, section: str, part: str, content: Json) -> None:
    """Put what a part has measured in the place of what it measured before."""
    taken = datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M UTC")
    results["parts"].setdefault(section, {})[part] = {"taken": taken, **content}


def commit() -> str:
    """The last commit that changed the connectors, with a `+` where files differ from it; `unknown` without git."""
    git = shutil.which("git")
    if git is None or not (ROOT / ".git").exists():
        return "unknown"
    head = _output(git, "log", "-1", "--abbrev=10", "--format=%h", "--", *_CONNECTORS)
    changed = _output(git, "status", "--porcelain", "--", *_CONNECTORS)
    return head + ("+" if changed else "")


def _output(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT).stdout.strip()


def machine() -> str:
    """What the figures were measured on, in words."""
    model = _first(r"model name\s*: (.+)", Path("/proc/cpuinfo")) or platform.processor() or platform.machine()
    kilobytes = _first(r"MemTotal:\s*(\d+)", Path("/proc/meminfo"))
    memory = f", {int(kilobytes) / 1e6:.0f} GB of memory" if kilobytes else ""
    python = platform.python_version()
    return f"{os.cpu_count()} cores ({model.strip()}){memory}, {platform.system()}, Python {python}"


def write(results: Json, folder: Path = DOCS) -> None:
    """Write the page, its plots and the results themselves below ``folder``."""
    save(results, folder / "benchmarks" / "results.json")
    (folder / "benchmarks.md").write_text(page(results), encoding="utf-8")
    from benchmarks import plots  # noqa: PLC0415 - takes a second to import

    plots.write(series(results), folder / "benchmarks")
    (folder / "benchmarks" / picture.NAME).write_text(beside_others(results), encoding="utf-8")


def beside_others(results: Json) -> str:
    """The picture of the README; empty where not all of it has been measured."""
    parts = results["parts"].get(SIDE_BY_SIDE, {})
    return picture.svg([line for part in parts.values() for line in part["lines"]])


def series(results: Json) -> dict[str, dict[str, list[tuple[float, float]]]]:
    """The plots' points, by plot and peer."""
    parts = results["parts"].get(SIDE_BY_SIDE, {})
    return {name: points for part in parts.values() for name, points in part["series"].items()}


def page(results: Json) -> str:
    """The whole page."""
    parts = results["parts"]
    blocks = [_HEAD.format_map(results)]
    blocks += _limits("The source against its limits", parts.get("source", {}))
    blocks += _side_by_side(results)
    blocks += _limits("The destination against its limits", parts.get("destination", {}))
    blocks += _limits("Everything at once", parts.get("soak", {}))
    blocks += _profiles(parts.get("profile", {}))
    blocks += _taken(parts)
    return "\n".join(blocks)


def _limits(title: str, parts: Mapping[str, Json]) -> Iterator[str]:
    rows = [row for part in parts.values() for row in part["rows"]]
    if not rows:
        return
    yield f"## {title}\n"
    cells = [(row["what"].strip(), row["figure"], row["limit"], _MARKS[row["ok"]], row["note"]) for row in rows]
    yield markdown(("what", "figure", "limit", "", "remark"), cells)


def _side_by_side(results: Json) -> Iterator[str]:
    parts, peers = results["parts"].get(SIDE_BY_SIDE, {}), results["peers"]
    lines = [line for part in parts.values() for line in part["lines"]]
    if not lines:
        return
    yield _PEERS
    yield markdown(("column", "what it is"), [(label, peer["about"]) for label, peer in peers.items()])
    yield _by_peer("", lines, peers)
    for name, caption in PLOTS.items():
        if name in series(results):
            yield f"![{caption}](benchmarks/{name}.svg)\n"
    faults = [line for part in parts.values() for line in part["faults"]]
    if faults:
        yield _FAULTS
        # The bare loop, which takes no part in this, has no column.
        yield _by_peer("fault", faults, [label for label in peers if any(label in x["cells"] for x in faults)])


def _by_peer(title: str, lines: list[Json], labels: Iterable[str]) -> str:
    labels = list(labels)
    return markdown((title, *labels), [(line["what"], *(line["cells"].get(x, "—") for x in labels)) for line in lines])


_PEERS = """\
## Side by side

The same simulated account for all; [When](#when) tells at what time.
Figures are medians of three rounds, in which they take turns;
memory, faults, and the points between the plot's ends are measured once. Lost contacts are added up over the rounds.
A reader that takes long over the contacts is stopped after ten seconds, and judged until its last record.
“—”: it has no such thing.
"""

_FAULTS = """\
### Faults

Each strikes every second request for contacts.
*Whole*: every contact was read, and the exit code is 0.
*Lost in silence*: contacts are missing, and the exit code is 0 nevertheless.
"""

PLOTS = {
    "throughput": "Contacts a second against the time that a page takes",
    "memory": "Peak memory against the number of contacts",
}


_PROFILES = """\
## Where the time goes

Samples of the connectors' stacks while they work as fast as they can (py-spy; the simulator answers at once).
A sample counts for the innermost Python function, what it calls in C (JSON, gzip) included;
threads that wait are left out.
"""


def _profiles(parts: Mapping[str, Json]) -> Iterator[str]:
    profiles = [profile for part in parts.values() for profile in part["profiles"]]
    if profiles:
        yield _PROFILES
    for profile in profiles:
        yield f"### {profile['what'].capitalize()}: {profile['samples']:,} samples\n"
        yield markdown(("part", "share"), [(area, f"{share:.1%}") for area, share in profile["areas"]])
        functions = [(f"`{name}`", f"`{module}`", f"{share:.1%}") for name, module, share in profile["functions"]]
        yield markdown(("function", "in", "share"), functions)


def _taken(parts: Mapping[str, Mapping[str, Json]]) -> Iterator[str]:
    rows = [
        (f"{section}: {part}", entry["taken"], str(entry["load"]))
        for section, entries in parts.items()
        for part, entry in entries.items()
    ]
    yield "## When\n"
    yield "The load is the machine's over the minute before a part began, with what the last one left of it.\n"
    yield markdown(("part", "measured", "load"), rows)


def markdown(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A table."""
    titles = list(head)
    lines = [titles, ["---"] * len(titles), *[list(row) for row in rows]]
    return "".join(f"| {' | '.join(cell.replace('|', '/') for cell in line)} |\n" for line in lines)


def _first(pattern: str, path: Path) -> str | None:
    found = re.search(pattern, path.read_text(encoding="utf-8")) if path.exists() else None
    return found.group(1) if found else None


if __name__ == "__main__":
    write(load(Path(sys.argv[1])) if sys.argv[1:] else load())
    sys.stdout.write(f"{DOCS / 'benchmarks.md'}\n")
