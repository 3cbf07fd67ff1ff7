"""Writes a CSV file of contacts into a Mailchimp audience, and says what became of each row.

    MAILCHIMP_API_KEY=0123…-us10 python -m examples.csv_to_audience contacts.csv LIST_ID

The file may begin with a byte order mark, be separated by commas, semicolons or tabs, and name its columns at will.
Here is done what only who knows the file can do: `Newsletter` says who may be written to at all, and an address may
stand in brackets behind a name. The rest, doubled addresses and what is no address, is the destination's business.
`DRY_RUN=1` writes nothing.
"""

from __future__ import annotations

import csv
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_BRACKETS = re.compile(r"<([^<>]+)>")
_YES = {"yes", "y", "true", "1", "x"}


def main(file: str, list_id: str) -> int:
    """Write the rows of ``file``; returns the destination's exit code."""
    rows = [row for row in rows_of(Path(file)) if row.get("Newsletter", "").strip().lower() in _YES]
    with tempfile.TemporaryDirectory() as folder:
        files = {"config": config(list_id), "catalog": catalog(rows)}
        command: list[str | Path] = [Path(sys.executable).with_name("destination-mailchimp"), "write"]
        for name, content in files.items():
            path = Path(folder) / f"{name}.json"
            path.write_text(json.dumps(content), encoding="utf-8")
            command += [f"--{name}", path]
        messages = "".join(json.dumps(message) + "\n" for message in messages_of(rows))
        return subprocess.run(command, input=messages, text=True, check=False).returncode


def rows_of(file: Path) -> Iterator[dict[str, str]]:
    """The rows of a CSV file, values without blanks around them, empty ones left out."""
    text = file.read_text(encoding="utf-8-sig")
    dialect = csv.Sniffer().sniff(text.partition("\n")[0], delimiters=",;\t")
    for row in csv.DictReader(text.splitlines(), dialect=dialect):
        kept = {name: value.strip() for name, value in row.items() if name and value and value.strip()}
        if found := _BRACKETS.search(kept.get("E-Mail", "")):
            kept["E-Mail"] = found[1]
        yield kept


def config(list_id: str) -> dict[str, Any]:
    """The destination's options."""
    chosen: dict[str, Any] = {
        "credentials": {"auth_type": "apikey", "apikey": os.environ["MAILCHIMP_API_KEY"]},
        "list_id": list_id,
        "email_field": "E-Mail",
        "tags_field": "Tags",
        "tags": "CSV import",
        "dry_run": os.environ.get("DRY_RUN") == "1",
        "max_new_contacts": 10_000,  # more would be a mistake
    }
    if url := os.environ.get("MAILCHIMP_API_URL"):
        chosen["api_url"] = url
    return chosen


def catalog(rows: list[dict[str, str]]) -> dict[str, Any]:
    """One stream, with the columns that the rows have."""
    columns = dict.fromkeys(name for row in rows for name in row)
    stream = {
        "name": "contacts",
        "json_schema": {"properties": {name: {"type": ["null", "string"]} for name in columns}},
        "supported_sync_modes": ["full_refresh"],
    }
    how = {"sync_mode": "full_refresh", "destination_sync_mode": "append_dedup", "primary_key": [["E-Mail"]]}
    return {"streams": [{"stream": stream, **how}]}


def messages_of(rows: list[dict[str, str]]) -> Iterator[dict[str, Any]]:
    """The rows as Airbyte's messages, and a state behind them, which comes back when all of them are written."""
    for row in rows:
        yield {"type": "RECORD", "record": {"stream": "contacts", "emitted_at": 0, "data": row}}
    state = {"stream_descriptor": {"name": "contacts"}, "stream_state": {"rows": len(rows)}}
    yield {"type": "STATE", "state": {"type": "STREAM", "stream": state}}


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
