"""Who the contacts are: names and addresses computed from a number."""

from __future__ import annotations

import hashlib

from mailchimp_simulator.account.fixtures import seeds

FIRST: tuple[str, ...] = tuple(seeds("people")["first_names"])
LAST: tuple[str, ...] = tuple(seeds("people")["last_names"])
_MAILBOXES: tuple[str, ...] = tuple(seeds("people")["mailboxes"])
DOMAINS: tuple[str, ...] = tuple(seeds("people")["domains"])


def address(number: int, bits: int) -> str:
    """The address of person `number`; some are written in capitals, as people do."""
    text = f"{_MAILBOXES[bits & 31]}.{number:x}@{DOMAINS[bits >> 10 & 7]}"
    return text if bits >> 13 & 31 else text.upper()


def subscriber_hash(email: str) -> str:
    """Mailchimp's id of a contact: the md5 of the address in lower case."""
    return hashlib.md5(email.lower().encode(), usedforsecurity=False).hexdigest()
