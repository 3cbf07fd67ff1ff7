"""`make demo` in small, and dbt-mailchimp built on the database that it leaves."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml

from examples.demo import ACCOUNT, MART_STREAMS, rows_there
from integration_tests.harness.repository import ROOT
from mailchimp_simulator.client import SimulatorProcess
from source_mailchimp.schemas import schema_of
from source_mailchimp.streams import STREAMS

PACKAGE = ROOT / "dbt-mailchimp"
DBT = ROOT / ".venv-dbt" / "bin" / "dbt"

_SOURCES: list[dict[str, Any]] = yaml.safe_load(
    (PACKAGE / "models" / "staging" / "_sources.yml").read_text(encoding="utf-8")
)["sources"]
TABLES = {table["name"]: [column["name"] for column in table["columns"]] for table in _SOURCES[0]["tables"]}


# What the marts and the questions need, and one stream of each kind: all of them take PyAirbyte a while to store.
DEMO_STREAMS = sorted({*TABLES, "campaign_content", "campaign_eepurl", "member_tags"})


@pytest.mark.parametrize("table", TABLES)
def test_what_a_model_reads_is_a_stream_with_these_columns(table: str) -> None:
    assert set(TABLES[table]) <= set(schema_of(STREAMS[table])["properties"])


def test_the_demo_reads_what_the_marts_are_made_of() -> None:
    assert set(TABLES) == MART_STREAMS


@pytest.mark.parametrize("table", TABLES)
def test_the_package_names_every_stream_it_needs(table: str) -> None:
    """Whoever follows its README has synced all of them."""
    assert f"`{table}`" in (PACKAGE / "README.md").read_text(encoding="utf-8").partition("## Use")[2]


def test_the_figures_in_the_readme_are_those_of_the_account() -> None:
    """Rows, the best campaign and the audience's rates; times and requests differ from run to run."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    with SimulatorProcess(**ACCOUNT) as simulator:
        rows = {name: rows_there(simulator, stream) for name, stream in STREAMS.items()}
        reports = [entry["row"] for entry in simulator.control.ground_truth("/reports", "rows")["rows"]]
        [audience] = [
            entry["row"]
            for entry in simulator.control.ground_truth("/lists", "rows")["rows"]
            if entry["row"]["name"] == "Newsletter"
        ]
    best = min(reports, key=lambda row: (-row["opens"]["unique_opens"] / row["emails_sent"], row["subject_line"]))
    sent = [row for row in reports if row["list_id"] == audience["id"]]
    delivered = sum(
        row["emails_sent"] - row["bounces"]["hard_bounces"] - row["bounces"]["soft_bounces"] for row in sent
    )
    campaign = (
        rf"{best['subject_line']} +{best['list_name']} +{best['emails_sent']} "
        rf"+{_percent(best['opens']['unique_opens'], best['emails_sent'])} "
        rf"+{_percent(best['clicks']['unique_subscriber_clicks'], best['emails_sent'])}"
    )
    mart = (
        rf"Newsletter +{audience['stats']['member_count']} +\d+ +{len(sent)} "
        rf"+{_percent(sum(row['opens']['unique_opens'] for row in sent), delivered)} "
        rf"+{_percent(sum(row['clicks']['unique_subscriber_clicks'] for row in sent), delivered)} "
        rf"+{_percent(sum(row['unsubscribed'] for row in sent), delivered)}"
    )

    assert f"{sum(rows.values()):,} rows in {len(STREAMS)} tables: as many as the account holds." in text
    for line in (rf"list_members +{rows['list_members']} .*", campaign, mart):
        assert re.search(rf"^  {line}$", text, re.MULTILINE), line


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f} %"


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[subprocess.CompletedProcess[str], Path]:
    """`make demo` in small: what it printed, and its folder."""
    folder = tmp_path_factory.mktemp("demo")
    seen_from_root = os.path.relpath(folder, ROOT)  # as `.demo` is, which is what `make demo` takes
    size = ["--contacts", "60", "--campaigns", "12", "--recipients", "12", "--streams", *DEMO_STREAMS]
    run = subprocess.run(
        [sys.executable, "-m", "examples.demo", "--folder", seen_from_root, *size],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=280,
    )
    return run, folder


