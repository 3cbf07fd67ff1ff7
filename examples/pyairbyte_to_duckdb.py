"""Reads streams of a Mailchimp account into a DuckDB file with PyAirbyte; a second run brings only what is new.

    MAILCHIMP_API_KEY=0123…-us10 python -m examples.pyairbyte_to_duckdb mailchimp.duckdb lists list_members reports

`MAILCHIMP_API_URL` names another address than Mailchimp's, such as the simulator's.
"""

from __future__ import annotations

import os
import sys
import warnings
from pathlib import Path
from typing import Any


def main(database: str, *streams: str) -> None:
    """Read ``streams`` into ``database``, and say how many records came."""
    # Before the import: PyAirbyte looks up connectors in a list of Airbyte's, and reports its use.
    os.environ |= {"AIRBYTE_OFFLINE_MODE": "1", "DO_NOT_TRACK": "1"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # of packages that it imports
        import airbyte  # noqa: PLC0415 - reads the environment

    config: dict[str, Any] = {
        "credentials": {"auth_type": "apikey", "apikey": os.environ["MAILCHIMP_API_KEY"]},
        "merge_fields": "columns",
    }
    if url := os.environ.get("MAILCHIMP_API_URL"):
        config["api_url"] = url
    source = airbyte.get_source(
        "source-mailchimp",
        config=config,
        local_executable=Path(sys.executable).with_name("source-mailchimp"),
        streams=list(streams),
    )
    source.check()
    result = source.read(cache=airbyte.caches.DuckDBCache(db_path=database))
    print(f"{result.processed_records:,} records in {database}")


if __name__ == "__main__":
    main(*sys.argv[1:])
