"""The language of the e-mail by which Mailchimp asks somebody to confirm.

It follows the header ``Accept-Language`` of the call, not the contact's own language (reports: gibbon#67,
node-mailchimp#52, mc-magento#730), so contacts of several languages can't be made pending by one call.
"""

from __future__ import annotations

from destination_mailchimp.contacts.contact import Contact
from destination_mailchimp.writing.consent import StatusPolicy


def language_of(contact: Contact, policy: StatusPolicy) -> str | None:
    """The language in which a new contact would be asked; None if it is not asked, or its record has none."""
    language = contact.body.get("language")
    if policy.new(contact) != "pending" or not isinstance(language, str):
        return None
    return language.replace("_", "-")


def by_language(contacts: list[Contact], policy: StatusPolicy) -> list[list[Contact]]:
    """New contacts in as many parts as there are languages to ask in."""
    parts: dict[str | None, list[Contact]] = {}
    for contact in contacts:
        parts.setdefault(language_of(contact, policy), []).append(contact)
    return list(parts.values())