@pytest.mark.slow
def test_the_demo_reads_an_account_and_writes_its_contacts_back(
    demo: tuple[subprocess.CompletedProcess[str], Path],
) -> None:
    """It ends with 0, so every table has as many rows as the account; and it says so."""
    run, folder = demo

    assert run.returncode == 0, run.stdout + run.stderr
    assert f"{len(DEMO_STREAMS)} tables: as many as the account holds" in run.stdout
    assert "Which campaigns were opened by most of those who got them?" in run.stdout
    assert "What do merge fields say?" in run.stdout
    assert "60 received = " in run.stdout
    assert "of those who get e-mails 0 are missing, of those who have left 0 are back." in run.stdout
    assert re.search(r"unsubscribed +unsubscribed +\d", run.stdout)
    assert (folder / "mailchimp.duckdb").exists()


@pytest.fixture(scope="module")
def database(demo: tuple[subprocess.CompletedProcess[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo's database, with the package built and tested on it."""
    if not DBT.exists():
        pytest.skip("there is no environment for dbt: `make dbt` makes it")
    path = demo[1] / "mailchimp.duckdb"
    folder = tmp_path_factory.mktemp("dbt")
    command: list[str | Path] = [DBT, "build", "--project-dir", PACKAGE, "--profiles-dir", PACKAGE]
    command += ["--target-path", folder / "target", "--log-path", folder / "logs", "--no-use-colors"]
    run = subprocess.run(
        command,
        env={**os.environ, "MAILCHIMP_DUCKDB": str(path)},
        check=False,
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert run.returncode == 0, run.stdout
    assert "WARN=0 ERROR=0 SKIP=0" in run.stdout
    return path


@pytest.mark.slow
class TestMarts:
    """What the marts say is what the tables say."""

    def ask(self, database: Path, query: str) -> list[Any]:
        with duckdb.connect(str(database), read_only=True) as connection:
            return connection.execute(query).fetchall()

    def test_a_campaigns_open_rate_is_of_what_was_delivered(self, database: Path) -> None:
        rows = self.ask(
            database,
            "SELECT open_rate, unique_opens, emails_sent, bounces FROM mailchimp__campaigns WHERE emails_sent > 0",
        )

        assert len(rows) > 3
        for rate, opens, sent, bounces in rows:
            assert rate == pytest.approx(opens / (sent - bounces))

    def test_an_audience_counts_its_contacts_by_status(self, database: Path) -> None:
        counted = self.ask(database, "SELECT list_id, subscribed_members FROM mailchimp__lists ORDER BY 1")
        there = self.ask(
            database,
            "SELECT lists.id, count(*) FILTER (m.status = 'subscribed') FROM lists "
            "LEFT JOIN list_members m ON m.list_id = lists.id GROUP BY 1 ORDER BY 1",
        )

        assert counted == there

    def test_every_contact_has_one_kind_of_engagement(self, database: Path) -> None:
        kinds = dict(self.ask(database, "SELECT engagement, count(*) FROM mailchimp__members GROUP BY 1"))

        assert sum(kinds.values()) == self.ask(database, "SELECT count(*) FROM list_members")[0][0]
        assert kinds["not subscribed"] > 0


@pytest.mark.parametrize(
    "streams, answered, skipped",
    [
        # What is skipped here is skipped below too; what is answered is answered in the demo above.
        pytest.param(
            ["lists", "list_members"],
            "subscribed +subscribed +\\d",
            ["reports", "email_activity"],
            marks=pytest.mark.nightly,
        ),
        pytest.param(
            ["campaigns"],
            "campaigns +6",
            ["reports", "list_members and lists", "email_activity"],
            marks=pytest.mark.nightly,
        ),
    ],
    ids=["contacts", "campaigns"],
)
def test_what_takes_streams_that_were_not_read_is_skipped(
    tmp_path: Path, streams: list[str], answered: str, skipped: list[str]
) -> None:
    """Each question that can't be asked says what it takes."""
    size = ["--contacts", "60", "--campaigns", "6", "--recipients", "10", "--streams", *streams]
    run = subprocess.run(
        [sys.executable, "-m", "examples.demo", "--folder", tmp_path / "demo", *size],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=200,
    )

    assert run.returncode == 0, run.stdout + run.stderr
    assert re.search(answered, run.stdout)
    assert list(dict.fromkeys(re.findall(r"Skipped: it takes (.+), not among", run.stdout))) == skipped
