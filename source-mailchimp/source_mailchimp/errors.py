"""Errors of the reader itself, beside those of ``mailchimp_api.errors``."""

from __future__ import annotations

from mailchimp_api.errors import IncompleteListing, MailchimpError

__all__ = ["IncompleteListing", "ParentFailed"]


class ParentFailed(MailchimpError):
    """The stream whose rows tell where to look could not be read."""


class ParentRefused(ParentFailed):
    """The stream whose rows tell where to look was refused, so nobody knows whether it has any."""


class PartlyRefused(MailchimpError):
    """Some audiences were refused: a full refresh without their rows must not replace what was read before."""

    def __init__(self, kind: str, *, refused: int, asked: int, reason: Exception) -> None:
        super().__init__(
            f"{kind}: {refused} of {asked} audiences were refused, so their rows are missing and this full refresh is "
            f"not complete: {reason}. Use the key of a user who may read them, or name the others in list_ids."
        )
