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


TESTED_ELSEWHERE = {
    "destination": "the shell for Airbyte's CDK: integration_tests/platform",
    "commands": "the command line: integration_tests/destination/test_commands.py",
    "run": "the command line: integration_tests/destination/test_commands.py",
    "clear": "Airbyte's “Clear data”: integration_tests/destination/test_commands.py",
    "version": "the number of the package: integration_tests/repository/test_versions.py",
    "failures": "declares; what a person reads of each is tested with the commands",
    "errors": "declares one exception",
    "partial_contact": "declares what is put together: test_record.py",
    "wanted": "declares what a record may want: test_columns.py",
    "result": "declares what came of a job",
    "source_keys": "one function: test_cursors.py",
}
"""Modules without a file of unit tests of their own, and why, or where they are tested."""


def test_each_module_has_its_unit_tests() -> None:
    """A file by its name, or a reason why not; a reason that is no longer needed goes."""
    modules = {path.stem for path in PACKAGE.rglob("*.py")} - {"__init__"}
    tested = {path.stem.removeprefix("test_") for path in Path(__file__).parent.glob("test_*.py")}

    assert modules - tested == set(TESTED_ELSEWHERE)
