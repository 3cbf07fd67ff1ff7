"""Finds and validates e-mail addresses."""

from __future__ import annotations

import re
from collections.abc import Iterable

from destination_mailchimp.failures import RecordRejected

_NAMES = (
    "emailaddress",
    "email",
    "emailaddr",
    "mail",
    "mailaddress",
    "primaryemail",
    "contactemail",
    "useremail",
    "customeremail",
    "workemail",
    "subscriberemail",
)
_BROKEN = "\ufffd"
"""What stands where a character could not be read: whoever that address is, it is not the one that was meant."""
_LONGEST = 254
_LONGEST_LOCAL = 64
# Looser than any standard: what passes here and is wrong, Mailchimp itself refuses. This spares it the hopeless.
_ADDRESS = re.compile(
    r"""[^\s@<>()\[\],;:\\"\x00-\x1f\x7f.]+(?:\.[^\s@<>()\[\],;:\\"\x00-\x1f\x7f.]+)*"""
    r"""@(?:[^\W_](?:[\w-]{0,61}[^\W_])?\.)+[^\W_][\w-]{0,61}[^\W_]"""
)


def plain(name: str) -> str:
    """A name without case and separators: ``First Name``, ``first_name`` and ``FirstName`` are one."""
    return "".join(char for char in name.casefold() if char.isalnum())


def email_column(columns: Iterable[str]) -> str | None:
    """The column that holds the address, by its name; None if no name tells. The likelier name wins."""
    found: dict[str, str] = {}
    for column in columns:
        found.setdefault(plain(column), column)
    return next((found[name] for name in _NAMES if name in found), None)


def read_address(value: object) -> str:
    """The trimmed address. Raises RecordRejected: ``no_address`` or ``invalid_address``."""
    if value is None or value == "":
        raise RecordRejected("no_address", "The record has no e-mail address.")
    if not isinstance(value, str):
        raise RecordRejected("invalid_address", "The e-mail address is not a text.")
    address = value.strip()
    if not address:
        raise RecordRejected("no_address", "The record has no e-mail address.")
    if (
        not _ADDRESS.fullmatch(address)
        or len(address) > _LONGEST
        or address.index("@") > _LONGEST_LOCAL
        or not address.isprintable()
        or _BROKEN in address
    ):
        raise RecordRejected("invalid_address", "The e-mail address is not a valid one.")
    return address
