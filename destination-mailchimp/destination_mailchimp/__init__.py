"""Airbyte destination that keeps Mailchimp contacts up to date."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from destination_mailchimp.destination import DestinationMailchimp

__all__ = ["DestinationMailchimp", "__version__"]


def __getattr__(name: str) -> Any:
    """Import only what is asked for: a command takes signals before anything else, and does without the CDK."""
    if name == "__version__":
        from destination_mailchimp.version import VERSION  # noqa: PLC0415 - see above

        return VERSION
    if name == "DestinationMailchimp":
        from destination_mailchimp.destination import DestinationMailchimp  # noqa: PLC0415 - see above

        return DestinationMailchimp
    raise AttributeError(name)
