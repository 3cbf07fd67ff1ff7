"""Where a column may go, and how sure a match is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from destination_mailchimp.audience.fields import MergeField
from destination_mailchimp.mapping.addresses import plain
from destination_mailchimp.mapping.dates import DayReader
from destination_mailchimp.mapping.partial_contact import PartialContact, Put
from destination_mailchimp.mapping.values import address_part, coercion

_SYNONYMS = {
    "FNAME": ("firstname", "first", "givenname", "forename"),
    "LNAME": ("lastname", "last", "surname", "familyname"),
    "PHONE": ("phone", "phonenumber", "telephone", "mobile", "mobilephone", "cellphone"),
    "BIRTHDAY": ("birthday", "birthdate", "dateofbirth", "dob"),
    "ADDRESS": ("address", "postaladdress", "mailingaddress"),
}
_SEVERAL = frozenset({"tags", "interests", "merge_fields", "marketing_permissions"})
"""Targets that several columns may fill together."""


class Rank(IntEnum):
    """How a column was matched to its target: the less, the surer."""

    MAPPED = 0
    """The configuration says so."""
    TAG = 1
    """The column is called exactly as the field's merge tag."""
    LIKE_TAG = 2
    LIKE_NAME = 3
    SYNONYM = 4
    ATTRIBUTE = 5
    """A part of the contact that is no merge field."""
    ADDRESS_PART = 6
    """Named with its address field, as ``address_city``."""
    BARE_ADDRESS_PART = 7
    """Just ``city``."""


@dataclass(frozen=True)
class Target:
    """Where a column goes. ``field`` names it for people, and is equal for two columns that go to one place."""

    rank: Rank
    field: str
    put: Put

    @property
    def shared(self) -> bool:
        """Whether several columns may go there side by side."""
        return self.field in _SEVERAL


FieldPut = Callable[[dict[str, Any], Any], None]
"""Puts a value into its field of an object of merge fields; raises BadValue if it does not fit."""


def field_put(field: MergeField, column: str, *, nested_as_json: bool = False) -> FieldPut:
    """How values of one column get into ``field``. One for each column: the order of day and month is a column's."""
    if field.type in ("date", "birthday"):
        return DayReader(column, field).put
    tag, coerce = field.tag, coercion(field, nested_as_json=nested_as_json)

    def put(merge: dict[str, Any], value: Any) -> None:
        merge[tag] = coerce(value)

    return put


def rank_of(column: str, field: MergeField) -> Rank | None:
    """How well a column's name fits a merge field; None if it doesn't."""
    if column == field.tag:
        return Rank.TAG
    name = plain(column)
    if not name:
        return None
    if name == plain(field.tag):
        return Rank.LIKE_TAG
    if name == plain(field.name):
        return Rank.LIKE_NAME
    return Rank.SYNONYM if name in _SYNONYMS.get(field.tag, ()) else None


def part_of_address(column: str, fields: list[MergeField]) -> Target | None:
    """``address_city``, or just ``city`` for the audience's first address field."""
    name = plain(column)
    addresses = [field for field in fields if field.type == "address"]
    for field in addresses:
        for prefix in {plain(field.tag), plain(field.name)}:
            if name.startswith(prefix) and (part := address_part(name.removeprefix(prefix))):
                return Target(Rank.ADDRESS_PART, f"{field.tag}.{part}", _part(field.tag, part))
    if addresses and (part := address_part(name)):
        return Target(Rank.BARE_ADDRESS_PART, f"{addresses[0].tag}.{part}", _part(addresses[0].tag, part))
    return None


def _part(tag: str, part: str) -> Put:
    def put(partial: PartialContact, value: Any) -> None:
        if partial.address_parts is None:
            partial.address_parts = {}
        partial.address_parts.setdefault(tag, {})[part] = value

    return put
