"""The examples run: against the simulator where they can, and else by what they name."""

from __future__ import annotations

import importlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import duckdb
import pytest
import yaml

from integration_tests.harness.repository import CONNECTORS, ROOT, version_of
from mailchimp_simulator.client import SimulatorProcess, wait_until

Json = dict[str, Any]
EXAMPLES = ROOT / "examples"
BIN = Path(sys.executable).parent
COMPOSE = yaml.safe_load((EXAMPLES / "docker-compose" / "compose.yaml").read_text(encoding="utf-8"))
ACTIONS = yaml.safe_load((EXAMPLES / "github-actions" / "sync.yml").read_text(encoding="utf-8"))
CRONJOB = list(yaml.safe_load_all((EXAMPLES / "kubernetes" / "cronjob.yaml").read_text(encoding="utf-8")))[1]
POD = CRONJOB["spec"]["jobTemplate"]["spec"]["template"]["spec"]
RELEASE = yaml.safe_load((ROOT / ".github" / "workflows" / "release.yml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def simulator() -> Iterator[SimulatorProcess]:
    """The second audience has no contacts."""
    with SimulatorProcess(contacts=60, audiences=3, campaigns=4, recipients=10) as running:
        yield running


@pytest.fixture
def account(simulator: SimulatorProcess) -> dict[str, str]:
    """The environment that the examples read, and an account as it was at first."""
    simulator.control.reset()
    return {
        **os.environ,
        "MAILCHIMP_API_KEY": simulator.api_key,
        "MAILCHIMP_API_URL": simulator.base_url,
        "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
    }


def run(command: list[str | Path], **how: Any) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=120, **how)


def test_every_example_is_in_the_table() -> None:
    text = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    there = {
        path.name for path in EXAMPLES.iterdir() if not path.name.startswith(("_", ".")) and path.name != "README.md"
    }

    assert {name for name in there if name not in text} == set()


class TestCsv:
    """examples/csv_to_audience.py with the file beside it."""

    def test_the_mess_is_sorted_out(self, simulator: SimulatorProcess, account: dict[str, str]) -> None:
        """Doubled, empty and broken addresses, an address in brackets, and one who wants no newsletter."""
        lists = [item["row"]["id"] for item in simulator.control.ground_truth("/lists", "rows")["rows"]]
        members = simulator.control.ground_truth("/lists/{list_id}/members", "rows")["rows"]
        [empty] = set(lists) - {item["row"]["list_id"] for item in members}
        command: list[str | Path] = [sys.executable, "-m", "examples.csv_to_audience", EXAMPLES / "contacts.csv", empty]

        dry = run(command, cwd=ROOT, env={**account, "DRY_RUN": "1"})
        after_dry = simulator.control.ground_truth("/lists/{list_id}/members", "rows", parents=[empty])["rows"]
        wet = run(command, cwd=ROOT, env=account)

        assert dry.returncode == 0, dry.stdout
        assert after_dry == []
        assert wet.returncode == 0, wet.stdout
        rows = [
            item["row"]
            for item in simulator.control.ground_truth("/lists/{list_id}/members", "rows")["rows"]
            if item["row"]["list_id"] == empty
        ]
        found = {row["email_address"].lower(): row["merge_fields"]["LNAME"] for row in rows}
        assert found == {
            "ada@example.com": "King",  # the later of the two
            "grace@example.com": "Hopper",
            "bjarne@example.com": "Stroustrup; B.",
        }
        assert "6 received = 3 created" in wet.stdout
        assert (
            "1 of 7 rows are left out, as their column Newsletter says none of yes, y, true, 1, x: rows 6" in wet.stderr
        )
        assert "Newsletter" not in wet.stdout
        assert "ada@example.com" not in wet.stdout

    def test_another_file_is_written_too(
        self, simulator: SimulatorProcess, account: dict[str, str], tmp_path: Path
    ) -> None:
        """Its columns have other names, and everybody in it has agreed."""
        file = tmp_path / "people.csv"
        file.write_text("email, first_name\nada@example.com,Ada\ngrace@example.com,Grace\n", encoding="utf-8")
        audience = simulator.control.ground_truth("/lists", "rows")["rows"][0]["row"]["id"]

        done = self._run(account, file, audience, "--email", "email", "--everybody")

        assert done.returncode == 0, done.stdout
        assert "2 received = 2 created" in done.stdout
        assert "left out" not in done.stderr

    @pytest.mark.parametrize(
        "text, options, words",
        [
            (b"E-Mail,Name\na@example.com,Ada\n", [], "has no column Newsletter; name the one that says who agreed"),
            (b"E-Mail,Name\na@example.com,Ada\n", [], "or give --everybody if all have. It has E-Mail, Name"),
            (
                b"mail,Newsletter\na@example.com,yes\n",
                [],
                "has no column E-Mail; name the one that holds the addresses",
            ),
            (b"E-Mail,Opt\na@example.com,nein\n", ["--consent", "Opt"], "nothing to write: all 1 rows of"),
            (b"E-Mail,Name\na@example.com,J\xfcrgen\n", [], "is not UTF-8"),
            (b"", [], "It has none"),
            (None, [], "No such file"),
        ],
    )
    def test_a_file_of_which_nothing_would_be_written_is_refused(
        self, account: dict[str, str], tmp_path: Path, text: bytes | None, options: list[str], words: str
    ) -> None:
        file = tmp_path / "people.csv"
        if text is not None:
            file.write_bytes(text)

        done = self._run(account, file, "a1b2c3d4e5", *options)

        assert done.returncode == 2
        assert words in done.stderr
        assert done.stdout == ""

    def test_without_arguments_it_says_how_it_is_called(self, account: dict[str, str]) -> None:
        done = self._run(account)

        assert done.returncode == 2
        assert done.stderr.startswith("usage: csv_to_audience")

    @staticmethod
    def _run(account: dict[str, str], *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        return run([sys.executable, "-m", "examples.csv_to_audience", *arguments], cwd=ROOT, env=account)


SCRIPTS = {
    "docker-compose": COMPOSE["services"]["read"]["entrypoint"][2].replace("$$", "$"),
    "kubernetes": POD["containers"][0]["args"][0],
}


class Container:
    """The script of a container, with its two folders."""

    def __init__(self, script: str, simulator: SimulatorProcess, env: dict[str, str], folder: Path) -> None:
        for name in ("secrets", "data"):
            (folder / name).mkdir()
            script = script.replace(f"/{name}", f"{folder}/{name}")
        self.data = folder / "data"
        self._command = ["sh", "-ceu", script]
        self._env = {**env, "STREAMS": POD["containers"][0]["env"][0]["value"]}
        credentials = {"auth_type": "apikey", "apikey": simulator.api_key}
        config = {"credentials": credentials, "api_url": simulator.base_url, "retry_seconds": 1}
        (folder / "secrets" / "source.json").write_text(json.dumps(config), encoding="utf-8")

    def run(self) -> subprocess.CompletedProcess[str]:
        """Run it to its end."""
        return run([*self._command], env=self._env)

    def start(self) -> subprocess.Popen[bytes]:
        """Begin it; the caller ends it."""
        return subprocess.Popen(self._command, env=self._env)

    def has_ended(self, stream: str) -> bool:
        """Whether the run that goes on has read that stream."""
        said = f'"name":"{stream}"}},"status":"COMPLETE"'
        return any(said in file.read_text(encoding="utf-8") for file in self.data.glob("*.part"))

    def messages(self) -> list[str]:
        """What each run has left, the first one first."""
        assert not list(self.data.glob("*.part"))
        return [file.read_text(encoding="utf-8") for file in sorted(self.data.glob("messages-*.jsonl"))]

    def streams_with_state(self) -> set[str]:
        """Those in the file of states, which has one of each."""
        lines = (self.data / "states.jsonl").read_text(encoding="utf-8").splitlines()
        names = [json.loads(line)["state"]["stream"]["stream_descriptor"]["name"] for line in lines]
        assert len(names) == len(set(names))
        return set(names)


@pytest.fixture
def container(simulator: SimulatorProcess, account: dict[str, str], tmp_path: Path) -> Container:
    """Compose's, which is Kubernetes' as well."""
    return Container(SCRIPTS["docker-compose"], simulator, account, tmp_path)


class TestScheduled:
    """Compose, Kubernetes and GitHub's workflow: a first run reads everything, a second goes on from there."""

    def test_a_container_goes_on_from_its_last_run(self, container: Container) -> None:
        done = [container.run() for _ in range(2)]

        assert [run.returncode for run in done] == [0, 0], done[0].stderr
        assert [self._contacts(text) for text in container.messages()] == [60, 0]
        assert container.streams_with_state() == {"lists", "list_members", "campaigns", "reports"}

    def test_a_container_that_is_told_to_end_does_and_goes_on(
        self, simulator: SimulatorProcess, container: Container
    ) -> None:
        """The signal reaches the connector, and what it had read by then is kept."""
        simulator.control.latency(seconds=60, path="/lists/{list_id}/members")
        process = container.start()
        wait_until(lambda: container.has_ended("campaigns"), seconds=30)
        began = time.monotonic()
        process.terminate()
        code = process.wait(timeout=30)
        seconds = time.monotonic() - began
        simulator.control.clear_faults()
        simulator.control.latency()
        again = container.run()

        first, second = container.messages()
        assert code == 128 + signal.SIGTERM
        assert seconds < 10
        assert (self._campaigns(first), self._contacts(first)) == (4, 0)
        assert again.returncode == 0, again.stderr
        assert (self._campaigns(second), self._contacts(second)) == (0, 60)

    def test_a_container_that_was_killed_loses_nothing(self, container: Container) -> None:
        """Its script could keep nothing, and its last line is cut off: the next run does."""
        container.run()
        [file] = container.data.glob("messages-*")
        (container.data / "states.jsonl").unlink()
        file.write_text(file.read_text(encoding="utf-8") + '{"type":"REC', encoding="utf-8")
        file.rename(f"{file}.part")

        assert container.run().returncode == 0

        first, second = container.messages()
        assert first.endswith("}\n")
        assert [self._contacts(text) for text in (first, second)] == [60, 0]

    def test_a_stream_that_fails_holds_no_other_back(self, simulator: SimulatorProcess, container: Container) -> None:
        simulator.control.fault("status", "/reports", status=500, times=1_000_000)
        done = [container.run() for _ in range(2)]
        simulator.control.clear_faults()
        healed = container.run()

        assert [run.returncode for run in done] == [1, 1], done[0].stderr
        assert healed.returncode == 0, healed.stderr
        assert [self._contacts(text) for text in container.messages()] == [60, 0, 0]
        assert [text.count('"stream":"reports","data"') for text in container.messages()][2] > 0

    def test_both_containers_run_the_same_script(self) -> None:
        assert SCRIPTS["docker-compose"] == SCRIPTS["kubernetes"]

    def test_a_workflow_goes_on_from_its_last_run(
        self, simulator: SimulatorProcess, account: dict[str, str], tmp_path: Path
    ) -> None:
        """Its steps, with the API's address added. A stream that fails goes on from the state that it had."""
        counts = []
        reports = []
        for fails in (False, True, False):
            if fails:
                simulator.control.fault("status", "/reports", status=500, times=1_000_000)
            outcomes = [self._step(name, simulator, account, tmp_path) for name in ("Read", "Keep the state")]
            simulator.control.clear_faults()
            messages = (tmp_path / "messages.jsonl").read_text(encoding="utf-8")
            assert outcomes == [1 if fails else 0, 0]
            assert not (tmp_path / "config.json").exists()
            counts.append(self._contacts(messages))
            reports.append(messages.count('"stream":"reports","data"'))

        assert counts == [60, 0, 0]
        assert reports[0] > 0
        assert reports[1:] == [0, 0]

    def test_a_workflow_saves_its_state_after_a_failed_sync_too(self) -> None:
        """The records first. An action that saves when its job ends saves nothing after a failure."""
        steps = ACTIONS["jobs"]["sync"]["steps"]
        read = next(number for number, step in enumerate(steps) if step.get("name") == "Read")
        upload, keep, save = steps[read + 1 :]
        [fetch] = [step for step in steps[:read] if "cache" in step.get("uses", "")]

        assert upload["uses"].startswith("actions/upload-artifact@")
        assert upload["if"] == "always()"
        assert keep["if"] == f"always() && steps.{upload['id']}.outcome == 'success'"
        assert save["if"] == f"always() && steps.{keep['id']}.outcome == 'success'"
        assert save["uses"].startswith("actions/cache/save@")
        assert fetch["uses"].startswith("actions/cache/restore@")
        assert {key: fetch["with"][key] for key in save["with"]} == save["with"]

    @staticmethod
    def _step(name: str, simulator: SimulatorProcess, account: dict[str, str], folder: Path) -> int:
        [step] = [step for step in ACTIONS["jobs"]["sync"]["steps"] if step.get("name") == name]
        more = f'"api_url": "{simulator.base_url}", "retry_seconds": 1, "credentials"'
        script = step["run"].replace('"credentials"', more)
        env = {**account, "STREAMS": ACTIONS["jobs"]["sync"]["env"]["STREAMS"]}
        return run([shutil.which("bash") or "bash", "-e", "-c", script], cwd=folder, env=env).returncode

    @staticmethod
    def _contacts(messages: str) -> int:
        return messages.count('"stream":"list_members","data"')

    @staticmethod
    def _campaigns(messages: str) -> int:
        return messages.count('"stream":"campaigns","data"')


def test_a_dagster_asset_reads_what_is_new(
    account: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What its assets call; Dagster itself isn't installed here."""
    monkeypatch.setitem(sys.modules, "dagster", MagicMock())
    for name in ("MAILCHIMP_API_KEY", "MAILCHIMP_API_URL"):
        monkeypatch.setenv(name, account[name])
    module = importlib.import_module("examples.dagster_assets")

    assert [module.read("list_members", tmp_path) for _ in range(2)] == [60, 0]
    assert not list(tmp_path.glob("*config*"))


@pytest.mark.slow
@pytest.mark.nightly  # the demo does the same with all that it reads
def test_pyairbyte_reads_columns_into_duckdb(account: dict[str, str], tmp_path: Path) -> None:
    database = tmp_path / "mailchimp.duckdb"
    command: list[str | Path] = [
        sys.executable,
        "-m",
        "examples.pyairbyte_to_duckdb",
        database,
        "lists",
        "list_members",
    ]

    done = run(command, cwd=ROOT, env={**account, "AIRBYTE_PROJECT_DIR": str(tmp_path)})

    assert done.returncode == 0, done.stderr[-2000:]
    with duckdb.connect(str(database), read_only=True) as connection:
        # PyAirbyte writes names in lower case.
        [(contacts, names)] = connection.execute("SELECT count(*), count(merge_fname) FROM list_members").fetchall()
    assert contacts == 60
    assert names > 0


class TestWhatTheyName:
    """Images and actions."""

    def test_containers_have_no_privileges_and_enough_memory(self) -> None:
        container = POD["containers"][0]

        assert container["securityContext"]["readOnlyRootFilesystem"]
        assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
        assert POD["securityContext"]["runAsNonRoot"]
        assert container["resources"]["limits"]["memory"] == "384Mi"
        for service in COMPOSE["services"].values():
            assert service["read_only"]
            assert service["cap_drop"] == ["ALL"]
            assert service["mem_limit"] == "384m"

    def test_actions_are_pinned_by_commit(self) -> None:
        """A tag can be moved to other code; a commit can't."""
        files = [*(ROOT / ".github" / "workflows").glob("*.yml"), EXAMPLES / "github-actions" / "sync.yml"]
        used = [line for path in files for line in re.findall(r"uses: (.+)", path.read_text(encoding="utf-8"))]

        assert len(used) > 10
        assert [line for line in used if not re.fullmatch(r"[\w/-]+@[0-9a-f]{40} # v[\d.]+", line)] == []


class TestRelease:
    """.github/workflows/release.yml."""

    @pytest.mark.parametrize("connector", CONNECTORS)
    def test_it_finds_the_version(self, connector: str, tmp_path: Path) -> None:
        assert self._names(tmp_path, CHOSEN=connector) == {"connector": connector, "version": version_of(connector)}

    def test_a_tag_of_another_version_is_refused(self, tmp_path: Path) -> None:
        assert self._names(tmp_path, TAG="source-mailchimp/v9.9.9") is None

    def test_it_builds_what_the_dockerfile_has(self) -> None:
        [build] = [step for step in RELEASE["jobs"]["image"]["steps"] if "build-push" in step.get("uses", "")]
        dockerfile = (ROOT / "Dockerfile").read_text(encoding="utf-8")
        arguments = re.findall(r"^(\w+)=", build["with"]["build-args"], re.MULTILINE)

        assert build["with"]["target"] in re.findall(r"^FROM \S+ AS (\S+)", dockerfile, re.MULTILINE)
        assert set(arguments) <= set(re.findall(r"^ARG (\w+)", dockerfile, re.MULTILINE))
        assert build["with"]["platforms"] == "linux/amd64,linux/arm64"
        assert set(RELEASE["jobs"]["image"]["needs"]) == {"version", "test"}

    @staticmethod
    def _names(folder: Path, **env: str) -> dict[str, str] | None:
        [step] = [step for step in RELEASE["jobs"]["version"]["steps"] if step.get("id") == "names"]
        output = folder / "output"
        output.touch()
        given = {**os.environ, "TAG": "", "CHOSEN": "", "GITHUB_OUTPUT": str(output), **env}
        done = run([shutil.which("bash") or "bash", "-e", "-c", step["run"]], cwd=ROOT, env=given)
        lines = output.read_text(encoding="utf-8").splitlines()
        return dict(line.split("=", 1) for line in lines) if done.returncode == 0 else None
