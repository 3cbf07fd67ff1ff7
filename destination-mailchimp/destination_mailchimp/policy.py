"""Consent: which status a contact gets, and when an existing one may change."""

from __future__ import annotations

from dataclasses import dataclass

from destination_mailchimp.audience import Audience
from destination_mailchimp.config import Config
from destination_mailchimp.contact import Contact


@dataclass(frozen=True)
class StatusPolicy:
    """The rules of the configuration, applied to one audience. See ``docs/destinations/mailchimp.md``."""

    for_new: str
    update: bool = False
    allow_resubscribe: bool = False

    @classmethod
    def of(cls, config: Config, audience: Audience) -> StatusPolicy:
        """Where nothing is set and the audience uses double opt-in, new contacts are asked first."""
        return cls(
            for_new=config.status_for_new or ("pending" if audience.double_optin else "subscribed"),
            update=config.update_status,
            allow_resubscribe=config.allow_resubscribe,
        )

    def new(self, contact: Contact) -> str:
        """The status of a contact that does not exist yet: its column's, else the configured one."""
        return contact.status or self.for_new

    def existing(self, contact: Contact) -> str | None:
        """The status to send in an update without looking at the present one; None for most.

        Never ``subscribed``, unless resubscribing is allowed: see ``wants_subscribing``.
        """
        if not self.update or contact.status is None:
            return None
        return None if contact.status == "subscribed" and not self.allow_resubscribe else contact.status

    def wants_subscribing(self, contact: Contact) -> bool:
        """Whether a contact that exists is to be subscribed, if its present status lets it."""
        return self.update and contact.status == "subscribed" and not self.allow_resubscribe


MAY_BE_SUBSCRIBED = ("pending", "transactional")
"""The statuses from which ``subscribed`` changes something and resubscribes nobody."""
