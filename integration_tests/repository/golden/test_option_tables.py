"""The pages' tables of options say what the connectors take."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import BaseModel

from integration_tests.harness.compatibility.option_tables import PAGES, current_page
from mailchimp_api.options import option_schema


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.parent.name)
def test_the_table_of_options_is_current(page: Path) -> None:
    """Otherwise: make docs-tables."""
    text = page.read_text(encoding="utf-8")

    assert current_page(text, PAGES[page]) == text


def test_an_option_that_both_connectors_have_is_called_and_explained_alike() -> None:
    source, destination = (option_schema(model)["properties"] for model in PAGES.values())
    both = source.keys() & destination.keys()

    assert both >= {"credentials", "num_workers", "data_center", "api_url", "retry_seconds"}
    for name in both:
        texts = [(option[name]["title"], option[name]["description"]) for option in (source, destination)]
        assert texts[0] == texts[1]


@pytest.mark.parametrize("model", PAGES.values(), ids=lambda model: model.__module__)
def test_what_only_tests_need_is_not_shown_in_a_form(model: type[BaseModel]) -> None:
    for_tests = {"api_url", "request_timeout", "retry_seconds"}
    options = option_schema(model)["properties"]

    assert all(options[name].get("airbyte_hidden") for name in for_tests & options.keys())
    assert not any("test" in option["description"] for option in options.values() if not option.get("airbyte_hidden"))


def test_a_page_without_a_place_for_the_table_is_not_taken_for_current() -> None:
    with pytest.raises(ValueError, match="no place"):
        current_page("# A page\n", next(iter(PAGES.values())))
