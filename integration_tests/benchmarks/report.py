"""Makes `docs/benchmarks.md` and its plots of `docs/benchmarks/results.json`; nothing in them is typed by hand.

`python -m benchmarks.report` makes them anew from the results that are there; a run of the benchmarks does so too.
"""

from __future__ import annotations

import json
import os
import platform
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

Json = dict[str, Any]

DOCS = Path(__file__).resolve().parents[2] / "docs"
RESULTS = DOCS / "benchmarks" / "results.json"
_MARKS = {True: "kept", False: "**missed**", None: ""}

_HEAD = """\
# Benchmarks

This page is made by `make bench`, from the figures that it measured. Do not edit it.

The simulator (`integration_tests/mailchimp_simulator`) runs in a process of its own on the same machine:
figures without latency are the machine's, shared with it, rather than Mailchimp's.
A page is 1000 rows. Seconds and microseconds are without start-up unless they are called so.
A missed limit stays in the table.

{machine}
"""


def load(path: Path = RESULTS) -> Json:
    """The results so far, by section and part."""
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def note(results: Json, section: str, part: str, content: Json) -> None:
    """Put what a part has measured in the place of what it measured before."""
    taken = datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M UTC")
    entry = {"taken": taken, "load": round(os.getloadavg()[0], 1), **content}
    results.setdefault(section, {})[part] = entry
    results["machine"] = machine()


def machine() -> str:
    """What the figures were measured on, in words."""
    model = _first(r"model name\s*: (.+)", Path("/proc/cpuinfo")) or platform.processor() or platform.machine()
    kilobytes = _first(r"MemTotal:\s*(\d+)", Path("/proc/meminfo"))
    memory = f", {int(kilobytes) / 1e6:.0f} GB of memory" if kilobytes else ""
    python = platform.python_version()
    return f"{os.cpu_count()} cores ({model.strip()}){memory}, {platform.system()}, Python {python}"


def write(results: Json, folder: Path = DOCS) -> None:
    """Write the page, its plots and the results themselves below ``folder``."""
    target = folder / "benchmarks"
    target.mkdir(parents=True, exist_ok=True)
    (target / "results.json").write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    (folder / "benchmarks.md").write_text(page(results), encoding="utf-8")
    from benchmarks import plots  # noqa: PLC0415 - takes a second to import

    plots.write(series(results), target)


def series(results: Json) -> dict[str, dict[str, list[tuple[float, float]]]]:
    """The plots' points, by plot and peer."""
    return {
        name: points for part in results.get("side by side", {}).values() for name, points in part["series"].items()
    }


def page(results: Json) -> str:
    """The whole page."""
    blocks = [_HEAD.format(machine=f"Measured on {results.get('machine', 'nothing yet')}.")]
    blocks += _limits("The source against its limits", "make bench", results.get("source", {}))
    blocks += _side_by_side(results)
    blocks += _limits("The destination against its limits", "make bench", results.get("destination", {}))
    blocks += _taken(results)
    return "\n".join(blocks)


def _limits(title: str, command: str, parts: Mapping[str, Json]) -> Iterator[str]:
    rows = [row for part in parts.values() for row in part["rows"]]
    if not rows:
        return
    yield f"## {title}\n\n`{command}`\n"
    cells = [(row["what"].strip(), row["figure"], row["limit"], _MARKS[row["ok"]], row["note"]) for row in rows]
    yield markdown(("what", "figure", "limit", "", "remark"), cells)


def _side_by_side(results: Json) -> Iterator[str]:
    parts = results.get("side by side", {})
    lines = [line for part in parts.values() for line in part["lines"]]
    if not lines:
        return
    yield _PEERS
    yield _by_peer("", lines)
    for name, caption in PLOTS.items():
        if name in series(results):
            yield f"![{caption}](benchmarks/{name}.svg)\n"
    faults = [line for part in parts.values() for line in part["faults"]]
    if faults:
        yield _FAULTS
        yield _by_peer("fault", faults)


def _by_peer(title: str, lines: list[Json]) -> str:
    labels = list(lines[0]["cells"])
    return markdown((title, *labels), [(line["what"], *(line["cells"].get(x, "—") for x in labels)) for line in lines])


_PEERS = """\
## Side by side

`make bench`

Airbyte's is its official connector: the manifest of `airbyte-source-mailchimp` 2.0.37,
run by `source-declarative-manifest` of airbyte-cdk 7.39.1 with 6 workers, as its newer versions have, and with 10.
Singer's is `tap-mailchimp` 1.3.3;
it gets email activity from Mailchimp's batch queue, which the simulator does not play.
The bare loop is requests and orjson, one page after the other, without state, checks or retries:
a floor, not a connector.
Each runs in an environment of its own.
A reader that takes long over the 50,000 contacts is stopped after some seconds, and judged by what it has read.
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


def _taken(results: Json) -> Iterator[str]:
    rows = [
        (f"{section}: {part}", entry["taken"], str(entry["load"]))
        for section, parts in results.items()
        if isinstance(parts, dict)
        for part, entry in parts.items()
    ]
    yield "## When\n\nThe load is the machine's over the last minute of the part, two processes of its own included.\n"
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
    write(load())
    sys.stdout.write(f"{DOCS / 'benchmarks.md'}\n")
