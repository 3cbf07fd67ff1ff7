"""A contact on its way to Mailchimp."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from destination_mailchimp.accounting.ledger import Receipt
from mailchimp_api.members import subscriber_hash

Json = dict[str, Any]

STATUSES = ("subscribed", "unsubscribed", "cleaned", "pending", "transactional")
"""What a contact can be made. Beside these Mailchimp shows ``archived``."""


def key_of(address: object) -> str:
    """What tells whether two addresses are one contact's, ours and those in Mailchimp's answers.

    A domain beyond ASCII is the same by its letters (``müller.example``) and as it goes over the wire
    (``xn--mller-kva.example``): which of them answers show is *open*. So is a letter in one or in two parts.
    """
    key = str(address or "").strip().lower()
    if key.isascii() and "xn--" not in key:
        return key
    local, at, domain = key.rpartition("@")
    return unicodedata.normalize("NFC", f"{local}{at}{'.'.join(_letters(label) for label in domain.split('.'))}")


def _letters(label: str) -> str:
    """A label of a domain by its letters."""
    if not label.startswith("xn--"):
        return label
    try:
        letters = label[4:].encode().decode("punycode").lower()
    except UnicodeError:
        return label
    return label if letters.isascii() else letters


def spellings_of(address: str) -> tuple[str, ...]:
    """An address in lower case, as it is and in the other ways to write its domain (see ``key_of``), if it has some."""
    own, key = address.strip().lower(), key_of(address)
    if key.isascii():
        return (own,)
    local, at, domain = key.rpartition("@")
    return tuple(dict.fromkeys((own, key, f"{local}{at}{'.'.join(_wire(label) for label in domain.split('.'))}")))


def _wire(label: str) -> str:
    """A label of a domain as it goes over the wire."""
    return label if label.isascii() else "xn--" + label.encode("punycode").decode()


@dataclass
class Suspect:
    """Whether calls about one contact fail each time: ``since`` when, and if they were put off.

    ``batch_failed_at``: when it was first in a batch that was given up. Moments are those of ``time.monotonic``.
    """

    since: float | None = None
    batch_failed_at: float | None = None
    put_off: bool = False


class Contact:
    """What is to be written for one address. Slots, because thousands of them wait at a time.

    ``body`` is the member as Mailchimp's API takes it, without a status. ``status`` is the value of the
    mapped status column or None. ``removed`` marks a deletion in the source. ``receipt`` is the accounting of
    the record that it was made from.
    """

    __slots__ = (
        "address",
        "asked_status",
        "body",
        "key",
        "must_exist",
        "open_calls",
        "permissions",
        "possibly_written_since",
        "receipt",
        "removed",
        "removed_tags",
        "shown_hash",
        "shown_status",
        "shown_tags",
        "sms",
        "source_key",
        "status",
        "suspect",
        "tags",
        "times_put_off",
        "unanswered",
        "written_before",
    )

    def __init__(self, address: str, body: Json, receipt: Receipt) -> None:
        self.address = address
        self.key = key_of(address)
        self.body = body
        self.receipt = receipt
        self.status: str | None = None
        self.tags: list[str] | None = None
        self.permissions: list[Json] | None = None
        self.removed_tags: list[str] | None = None
        """Names of tags that it is to lose."""
        self.sms: dict[str, str] | None = None
        """``phone`` and ``consent`` of text messages, as far as the record tells."""
        self.source_key: str | None = None
        """The record's key as the field of ``key_field`` holds it."""
        self.must_exist = False
        """It is a contact of the audience, so no call may make it anew."""
        self.removed = False
        self.written_before = False
        """An older version was written earlier in this sync, so the contact existed before this one."""
        self.unanswered = 0
        """How often a batch answer has not mentioned it."""
        self.possibly_written_since: datetime | None = None
        """When the first attempt began that may have written it unseen."""
        self.open_calls = 0
        """Calls that are still to be made for it."""
        self.asked_status: str | None = None
        """The status that was sent for it last."""
        self.shown_hash: str | None = None
        """Its id within the audience as an answer has shown it."""
        self.shown_status: str | None = None
        self.shown_tags: frozenset[str] | None = None
        """Its status and (in lower case) its tags in the newest answer that shows them."""
        self.suspect = Suspect()
        self.times_put_off = 0
        """How often it was refused for the time being only."""

    @property
    def merge_fields(self) -> Json:
        """Its merge fields by their tags; a change of the object changes the contact, unless it has none."""
        fields: Json | None = self.body.get("merge_fields")
        return {} if fields is None else fields

    @property
    def hash(self) -> str:
        """Its id within the audience: as an answer has shown it, else the one that its address makes."""
        return self.shown_hash or subscriber_hash(self.address)

    def supersede(self, older: Contact) -> None:
        """Take the place of ``older``, which has not been written.

        Within a stream the newer row is the whole truth about its address, as in a deduplicated table. Rows of
        two streams are different rows about one person: what only the older one tells is kept under the newer.
        """
        self.written_before = self.written_before or older.written_before
        if older.receipt.ledger is not self.receipt.ledger and not self.removed and not older.removed:
            merged = {**older.body, **self.body}
            for part in ("merge_fields", "interests"):
                if part in older.body and part in self.body:
                    merged[part] = {**older.body[part], **self.body[part]}
            self.body = merged
            if older.tags:
                self.tags = older.tags + [tag for tag in self.tags or () if tag not in older.tags]
            if older.removed_tags:
                wanted = {tag.casefold() for tag in self.tags or ()}
                kept = [tag for tag in older.removed_tags if tag.casefold() not in wanted]
                self.removed_tags = [*(self.removed_tags or ()), *kept]
            self.permissions = self.permissions or older.permissions
            self.sms = self.sms or older.sms
            self.source_key = self.source_key or older.source_key
            self.status = self.status or older.status
        self.receipt.replace(older.receipt)
