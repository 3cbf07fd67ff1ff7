"""The tree of errors: what its file draws is what there is, and each leaf is one that somebody can meet."""

from __future__ import annotations

import ast
import inspect
from pathlib import Path

import pytest

import mailchimp_api
from mailchimp_api import errors


def tree(kind: type[errors.MailchimpError], depth: int = 0) -> list[tuple[int, str]]:
    # The connectors draw branches of their own, in their own files.
    children = [child for child in kind.__subclasses__() if child.__module__ == errors.__name__]
    below = [line for child in children for line in tree(child, depth + 1)]
    return [(depth, kind.__name__), *below]


def test_the_drawing_is_the_hierarchy() -> None:
    drawing = inspect.getdoc(errors) or ""
    drawn = []
    for line in drawing.splitlines()[2:]:
        name = line.lstrip("│├└─ ").split()[0]
        drawn.append((line.index(name) // 4, name))

    assert drawn == tree(errors.MailchimpError)


@pytest.mark.parametrize("name", [name for _, name in tree(errors.MailchimpError)])
def test_every_error_is_raised_somewhere_or_gathers_those_that_are(name: str) -> None:
    """No class without a use: the other tests of this package show when each is raised."""
    folder = Path(mailchimp_api.__file__).parent
    made = {
        node.func.id
        for module in folder.glob("*.py")
        for node in ast.walk(ast.parse(module.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }

    assert name in made or getattr(errors, name).__subclasses__()


@pytest.mark.parametrize(
    "seen, total, told",
    [
        (3, 60, "3 of 60 rows were seen"),
        (60, 0, "60 rows, of which Mailchimp counts 0, were seen"),
        (3, None, "unknown"),
    ],
)
def test_a_listing_that_is_not_complete_says_how_many_rows_were_seen(seen: int, total: int | None, told: str) -> None:
    assert told in str(errors.IncompleteListing("lists", seen=seen, total=total))
