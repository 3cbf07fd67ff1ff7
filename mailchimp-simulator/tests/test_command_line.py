"""The command `mailchimp-simulator`, as somebody meets it who has only installed the package."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from mailchimp_simulator.client import ControlError, Simulator
from mailchimp_simulator.settings import readings

PACKAGE = Path(__file__).resolve().parents[1]
COMMAND = Path(sys.executable).with_name("mailchimp-simulator")


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([COMMAND, *arguments], capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["--now", "yesterday"], "argument --now: not a date: 'yesterday'"),
        (["--contacts", "-5"], "argument --contacts: not a whole number of 0 or more: -5"),
        (["--fact", "nonsense=1"], "no such fact: nonsense; there are ['archived_in_create'"),
        (["--fact", "tie_order=odd"], "tie_order is one of ['shuffled', 'stable'], not odd"),
    ],
)
def test_a_mistake_is_said_in_a_line(arguments: list[str], words: str) -> None:
    ended = run(*arguments)

    assert ended.returncode == 2
    assert words in ended.stderr.splitlines()[-1]
    assert "Traceback" not in ended.stderr


def test_a_port_that_is_taken_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ended = run("--port", str(port))

    assert ended.returncode == 2
    assert str(port) in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_it_ends_quietly(sent: signal.Signals) -> None:
    with subprocess.Popen([COMMAND], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith('{"port":')
        process.send_signal(sent)
        _, errors = process.communicate(timeout=10)

    assert errors == ""


def test_the_readme_names_every_option() -> None:
    offered = set(re.findall(r"--[a-z-]+", run("--help").stdout)) - {"--help", "--version", "--host", "--port"}
    readme = (PACKAGE / "README.md").read_text(encoding="utf-8")
    listed = readme[readme.index("`--help` lists the options") : readme.index("From Python:")]

    assert {name for name in offered if name not in listed} == set()


def test_the_version_is_told() -> None:
    assert re.fullmatch(r"mailchimp-simulator \d+\.\d+\.\d+\n", run("--version").stdout)


@pytest.mark.parametrize("name, values", readings().items())
def test_every_reading_of_a_fact_can_be_chosen_and_no_other(
    simulator: Simulator, name: str, values: tuple[bool | str, ...]
) -> None:
    for value in values:
        assert simulator.control.facts(**{name: value})[name] == value

    with pytest.raises(ControlError, match=f"{name} is one of"):
        simulator.control.facts(**{name: "nonsense"})
