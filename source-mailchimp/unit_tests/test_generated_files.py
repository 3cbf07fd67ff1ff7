"""What commands make from the stream table is what they would make now."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

_TOOLS = Path(__file__).resolve().parents[1] / "tools"


@pytest.mark.parametrize(
    "tool, command",
    [
        ("generate_schemas.py", "make schemas"),
        ("generate_stream_docs.py", "make docs-tables"),
        ("generate_field_docs.py", "make docs-tables"),
        ("generate_relations.py", "make docs-tables"),
    ],
)
def test_generated_files_are_current(tool: str, command: str) -> None:
    """A schema file for each stream and none besides, a row for each in docs/streams.md, its fields and keys."""
    run = subprocess.run([sys.executable, _TOOLS / tool, "--check"], capture_output=True, text=True, check=False)

    assert run.returncode == 0, f"run `{command}`:\n{run.stdout}{run.stderr}"


def test_a_field_that_nothing_describes_ends_in_a_sentence_with_the_remedy(tmp_path: Path) -> None:
    """As whoever adds a stream meets it: which fields, where to write, and no traceback."""
    run = subprocess.run(
        [sys.executable, _TOOLS / "generate_schemas.py", "--check", "--descriptions", tmp_path],
        capture_output=True,
        text=True,
        check=False,
    )

    assert run.returncode == 1
    assert "lists.id" in run.stderr
    assert "Write a sentence for each" in run.stderr
    assert "Traceback" not in run.stderr
