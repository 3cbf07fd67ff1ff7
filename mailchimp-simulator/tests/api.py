"""Plain requests to a simulator, as any client of Mailchimp makes them."""

from __future__ import annotations

from typing import Any

import requests

from mailchimp_simulator.client import Simulator


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
