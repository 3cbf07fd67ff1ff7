"""The examples run: against the simulator where they can, and else by what they name."""

from __future__ import annotations

import importlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import duckdb
import pytest
import yaml

from integration_tests.harness.repository import CONNECTORS, ROOT, version_of
from mailchimp_simulator.client import SimulatorProcess

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


class TestScheduled:
    """Compose, Kubernetes and GitHub's workflow: a first run reads everything, a second goes on from there."""

    @pytest.mark.parametrize("script", SCRIPTS.values(), ids=SCRIPTS)
    def test_a_container_goes_on_from_its_last_run(
        self, simulator: SimulatorProcess, account: dict[str, str], script: str, tmp_path: Path
    ) -> None:
        for folder in ("secrets", "data"):
            (tmp_path / folder).mkdir()
            script = script.replace(f"/{folder}/", f"{tmp_path}/{folder}/")
        self._configure(simulator, tmp_path / "secrets" / "source.json")
        streams = POD["containers"][0]["env"][0]["value"]

        counts = []
        for _ in range(2):
            done = run(["sh", "-ceu", script], env={**account, "STREAMS": streams})
            assert done.returncode == 0, done.stderr
            counts.append(self._contacts((tmp_path / "data" / "messages.jsonl").read_text(encoding="utf-8")))

        assert counts[0] == 60
        assert counts[1] == 0

    def test_a_workflow_goes_on_from_its_last_run(
        self, simulator: SimulatorProcess, account: dict[str, str], tmp_path: Path
    ) -> None:
        """Its steps, with the API's address added."""
        steps = {step.get("name"): step.get("run", "") for step in ACTIONS["jobs"]["sync"]["steps"]}
        address = f'"api_url": "{simulator.base_url}", "credentials"'
        script = steps["Read"].replace('"credentials"', address) + steps["Keep the state"]

        counts = []
        for _ in range(2):
            done = run(
                [shutil.which("bash") or "bash", "-e", "-c", script],
                cwd=tmp_path,
                env={**account, "STREAMS": ACTIONS["jobs"]["sync"]["env"]["STREAMS"]},
            )
            assert done.returncode == 0, done.stderr
            counts.append(self._contacts((tmp_path / "messages.jsonl").read_text(encoding="utf-8")))

        assert counts[0] == 60
        assert counts[1] == 0
        assert not (tmp_path / "config.json").exists()

    @staticmethod
    def _configure(simulator: SimulatorProcess, path: Path) -> None:
        credentials = {"auth_type": "apikey", "apikey": simulator.api_key}
        path.write_text(json.dumps({"credentials": credentials, "api_url": simulator.base_url}), encoding="utf-8")

    @staticmethod
    def _contacts(messages: str) -> int:
        return messages.count('"stream":"list_members","data"')


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
