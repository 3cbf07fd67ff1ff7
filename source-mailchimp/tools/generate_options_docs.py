# ruff: noqa: INP001 -- a command beside the package, not part of it
"""Makes the table of options in ``docs/sources/mailchimp.md`` from the ``Config`` model (``make docs-tables``).

With ``--check`` nothing is written, and the exit code is 1 if the page is not what it would be.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from source_mailchimp.source import connection_specification

PAGE = Path(__file__).resolve().parents[2] / "docs" / "sources" / "mailchimp.md"
_BEGIN = "<!-- options: made by `make docs-tables` from source_mailchimp/config.py -->\n"
_END = "<!-- end of options -->"

_HEAD = """\
| option | title | default | what it does |
| --- | --- | --- | --- |
"""
_HIDDEN = """
Airbyte's interface does not show these; a configuration file may have them:

"""


def table() -> str:
    """Both tables: what the interface shows, and what it hides."""
    fields: dict[str, Any] = connection_specification()["properties"]
    shown = {name: field for name, field in fields.items() if not field.get("airbyte_hidden")}
    hidden = {name: field for name, field in fields.items() if name not in shown}
    return _HEAD + "".join(_rows(shown)) + _HIDDEN + _HEAD + "".join(_rows(hidden))


def _rows(fields: dict[str, Any]) -> Iterator[str]:
    for name, field in sorted(fields.items(), key=lambda item: item[1].get("order", 0)):
        yield f"| `{name}` | {field['title']} | {_default(name, field)} | {field['description']} |\n"


def _default(name: str, field: dict[str, Any]) -> str:
    if name == "credentials":
        return "required"
    default = field.get("default")
    if isinstance(default, bool):
        return "on" if default else "off"
    limits = [str(field[limit]) for limit in ("minimum", "maximum") if limit in field]
    value = f"`{default}`" if default not in (None, "", []) else "–"
    return f"{value} ({' to '.join(limits)})" if len(limits) == 2 else value  # noqa: PLR2004 - both


def page(text: str) -> str:
    """The page ``text`` with a current table."""
    before, _, rest = text.partition(_BEGIN)
    _, _, after = rest.partition(_END)
    return before + _BEGIN + table() + _END + after


def main() -> int:
    """Write the page, or check it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    check = parser.parse_args().check
    text = PAGE.read_text(encoding="utf-8")
    current = page(text)
    if not check:
        PAGE.write_text(current, encoding="utf-8")
    elif text != current:
        sys.stderr.write("docs/sources/mailchimp.md is not current: make docs-tables\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
