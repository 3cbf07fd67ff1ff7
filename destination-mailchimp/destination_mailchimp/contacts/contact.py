"""A record on its way to Mailchimp."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from mailchimp_api.members import subscriber_hash

if TYPE_CHECKING:
    from destination_mailchimp.accounting.ledger import Segment, StreamLedger

Json = dict[str, Any]


def key_of(address: object) -> str:
    """What tells whether two addresses are one contact's, ours and those in Mailchimp's answers."""
    return str(address or "").strip().lower()


class Contact:
    """What is to be written for one address. Slots, because thousands of them wait at a time.

    ``body`` is the member as Mailchimp's API takes it, without a status. ``status`` is the value of the
    mapped status column or None. ``removed`` marks a deletion in the source system. ``segments`` are the stretches
    of input whose STATE waits for this contact: its own first, then those of older versions it has replaced.
    """

    __slots__ = (
        "address",
        "body",
        "doubtful_since",
        "key",
        "known",
        "ledger",
        "left_out",
        "outcome",
        "permissions",
        "primary_key",
        "record",
        "removed",
        "segments",
        "status",
        "tags",
        "unsettled",
    )

    def __init__(self, address: str, body: Json, ledger: StreamLedger, segment: Segment) -> None:
        self.address = address
        self.key = key_of(address)
        self.body = body
        self.ledger = ledger
        self.segments: list[Segment] = [segment]
        self.status: str | None = None
        self.tags: list[str] | None = None
        self.permissions: list[Json] | None = None
        self.removed = False
        self.primary_key: Any = None
        self.record: Json | None = None
        self.outcome: str | None = None
        self.known = False
        """Written earlier in this sync, so it existed before this version."""
        self.left_out = 0
        """How often a batch answer has left it out."""
        self.doubtful_since: datetime | None = None
        """When the first attempt began that may have written it unseen."""
        self.unsettled = 0
        """Calls that are still to be made for it."""

    @property
    def hash(self) -> str:
        """Its id within the audience."""
        return subscriber_hash(self.address)

    def supersede(self, older: Contact) -> None:
        """Take the place of ``older``, which has not been written.

        Within a stream the newer row is the whole truth about its address, as in a deduplicated table. Rows of
        two streams are different rows about one person: what only the older one tells is kept under the newer.
        """
        self.known = self.known or older.known
        if older.ledger is not self.ledger and not self.removed and not older.removed:
            merged = {**older.body, **self.body}
            for part in ("merge_fields", "interests"):
                if part in older.body and part in self.body:
                    merged[part] = {**older.body[part], **self.body[part]}
            self.body = merged
            if older.tags:
                self.tags = older.tags + [tag for tag in self.tags or () if tag not in older.tags]
            self.permissions = self.permissions or older.permissions
            self.status = self.status or older.status
        for segment in older.segments:
            if segment in self.segments:
                segment.open -= 1
            else:
                self.segments.append(segment)
