"""A small simulated account, and ``make test-live`` set up for it."""

from __future__ import annotations

import pytest

from integration_tests.harness.live import Json, Live
from mailchimp_simulator.client import SimulatorProcess


@pytest.fixture(scope="module")
def account() -> Json:
    """A small account: what is read here is held to nothing that takes many rows."""
    return {"contacts": 160, "campaigns": 8, "recipients": 5, "import_size": 20}


@pytest.fixture
def live(simulator: SimulatorProcess) -> Live:
    """``make test-live``, set up to write to an audience of the simulated account."""
    return Live(simulator)
