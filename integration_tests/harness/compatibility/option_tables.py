"""Makes the tables of options in both connectors' pages from their ``Config`` models (``make docs-tables``)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from destination_mailchimp.config import Config as DestinationConfig
from integration_tests.harness.repository import ROOT
from mailchimp_api.options import option_schema
from source_mailchimp.config import Config as SourceConfig

_DOCS = ROOT / "docs"
PAGES: dict[Path, type[BaseModel]] = {
    _DOCS / "sources" / "mailchimp.md": SourceConfig,
    _DOCS / "destinations" / "mailchimp.md": DestinationConfig,
}
_BEGIN = "<!-- options: made by `make docs-tables` from the connector's config.py -->\n"
_END = "<!-- end of options -->"

_HEAD = """\
| option | title | default | what it does |
| --- | --- | --- | --- |
"""
_HIDDEN = """
Airbyte's interface does not show these; a configuration file may have them:

"""


def current_page(text: str, model: type[BaseModel]) -> str:
    """The page ``text`` with a current table between its marks. Raises ValueError for a page without them."""
    before, begin, rest = text.partition(_BEGIN)
    _, end, after = rest.partition(_END)
    if not begin or not end:
        raise ValueError("the page has no place for the table of options")
    return before + begin + _table(model) + end + after


def _table(model: type[BaseModel]) -> str:
    """Both tables: what the interface shows, and what it hides."""
    schema = option_schema(model)
    shown = {name: field for name, field in schema["properties"].items() if not field.get("airbyte_hidden")}
    hidden = {name: field for name, field in schema["properties"].items() if name not in shown}
    # Very old configurations of the source have the key elsewhere, so its schema can't require credentials.
    required = {"credentials", *schema["required"]}
    return _HEAD + "".join(_rows(shown, required)) + _HIDDEN + _HEAD + "".join(_rows(hidden, set()))


def _rows(fields: dict[str, Any], required: set[str]) -> Iterator[str]:
    for name, field in fields.items():
        default = "required" if name in required else _default(field)
        yield f"| `{name}` | {field['title']} | {default} | {field['description']} |\n"


def _default(field: dict[str, Any]) -> str:
    default = field.get("default")
    if isinstance(default, bool):
        return "on" if default else "off"
    limits = [str(field[limit]) for limit in ("minimum", "maximum") if limit in field]
    value = f"`{default}`" if default not in (None, "", []) else "–"
    return f"{value} ({' to '.join(limits)})" if len(limits) == 2 else value  # noqa: PLR2004 - both


def main() -> None:
    """Write both pages."""
    for page, model in PAGES.items():
        page.write_text(current_page(page.read_text(encoding="utf-8"), model), encoding="utf-8")


if __name__ == "__main__":
    main()
