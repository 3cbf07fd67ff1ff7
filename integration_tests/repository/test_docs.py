"""The documents are true: their commands work, their links lead somewhere, their tables are current."""

from __future__ import annotations

import ast
import json
import os
import re
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import asdict
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import BaseModel

from benchmarks import picture, plots, profiles, report, side_by_side
from benchmarks.__main__ import main as benchmarks
from destination_mailchimp.config import Config as DestinationConfig
from destination_mailchimp.failures import Reason
from integration_tests.harness.repository import PACKAGES, ROOT, TEST_FOLDERS
from mailchimp_api.options import option_schema
from mailchimp_simulator.client import SimulatorProcess
from source_mailchimp.config import Config as SourceConfig
from source_mailchimp.streams import STREAMS, audiences, reports

BIN = Path(sys.executable).parent
DOCUMENTS = sorted(
    path.relative_to(ROOT).as_posix()
    for path in [
        *ROOT.glob("*.md"),
        *ROOT.glob("docs/**/*.md"),
        *ROOT.glob("*/CHANGELOG.md"),
        *ROOT.glob("*/README.md"),
        *ROOT.glob("*/*/README.md"),
    ]
)


def text_of(document: str) -> str:
    """A document's text."""
    return (ROOT / document).read_text(encoding="utf-8")


def anchor(heading: str) -> str:
    """The anchor that GitHub makes of a heading."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def anchors(document: Path) -> set[str]:
    """Those of all headings."""
    headings = re.findall(r"^#+ (.+)$", without_code(document.read_text(encoding="utf-8")), flags=re.MULTILINE)
    return {anchor(heading) for heading in headings}


def paths_in(document: str) -> list[str]:
    """The paths of this repository that a document names."""
    folders = "|".join([*PACKAGES, *TEST_FOLDERS, "docs", "requirements"])
    return re.findall(rf"`((?:{folders})/(?!v\d)[\w./-]+)`", text_of(document))  # a version's tag is no path


def without_code(text: str) -> str:
    """The text without its blocks of code: what looks like a link in there is none."""
    return re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)


def kind_of(message: str) -> str:
    """What kind of message it is, and what a LOG or a TRACE says, without the numbers."""
    kind = re.findall(r"[A-Z]+", message)[0]
    told = re.search(r'"message":"(.*?)"|"(ESTIMATE)"|"status":"(.*?)"', message) if kind in {"LOG", "TRACE"} else None
    return re.sub(r"\d[\d.]*", "0", " ".join([kind, *filter(None, told.groups() if told else ())]))


@pytest.mark.parametrize("document", DOCUMENTS)
def test_links_inside_the_repository_lead_somewhere(document: str) -> None:
    """The file exists, and so does the heading."""
    broken = []
    for link in re.findall(r"\]\(([^)\s]+)\)", without_code(text_of(document))):
        if re.match(r"\w+:", link):
            continue
        path, _, heading = link.partition("#")
        target = (ROOT / document).parent / path if path else ROOT / document
        if not target.exists() or (heading and heading not in anchors(target)):
            broken.append(link)

    assert broken == []


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_make_command_that_is_named_exists(document: str) -> None:
    targets = set(re.findall(r"^([\w-]+):", text_of("Makefile"), flags=re.MULTILINE))
    named = set(re.findall(r"`make ([a-z-]+)", text_of(document)))
    named |= set(re.findall(r"^make ([a-z-]+)", text_of(document), flags=re.MULTILINE))

    assert named - targets == set()


# The page of coverage speaks of the commit that was measured, not of this one.
@pytest.mark.parametrize("document", [name for name in DOCUMENTS if name != "docs/coverage.md"])
def test_files_that_are_named_exist(document: str) -> None:
    """Paths in backticks below one of the repository's folders."""
    assert [path for path in paths_in(document) if not (ROOT / path).exists()] == []


def test_files_are_named_at_all() -> None:
    """Or the test above would look at nothing."""
    assert sum(len(paths_in(document)) for document in DOCUMENTS) > 5


def test_modules_in_the_tables_of_the_architecture_exist() -> None:
    source, _, destination = text_of("docs/architecture.md").partition("## The way of a record through the destination")
    for text, package in ((source, "source_mailchimp"), (destination, "destination_mailchimp")):
        folder = ROOT / package.replace("_", "-") / package
        cells = re.findall(r"^\| [^|]+ \| (`[^|]+`) \|", text, flags=re.MULTILINE)
        named = [name for cell in cells for name in re.findall(r"`([\w/]+(?:\.py|/))`", cell)]
        places = (folder, ROOT / "mailchimp-api")

        assert len(named) > 5
        assert [name for name in named if not any((place / name).exists() for place in places)] == []


