"""Keeps each part's figures in `docs/benchmarks/figures/`, and makes `docs/benchmarks.md` and its plots of all of them.

`python -m benchmarks.report` makes the page and the plots anew; nothing in them is typed by hand.
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
FIGURES = DOCS / "benchmarks" / "figures"
PEERS = DOCS / "benchmarks" / "peers.json"
SOURCE, SIDE_BY_SIDE, DESTINATION, SOAK, PROFILE = "source", "side by side", "destination", "soak", "profile"
# The sections of the page and their parts, in its order.
SECTIONS: Mapping[str, tuple[str, ...]] = {
    SOURCE: (
        "start",
        "connections",
        "streams",
        "broken",
        "cpu",
        "memory",
        "look-back",
        "per-contact",
        "activity",
        "requests",
    ),
    SIDE_BY_SIDE: ("contacts", "small", "email", "asked-again", "drift", "faults", "memory-by-size"),
    DESTINATION: ("calls", "waits", "many"),
    SOAK: (SOAK,),
    PROFILE: (PROFILE,),
}
_CONNECTORS = ("mailchimp-api", "source-mailchimp", "destination-mailchimp")
_MARKS = {True: "kept", False: "**missed**", None: ""}

_HEAD = """\
# Benchmarks

This page is made by `make bench`, from the figures that it measured. Do not edit it.
Each part can be measured by itself, so each table says of which day and commit its figures are:
the last commit that had changed the connectors, with a `+` where files differed from it.

The simulator (`mailchimp-simulator`) runs in a process of its own on the same machine:
figures without latency are the machine's, shared with it, rather than Mailchimp's.
A page is 1000 rows; a megabyte is a million bytes. Seconds and microseconds are without start-up unless it says so.
Connections in use are counted from the first page's answer to the last request's start.
A missed limit stays in the table.

Measured on {machines}.
"""


def load(folder: Path = FIGURES) -> dict[str, Json]:
    """What ``keep`` has kept in ``folder``, by part, in the order of the page."""
    paths = {part: folder / f"{part}.json" for parts in SECTIONS.values() for part in parts}
    return {part: json.loads(path.read_text(encoding="utf-8")) for part, path in paths.items() if path.exists()}


def keep(part: str, content: Json, folder: Path = FIGURES) -> None:
    """Put what ``part`` has measured just now in the place of what it measured before.

    ``content``: `rows` (those of a Row), `profiles`, or `lines`, `series` and `faults` (side by side), and the `load`.
    """
    taken = datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M UTC")
    _save({"taken": taken, "commit": commit(), "machine": machine(), **content}, folder / f"{part}.json")


def load_peers() -> Json:
    """Who takes part side by side, by label: `about` (a sentence) and `installed` (packages)."""
    peers: Json = json.loads(PEERS.read_text(encoding="utf-8"))
    return peers


def keep_peers(peers: Json) -> None:
    """Keep what ``load_peers`` gives."""
    _save(peers, PEERS)


def _save(content: Json, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


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


def write() -> None:
    """Write the page and its plots."""
    figures = load()
    (DOCS / "benchmarks.md").write_text(page(figures, load_peers()), encoding="utf-8")
    from benchmarks import plots  # noqa: PLC0415 - takes a second to import

    plots.write(series(figures), DOCS / "benchmarks")
    (DOCS / "benchmarks" / picture.NAME).write_text(beside_others(figures), encoding="utf-8")


def beside_others(figures: Mapping[str, Json]) -> str:
    """The picture of the README; empty where not all of it has been measured."""
    return picture.svg([line for entry in _section(SIDE_BY_SIDE, figures).values() for line in entry["lines"]])


def series(figures: Mapping[str, Json]) -> dict[str, dict[str, list[tuple[float, float]]]]:
    """The plots' points, by plot and peer."""
    entries = _section(SIDE_BY_SIDE, figures).values()
    return {name: points for entry in entries for name, points in entry["series"].items()}


