"""Airbyte source for the Mailchimp Marketing API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from source_mailchimp.source import SourceMailchimp

__all__ = ["SourceMailchimp", "__version__"]


def __getattr__(name: str) -> Any:
    """Import only what is asked for: a command takes signals before anything else, and does without the CDK."""
    if name == "__version__":
        from source_mailchimp.version import VERSION  # noqa: PLC0415 - see above

        return VERSION
    if name == "SourceMailchimp":
        from source_mailchimp.source import SourceMailchimp  # noqa: PLC0415 - see above

        return SourceMailchimp
    raise AttributeError(name)