class TestReadme:
    """Whoever follows the README arrives."""

    @pytest.fixture
    def outcome(self, tmp_path: Path) -> list[dict[str, object]]:
        """What the README's commands print, the images replaced by the commands they hold."""
        blocks = re.findall(r"```bash\n(.*?)```", text_of("README.md"), flags=re.DOTALL)
        script = "\n".join(block for block in blocks if "cat >" in block or ".venv/bin/source-mailchimp" in block)
        # `make demo` and `make test` are run by other tests, or are this one.
        assert [block for block in blocks if block.strip() not in script] == ["make demo\n", "make test\n"]
        started = r"^\.venv/bin/python -m mailchimp_simulator --port 8080 &$"
        assert re.search(started, script, flags=re.MULTILINE)
        script = re.sub(started, "", script, flags=re.MULTILINE)
        script, images = re.subn(
            r'docker run --rm (?:--interactive )?--network host -v "\$PWD/secrets:/secrets:ro" '
            r"mailchimp-connectors/((?:source|destination)-mailchimp)(?![\w:-])",
            rf"{BIN}/\1",
            script,
        )
        assert images == 2
        with SimulatorProcess() as simulator:
            script = script.replace("http://127.0.0.1:8080", simulator.base_url).replace("/secrets/", "secrets/")
            (tmp_path / ".venv").mkdir()
            (tmp_path / ".venv" / "bin").symlink_to(BIN)
            run = subprocess.run(
                [shutil.which("bash") or "bash", "-euc", script],
                cwd=tmp_path,
                capture_output=True,
                text=True,
                check=True,
                timeout=120,
            )
            kept = (tmp_path / "secrets" / "messages.jsonl").read_text(encoding="utf-8")
        assert '"COMPLETE"' in kept, "the read by hand has kept its messages"
        return [json.loads(line) for line in run.stdout.splitlines()]

    def test_its_commands_read_contacts_and_write_them(self, outcome: list[dict[str, object]]) -> None:
        """The two ``docker run`` commands do what the output below them shows."""
        text = json.dumps(outcome)

        assert sum(message["type"] == "RECORD" for message in outcome) == 300
        assert '"status": "COMPLETE"' in text
        assert "3 received = 2 created + 0 updated + 0 removed + 0 deduplicated + 0 skipped + 1 rejected" in text

    def test_it_counts_the_streams_rightly(self) -> None:
        for document in ("README.md", "docs/sources/mailchimp.md", "source-mailchimp/README.md"):
            counted = set(re.findall(r"\b(\d+) streams\b", text_of(document)))

            assert str(len(STREAMS)) in counted
            assert counted <= {str(len(STREAMS)), "12"}

    def test_it_shows_every_kind_of_message_that_the_commands_print(self, outcome: list[dict[str, object]]) -> None:
        """Times, ids and counts differ from run to run; nothing else does."""
        blocks = re.findall(r"^```\n(\{.*?)^```", text_of("README.md"), flags=re.DOTALL | re.MULTILINE)
        printed = [json.dumps(message, ensure_ascii=False, separators=(",", ":")) for message in outcome]

        assert len(blocks) == 2
        assert {kind_of(line) for line in "".join(blocks).splitlines() if line != "…"} == set(map(kind_of, printed))


class TestHowToAdd:
    """What the pages about adding something show is code of today."""

    def blocks(self, document: str) -> list[str]:
        """The Python in a page."""
        found = re.findall(r"^```python\n(.*?)^```", text_of(document), flags=re.MULTILINE | re.DOTALL)
        assert len(found) >= 2
        return found

    def test_the_streams_that_are_shown_are_those_of_the_table(self) -> None:
        for block, family in zip(self.blocks("docs/adding-a-stream.md"), (audiences, reports), strict=True):
            shown: dict[str, Any] = {}
            exec(block, dict(vars(family)), shown)  # noqa: S102 - a page of this repository
            [stream] = shown.values()

            assert asdict(stream) == asdict(STREAMS[stream.name])

    def test_the_options_that_are_shown_become_options_of_a_form(self) -> None:
        models: tuple[type[BaseModel], ...] = (SourceConfig, DestinationConfig)
        fields = zip(self.blocks("docs/adding-an-option.md"), models, strict=True)
        for block, model in fields:
            known: dict[str, Any] = dict(vars(sys.modules[model.__module__]))
            extended = f"class Extended(Config):\n{textwrap.indent(block, '    ')}"
            exec(extended, known)  # noqa: S102 - a page of this repository
            added = option_schema(known["Extended"])["properties"]
            before = option_schema(model)["properties"]

            [name] = added.keys() - before.keys()
            assert added[name].keys() >= {"title", "description", "default", "type"}


