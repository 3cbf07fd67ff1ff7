"""Fixtures for pytest, there in every project that installs this package.

`mailchimp` is a running simulator, as it was seeded at the start of each test. A project that needs another account
has a session fixture `mailchimp_options` of its own, which gives the options of the command line.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mailchimp_simulator.client import SimulatorProcess


@pytest.fixture(scope="session")
def mailchimp_options() -> dict[str, Any]:
    """The options of the simulator, such as `{"contacts": 5000, "all_sent": True}`."""
    return {}


@pytest.fixture(scope="session")
def mailchimp_process(mailchimp_options: dict[str, Any]) -> Iterator[SimulatorProcess]:
    """One simulator for all tests, in a process of its own."""
    from mailchimp_simulator.client import SimulatorProcess  # noqa: PLC0415 -- only where somebody asks for it

    with SimulatorProcess(**mailchimp_options) as running:
        yield running


@pytest.fixture
def mailchimp(mailchimp_process: SimulatorProcess) -> SimulatorProcess:
    """The simulated account without changes, faults and counts: `api_url`, `api_key`, `control`."""
    mailchimp_process.control.reset()
    return mailchimp_process
