"""The package's folders are rooms that know of each other in one direction only."""

from __future__ import annotations

import ast
from graphlib import TopologicalSorter
from pathlib import Path

import destination_mailchimp

PACKAGE = Path(destination_mailchimp.__file__).parent


def folders_known(folder: Path) -> set[str]:
    """The other folders of the package that a folder's modules import, for types or not."""
    known = set()
    for module in folder.glob("*.py"):
        for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("destination_mailchimp."):
                known.add(str(node.module).split(".")[1])
    return (known & FOLDERS) - {folder.name}


FOLDERS = {path.name for path in PACKAGE.iterdir() if (path / "__init__.py").exists()}


def test_folders_do_not_know_each_other_in_a_circle() -> None:
    order = list(TopologicalSorter({name: folders_known(PACKAGE / name) for name in FOLDERS}).static_order())

    assert {"input", "mapping", "contacts", "audience", "writing", "accounting"} <= set(order)


def test_mapping_makes_no_calls() -> None:
    """What a record becomes is decided without Mailchimp; fields that it wants are made by a worker."""
    imports = "".join(path.read_text(encoding="utf-8") for path in (PACKAGE / "mapping").glob("*.py"))

    assert "audience.calls" not in imports
    assert "mailchimp_api.client" not in imports
