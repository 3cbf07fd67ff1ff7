"""Draws the README's picture: how fast the readers are, and what they lose, by the figures of the last run."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

Json = dict[str, Any]

NAME = "beside-others.svg"
_READERS = {
    "this connector": "this connector",
    "Airbyte's, 10 workers": "Airbyte's own",
    "Singer's tap-mailchimp": "Singer's tap",
}
# The lines of the results, and what the picture calls them; which way is better shows in the colour.
_PANELS = {
    "contacts a second, 500 ms + 1 ms a row": ("contacts a second", "pages of 1000 that take 1.5 s"),
    "contacts lost while others change (two syncs)": ("contacts lost", "while others change, two syncs"),
    "faults survived without loss": ("faults survived", "503, 504, 429, cut answers …"),
}
_PANEL, _LABEL, _BAR, _ROW, _TOP = 280, 100, 105, 26, 58
_GOOD, _OTHER = "#2f7d4f", "#9aa5b1"
_STYLE = (
    "text{font:13px system-ui,sans-serif;fill:#24292f}.title{font-weight:600;font-size:14px}"
    ".small{fill:#57606a;font-size:11px}"
)


def svg(lines: list[Json]) -> str:
    """The picture of ``lines``, those of the side-by-side run; empty where one of them is missing."""
    cells = {line["what"]: line["cells"] for line in lines}
    if not cells.keys() >= _PANELS.keys():
        return ""
    width, height = _PANEL * len(_PANELS), _TOP + _ROW * len(_READERS) + 12
    drawn = "\n".join(part for at, what in enumerate(_PANELS) for part in _panel(at * _PANEL, what, cells[what]))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}">\n'
        f'<style>{_STYLE}</style><rect width="{width}" height="{height}" fill="#fff"/>\n{drawn}\n</svg>\n'
    )


def _panel(left: int, what: str, cells: Mapping[str, str]) -> Iterator[str]:
    title, about = _PANELS[what]
    yield f'<text class="title" x="{left + 12}" y="24">{title}</text>'
    yield f'<text class="small" x="{left + 12}" y="41">{escape(about)}</text>'
    figures = {reader: _number(cells[reader]) for reader in _READERS}
    most = max(figures.values()) or 1
    for row, (reader, label) in enumerate(_READERS.items()):
        y = _TOP + row * _ROW
        length = max(2, round(_BAR * figures[reader] / most))
        colour = _GOOD if reader == "this connector" else _OTHER
        yield f'<text x="{left + 12}" y="{y + 14}">{escape(label)}</text>'
        yield f'<rect x="{left + 12 + _LABEL}" y="{y + 2}" width="{length}" height="16" rx="2" fill="{colour}"/>'
        figure = escape(_shown(cells[reader]))
        yield f'<text class="small" x="{left + 18 + _LABEL + length}" y="{y + 14}">{figure}</text>'


def _number(cell: str) -> float:
    """The first number of a cell: 4,104 or the 55 of "55 of 15,089"."""
    found = re.match(r"[\d,.]+", cell)
    return float(found[0].replace(",", "")) if found else 0.0


def _shown(cell: str) -> str:
    return cell if " of 10" in cell else cell.partition(" of ")[0]
