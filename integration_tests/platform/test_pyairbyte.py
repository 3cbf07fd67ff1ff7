"""PyAirbyte, a real client of both connectors: into DuckDB, from sync to sync, and out of it again."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import duckdb
import pytest

from mailchimp_simulator.client import SimulatorProcess
from source_mailchimp.streams import STREAMS

Json = dict[str, Any]
SCRIPTS = Path(__file__).parent / "pyairbyte"
MEMBERS = "/lists/{list_id}/members"

pytestmark = [
    pytest.mark.skipif(find_spec("airbyte") is None, reason="PyAirbyte has no release for this Python"),
    pytest.mark.slow,
    pytest.mark.timeout(900),  # of which PyAirbyte takes a second for each stream and ten for its import
]


@pytest.fixture(scope="module")
def account() -> Json:
    """The awkward account: values of every odd kind that the real API has shown, in every stream."""
    return {"contacts": 240, "audiences": 2, "campaigns": 10, "recipients": 30}


def saved(content: Json, path: Path) -> Path:
    """The file ``path`` with that content."""
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def run(script: str, *arguments: Path | str, folder: Path) -> str:
    """Run a script; returns what it said. It reaches no registry and reports nothing to anybody."""
    done = subprocess.run(
        [sys.executable, SCRIPTS / script, *arguments],
        cwd=folder,
        env={
            **os.environ,
            "AIRBYTE_OFFLINE_MODE": "1",
            "DO_NOT_TRACK": "1",
            "AIRBYTE_LOGGING_ROOT": str(folder / "logs"),
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=400,
    )
    said = done.stdout + done.stderr
    assert done.returncode == 0, said[-4000:]
    return said


@pytest.mark.nightly  # the demo reads every stream with PyAirbyte, too, but once and without looking at types
def test_streams_go_into_duckdb_and_the_next_sync_brings_what_changed(
    config: Json, simulator: SimulatorProcess, tmp_path: Path
) -> None:
    """Each has a table of typed columns and a row for each primary key; then only changed rows are touched."""
    configuration = saved({**config, "activity_lookback_days": 0}, tmp_path / "config.json")
    database = tmp_path / "account.duckdb"

    said = run("read.py", configuration, database, folder=tmp_path)

    # What PyAirbyte prints where it has no column for a type.
    assert "Could not determine" not in said
    assert "Could not find SQL type" not in said
    with duckdb.connect(str(database)) as tables:
        before = {name: count(tables, name) for name in STREAMS}
        [began] = tables.execute("SELECT max(_airbyte_extracted_at) FROM list_members").fetchone() or (None,)
        [kinds] = tables.execute("SELECT list(DISTINCT typeof(last_changed)) FROM list_members").fetchone() or (None,)
    assert [name for name, rows in before.items() if rows == 0] == []
    assert before["list_members"] == simulator.control.ground_truth(MEMBERS)["count"]
    assert all("TIMESTAMP" in kind for kind in kinds)

    simulator.control.clock(advance=3600)
    changed = simulator.control.change("update", count=4)
    joined = simulator.control.change("join", count=2)
    simulator.control.add_events(1, opens=3)
    simulator.control.clock(advance=3600)
    run("read.py", configuration, database, "list_members", "email_activity", folder=tmp_path)

    with duckdb.connect(str(database)) as tables:
        touched = tables.execute("SELECT id FROM list_members WHERE _airbyte_extracted_at > ?", [began]).fetchall()
        after = {name: count(tables, name) for name in ("list_members", "email_activity")}
    assert {contact for (contact,) in touched} == {item["hash"] for item in [*changed, *joined]}
    assert after == {
        "list_members": before["list_members"] + len(joined),
        "email_activity": before["email_activity"] + 3,
    }


def count(tables: duckdb.DuckDBPyConnection, name: str) -> int:
    """The rows of a table; fails if a primary key is there twice."""
    key = ", ".join(f'"{part}"' for part in STREAMS[name].key)
    rows, keys = tables.execute(f'SELECT count(*), count(DISTINCT ({key})) FROM "{name}"').fetchone() or (0, 0)  # noqa: S608 - our own names
    assert rows == keys, name
    return int(rows)


# By night, as both ways end in the same messages, and the cache adds to them.
DIRECT = pytest.param("direct", marks=pytest.mark.nightly, id="from the source")


@pytest.mark.parametrize("way", [DIRECT, pytest.param("cached.duckdb", id="from a cache")])
def test_contacts_are_written_through_the_destination(
    way: str, config: Json, simulator: SimulatorProcess, tmp_path: Path
) -> None:
    """One audience's contacts get into another; a cache adds columns of its own, which do no harm."""
    [first, second] = [item["row"]["id"] for item in simulator.control.ground_truth("/lists", "rows")["rows"]]
    rows = simulator.control.ground_truth(MEMBERS, "rows", [first])["rows"]
    wanted = {item["row"]["email_address"].lower() for item in rows if item["row"]["status"] == "subscribed"}
    source = saved({**config, "list_ids": [first], "include_archived": False}, tmp_path / "source.json")
    target = saved({**config, "list_id": second, "accept_missing_required": True}, tmp_path / "destination.json")

    run("write.py", source, target, "list_members", way, folder=tmp_path)

    written = simulator.control.ground_truth(MEMBERS, "rows", [second])["rows"]
    assert wanted
    assert wanted <= {item["row"]["email_address"].lower() for item in written}
