"""A person at a terminal: both connectors take what people have, and tell their mistakes as theirs."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from integration_tests.harness.repository import version_of
from mailchimp_simulator.client import SimulatorProcess

Json = dict[str, Any]
LONG = {"source-mailchimp": "read", "destination-mailchimp": "write"}


def run(*arguments: str | Path) -> tuple[int, list[Json], str]:
    """Exit code, messages and standard error of a command."""
    connector, *rest = arguments
    script = Path(sys.executable).with_name(str(connector))
    done = subprocess.run([script, *rest], capture_output=True, check=False, stdin=subprocess.DEVNULL, timeout=60)
    return done.returncode, [orjson.loads(line) for line in done.stdout.splitlines()], done.stderr.decode()


def failure(arguments: tuple[str | Path, ...]) -> str:
    """The message of a run that failed because of a mistake of the person's; there is no traceback anywhere."""
    code, messages, errors = run(*arguments)
    [error] = [message["trace"]["error"] for message in messages if message["type"] == "TRACE"]

    assert code != 0
    assert error["failure_type"] == "config_error"
    assert "Traceback" not in errors + str(messages)
    return str(error["message"])


@pytest.fixture(scope="module")
def account() -> Iterator[SimulatorProcess]:
    with SimulatorProcess(contacts=40, audiences=2, campaigns=2, recipients=5) as running:
        yield running


@pytest.fixture
def config(account: SimulatorProcess, tmp_path: Path) -> Path:
    file = tmp_path / "config.json"
    credentials = {"auth_type": "apikey", "apikey": account.api_key}
    file.write_bytes(orjson.dumps({"credentials": credentials, "api_url": account.base_url, "list_id": "0000000000"}))
    return file


@pytest.mark.parametrize("connector", LONG)
class TestMistakes:
    @pytest.mark.parametrize(
        "content, words",
        [
            (None, "there is no file"),
            ("", "is empty"),
            ('{\n  "credentials": {},\n}', "line 3, column 1"),
            ("[]", "holds a list"),
        ],
        ids=["missing", "empty", "broken", "no object"],
    )
    @pytest.mark.parametrize("command", ["check", "discover"])
    def test_a_configuration(
        self, connector: str, tmp_path: Path, command: str, content: str | None, words: str
    ) -> None:
        file = tmp_path / "my config.json"
        if content is not None:
            file.write_text(content, encoding="utf-8")

        message = failure((connector, command, "--config", file))

        assert message.startswith("--config: ")
        assert str(file) in message
        assert words in message

    def test_a_folder(self, connector: str, tmp_path: Path) -> None:
        assert "is a folder" in failure((connector, "check", "--config", tmp_path))

    @pytest.mark.parametrize("content", [None, "", "{", "[1]"], ids=["missing", "empty", "broken", "numbers"])
    def test_a_catalog(self, connector: str, config: Path, tmp_path: Path, content: str | None) -> None:
        file = tmp_path / "catalog.json"
        if content is not None:
            file.write_text(content, encoding="utf-8")

        message = failure((connector, LONG[connector], "--config", config, "--catalog", file))

        assert message.startswith("--catalog: ")
        assert str(file) in message

    def test_a_catalog_that_selects_nothing_is_warned_of(self, connector: str, config: Path, tmp_path: Path) -> None:
        file = tmp_path / "catalog.json"
        file.write_text('{"streams": []}', encoding="utf-8")

        _, messages, _ = run(connector, LONG[connector], "--config", config, "--catalog", file)

        assert {"level": "WARN", "message": f"--catalog: {file} selects no stream"} in [
            message["log"] for message in messages if message["type"] == "LOG"
        ]

    def test_no_command(self, connector: str) -> None:
        assert "There is no command; give one of spec, check, discover" in failure((connector,))

    def test_version_and_help(self, connector: str) -> None:
        script = Path(sys.executable).with_name(connector)
        version, text = (
            subprocess.run([script, option], capture_output=True, check=True, text=True).stdout
            for option in ("--version", "--help")
        )

        assert version == f"{connector} {version_of(connector)}\n"
        assert f"{connector} check --config config.json" in text


