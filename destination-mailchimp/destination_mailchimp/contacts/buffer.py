"""Contacts that wait for their batch: one per address, the newest."""

from __future__ import annotations

import time
from itertools import islice

from destination_mailchimp.contacts.contact import Contact
from destination_mailchimp.contacts.cursors import Cursor
from destination_mailchimp.contacts.versions import Versions


class Buffer:
    """Holds back what may not be sent yet: never are two versions of one address on their way at once."""

    def __init__(self) -> None:
        self.versions = Versions()
        self.pending: dict[str, Contact] = {}
        self.held: dict[str, Contact] = {}
        self._busy: set[str] = set()
        self._since = 0.0

    def put(self, contact: Contact, cursor: Cursor) -> bool:
        """Take a contact in; False if a newer version has been seen, so that this one is not needed."""
        wanted, sent = self.versions.admit(contact.key, cursor)
        if not wanted:
            return False
        contact.written_before = sent
        key = contact.key
        place = self.held if key in self._busy else self.pending
        older = place.get(key)
        if older is not None:
            contact.supersede(older)
        elif place is self.pending and not self.pending:
            self._since = time.monotonic()
        place[key] = contact
        return True

    def take(self, count: int) -> list[Contact]:
        """The ``count`` contacts that have waited longest; their addresses are busy until ``free``."""
        if count >= len(self.pending):
            taken, self.pending = list(self.pending.values()), {}
        else:
            taken = [self.pending.pop(key) for key in list(islice(self.pending, count))]
            self._since = time.monotonic()
        for contact in taken:
            self._busy.add(contact.key)
            self.versions.sent(contact.key)
        return taken

    def free(self, contact: Contact) -> None:
        """A contact's calls are done: a newer version of it may go now."""
        self._busy.discard(contact.key)
        newer = self.held.pop(contact.key, None)
        if newer is not None:
            if not self.pending:
                self._since = time.monotonic()
            self.pending[newer.key] = newer

    def age(self) -> float:
        """How many seconds the oldest contact has waited for its batch to fill; 0 if none waits."""
        return max(time.monotonic() - self._since, 1e-9) if self.pending else 0.0

    def left(self) -> list[Contact]:
        """All contacts that have not been handed on."""
        return [*self.pending.values(), *self.held.values()]
