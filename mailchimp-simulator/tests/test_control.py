"""The control endpoint: the README has a row for each command, the client a method, and a refusal says why."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import requests

from mailchimp_simulator.client import Control, ControlError, Simulator
from mailchimp_simulator.server.control.endpoint import Control as Endpoint
from mailchimp_simulator.server.simulation import Simulation
from mailchimp_simulator.settings import Settings

README = Path(__file__).resolve().parents[1] / "README.md"
COMMANDS = sorted(Endpoint(Simulation(Settings())).commands)


@pytest.mark.parametrize("command", COMMANDS)
def test_the_readme_describes_each_command(command: str) -> None:
    text = README.read_text()

    assert f"`{command}`" in text[text.index("## Control") : text.index("### Open facts")]


@pytest.mark.parametrize("command", COMMANDS)
def test_the_client_has_a_method_for_each_command(command: str) -> None:
    assert callable(getattr(Control, command, None))


def test_the_endpoint_lists_its_commands(simulator: Simulator) -> None:
    commands = requests.get(f"{simulator.base_url}/__control__/", timeout=10).json()["commands"]

    assert sorted(commands) == COMMANDS
    assert commands["reset"] == "All as it was at the start: row counts, clock, users and facts too."


@pytest.mark.parametrize(
    "command, arguments, words",
    [
        ("nonsense", {}, "no such command; there are: ['add_events'"),
        ("fault", {"kind": "nonsense"}, "kind must be one of"),
        (
            "fault",
            {"kind": "reset", "path": "/campaigns/*/feedback"},
            "no request has this path: /campaigns/*",
        ),
        ("fault", {"kind": "reset", "path": "/lists/{id}"}, "no request has this path: /lists/{id}"),
        ("latency", {"seconds": 1, "path": "/nowhere"}, "no request has this path: /nowhere"),
        ("set", {}, "missing or unknown: 'path'"),
        ("unlist", {"list_id": "x"}, "no such audience: x"),
        ("ground_truth", {"path": "/nowhere"}, "no such collection: /nowhere"),
        ("ground_truth", {"path": "/lists", "detail": "all"}, "detail must be one of"),
        ("rows", {"/nowhere": 1}, "no such collections: ['/nowhere']"),
    ],
)
def test_a_refused_command_says_why(simulator: Simulator, command: str, arguments: object, words: str) -> None:
    with pytest.raises(ControlError, match=re.escape(words)):
        simulator.control.send(command, arguments)  # type: ignore[arg-type]
