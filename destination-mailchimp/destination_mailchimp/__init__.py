"""Airbyte destination that keeps Mailchimp contacts up to date."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from destination_mailchimp.destination import DestinationMailchimp

__all__ = ["DestinationMailchimp"]


def __getattr__(name: str) -> Any:
    """Import Airbyte's kit only for who asks for the class: the write command does without it."""
    if name == "DestinationMailchimp":
        from destination_mailchimp.destination import DestinationMailchimp  # noqa: PLC0415 - see above

        return DestinationMailchimp
    raise AttributeError(name)
