"""Draws the plots of `docs/benchmarks.md` as SVG files that are the same for the same figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib as mpl

mpl.use("svg")

from matplotlib import pyplot as plt
from matplotlib.axes import Axes

Points = Mapping[str, Sequence[tuple[float, float]]]


def write(plots: Mapping[str, Points], folder: Path) -> None:
    """Draw those of ``plots`` of which there are figures, into ``folder``."""
    # Text stays text, and names of shapes don't depend on chance.
    mpl.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "benchmarks", "font.size": 10})
    if "throughput" in plots:
        _draw(plots["throughput"], folder / "throughput.svg", "seconds that Mailchimp takes for a page", "contacts/s")
    if "memory" in plots:
        _draw(plots["memory"], folder / "memory.svg", "contacts in the audience", "peak memory, MB", log_x=True)


def _draw(points: Points, path: Path, x: str, y: str, *, log_x: bool = False) -> None:
    figure, axes = plt.subplots(figsize=(7, 3.6))
    assert isinstance(axes, Axes)
    for label, line in points.items():
        axes.plot([at for at, _ in line], [value for _, value in line], marker="o", label=label)
    if log_x:
        axes.set_xscale("log")
        axes.set_ylim(bottom=0)
    else:
        axes.set_yscale("log")
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.grid(visible=True, alpha=0.3)
    axes.legend(fontsize=8)
    figure.tight_layout()
    figure.savefig(path, format="svg", metadata={"Date": None, "Creator": None})
    plt.close(figure)
    # Trailing blanks are the library's habit, not ours.
    lines = path.read_text(encoding="utf-8").splitlines()
    path.write_text("\n".join(line.rstrip() for line in lines) + "\n", encoding="utf-8")
