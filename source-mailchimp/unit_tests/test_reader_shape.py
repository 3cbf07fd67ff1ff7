"""The reader's modules know one another in one direction, and no stream by its name."""

from __future__ import annotations

import ast
from graphlib import TopologicalSorter
from pathlib import Path

from source_mailchimp import reader
from source_mailchimp.streams import STREAMS

MODULES = {path.stem: ast.parse(path.read_text(encoding="utf-8")) for path in Path(reader.__path__[0]).glob("*.py")}


def test_no_module_imports_one_that_imports_it() -> None:
    imports = {
        name: {
            (node.module or "").rpartition(".")[2]
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("source_mailchimp.reader.")
        }
        for name, tree in MODULES.items()
    }

    TopologicalSorter(imports).prepare()  # raises CycleError

    assert "listing" in imports["window"], "nothing would be found"


def test_no_module_names_a_stream() -> None:
    """But in texts for people."""
    named = {
        (name, node.value)
        for name, tree in MODULES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and node.value in STREAMS
    }

    assert named == set()
