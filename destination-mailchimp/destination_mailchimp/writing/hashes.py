"""Finds contacts that Mailchimp may have under one of several ids, as their address can be written in several ways."""

from __future__ import annotations

from collections.abc import Iterable

from destination_mailchimp.audience.calls import Calls
from destination_mailchimp.contacts.contact import Contact, spellings_of
from mailchimp_api.members import subscriber_hash


def possible_hashes(contact: Contact) -> list[str]:
    """The ids that Mailchimp may have made of a contact's address, the likeliest first."""
    return [subscriber_hash(spelling) for spelling in spellings_of(contact.address)]


def find_hashes(calls: Calls, contacts: Iterable[Contact]) -> None:
    """Look those up whose domain goes beyond ASCII, so that ``hash`` is their id, if they are in the audience.

    Of which way to write it Mailchimp makes the id is *open*; by another one nobody shows as archived who is.
    Raises Stopped and what ``mailchimp_api.errors`` draws if Mailchimp can't be asked.
    """
    several = [contact for contact in contacts if len(spellings_of(contact.address)) > 1]
    if not several:
        return

    def find(contact: Contact) -> str | None:
        return next((digest for digest in possible_hashes(contact) if calls.member(digest) is not None), None)

    with calls.pool() as pool:
        for contact, digest in zip(several, pool.map(find, several), strict=True):
            contact.shown_hash = digest
