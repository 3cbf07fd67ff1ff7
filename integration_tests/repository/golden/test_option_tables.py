"""The pages' tables of options say what the connectors take."""

from __future__ import annotations

from pathlib import Path

import pytest

from integration_tests.harness.compatibility.option_tables import PAGES, current_page


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.parent.name)
def test_the_table_of_options_is_current(page: Path) -> None:
    """Otherwise: make docs-tables."""
    text = page.read_text(encoding="utf-8")

    assert current_page(text, PAGES[page]) == text


def test_a_page_without_a_place_for_the_table_is_not_taken_for_current() -> None:
    with pytest.raises(ValueError, match="no place"):
        current_page("# A page\n", next(iter(PAGES.values())))
