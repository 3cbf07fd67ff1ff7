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


def test_no_other_module_says_how_much_is_under_way_at_once() -> None:
    """Only together can it be seen that nobody waits for ever."""
    bounding = {"Budget", "EventQueue", "ThreadPoolExecutor", "ordered_map", "run_bounded"}
    met: set[str] = set()
    said: set[tuple[str, str]] = set()
    for module, tree in MODULES.items():
        numbers = {
            target.id
            for statement in tree.body
            if isinstance(statement, ast.Assign) and is_number(statement.value)
            for target in statement.targets
            if isinstance(target, ast.Name)
        }
        for call in ast.walk(tree):
            if not isinstance(call, ast.Call):
                continue
            name = ast.unparse(call.func).rpartition(".")[2].partition("[")[0]
            if name in bounding:
                met.add(name)
                values = [*call.args, *(keyword.value for keyword in call.keywords)]
                if any(is_number(value) or (isinstance(value, ast.Name) and value.id in numbers) for value in values):
                    said.add((module, name))

    assert said == set()
    assert met == bounding, "nothing would be found"


def test_what_is_called_a_bound_stands_with_the_others() -> None:
    """Whatever it is handed to."""
    called = {
        (module, target.id)
        for module, tree in MODULES.items()
        for statement in tree.body
        if isinstance(statement, ast.Assign) and is_number(statement.value)
        for target in statement.targets
        if isinstance(target, ast.Name) and target.id.endswith(("_AT_ONCE", "_AHEAD", "_WAITING"))
    }

    assert {module for module, _ in called} == {"bounds"}


def is_number(node: ast.expr) -> bool:
    """Whether it is made of numbers."""
    parts = [part for part in ast.walk(node) if not isinstance(part, ast.BinOp | ast.operator)]
    return all(isinstance(part, ast.Constant) and isinstance(part.value, int | float) for part in parts)