class TestSourcePage:
    """docs/sources/mailchimp.md says what the connector has and says."""

    page = "docs/sources/mailchimp.md"

    def test_every_option_is_there(self) -> None:
        missing = [name for name in SourceConfig.model_fields if f"| `{name}` |" not in text_of(self.page)]

        assert missing == []

    def test_the_table_of_streams_is_current(self) -> None:
        """``make docs-tables`` would change nothing."""
        command = [sys.executable, str(ROOT / "source-mailchimp" / "tools" / "generate_stream_docs.py"), "--check"]
        run = subprocess.run(command, capture_output=True, text=True, check=False)

        assert run.stderr == ""
        assert run.returncode == 0

    def test_streams_that_it_names_exist(self) -> None:
        listed = re.search(r"Most people want (.+?)\.\n", text_of(self.page), flags=re.DOTALL)

        assert listed
        assert set(re.findall(r"`(\w+)`", listed[1])) <= set(STREAMS)


class TestDestinationPage:
    """docs/destinations/mailchimp.md says what the connector has and says. Its table of options: ``test_golden``."""

    page = "docs/destinations/mailchimp.md"

    def test_every_reason_for_a_reject_has_its_row(self) -> None:
        """Whoever finds one in a log or a rejects file finds it on the page."""
        table = text_of(self.page).partition("**Rejected records** have a reason:")[2].partition("\n\nWith")[0]

        assert [reason for reason in get_args(Reason) if f"`{reason}`" not in table] == []


@pytest.mark.parametrize("connector", ["source", "destination"])
def test_messages_under_troubleshooting_are_those_of_the_code(connector: str) -> None:
    """Each literal part of a quoted message stands in the code; `…` stands for what varies."""
    folders = (
        f"{connector}-mailchimp/{connector}_mailchimp",
        "mailchimp-api/mailchimp_api",
        "connector-cli/connector_cli",
    )
    said = {text for folder in folders for text in _texts(folder)}
    section = text_of(f"docs/{connector}s/mailchimp.md").partition("## Troubleshooting")[2].partition("\n## ")[0]
    quoted = re.findall(r"^\| `(.+?)` \|", section, flags=re.MULTILINE)
    unknown = [
        message
        for message in quoted
        if not all(any(part.strip() in text for text in said) for part in message.split("…") if part.strip(" :;"))
    ]

    assert len(quoted) > 15
    assert unknown == []


def _texts(folder: str) -> Iterator[str]:
    """Every literal text in a package; of a format the parts between what varies."""
    for path in (ROOT / folder).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield from re.split(r"%[sd]", node.value)


