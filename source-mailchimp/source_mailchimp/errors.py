"""Errors of the reader itself, beside those of ``mailchimp_api.errors``."""

from __future__ import annotations

from mailchimp_api.errors import IncompleteListing, MailchimpError

__all__ = ["IncompleteListing", "ParentFailed"]


class ParentFailed(MailchimpError):
    """The stream whose rows tell where to look could not be read."""
