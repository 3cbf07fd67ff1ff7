"""What Mailchimp makes of an address."""

from __future__ import annotations

import hashlib


def subscriber_hash(address: str) -> str:
    """The id of a contact within its audience: md5 of the lower-cased address (Mailchimp's documentation)."""
    return hashlib.md5(address.lower().encode(), usedforsecurity=False).hexdigest()
