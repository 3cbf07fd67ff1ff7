"""Counts the contacts that a sync has made or may have made, so that it stops in time (``max_new_contacts``)."""

from __future__ import annotations

import threading

from destination_mailchimp.failures import NewContactLimitReached


class NewContactLimit:
    """Thread-safe. A call that may make n contacts reserves n and gives back what it did not need."""

    def __init__(self, limit: int | None) -> None:
        self._limit = limit
        self._made = 0
        self._reserved = 0
        self._changed = threading.Condition()

    def reserve(self, wanted: int, *, wait: bool = False) -> int:
        """How many of ``wanted`` may be made now; with ``wait`` only final, when other calls are done."""
        if self._limit is None:
            return wanted
        with self._changed:
            while wait and self._reserved and self._limit - self._made - self._reserved < wanted:
                self._changed.wait(1.0)
            granted = max(0, min(wanted, self._limit - self._made - self._reserved))
            self._reserved += granted
            return granted

    def confirm(self, reserved: int, made: int) -> None:
        """A call is done: how many had been reserved for it, and how many were made."""
        with self._changed:
            self._reserved -= reserved if self._limit is not None else 0
            self._made += made
            self._changed.notify_all()

    def give_back(self) -> None:
        """A contact that was counted as made was there before, or was refused."""
        self.confirm(0, -1)

    def exceeded(self) -> NewContactLimitReached:
        """The failure that stops a sync which wants to make more."""
        return NewContactLimitReached(
            f"The sync was stopped before it added more than {self._limit} contacts, as max_new_contacts says. "
            "Raise that number if they are all wanted."
        )
