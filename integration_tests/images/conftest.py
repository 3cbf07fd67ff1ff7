"""The images that ``make images`` has built, run against a simulated account on this machine's loopback."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from integration_tests.harness import Container
from integration_tests.harness.repository import version_of
from mailchimp_simulator.client import SimulatorProcess

Json = dict[str, Any]


def image_name(connector: str) -> str:
    """The name that ``make images`` gives a connector's image."""
    prefix = os.environ.get("IMAGE_PREFIX", "mailchimp-connectors")
    return f"{prefix}/{connector}:{version_of(connector)}"


@pytest.fixture(scope="session")
def image_of() -> Callable[[str], str]:
    """Names a connector's image."""
    return image_name


@pytest.fixture(scope="session")
def docker() -> Callable[..., str]:
    """Runs the engine's command line; returns what it prints."""

    def call(*arguments: str) -> str:
        command = [os.environ.get("DOCKER", "docker"), *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True, timeout=120).stdout

    return call


@pytest.fixture(scope="session")
def settings_of(docker: Callable[..., str]) -> Callable[[str], Json]:
    """What an image says of itself."""

    def inspect(connector: str) -> Json:
        [settings] = json.loads(docker("image", "inspect", image_name(connector)))
        found: Json = settings
        return found

    return inspect


@pytest.fixture
def source(tmp_path: Path) -> Container:
    """The source's image, run under the strictest settings."""
    return Container(image_name("source-mailchimp"), tmp_path / "source")


@pytest.fixture
def destination(tmp_path: Path) -> Container:
    """The destination's image, run under the strictest settings."""
    return Container(image_name("destination-mailchimp"), tmp_path / "destination")


@pytest.fixture(scope="module")
def running_simulator() -> Iterator[SimulatorProcess]:
    """One simulator for the tests of a module."""
    with SimulatorProcess(contacts=3000, audiences=2, campaigns=10, recipients=50, stores=1) as running:
        yield running


@pytest.fixture
def simulator(running_simulator: SimulatorProcess) -> SimulatorProcess:
    """The simulated account as it was seeded."""
    running_simulator.control.reset()
    return running_simulator


@pytest.fixture
def config(simulator: SimulatorProcess) -> Json:
    """What both connectors need to reach the account."""
    credentials = {"auth_type": "apikey", "apikey": simulator.api_key}
    return {"credentials": credentials, "api_url": simulator.base_url}


@pytest.fixture
def measured(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Notes a measurement; all of them are printed at the end, passed or not."""
    properties: list[tuple[str, object]] = request.node.user_properties

    def note(text: str) -> None:
        # Tests may run in several processes: what a report carries gets to the one that prints.
        properties.append(("measured", text))

    return note


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print what was measured."""
    reports = [report for kind in ("passed", "failed") for report in terminalreporter.getreports(kind)]
    notes = [
        value for report in reports for name, value in getattr(report, "user_properties", []) if name == "measured"
    ]
    if notes:
        terminalreporter.section("measured")
        for note in dict.fromkeys(notes):
            terminalreporter.write_line(note)
