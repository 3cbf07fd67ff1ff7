"""The least a reader can do: one page after the other with requests and orjson, no state, no retries, no checks.

`python -m benchmarks.floor URL KEY` prints every contact of every audience as a RECORD line. What a connector takes
beyond this is its own.
"""

from __future__ import annotations

import sys

import orjson
import requests

_PAGE = 1000


def main(url: str, key: str) -> None:
    """Read all contacts at ``url`` (with ``/3.0``)."""
    session = requests.Session()
    session.auth = ("floor", key)
    write = sys.stdout.buffer.write
    lists = orjson.loads(session.get(f"{url}/lists", params={"count": _PAGE}, timeout=130).content)["lists"]
    for audience in lists:
        offset = 0
        while True:
            params: dict[str, str | int] = {"count": _PAGE, "offset": offset, "exclude_fields": "members._links"}
            answer = session.get(f"{url}/lists/{audience['id']}/members", params=params, timeout=130)
            rows = orjson.loads(answer.content)["members"]
            for row in rows:
                record = {"stream": "list_members", "data": row, "emitted_at": 0}
                write(orjson.dumps({"type": "RECORD", "record": record}) + b"\n")
            if len(rows) < _PAGE:
                break
            offset += _PAGE


if __name__ == "__main__":
    main(*sys.argv[1:])
