"""Each stream as an asset of Dagster: a materialization reads what is new, and keeps messages and state in a folder.

    pip install dagster dagster-webserver
    MAILCHIMP_API_KEY=0123…-us10 dagster dev -f examples/dagster_assets.py

`MAILCHIMP_FOLDER` says where the messages go (default: `mailchimp`), `MAILCHIMP_API_URL` names the simulator, say.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import dagster

STREAMS = ("lists", "list_members", "campaigns", "reports", "email_activity", "unsubscribes")


def read(stream: str, folder: Path) -> int:
    """Read what is new of ``stream`` into a file of its own; returns how many records came.

    Raises CalledProcessError where the stream is not complete; what was read stands, with a state behind it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    config = {"credentials": {"auth_type": "apikey", "apikey": os.environ["MAILCHIMP_API_KEY"]}, "num_workers": 4}
    if url := os.environ.get("MAILCHIMP_API_URL"):
        config["api_url"] = url
    settings, state = folder / f"{stream}.config.json", folder / f"{stream}.state.jsonl"
    settings.touch(mode=0o600)
    settings.write_text(json.dumps(config), encoding="utf-8")
    state.touch()
    command: list[str | Path] = [Path(sys.executable).with_name("source-mailchimp"), "read", "--config", settings]
    command += ["--streams", stream, "--state", state]
    records, states = 0, list[bytes]()
    try:
        with (
            (folder / f"{stream}.jsonl").open("ab") as messages,
            subprocess.Popen(command, stdout=subprocess.PIPE) as process,
        ):
            for line in process.stdout or ():
                if line.startswith(b'{"type":"RECORD"'):
                    messages.write(line)
                    records += 1
                elif line.startswith(b'{"type":"STATE"'):
                    states = [line]
        if process.returncode:
            raise subprocess.CalledProcessError(process.returncode, command[:2])
    finally:
        settings.unlink()
        if states:
            state.write_bytes(states[-1])
    return records


def asset_of(stream: str) -> dagster.AssetsDefinition:
    """The asset of one stream."""

    def materialize() -> dagster.MaterializeResult:
        folder = Path(os.environ.get("MAILCHIMP_FOLDER", "mailchimp"))
        return dagster.MaterializeResult(metadata={"records": read(stream, folder)})

    # One at a time, if the pool's limit is set so: Mailchimp's ten connections are for all of them.
    return dagster.asset(name=stream, group_name="mailchimp", pool="mailchimp")(materialize)


assets = [asset_of(stream) for stream in STREAMS]
job = dagster.define_asset_job("mailchimp", selection=assets)
defs = dagster.Definitions(
    assets=assets, jobs=[job], schedules=[dagster.ScheduleDefinition(job=job, cron_schedule="17 3 * * *")]
)
