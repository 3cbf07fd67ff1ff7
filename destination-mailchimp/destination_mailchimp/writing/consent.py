"""Consent: which status a contact gets, and when an existing one may change."""

from __future__ import annotations

from dataclasses import dataclass

from destination_mailchimp.audience.fields import Audience
from destination_mailchimp.config import Config
from destination_mailchimp.contacts.contact import Contact


@dataclass(frozen=True)
class StatusPolicy:
    """The rules of the configuration, applied to one audience. See ``docs/destinations/mailchimp.md``."""

    for_new: str
    update: bool = False
    allow_resubscribe: bool = False
    for_new_is_named: bool = False
    """Whether the user has said what new contacts become; else it is our own choice."""

    @classmethod
    def of(cls, config: Config, audience: Audience) -> StatusPolicy:
        """Where nothing is set and the audience uses double opt-in, new contacts are asked first."""
        return cls(
            for_new=config.status_for_new or ("pending" if audience.double_optin else "subscribed"),
            update=config.update_status,
            allow_resubscribe=config.allow_resubscribe,
            for_new_is_named=config.status_for_new is not None,
        )

    def new(self, contact: Contact) -> str:
        """The status of a contact that does not exist yet: its column's, else the configured one."""
        return contact.status or self.for_new

    def must_confirm(self, contact: Contact) -> bool:
        """Whether Mailchimp has made a new contact pending where nobody but we had chosen that it be subscribed.

        It asks the person then, as it does of accounts under review (mc-woocommerce#48). A second call would subscribe
        them (MailChimp.Net#263), which only the user's own word may: ``status_for_new``, or the record's status.
        """
        ours = contact.status is None and not self.for_new_is_named
        return ours and (contact.asked_status, contact.shown_status) == ("subscribed", "pending")

    def existing(self, contact: Contact) -> str | None:
        """The status to send in an update without looking at the present one; None for most.

        Unless resubscribing is allowed, only a status that nobody receives campaigns in: see ``needs_current_status``.
        """
        if not self.update or contact.status is None or self.needs_current_status(contact):
            return None
        return contact.status

    def in_batch(self, contact: Contact) -> str | None:
        """The status to send in a batch for a contact that exists.

        None that anybody receives campaigns in: a batch might bring back who was archived a moment ago.
        """
        status = self.existing(contact)
        return None if status in ACTIVE_STATUSES else status

    def changeable_to(self, status: str) -> tuple[str, ...]:
        """The present statuses from which ``status`` may be set."""
        return statuses_upgradable_to(status) + (LEFT_STATUSES if self.update and self.allow_resubscribe else ())

    def needs_current_status(self, contact: Contact) -> bool:
        """Whether a contact that exists is to get a status, if its present one is in ``ACTIVE_STATUSES``.

        So for pending and transactional too: from there a later record would make the contact subscribed.
        """
        return self.update and contact.status in ACTIVE_STATUSES and not self.allow_resubscribe


def announcement(config: Config, audience: Audience) -> str:
    """What new contacts become, as a sentence."""
    where, for_new = audience.name or audience.id, StatusPolicy.of(config, audience).for_new
    if config.status_field:
        return (
            f"New contacts in audience {where} get the status that the column {config.status_field} holds, "
            f"and {for_new} where it holds none"
        )
    return f"New contacts in audience {where} will be created as {for_new}"


def opt_in_overridden(config: Config, audience: Audience) -> str | None:
    """A warning if the audience uses double opt-in and the configuration has people subscribed without that."""
    if not audience.double_optin or config.update_only:
        return None
    for_new = config.status_for_new
    if config.status_field:
        others = {
            None: "those where it holds none become pending and get an e-mail to confirm.",
            "subscribed": "so are those where it holds none, as status_for_new is subscribed.",
        }.get(for_new, f"those where it holds none become {for_new}.")
        return (
            f"The audience uses double opt-in, but status_field overrides it: new contacts whose column "
            f"{config.status_field} holds subscribed are subscribed without being asked; {others}"
        )
    if for_new == "subscribed":
        return (
            "The audience uses double opt-in, but status_for_new is subscribed: "
            "new contacts are subscribed without being asked."
        )
    return None


ACTIVE_STATUSES = ("subscribed", "pending", "transactional")
"""The statuses between which a contact may be moved: whoever has left is in none of them."""
LEFT_STATUSES = ("unsubscribed", "cleaned")


def statuses_upgradable_to(status: str) -> tuple[str, ...]:
    """The present statuses from which ``status`` changes something and brings back nobody who has left."""
    return tuple(present for present in ACTIVE_STATUSES if present != status)
