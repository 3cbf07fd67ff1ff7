"""What is known of the real API stands beside the simulator, and every open fact can be played either way."""

from __future__ import annotations

import re
from dataclasses import asdict
from pathlib import Path

import mailchimp_simulator
from mailchimp_simulator.account.writes import KEPT, WRITES
from mailchimp_simulator.settings import OpenFacts

PACKAGE = Path(mailchimp_simulator.__file__).parent
FACTS = (PACKAGE / "contract" / "facts.md").read_text(encoding="utf-8")


def test_every_document_that_the_simulator_cites_stands_in_it() -> None:
    sources = [path for path in PACKAGE.rglob("*") if path.suffix in {".py", ".md"}]
    cited = {
        name
        for path in sources
        # Not those at the end of an address.
        for name in re.findall(r"(?<![\w/.-])[\w-]+\.(?:md|json)\b(?!\()", path.read_text(encoding="utf-8"))
    }

    assert {"facts.md", "contract.json"} <= cited
    assert {name for name in cited if not list(PACKAGE.rglob(name))} == set()


def test_every_fact_that_is_marked_as_open_has_a_switch_and_every_switch_its_fact() -> None:
    marked = re.findall(r"\*\*open\*\*, `(\w+)`", FACTS)

    assert sorted(marked) == sorted(asdict(OpenFacts()))
    # The other one is where the marks are explained.
    assert FACTS.count("**open**") == len(marked) + 1


def test_the_readme_has_every_switch_with_its_default_first() -> None:
    readme = (PACKAGE.parent / "README.md").read_text(encoding="utf-8").partition("### Open facts")[2]
    rows = re.findall(r"^\| `(\w+)` \| `(\w+)`", readme, flags=re.MULTILINE)

    assert dict(rows) == {name: str(value).lower() for name, value in asdict(OpenFacts()).items()}


def test_the_readme_names_the_writes_that_nobody_here_asks_for() -> None:
    readme = (PACKAGE.parent / "README.md").read_text(encoding="utf-8")
    offered = readme.partition("Its own offer are writes")[2].partition("## What it doesn't play")[0]

    assert set(re.findall(r"`(/[^`]+)`", offered)) == {path for path, asked in KEPT.items() if asked == "own offer"}
    assert {handler.asked_by for handler in WRITES.values()} == {
        "the destination", "probes", "tests", "recorded answers",
    }  # fmt: skip
