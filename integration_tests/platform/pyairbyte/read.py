"""Reads streams into a DuckDB file with PyAirbyte, on from what the file says was read before.

    read.py CONFIG DATABASE [STREAM …]

Prints how many records were processed, as JSON, on the last line. A process of its own: importing PyAirbyte takes
ten seconds and warns.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import airbyte
from airbyte.caches import DuckDBCache


def main(config: str, database: str, *streams: str) -> None:
    """Read ``streams``, or all."""
    source = airbyte.get_source(
        "source-mailchimp",
        config=json.loads(Path(config).read_text(encoding="utf-8")),
        local_executable=Path(sys.executable).with_name("source-mailchimp"),
        streams=list(streams) or "*",
    )
    result = source.read(cache=DuckDBCache(db_path=database))
    print(json.dumps({"processed": result.processed_records}))


main(*sys.argv[1:])
