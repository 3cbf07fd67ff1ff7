"""Compares what Mailchimp shows of a contact after a call with what was sent: 200 does not say that it was taken."""

from __future__ import annotations

import re
import threading
from collections import Counter
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from destination_mailchimp.contacts.contact import Contact, Json

_NOT_WORD = re.compile(r"[\W_]+")
_STUBBORN_FROM = 20
_HASH = re.compile(r"[0-9a-f]{32}")
_NUMBER = re.compile(r"[+-]?\d+(?:\.\d+)?")


def note_shown(contact: Contact, row: Json) -> None:
    """Remember a contact's id, status and tags as an answer shows them."""
    digest = row.get("id")
    if isinstance(digest, str) and _HASH.fullmatch(digest):
        contact.shown_hash = digest
    status = row.get("status")
    contact.shown_status = status if isinstance(status, str) else None
    tags = row.get("tags")
    if isinstance(tags, list):
        names = (tag.get("name") if isinstance(tag, dict) else tag for tag in tags)
        contact.shown_tags = frozenset(name.casefold() for name in names if isinstance(name, str))


def fields_not_taken(sent: Json, row: Json) -> list[str]:
    """The tags of the merge fields that were sent and that the answer shows with another value.

    Mailchimp reformats what it takes (telephone numbers, dates, addresses), so only letters and digits are compared,
    and a field that the answer does not show is not judged.
    """
    merge, shown = sent.get("merge_fields"), row.get("merge_fields")
    if not isinstance(merge, dict) or not isinstance(shown, dict):
        return []
    return [tag for tag, value in merge.items() if tag in shown and not _same(value, shown[tag])]


def not_taken(tag: str) -> str:
    """How the accounting puts it."""
    return f"{tag} was accepted, but Mailchimp shows another value"


class StubbornFields:
    """Fields that Mailchimp shows with another value however often they are sent. Thread-safe.

    It may write such values in a way of its own: then a call about each contact would tell nothing new.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()

    def note(self, tags: list[str]) -> None:
        """A call about one contact has not changed these."""
        with self._lock:
            self._counts.update(tags)

    def all_stubborn(self, tags: list[str]) -> bool:
        """Whether it is known of all of these that asking once more is of no use."""
        with self._lock:
            return all(self._counts[tag] >= _STUBBORN_FROM for tag in tags)


def _same(sent: Any, shown: Any) -> bool:
    if isinstance(sent, Mapping):
        # Of an address, the parts that were sent; what Mailchimp adds (the country) is its own.
        return isinstance(shown, Mapping) and all(_same(value, shown.get(part)) for part, value in sent.items())
    ours, theirs = _plain(sent), _plain(shown)
    if ours == theirs:
        return True
    if not ours or not theirs:
        # Nothing but signs compares as nothing: then only the texts themselves tell.
        return not str(sent or "").strip() and not str(shown or "").strip()
    # Shortened, or with something added: a scheme before a web address, a country code, a year.
    return ours in theirs or theirs in ours


def _plain(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return str(value or "").lower()
    text = str(value).strip()
    if isinstance(value, int | float) or _NUMBER.fullmatch(text):
        # As numbers, but to the last digit: a telephone number may be shown as nothing but digits.
        return f"{Decimal(text).normalize():f}"
    return _NOT_WORD.sub("", text).casefold()
