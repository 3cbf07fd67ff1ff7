"""The first audience of a simulated account, and the destination set up to write to it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from integration_tests.harness.destination import DestinationHarness
from mailchimp_simulator.client import SimulatorProcess


@pytest.fixture(scope="module")
def simulator() -> Iterator[SimulatorProcess]:
    """A simulated account, one for each module of tests."""
    with SimulatorProcess(contacts=600, audiences=2, campaigns=2) as running:
        yield running


@pytest.fixture
def destination(simulator: SimulatorProcess, tmp_path: Path) -> DestinationHarness:
    """The account as it was seeded, and its first audience."""
    simulator.control.reset()
    return DestinationHarness(simulator, tmp_path)
