"""Both connectors, while everything changes and fails at once: nobody is changed unasked, nothing is lost."""

from __future__ import annotations

import pytest

from benchmarks.soak import soak


@pytest.mark.nightly
@pytest.mark.timeout(600)
@pytest.mark.parametrize("seed", [1, 2])
def test_a_short_soak_keeps_all_its_limits(seed: int) -> None:
    """``make soak`` goes on for an hour."""
    minutes = 2.0
    figures = soak(minutes, seed)
    rows = list(figures.rows(minutes))

    assert figures.rounds > 3
    assert figures.faults > 20
    assert [(row.what, row.figure, row.note) for row in rows if not row.ok] == []