class TestReading:
    def test_what_discover_prints_is_a_catalog(self, config: Path, tmp_path: Path) -> None:
        """Every stream of it, incremental where there is a cursor."""
        _, messages, _ = run("source-mailchimp", "discover", "--config", config)
        [streams] = [message["catalog"]["streams"] for message in messages if message["type"] == "CATALOG"]
        file = tmp_path / "catalog.json"
        file.write_bytes(
            orjson.dumps({"type": "CATALOG", "catalog": {"streams": [s for s in streams if s["name"] == "lists"]}})
        )

        code, read, _ = run("source-mailchimp", "read", "--config", config, "--catalog", file)

        assert code == 0
        assert len([message for message in read if message["type"] == "RECORD"]) == 2
        assert [message for message in read if message["type"] == "STATE"]

    @pytest.mark.parametrize("way", ["names in a file", "names typed"])
    def test_names_are_enough(self, config: Path, tmp_path: Path, way: str) -> None:
        file = tmp_path / "names.json"
        file.write_text('["lists", "list_members"]', encoding="utf-8")
        chosen: tuple[str | Path, ...] = ("--catalog", file) if "file" in way else ("--streams", "lists,list_members")

        code, read, _ = run("source-mailchimp", "read", "--config", config, *chosen)

        assert code == 0
        assert {message["record"]["stream"] for message in read if message["type"] == "RECORD"} == {
            "lists",
            "list_members",
        }

    def test_a_misspelt_name_is_asked_about(self, config: Path) -> None:
        message = failure(("source-mailchimp", "read", "--config", config, "--streams", "list_member"))

        assert message == "--streams: there is no stream list_member. Did you mean list_members?"

    @pytest.mark.parametrize("names", ["", ",", " "])
    def test_no_name_at_all_is_said_to_be_none(self, config: Path, names: str) -> None:
        message = failure(("source-mailchimp", "read", "--config", config, "--streams", names))

        assert message.startswith("--streams names no stream.")

    @pytest.mark.parametrize("typed", [("lists", "campaigns"), ("lists,", "campaigns")])
    def test_names_that_blanks_separate_are_told_how(self, config: Path, typed: tuple[str, ...]) -> None:
        message = failure(("source-mailchimp", "read", "--config", config, "--streams", *typed))

        assert "separate names by commas: --streams lists,campaigns." in message

    def test_another_argument_too_many_is_no_name(self, config: Path) -> None:
        message = failure(("source-mailchimp", "read", "--config", config, "--streams", "lists", "--fast"))

        assert message.startswith("Unrecognized arguments: --fast. ")

    def test_a_misspelt_stream_of_a_catalog_is_named_once(self, config: Path, tmp_path: Path) -> None:
        """In the last message; the stream's own trace names it as well."""
        file = tmp_path / "catalog.json"
        stream = {"name": "list_member", "json_schema": {}, "supported_sync_modes": ["full_refresh"]}
        file.write_bytes(orjson.dumps({"streams": [{"stream": stream, "sync_mode": "full_refresh"}]}))

        code, messages, _ = run("source-mailchimp", "read", "--config", config, "--catalog", file)

        last = [m["trace"]["error"]["message"] for m in messages if m.get("trace", {}).get("type") == "ERROR"][-1]
        assert code == 1
        assert last == "Not complete: There is no stream list_member. Did you mean list_members?"

    @pytest.mark.parametrize("content, warned", [("", True), ("[]", False)])
    def test_an_empty_state_is_warned_of(self, config: Path, tmp_path: Path, content: str, *, warned: bool) -> None:
        """`[]` is what the platform says in a first sync; an empty file is a mistake of somebody's."""
        file = tmp_path / "state.json"
        file.write_text(content, encoding="utf-8")

        code, read, _ = run("source-mailchimp", "read", "--config", config, "--streams", "lists", "--state", file)

        warnings = [m["log"]["message"] for m in read if m["type"] == "LOG" and m["log"]["level"] == "WARN"]
        assert code == 0
        assert any("is empty, so everything is read" in text for text in warnings) is warned

    def test_the_output_of_a_read_is_its_state(self, config: Path, tmp_path: Path) -> None:
        command = ("source-mailchimp", "read", "--config", config, "--streams", "list_members")
        _, first, _ = run(*command)
        file = tmp_path / "messages.jsonl"
        file.write_bytes(b"\n".join(map(orjson.dumps, first)))

        code, second, _ = run(*command, "--state", file)

        assert code == 0
        assert len([m for m in second if m["type"] == "RECORD"]) < len([m for m in first if m["type"] == "RECORD"]) / 2


class TestWriting:
    def test_the_catalog_that_it_shows_works(self, account: SimulatorProcess, tmp_path: Path) -> None:
        """It is in the refusal of another one and in the help; names alone are no catalog there."""
        catalog, config = tmp_path / "catalog.json", tmp_path / "config.json"
        credentials = {"auth_type": "apikey", "apikey": account.api_key}
        [audience] = account.control.ground_truth("/lists", "rows")["rows"][:1]
        audience = audience["row"]["id"]
        config.write_bytes(orjson.dumps({"credentials": credentials, "api_url": account.base_url, "list_id": audience}))
        catalog.write_text('["people"]', encoding="utf-8")
        command = ("destination-mailchimp", "write", "--config", config, "--catalog", catalog)

        shown = re.search(r"such as (\{.*\})", failure(command))

        assert shown
        catalog.write_text(shown[1], encoding="utf-8")
        code, messages, _ = run(*command)
        assert code == 0, messages
        script = Path(sys.executable).with_name("destination-mailchimp")
        help_text = subprocess.run([script, "write", "--help"], capture_output=True, check=True, text=True).stdout
        assert shown[1] in " ".join(help_text.split())
        assert "list of names" not in help_text


def test_the_help_says_how_everything_is_read_and_how_a_check_fails() -> None:
    """A failed check exits with 0, as Airbyte wants it: whoever types one looks at its message."""
    script = Path(sys.executable).with_name("source-mailchimp")
    texts = [
        " ".join(subprocess.run([script, *options], capture_output=True, check=True, text=True).stdout.split())
        for options in (["--help"], ["read", "--help"])
    ]

    assert "prints SUCCEEDED or FAILED, exits 0" in texts[0]
    assert "'*' for all" in texts[1]
