"""Which contacts are not to be touched, because they were in the audience before this sync (``existing_contacts``)."""

from __future__ import annotations

import threading
from collections.abc import Iterable

from destination_mailchimp.contacts.contact import Contact
from destination_mailchimp.writing.membership import HashSet


class ExistingContacts:
    """Remembers whom this sync has made, if others are to be left as they are. Thread-safe."""

    def __init__(self, *, leave: bool) -> None:
        self._leave = leave
        self._lock = threading.Lock()
        self._made = HashSet()

    def made(self, contacts: Iterable[Contact]) -> None:
        """This sync has made these: later versions of their records may change them."""
        if self._leave:
            with self._lock:
                self._made.add(contact.hash for contact in contacts)

    def left_alone(self, contact: Contact) -> bool:
        """Whether a contact that exists is to be left as it is."""
        if not self._leave:
            return False
        with self._lock:
            return contact.hash not in self._made
