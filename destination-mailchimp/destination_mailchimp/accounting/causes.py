"""Texts of Mailchimp as they are counted and shown: the same for everybody, whatever address they quote."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from destination_mailchimp.failures import Reason, RecordRejected
from mailchimp_api.masking import mask

_QUOTED = re.compile(r"\S?\*\*\*@\S?\*\*\*")
_NUMBER = re.compile(r"\+?\(?\d[\d\s().\-/]{5,}\d")
_SHORTEST_NUMBER = 7
_SHORTEST_VALUE = 3
_LONGEST_DATE = 8


def anonymised(text: str, address: str = "") -> str:
    """The text without the address that it quotes; ``address`` is that of the contact that it is about, if known."""
    return _QUOTED.sub("…", mask(text, address))


def without_value(text: str, value: object) -> str:
    """The text without the value of a record (for an address: its parts) that Mailchimp quotes in it.

    So it shows nobody's, and is the same for all. A telephone number is found however its digits are grouped, and
    without the code of its country.
    """
    if isinstance(value, Mapping):
        for part in value.values():
            text = without_value(text, part)
        return text
    quoted = str(value)
    if isinstance(value, bool) or not isinstance(value, str | int | float) or len(quoted) < _SHORTEST_VALUE:
        return text
    text = re.sub(rf"(?<!\w){re.escape(quoted)}(?!\w)", "…", text, flags=re.IGNORECASE)
    if len(_digits(quoted)) < _SHORTEST_NUMBER:
        return text
    own = _digits(quoted)[-_SHORTEST_NUMBER:]
    return _NUMBER.sub(lambda found: "…" if own in _digits(found[0]) else found[0], text)


def without_numbers(text: str) -> str:
    """The text without what looks like a telephone number, for where the value that Mailchimp quotes is not known."""
    return _NUMBER.sub(lambda found: "…" if len(_digits(found[0])) > _LONGEST_DATE else found[0], text)


def shown_text(reject: RecordRejected) -> str:
    """The text of a reject without the telephone number that the refusal of a field may quote."""
    return without_numbers(reject.text) if reject.reason == "field_refused" else reject.text


def _digits(text: str) -> str:
    return "".join(sign for sign in text if sign.isdecimal())


_REMEDIES: dict[Reason, str] = {
    "no_address": "Name the column that holds the address in email_field, or leave such records out in the source.",
    "invalid_address": "Name the column that holds the address in email_field, or correct the addresses in the source.",
    "invalid_status": "Let status_field name a column that holds statuses, or correct the values in the source.",
    "invalid_deletion": "Let deleted_field name a column that holds yes, no or a date.",
    "unknown_stream": "Add the stream to the connection, or leave its records out.",
    "key_not_unique": "Give the stream a primary key that tells people apart, or clear key_field.",
    "archived": "Set archived_contacts to leave or revive, if these records should not count as rejected.",
    "field_refused": "Correct the values in the source, send the column elsewhere with field_mapping, or keep it out "
    "by mapping it to an empty field.",
    "compliance_state": "Switch update_status off, or let the people sign up again by your form.",
    "status_refused": "Correct the values of the column that status_field names, or clear that option.",
}


def remedy(reason: Reason) -> str:
    """What a person can do about rejects of a kind, as a sentence; empty where only Mailchimp's own text tells."""
    return _REMEDIES.get(reason, "")


@dataclass(frozen=True)
class Cause:
    """Why records were rejected: the same for all that only differ in the address that Mailchimp's text quotes."""

    reason: Reason
    field: str
    text: str

    @classmethod
    def of(cls, reject: RecordRejected, address: str = "") -> Cause:
        """The cause of one reject."""
        return cls(reject.reason, reject.field, anonymised(shown_text(reject), address))

    def __str__(self) -> str:
        where = f" (field {self.field})" if self.field and self.field not in self.text else ""
        return " ".join(part for part in (f"{self.text}{where}", remedy(self.reason)) if part)
