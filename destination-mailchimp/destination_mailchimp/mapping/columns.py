"""Decides where each column of a stream goes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from destination_mailchimp.audience.fields import Audience, MergeField
from destination_mailchimp.config import Config
from destination_mailchimp.failures import SyncFailure
from destination_mailchimp.mapping.addresses import plain
from destination_mailchimp.mapping.attributes import ATTRIBUTES, Interests, as_object, put_tags
from destination_mailchimp.mapping.dates import DayReader
from destination_mailchimp.mapping.errors import BadValue
from destination_mailchimp.mapping.partial_contact import PartialContact, Put
from destination_mailchimp.mapping.values import address_part, coercion

_SYNONYMS = {
    "FNAME": ("firstname", "first", "givenname", "forename"),
    "LNAME": ("lastname", "last", "surname", "familyname"),
    "PHONE": ("phone", "phonenumber", "telephone", "mobile", "mobilephone", "cellphone"),
    "BIRTHDAY": ("birthday", "birthdate", "dateofbirth", "dob"),
    "ADDRESS": ("address", "postaladdress", "mailingaddress"),
}
# Columns of Airbyte itself, and of its change data capture.
_INTERNAL = ("_airbyte_", "_ab_")
# What the source's contacts have beside what can be written: no field is ever made for these.
MEMBER_COLUMNS = frozenset(
    [
        "id",
        "email_address",
        "unique_email_id",
        "contact_id",
        "full_name",
        "web_id",
        "email_type",
        "status",
        "unsubscribe_reason",
        "consents_to_one_to_one_messaging",
        "sms_phone_number",
        "sms_subscription_status",
        "sms_subscription_last_updated",
        "merge_fields",
        "interests",
        "stats",
        "ip_signup",
        "timestamp_signup",
        "ip_opt",
        "timestamp_opt",
        "member_rating",
        "last_changed",
        "language",
        "vip",
        "email_client",
        "location",
        "marketing_permissions",
        "last_note",
        "source",
        "tags_count",
        "tags",
        "list_id",
        "_links",
    ]
)

FieldPut = Callable[[dict[str, Any], Any], None]
"""Puts a value into its field of an object of merge fields; raises BadValue if it does not fit."""


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


_SEVERAL = frozenset({"tags", "interests", "merge_fields"})
"""Targets that several columns may fill together."""


def shared(target: Target) -> bool:
    """Whether several columns may go there side by side."""
    return target.field in _SEVERAL


class Columns:
    """Matches columns to the audience's fields, explicitly or by name. One for all streams of a sync."""

    def __init__(self, config: Config, audience: Audience) -> None:
        """Raises SyncFailure if the configured mapping names a field that the audience lacks."""
        self._config = config
        self.fields = list(audience.merge_fields)
        self.interests = Interests(audience.interests)
        self._by_tag: dict[str, tuple[str, FieldPut]] = {}
        """Tags as ``merge_fields`` spells them: the field's own tag, and how a value gets into it."""
        self._explicit: dict[str, Target | None] = {}
        for entry in config.field_mapping:
            target = entry.field.strip()
            self._explicit[entry.column] = self._named(entry.column, target) if target else None

    def match(self, column: str) -> Target | None:
        """Where a column goes by mapping or name; None for nowhere."""
        if column in self._explicit:
            return self._explicit[column]
        if self.internal(column) or column in (self._config.status_field, self._config.deleted_field):
            return None
        if column == self._config.tags_field and "tags_field" in self._config.model_fields_set:
            return Target(Rank.MAPPED, "tags", put_tags)
        name = plain(column)
        best: Target | None = None
        for field in self.fields:
            rank = self._rank(column, name, field)
            if rank and (best is None or rank < best.rank):
                best = Target(rank, field.tag, self.into(field, column))
        if best:
            return best
        if column == self._config.tags_field:
            return Target(Rank.ATTRIBUTE, "tags", put_tags)
        if column == "merge_fields":
            return Target(Rank.ATTRIBUTE, "merge_fields", self._merge_fields)
        if column == "interests":
            return Target(Rank.ATTRIBUTE, "interests", self.interests.put)
        if column in ATTRIBUTES and column != "tags":
            return Target(Rank.ATTRIBUTE, column, ATTRIBUTES[column])
        return self._part_of_address(name)

    def internal(self, column: str) -> bool:
        """Whether a column is Airbyte's own."""
        return column.startswith(_INTERNAL) and column not in self._explicit

    def excluded(self, column: str) -> bool:
        """Whether the mapping keeps a column out."""
        return column in self._explicit and self._explicit[column] is None

    def into(self, field: MergeField, column: str) -> Put:
        """How to put a value of a column into a merge field."""
        put_into = field_put(field, column, nested_as_json=self._config.nested_as_json)

        def put(partial: PartialContact, value: Any) -> None:
            put_into(partial.merge, value)

        return put

    def by_tag(self, tag: str) -> MergeField | None:
        """The merge field with a tag, without regard to case."""
        return next((field for field in self.fields if field.tag.casefold() == tag.casefold()), None)

    def _named(self, column: str, target: str) -> Target:
        field = self.by_tag(target) or next((f for f in self.fields if plain(f.name) == plain(target)), None)
        if field:
            return Target(Rank.MAPPED, field.tag, self.into(field, column))
        name = target.casefold()
        if name == "interests":
            return Target(Rank.MAPPED, "interests", self.interests.put)
        if name in ATTRIBUTES:
            return Target(Rank.MAPPED, name, ATTRIBUTES[name])
        try:
            return Target(Rank.MAPPED, f"interest {target}", self.interests.flag(target))
        except BadValue:
            known = ", ".join(field.tag for field in self.fields)
            raise SyncFailure(
                f"field_mapping sends the column {column!r} to {target!r}, which the audience does not have. "
                f"Its fields are: {known}."
            ) from None

    @staticmethod
    def _rank(column: str, name: str, field: MergeField) -> Rank | None:
        if column == field.tag:
            return Rank.TAG
        if not name:
            return None
        if name == plain(field.tag):
            return Rank.LIKE_TAG
        if name == plain(field.name):
            return Rank.LIKE_NAME
        return Rank.SYNONYM if name in _SYNONYMS.get(field.tag, ()) else None

    def _part_of_address(self, name: str) -> Target | None:
        """``address_city``, or just ``city`` for the audience's first address field."""
        fields = [field for field in self.fields if field.type == "address"]
        for field in fields:
            for prefix in {plain(field.tag), plain(field.name)}:
                if name.startswith(prefix) and (part := address_part(name.removeprefix(prefix))):
                    return Target(Rank.ADDRESS_PART, f"{field.tag}.{part}", _part(field.tag, part))
        if fields and (part := address_part(name)):
            return Target(Rank.BARE_ADDRESS_PART, f"{fields[0].tag}.{part}", _part(fields[0].tag, part))
        return None

    def _merge_fields(self, partial: PartialContact, value: Any) -> None:
        """An object of tags and values. A field's own column is the better match, wherever in the record it stands."""
        merge = partial.merge
        for given, item in as_object(value).items():
            if item is None:
                continue
            known = self._by_tag.get(given) or self._learn(given)
            if known is None:
                partial.lose(f"merge_fields.{given}", BadValue("is a field that the audience does not have"))
                continue
            tag, put_into = known
            try:
                if tag not in merge:
                    put_into(merge, item)
            except BadValue as fault:
                partial.lose(tag, fault)

    def _learn(self, given: str) -> tuple[str, FieldPut] | None:
        """Find a field by its tag. What is not found is not remembered: it may be made later."""
        field = self.by_tag(given)
        if field is None:
            return None
        put_into = field_put(field, f"merge_fields.{field.tag}", nested_as_json=self._config.nested_as_json)
        known = self._by_tag[given] = (field.tag, put_into)
        return known


def field_put(field: MergeField, column: str, *, nested_as_json: bool = False) -> FieldPut:
    """How values of one column get into ``field``. One for each column: the order of day and month is a column's."""
    if field.type in ("date", "birthday"):
        day_first = field.date_format.upper().startswith("DD")
        return DayReader(column, field.tag, birthday=field.type == "birthday", day_first=day_first).put
    tag, coerce = field.tag, coercion(field, nested_as_json=nested_as_json)

    def put(merge: dict[str, Any], value: Any) -> None:
        merge[tag] = coerce(value)

    return put


def _part(tag: str, part: str) -> Put:
    def put(partial: PartialContact, value: Any) -> None:
        if partial.address_parts is None:
            partial.address_parts = {}
        partial.address_parts.setdefault(tag, {})[part] = value

    return put
