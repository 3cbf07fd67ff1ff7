"""The results of a run: rows with a figure and, where there is one, a limit; how they look in a terminal."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Row:
    """One figure. ``ok`` is None where there is no limit to keep."""

    what: str
    figure: str
    limit: str = ""
    ok: bool | None = None
    note: str = ""

    def to_json(self) -> dict[str, Any]:
        """For the file that the documents are made of."""
        return asdict(self)


def checked(what: str, value: float, limit: float, unit: str, *, at_least: bool = False, note: str = "") -> Row:
    """A row with a limit that ``value`` must not exceed (or, with ``at_least``, fall below)."""
    ok = value >= limit if at_least else value <= limit
    sign = "≥" if at_least else "≤"
    return Row(what, f"{number(value)} {unit}".strip(), f"{sign} {number(limit)} {unit}".strip(), ok, note)


def judged(what: str, figure: str, limit: str) -> Row:
    """A row whose figure and limit (`≤ 1.15, start-up aside`) are texts that begin with numbers."""
    most = re.match(r"≤ ([\d.,]*\d)", limit)
    value = re.match(r"[\d.,]*\d", figure)
    ok = float(value[0].replace(",", "")) <= float(most[1].replace(",", "")) if most and value else None
    return Row(what, figure, limit, ok)


def number(value: float) -> str:
    """Three digits that matter, thousands separated."""
    if value == int(value) and abs(value) < 1e15:  # noqa: PLR2004 - beyond that floats have no units
        return f"{int(value):,}"
    digits = 2 if abs(value) < 10 else 1 if abs(value) < 100 else 0  # noqa: PLR2004
    return f"{value:,.{digits}f}"


def text_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of left-aligned columns for a terminal."""
    cells = [list(head), *[list(row) for row in rows]]
    widths = [max(len(row[column]) for row in cells) for column in range(len(head))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells]
    return "\n".join([lines[0], "  ".join("─" * width for width in widths), *lines[1:]])


def limits_table(rows: Iterable[Row]) -> str:
    """The table of rows with limits."""
    marks = {True: "ok", False: "TOO MUCH", None: ""}
    return text_table(
        ("measured", "figure", "limit", "", "note"),
        [(row.what, row.figure, row.limit, marks[row.ok], row.note) for row in rows],
    )
