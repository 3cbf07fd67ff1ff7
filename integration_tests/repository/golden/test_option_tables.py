"""The pages' tables of options say what the connectors take."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from integration_tests.harness.compatibility.option_tables import PAGES, current_page
from mailchimp_api.options import option_schema

Json = dict[str, Any]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.parent.name)
def test_the_table_of_options_is_current(page: Path) -> None:
    """Otherwise: make docs-tables."""
    text = page.read_text(encoding="utf-8")

    assert current_page(text, PAGES[page]) == text


def _texts(schema: Json, within: str = "") -> Iterator[tuple[str, Json]]:
    for name, option in schema["properties"].items():
        yield within + name, {text: option.get(text) for text in ("title", "description")}
        for choice in option.get("oneOf", ()):
            yield f"{within}{name}: {choice['title']}", {"description": choice.get("description")}
            yield from _texts(choice, f"{within}{name}.")


def test_an_option_that_both_connectors_have_is_called_and_explained_alike() -> None:
    """Those in a choice, too."""
    source, destination = (dict(_texts(option_schema(model))) for model in PAGES.values())
    both = source.keys() & destination.keys()
    # By this title users of destinations know it.
    assert destination["credentials.apikey"]["title"] == "Account level API Key"
    destination["credentials.apikey"]["title"] = source["credentials.apikey"]["title"]

    assert both >= {"credentials", "credentials.access_token", "num_workers", "data_center", "api_url", "retry_seconds"}
    assert {name: source[name] for name in both} == {name: destination[name] for name in both}


@pytest.mark.parametrize("model", PAGES.values(), ids=lambda model: model.__module__)
def test_what_only_tests_need_is_not_shown_in_a_form(model: type[BaseModel]) -> None:
    for_tests = {"api_url", "request_timeout", "retry_seconds"}
    options = option_schema(model)["properties"]

    assert all(options[name].get("airbyte_hidden") for name in for_tests & options.keys())
    assert not any("test" in option["description"] for option in options.values() if not option.get("airbyte_hidden"))


def test_a_page_without_a_place_for_the_table_is_not_taken_for_current() -> None:
    with pytest.raises(ValueError, match="no place"):
        current_page("# A page\n", next(iter(PAGES.values())))
