# ruff: noqa: INP001 -- part of the commands beside it, not of the package
"""What the commands that make files have in common: write them, or with ``--check`` compare them."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path


def bring_up_to_date(wanted: Mapping[Path, str], present: Iterable[Path] = ()) -> int:
    """Write ``wanted`` and remove what is ``present`` but not wanted; with ``--check`` only say what is stale.

    Returns the exit code: 1 where ``--check`` found something.
    """
    parser = argparse.ArgumentParser()
    parser.add_argument("--check", action="store_true", help="write nothing; fail if a file is stale")
    check = parser.parse_args().check
    texts = {path: path.read_text(encoding="utf-8") for path in {*present, *wanted} if path.exists()}
    stale = sorted(path for path in {*texts, *wanted} if texts.get(path) != wanted.get(path))
    for path in stale:
        sys.stdout.write(f"{'stale' if check else 'wrote' if path in wanted else 'removed'} {path.name}\n")
        if not check and path in wanted:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(wanted[path], encoding="utf-8")
        elif not check:
            path.unlink()
    return int(check and bool(stale))
