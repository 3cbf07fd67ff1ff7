"""One simulator for all tests of the simulator, as it was seeded at the start of each of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import requests

from mailchimp_simulator.client import Simulator, SimulatorProcess

NOW = "2026-06-01T12:00:00+00:00"


class Api:
    """Plain requests to a simulator."""

    def __init__(self, simulator: Simulator, key: str | None = None) -> None:
        self.simulator = simulator
        self.session = requests.Session()
        self.session.auth = ("anystring", key or simulator.api_key)

    def call(self, method: str, path: str, **options: Any) -> requests.Response:
        return self.session.request(method, self.simulator.api_url + path, timeout=30, **options)

    def get(self, path: str, **query: Any) -> Any:
        response = self.call("GET", path, params=query)
        assert response.status_code == 200, response.text
        return response.json()

    def problem(self, method: str, path: str, **options: Any) -> Any:
        response = self.call(method, path, **options)
        assert response.headers["content-type"].startswith("application/problem+json"), response.text
        problem = response.json()
        assert problem["status"] == response.status_code
        return problem

    def lists(self) -> list[str]:
        return [row["id"] for row in self.get("/lists", count=1000)["lists"]]


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
