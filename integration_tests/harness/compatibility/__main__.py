"""``make golden``: agree on the connectors as they are now; refuses what would break what users have saved."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from integration_tests.harness.compatibility.golden import Golden, breaks, current, may_break
from integration_tests.harness.compatibility.records import save_expected_records
from integration_tests.harness.repository import CONNECTORS


def main() -> int:
    """Write the golden files of each connector that has changed; 1 if one of them may not change like this."""
    refused = False
    for connector in CONNECTORS:
        with tempfile.TemporaryDirectory() as folder:
            now = current(connector, Path(folder))
        try:
            before = Golden.load(connector)
        except FileNotFoundError:
            before = now
        found = breaks(before, now)
        if found and not may_break(before.version, now.version):
            refused = True
            print(f"{connector}: not written. {now.version} would break what was saved with {before.version}:")
            print("\n".join(f"  {line}" for line in found))
            print("  If that is meant, raise the major version first (see CONTRIBUTING, Release).")
        else:
            now.save(connector)
            print(f"{connector}: {now.version}", *(f"  breaks: {line}" for line in found), sep="\n")
    with tempfile.TemporaryDirectory() as folder:
        save_expected_records(Path(folder))
    return int(refused)


if __name__ == "__main__":
    sys.exit(main())
