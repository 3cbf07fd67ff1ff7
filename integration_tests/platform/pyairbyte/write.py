"""Writes a stream of the source through the destination with PyAirbyte.

    write.py SOURCE_CONFIG DESTINATION_CONFIG STREAM (direct | DATABASE)

``direct``: as the source gives it; otherwise it is read into that DuckDB file first and written from there. A process
of its own: importing PyAirbyte takes ten seconds and warns.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import airbyte
from airbyte.caches import DuckDBCache


def main(source_config: str, destination_config: str, stream: str, way: str) -> None:
    """Write all of ``stream``."""
    scripts = Path(sys.executable).parent
    source = airbyte.get_source(
        "source-mailchimp",
        config=json.loads(Path(source_config).read_text(encoding="utf-8")),
        local_executable=scripts / "source-mailchimp",
        streams=[stream],
    )
    destination = airbyte.get_destination(
        "destination-mailchimp",
        config=json.loads(Path(destination_config).read_text(encoding="utf-8")),
        local_executable=scripts / "destination-mailchimp",
    )
    if way == "direct":
        result = destination.write(source, streams=[stream], cache=False, state_cache=False)
    else:
        cached = source.read(cache=DuckDBCache(db_path=way))
        result = destination.write(cached, streams=[stream])
    print(json.dumps({"processed": result.processed_records}))


main(*sys.argv[1:])