class TestBenchmarks:
    """docs/benchmarks.md is what was measured."""

    def test_the_page_is_made_of_the_results(self) -> None:
        """``python -m benchmarks.report`` would change nothing."""
        assert text_of("docs/benchmarks.md") == report.page(report.load(), report.load_peers())

    def test_a_part_that_is_measured_anew_leaves_the_others(self, tmp_path: Path) -> None:
        """Each keeps its figures, with the day and the commit they are of; the page is made of all."""
        for part in ("memory", "start"):
            path = tmp_path / f"{part}.json"
            path.write_bytes((report.FIGURES / path.name).read_bytes())
        before = report.load(tmp_path)
        row = {"what": "start-up: CPU of `spec`", "figure": "9.87 s", "limit": "", "ok": None, "note": ""}

        report.keep("start", {"load": 0.5, "rows": [row]}, tmp_path)

        after = report.load(tmp_path)
        assert after["memory"] == before["memory"]
        today = datetime.now(timezone.utc).strftime("%Y-%m-%d")
        page = report.page(after, {})
        assert f"`start`: {today}, {report.commit()}\n\n| what |" in page
        assert "9.87 s" in page
        old = before["memory"]
        assert f"`memory`: {old['taken'].split()[0]}, {old['commit']}\n\n| what |" in page
        assert f"| source: memory | {old['taken']} | {old['commit']} | {old['load']} |" in page

    def test_every_file_of_figures_is_of_a_part(self) -> None:
        """What a part that is gone has left behind would be on no page."""
        assert {path.stem for path in report.FIGURES.iterdir()} == set(report.load())

    @pytest.mark.parametrize(
        "arguments, quick, reason",
        [
            (["start", "--publish"], "1", "BENCH_QUICK=1"),
            (["--alone", "start", "drift", "--publish"], "", "drift"),
            (["--alone", "profile", "--publish"], "", "profile"),
            (["starts"], "", "no such part: starts"),
        ],
    )
    def test_figures_that_say_nothing_are_not_published(
        self,
        arguments: list[str],
        quick: str,
        reason: str,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        """Neither those of a run in small, nor a comparison without the others."""
        monkeypatch.setenv("BENCH_QUICK", quick)
        monkeypatch.setattr(sys, "argv", ["benchmarks", *arguments])

        with pytest.raises(SystemExit, match="2"):
            benchmarks()

        assert reason in capsys.readouterr().err.splitlines()[-1]

    def test_the_plots_are_drawn_from_the_results(self, tmp_path: Path) -> None:
        """To the byte: a plot that somebody has touched, or forgotten, would show."""
        plots.write(report.series(report.load()), tmp_path)
        (tmp_path / picture.NAME).write_text(report.beside_others(report.load()), encoding="utf-8")
        drawn = {path.name: path.read_bytes() for path in tmp_path.glob("*.svg")}

        assert set(drawn) == {"memory.svg", "throughput.svg", picture.NAME}
        assert {path.name: path.read_bytes() for path in (ROOT / "docs" / "benchmarks").glob("*.svg")} == drawn

    def test_a_profile_counts_what_works_and_shows_no_path_of_the_machine(self) -> None:
        """A thread that waits is no work, nor is an import; a function counts where it was innermost."""
        stacks = [
            "main (/opt/app/source_mailchimp/run.py:9);read (/opt/app/source_mailchimp/source.py:12) 3",
            "main (/opt/app/source_mailchimp/run.py:9);loads (/opt/app/lib/mailchimp_api/answers.py:70) 1",
            "run (/usr/lib/threading.py:1);_worker (/usr/lib/concurrent/futures/thread.py:81) 96",
            "<module> (/opt/app/x.py:1);_load (<frozen importlib._bootstrap>:1) 50",
        ]

        profile = profiles.summary("reading", stacks)

        assert profile.samples == 4
        assert profile.functions == [
            ("read", "source_mailchimp/source.py", 0.75),
            ("loads", "mailchimp_api/answers.py", 0.25),
        ]
        assert [share for _, share in profile.areas] == [0.75, 0.25]

    @pytest.mark.nightly
    @pytest.mark.timeout(900)
    def test_every_part_runs(self) -> None:
        """In small, without the others; the figures say nothing, but each of them comes, and the documents stay."""
        before = text_of("docs/benchmarks.md")
        run = subprocess.run(
            [sys.executable, "-m", "benchmarks", "--alone"],
            cwd=ROOT,
            env={**os.environ, "BENCH_QUICK": "1"},
            capture_output=True,
            text=True,
            check=False,
            timeout=840,
        )

        assert run.returncode == 0, run.stderr
        rows = run.stdout.splitlines()
        missing = [row.split() for row in rows if row.lstrip().startswith("contacts missing")]
        assert len(missing) >= 8
        assert [row for row in missing if row[2:5] != ["0", "0", "ok"]] == []
        lines = {row.split("  ")[0]: row for row in rows}
        assert re.search(r"0 of \d", lines["contacts lost while others change (two syncs)"])
        assert "3 of 3" in lines["faults survived without loss"]
        for name in side_by_side.QUICK.faults:
            assert "whole" in lines[name]
        assert text_of("docs/benchmarks.md") == before


def test_streams_that_tell_deletions_are_all_on_the_page() -> None:
    """The list under Deletions on the source's page."""
    section = text_of("docs/sources/mailchimp.md").partition("**Tombstones**")[2].partition("Select them")[0]

    assert set(re.findall(r"`(\w+)`", section)) - {"report_deletions"} == {
        name for name, stream in STREAMS.items() if stream.tells_deletions
    }


def test_the_commands_stand_in_one_column() -> None:
    """``make help``: each name is shorter than its column."""
    listing = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True)  # noqa: S607
    named = [re.match(r"make [a-z-]+ +", line) for line in listing.stdout.splitlines() if line.startswith("make ")]

    assert len(named) > 10
    assert len({found.end() for found in named if found}) == 1


def test_the_table_of_folders_lacks_none() -> None:
    """CONTRIBUTING.md: every folder that is committed has a row."""
    listing = subprocess.run(["git", "ls-files", "*/*"], cwd=ROOT, capture_output=True, text=True, check=True)  # noqa: S607
    folders = {path.split("/")[0] for path in listing.stdout.splitlines() if not path.startswith(".")}
    rows = "".join(re.findall(r"^\| `.*", text_of("CONTRIBUTING.md"), flags=re.MULTILINE))

    assert {folder for folder in folders if f"`{folder}/" not in rows} == set()


@pytest.mark.parametrize(
    "document",
    ["docs/sources/mailchimp.md", "docs/destinations/mailchimp.md", "docs/operations.md", "docs/architecture.md"],
)
def test_the_list_of_contents_lacks_no_heading(document: str) -> None:
    headings = re.findall(r"^## (.+)$", without_code(text_of(document)), flags=re.MULTILINE)

    assert [heading for heading in headings if f"- [{heading}](#{anchor(heading)})" not in text_of(document)] == []
