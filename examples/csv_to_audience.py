"""Writes a CSV file of contacts into a Mailchimp audience, and accounts for every row.

    MAILCHIMP_API_KEY=0123…-us10 python -m examples.csv_to_audience contacts.csv LIST_ID

The file may begin with a byte order mark, be separated by commas, semicolons or tabs, and name its columns at will.
Here is done what only who knows the file can do: `Newsletter` says who may be written to at all, and an address may
stand in brackets behind a name. How many rows that leaves out is said on standard error. The rest, doubled addresses
and what is no address, is the destination's business: its last lines say what became of the rows that it got.

`--email` and `--consent` name other columns, `--everybody` takes all rows: only if all have agreed to get e-mails.
`DRY_RUN=1` writes nothing.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

_BRACKETS = re.compile(r"<([^<>]+)>")
_YES = ("yes", "y", "true", "1", "x")
_ROWS_NAMED = 10


def main(arguments: Sequence[str]) -> int:
    """Write the rows of a file; returns the destination's exit code. A mistake ends the process with 2."""
    parser = argparse.ArgumentParser(
        prog="csv_to_audience", description="Writes a CSV file of contacts into a Mailchimp audience."
    )
    parser.add_argument("file", type=Path)
    parser.add_argument("list_id", help="the id of the audience")
    parser.add_argument("--email", default="E-Mail", metavar="COLUMN", help="holds the addresses (E-Mail)")
    parser.add_argument("--consent", default="Newsletter", metavar="COLUMN", help="says who agreed (Newsletter)")
    parser.add_argument("--everybody", action="store_true", help="write all rows, whatever --consent says of them")
    parsed = parser.parse_args(arguments)
    if not os.environ.get("MAILCHIMP_API_KEY"):
        parser.error("the environment has no MAILCHIMP_API_KEY")
    consent = None if parsed.everybody else parsed.consent
    try:
        rows = list(chosen_rows(parsed.file, parsed.email, consent))
    except (OSError, ValueError) as error:
        parser.error(str(error))
    with tempfile.TemporaryDirectory() as folder:
        files = {"config": config(parsed.list_id, parsed.email), "catalog": catalog(rows, parsed.email)}
        command: list[str | Path] = [Path(sys.executable).with_name("destination-mailchimp"), "write"]
        for name, content in files.items():
            path = Path(folder) / f"{name}.json"
            path.write_text(json.dumps(content), encoding="utf-8")
            command += [f"--{name}", path]
        messages = "".join(json.dumps(message) + "\n" for message in messages_of(rows))
        return subprocess.run(command, input=messages, text=True, check=False).returncode


def chosen_rows(file: Path, email: str, consent: str | None) -> Iterator[dict[str, str]]:
    """The rows of those who agreed; without ``consent``, the column that says so, all of them.

    Says how many are left out. Raises ValueError for a file that lacks a column, or in which nobody agreed.
    """
    try:
        text = file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise ValueError(f"{file} is not UTF-8; save it as “CSV UTF-8”") from None
    header = text.partition("\n")[0]
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=max(",;\t", key=header.count))
    reader.fieldnames = columns = [name.strip() for name in reader.fieldnames or []]
    for column, remedy in (
        (email, "name the one that holds the addresses: --email COLUMN"),
        (consent, "name the one that says who agreed: --consent COLUMN, or give --everybody if all have"),
    ):
        if column is not None and column not in columns:
            raise ValueError(f"{file} has no column {column}; {remedy}. It has {', '.join(columns) or 'none'}")
    left_out = []
    for number, row in enumerate(reader, start=1):
        # Values without blanks around them, empty ones left out; csv keeps what is beyond the header under None.
        kept = {name: value.strip() for name, value in row.items() if name and value and value.strip()}
        if consent is not None and kept.pop(consent, "").lower() not in _YES:
            left_out.append(number)
            continue
        if found := _BRACKETS.search(kept.get(email, "")):
            kept[email] = found[1]
        yield kept
    if left_out:
        named = ", ".join(map(str, left_out[:_ROWS_NAMED])) + (", …" if len(left_out) > _ROWS_NAMED else "")
        why = f"their column {consent} says none of {', '.join(_YES)}"
        if len(left_out) == number:
            raise ValueError(f"nothing to write: all {number} rows of {file} are left out, as {why}")
        print(f"{len(left_out)} of {number} rows are left out, as {why}: rows {named}", file=sys.stderr)


def config(list_id: str, email: str) -> dict[str, Any]:
    """The destination's options."""
    chosen: dict[str, Any] = {
        "credentials": {"auth_type": "apikey", "apikey": os.environ["MAILCHIMP_API_KEY"]},
        "list_id": list_id,
        "email_field": email,
        "tags": "CSV import",
        "dry_run": os.environ.get("DRY_RUN") == "1",
        "max_new_contacts": 10_000,  # more would be a mistake
    }
    if url := os.environ.get("MAILCHIMP_API_URL"):
        chosen["api_url"] = url
    return chosen


def catalog(rows: list[dict[str, str]], email: str) -> dict[str, Any]:
    """One stream, with the columns that the rows have."""
    columns = dict.fromkeys(name for row in rows for name in row)
    stream = {
        "name": "contacts",
        "json_schema": {"properties": {name: {"type": ["null", "string"]} for name in columns}},
        "supported_sync_modes": ["full_refresh"],
    }
    how = {"sync_mode": "full_refresh", "destination_sync_mode": "append_dedup", "primary_key": [[email]]}
    return {"streams": [{"stream": stream, **how}]}


def messages_of(rows: list[dict[str, str]]) -> Iterator[dict[str, Any]]:
    """The rows as Airbyte's messages, and a state behind them, which comes back when all of them are written."""
    for row in rows:
        yield {"type": "RECORD", "record": {"stream": "contacts", "emitted_at": 0, "data": row}}
    state = {"stream_descriptor": {"name": "contacts"}, "stream_state": {"rows": len(rows)}}
    yield {"type": "STATE", "state": {"type": "STREAM", "stream": state}}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
