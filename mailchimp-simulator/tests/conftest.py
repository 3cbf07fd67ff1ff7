"""One simulator for all tests of the simulator, as it was seeded at the start of each of them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from mailchimp_simulator.client import Simulator, SimulatorProcess
from tests.api import Api

NOW = "2026-06-01T12:00:00+00:00"


@pytest.fixture(scope="session")
def process() -> Iterator[SimulatorProcess]:
    with SimulatorProcess(contacts=600, audiences=3, campaigns=20, recipients=60, now=NOW) as simulator:
        yield simulator


@pytest.fixture
def simulator(process: SimulatorProcess) -> Iterator[Simulator]:
    process.control.reset()
    yield process
    assert process.control.stats()["own_errors"] == 0


@pytest.fixture
def api(simulator: Simulator) -> Iterator[Api]:
    made = Api(simulator)
    yield made
    made.session.close()


@pytest.fixture
def list_id(api: Api) -> str:
    return api.lists()[0]
