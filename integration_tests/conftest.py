"""One simulator for each module's tests, and the source set up for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from integration_tests.harness.source import SourceHarness, simulated_source
from mailchimp_simulator.client import SimulatorProcess

Json = dict[str, Any]


@pytest.fixture(scope="session")
def make_source() -> Callable[[Json, Path], AbstractContextManager[SourceHarness]]:
    """Makes a simulated account of its own and a source for it, for as long as a block runs."""
    return simulated_source


@pytest.fixture(scope="session")
def make_runner() -> type[SourceHarness]:
    """Sets the source up for a simulator that runs."""
    return SourceHarness


@pytest.fixture(scope="module")
def account() -> Json:
    """The options of the module's simulator; a module that needs another account has a fixture of this name."""
    return {"contacts": 240, "campaigns": 8, "recipients": 30, "import_size": 50}


@pytest.fixture(scope="module")
def simulator_process(account: Json) -> Iterator[SimulatorProcess]:
    """One simulator for a module's tests."""
    with SimulatorProcess(**account) as running:
        yield running


@pytest.fixture
def simulator(simulator_process: SimulatorProcess) -> SimulatorProcess:
    """The simulated account as it was seeded, without faults, changes and counts."""
    simulator_process.control.reset()
    return simulator_process


@pytest.fixture
def config(simulator: SimulatorProcess) -> Json:
    """The way into the simulated account."""
    return {"credentials": {"auth_type": "apikey", "apikey": simulator.api_key}, "api_url": simulator.base_url}


@pytest.fixture
def source(simulator: SimulatorProcess, tmp_path: Path) -> SourceHarness:
    """The source, set up for the simulated account."""
    return SourceHarness(simulator, tmp_path)
