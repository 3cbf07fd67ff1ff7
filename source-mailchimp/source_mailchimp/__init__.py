"""Airbyte source for the Mailchimp Marketing API."""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from source_mailchimp.source import SourceMailchimp

__all__ = ["SourceMailchimp", "__version__"]

__version__ = version("source-mailchimp")


def __getattr__(name: str) -> Any:
    """Import Airbyte's kit only for who asks for the class: who wants the stream table does without it."""
    if name == "SourceMailchimp":
        from source_mailchimp.source import SourceMailchimp  # noqa: PLC0415 - see above

        return SourceMailchimp
    raise AttributeError(name)