def page(figures: Mapping[str, Json], peers: Json) -> str:
    """The whole page."""
    machines = dict.fromkeys(entry["machine"] for entry in figures.values())
    blocks = [_HEAD.format(machines="; ".join(machines))]
    blocks += _limits("The source against its limits", _section(SOURCE, figures))
    blocks += _side_by_side(_section(SIDE_BY_SIDE, figures), peers)
    blocks += _limits("The destination against its limits", _section(DESTINATION, figures))
    blocks += _limits("Everything at once", _section(SOAK, figures))
    blocks += _profiles(_section(PROFILE, figures))
    blocks += _taken(figures)
    return "\n".join(blocks)


def _section(section: str, figures: Mapping[str, Json]) -> dict[str, Json]:
    return {part: figures[part] for part in SECTIONS[section] if part in figures}


def _when(entry: Json) -> str:
    """Day and commit."""
    return f"{entry['taken'].split()[0]}, {entry['commit']}"


def _limits(title: str, parts: Mapping[str, Json]) -> Iterator[str]:
    if parts:
        yield f"## {title}\n"
    for part, entry in parts.items():
        yield f"`{part}`: {_when(entry)}\n"
        rows = entry["rows"]
        cells = [(row["what"].strip(), row["figure"], row["limit"], _MARKS[row["ok"]], row["note"]) for row in rows]
        yield markdown(("what", "figure", "limit", "", "remark"), cells)


def _side_by_side(parts: Mapping[str, Json], peers: Json) -> Iterator[str]:
    lines = [(line, _when(entry)) for entry in parts.values() for line in entry["lines"]]
    if not lines:
        return
    yield _PEERS
    yield markdown(("column", "what it is"), [(label, peer["about"]) for label, peer in peers.items()])
    yield _by_peer("", lines, peers)
    for name, caption in PLOTS.items():
        if any(name in entry["series"] for entry in parts.values()):
            yield f"![{caption}](benchmarks/{name}.svg)\n"
    faults = [(line, _when(entry)) for entry in parts.values() for line in entry["faults"]]
    if faults:
        yield _FAULTS
        # The bare loop, which takes no part in this, has no column.
        yield _by_peer("fault", faults, [label for label in peers if any(label in x["cells"] for x, _ in faults)])


def _by_peer(title: str, lines: list[tuple[Json, str]], labels: Iterable[str]) -> str:
    labels = list(labels)
    rows = [(line["what"], *(line["cells"].get(x, "—") for x in labels), when) for line, when in lines]
    return markdown((title, *labels, "measured"), rows)


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

Each applies to every second request for contacts.
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
    profiles = [(profile, _when(entry)) for entry in parts.values() for profile in entry["profiles"]]
    if profiles:
        yield _PROFILES
    for profile, when in profiles:
        yield f"### {profile['what'].capitalize()}: {profile['samples']:,} samples\n"
        yield f"{when}\n"
        yield markdown(("part", "share"), [(area, f"{share:.1%}") for area, share in profile["areas"]])
        functions = [(f"`{name}`", f"`{module}`", f"{share:.1%}") for name, module, share in profile["functions"]]
        yield markdown(("function", "in", "share"), functions)


def _taken(figures: Mapping[str, Json]) -> Iterator[str]:
    yield "## When\n"
    yield "The load is the machine's over the minute before a part began, with what the last one left of it.\n"
    rows = [
        (f"{section}: {part}", entry["taken"], entry["commit"], str(entry["load"]))
        for section in SECTIONS
        for part, entry in _section(section, figures).items()
    ]
    yield markdown(("part", "measured", "commit", "load"), rows)


def markdown(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A table."""
    titles = list(head)
    lines = [titles, ["---"] * len(titles), *[list(row) for row in rows]]
    return "".join(f"| {' | '.join(cell.replace('|', '/') for cell in line)} |\n" for line in lines)


def _first(pattern: str, path: Path) -> str | None:
    found = re.search(pattern, path.read_text(encoding="utf-8")) if path.exists() else None
    return found.group(1) if found else None


if __name__ == "__main__":
    write()
    sys.stdout.write(f"{DOCS / 'benchmarks.md'}\n")
