"""dbt-mailchimp stands on the source's streams, and builds on what PyAirbyte writes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml

from examples.demo import MART_STREAMS
from source_mailchimp.schemas import schema_of
from source_mailchimp.streams import STREAMS

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "dbt-mailchimp"
DBT = ROOT / ".venv-dbt" / "bin" / "dbt"

_SOURCES: list[dict[str, Any]] = yaml.safe_load(
    (PACKAGE / "models" / "staging" / "_sources.yml").read_text(encoding="utf-8")
)["sources"]
TABLES = {table["name"]: [column["name"] for column in table["columns"]] for table in _SOURCES[0]["tables"]}


@pytest.mark.parametrize("table", TABLES)
def test_what_a_model_reads_is_a_stream_with_these_columns(table: str) -> None:
    assert set(TABLES[table]) <= set(schema_of(STREAMS[table])["properties"])


def test_the_demo_reads_what_the_marts_are_made_of() -> None:
    assert set(TABLES) == MART_STREAMS


@pytest.mark.parametrize("table", TABLES)
def test_the_package_names_every_stream_it_needs(table: str) -> None:
    """Whoever follows its README has synced all of them."""
    assert f"`{table}`" in (PACKAGE / "README.md").read_text(encoding="utf-8").partition("## Use")[2]


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small simulated account, as `make demo` leaves it, with the package built and tested on it."""
    if not DBT.exists():
        pytest.skip("there is no environment for dbt: `make dbt` makes it")
    folder = tmp_path_factory.mktemp("dbt")
    options = ["--contacts", "60", "--campaigns", "12", "--recipients", "12", "--folder", str(folder / "demo")]
    demo = [sys.executable, "-m", "examples.demo", *options, "--streams", *TABLES]
    subprocess.run(demo, cwd=ROOT, check=True, capture_output=True, timeout=240)
    path = folder / "demo" / "mailchimp.duckdb"
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
