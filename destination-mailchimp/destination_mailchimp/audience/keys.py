"""Which contact of the audience holds which key of the source, by the merge field that ``key_field`` names."""

from __future__ import annotations

import logging
import threading
from typing import Any

from destination_mailchimp.audience.calls import Calls
from destination_mailchimp.audience.statuses import everybody
from destination_mailchimp.contacts.source_keys import key_text
from mailchimp_api.listing import Reading

logger = logging.getLogger("airbyte.destination_mailchimp")

_SEVERAL = ""


class KeyIndex:
    """Lists the audience once, when it is first asked, and is told from then on whom this sync writes. Thread-safe."""

    def __init__(self, calls: Calls, tag: str) -> None:
        self._calls = calls
        self._tag = tag
        self._lock = threading.Lock()
        self._holders: dict[str, str] | None = None
        self._claims: dict[str, str] = {}

    def claim(self, key: str, digest: str) -> bool:
        """A record of this sync says that the contact has the key; False if another one has said it of another contact.

        Then the keys don't tell people apart, and moving contacts by them would make many people one.
        """
        with self._lock:
            return self._claims.setdefault(key, digest) == digest

    def holder(self, key: str) -> str | None:
        """The subscriber hash of the contact that holds a key; None if nobody does, or several.

        Raises IncompleteListing where the audience can't be listed whole: who is overlooked would be added twice.
        """
        with self._lock:
            if self._holders is None:
                self._holders = self._list()
            return self._holders.get(key) or None

    def has_several(self, key: str) -> bool:
        """Whether more than one contact held the key when the audience was listed. Raises as ``holder``."""
        with self._lock:
            if self._holders is None:
                self._holders = self._list()
            return self._holders.get(key) == _SEVERAL

    def note(self, key: str, digest: str) -> None:
        """A contact of this sync holds the key from now on."""
        with self._lock:
            if self._holders is not None:
                self._holders[key] = digest

    def forget(self, key: str) -> None:
        """The holder is not in the audience any more."""
        with self._lock:
            if self._holders is not None:
                self._holders.pop(key, None)

    def _list(self) -> dict[str, str]:
        logger.info("Listing the audience's contacts by their keys in %s", self._tag)
        found: dict[str, str] = {}
        for rows in everybody(self._calls, Reading(self._calls.workers, self._calls.wait), f"merge_fields.{self._tag}"):
            for row in rows:
                self._add(found, row)
        return found

    def _add(self, found: dict[str, str], row: dict[str, Any]) -> None:
        fields = row.get("merge_fields")
        key = key_text(fields.get(self._tag)) if isinstance(fields, dict) else ""
        if not key:
            return
        digest = str(row["id"])
        found[key] = digest if found.get(key, digest) == digest else _SEVERAL
