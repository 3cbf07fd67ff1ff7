"""``make test-live`` against the simulator, and how the simulated account is prepared for it."""

from __future__ import annotations

import io
from contextlib import redirect_stdout
from dataclasses import dataclass
from typing import Any

import requests

from mailchimp_simulator.client import MEMBERS, SimulatorProcess
from probes.run import PROBES, main

Json = dict[str, Any]
DOMAIN = "tests.example.org"


@dataclass
class Live:
    """Runs ``make test-live`` on the simulator, in this process."""

    simulator: SimulatorProcess
    output: str = ""

    @property
    def list_id(self) -> str:
        """An audience with a field of each type."""
        key: str = self.simulator.control.ground_truth("/lists", "keys")["keys"][1][0]
        return key

    def environment(self, **more: str | None) -> dict[str, str]:
        """What is set in the environment; None takes a variable away."""
        variables = {
            "MAILCHIMP_API_KEY": self.simulator.api_key,
            "MAILCHIMP_API_URL": self.simulator.base_url,
            "MAILCHIMP_LIST_ID": self.list_id,
            "MAILCHIMP_TEST_DOMAIN": DOMAIN,
            "MAILCHIMP_TEST_PAUSE": "0.01",
            **more,
        }
        return {name: value for name, value in variables.items() if value is not None}

    def run(self, *arguments: str, **more: str | None) -> int:
        """The exit code; what was printed is in ``output``."""
        with redirect_stdout(io.StringIO()) as shown:
            code = main(arguments, self.environment(**more))
        self.output = shown.getvalue()
        return code

    def readings(self) -> dict[str, str]:
        """What was said of each fact."""
        facts = {probe.fact for probe in PROBES}
        lines = [line.split(maxsplit=1) for line in self.output.splitlines()]
        return {line[0]: line[1] for line in lines if line and line[0] in facts}

    def prepare_choices(self) -> None:
        """Give the audience a category of which people choose one group, and a birthday field with the day first."""
        path = f"{self.simulator.api_url}/lists/{self.list_id}"
        key = ("any", self.simulator.api_key)
        category = {"title": "Frequency", "type": "radio"}
        made = requests.post(f"{path}/interest-categories", json=category, auth=key, timeout=10).json()["id"]
        for name in ("daily", "weekly"):
            interests = f"{path}/interest-categories/{made}/interests"
            assert requests.post(interests, json={"name": name}, auth=key, timeout=10).ok
        fields = requests.get(f"{path}/merge-fields?count=100", auth=key, timeout=10).json()["merge_fields"]
        [number] = [field["merge_id"] for field in fields if field["type"] == "birthday"]
        options = {"name": "Birthday", "options": {"date_format": "DD/MM"}}
        assert requests.patch(f"{path}/merge-fields/{number}", json=options, auth=key, timeout=10).ok

    def account(self) -> list[Any]:
        """All that a probe could have touched: contacts with status and date, segments and tags, merge fields."""
        control = self.simulator.control
        below = ("/lists/{list_id}/segments", "/lists/{list_id}/merge-fields")
        return [control.ground_truth(MEMBERS, "keys"), *(control.ground_truth(path, "rows") for path in below)]
