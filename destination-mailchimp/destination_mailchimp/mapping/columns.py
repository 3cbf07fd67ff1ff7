"""Decides where each column of a stream goes."""

from __future__ import annotations

from typing import Any

from destination_mailchimp.audience.fields import Audience, Interest, MergeField, Permission
from destination_mailchimp.config import Config
from destination_mailchimp.failures import SyncFailure
from destination_mailchimp.mapping.addresses import email_column, plain
from destination_mailchimp.mapping.attributes import ATTRIBUTES, as_object, put_tags
from destination_mailchimp.mapping.catalog import ConfiguredStream
from destination_mailchimp.mapping.errors import BadValue
from destination_mailchimp.mapping.groups import Interests, Permissions
from destination_mailchimp.mapping.partial_contact import PartialContact, Put
from destination_mailchimp.mapping.sms import SMS_COLUMNS
from destination_mailchimp.mapping.targets import FieldPut, Rank, Target, field_put, part_of_address, rank_of

# Columns of Airbyte itself, and of its change data capture.
_INTERNAL = ("_airbyte_", "_ab_")
# What the source's contacts have beside what can be written: no field is ever made for these.
MEMBER_COLUMNS = frozenset(
    ["id", "email_address", "unique_email_id", "contact_id", "full_name", "web_id", "email_type", "status",
     "unsubscribe_reason", "consents_to_one_to_one_messaging", "sms_phone_number", "sms_subscription_status",
     "sms_subscription_last_updated", "merge_fields", "interests", "stats", "ip_signup", "timestamp_signup", "ip_opt",
     "timestamp_opt", "member_rating", "last_changed", "language", "vip", "email_client", "location",
     "marketing_permissions", "last_note", "source", "tags_count", "tags", "list_id", "_links"]
)  # fmt: skip


_NAMED_GROUPS = ("interests", "marketing_permissions")
_NO_GROUPS = frozenset({*map(plain, ATTRIBUTES), *SMS_COLUMNS, "tags"})


def needs_names(config: Config, streams: list[ConfiguredStream], fields: list[MergeField]) -> bool:
    """Whether groups and permissions must be known before the first record.

    That is so where a column of the catalog goes there, or ``field_mapping`` names something that is no field.
    Where only records have such a column, they are learnt when the first of these comes.
    """
    names = {plain(name) for name in _NAMED_GROUPS}
    if any(plain(column) in names for stream in streams for column in stream.columns):
        return True
    targets = [entry.field.strip() for entry in config.field_mapping]
    return any(
        target and plain(target) not in _NO_GROUPS and _field_named(fields, target) is None for target in targets
    )


class Columns:
    """Matches columns to the audience's fields, explicitly or by name. One for all streams of a sync.

    Names are compared without regard to case, blanks, dashes and underscores; one that is exactly equal is better.
    """

    def __init__(self, config: Config, audience: Audience) -> None:
        """Raises SyncFailure if the configuration names a field that the audience lacks."""
        self._config = config
        self.fields = list(audience.merge_fields)
        self.interests = Interests(audience.interests if audience.names_known else None)
        self._permissions = Permissions(audience.permissions if audience.names_known else None)
        self._by_tag: dict[str, tuple[str, FieldPut]] = {}
        """Tags as ``merge_fields`` spells them: the field's own tag, and how a value gets into it."""
        self._special: dict[str, tuple[str, Put]] = {plain(name): (name, put) for name, put in ATTRIBUTES.items()}
        for name, put in (
            ("interests", self.interests.put),
            ("marketing_permissions", self._permissions.put),
            ("merge_fields", self._merge_fields),
        ):
            self._special[plain(name)] = (name, put)
        self.permission_columns: set[str] = set()
        """The columns that ``field_mapping`` sends to a marketing permission."""
        self._explicit: dict[str, Target | None] = {}
        for entry in config.field_mapping:
            target = entry.field.strip()
            self._explicit[entry.column] = self._named(entry.column, target) if target else None
        self.key_tag = self._key_tag()
        self._explicit_plain = {plain(column): column for column in reversed(self._explicit)}

    def learn_names(self, interests: list[Interest], permissions: list[Permission]) -> None:
        """The audience's groups and permissions, where they were not known before a record needed them."""
        self.interests.learn(interests)
        self._permissions.learn(permissions)

    def match(self, column: str) -> Target | None:
        """Where a column goes by mapping or name; None for nowhere."""
        if (mapped := self._mapped(column)) is not None:
            return self._explicit[mapped]
        if self.internal(column):
            return None
        name = plain(column)
        is_tags = name == plain(self._config.tags_field)
        if is_tags and "tags_field" in self._config.model_fields_set:
            return Target(Rank.MAPPED, "tags", put_tags)
        best: Target | None = None
        for field in self.fields:
            rank = rank_of(column, field)
            if rank and (best is None or rank < best.rank):
                best = Target(rank, field.tag, self.into(field, column))
        if best:
            return best
        if is_tags:
            return Target(Rank.ATTRIBUTE, "tags", put_tags)
        if name in self._special:
            label, put = self._special[name]
            return Target(Rank.ATTRIBUTE, label, put)
        return part_of_address(column, self.fields)

    def internal(self, column: str) -> bool:
        """Whether a column is Airbyte's own."""
        return column.startswith(_INTERNAL) and self._mapped(column) is None

    def mapped(self, column: str) -> bool:
        """Whether the mapping says where a column goes, or that it is kept out."""
        return self._mapped(column) is not None

    def excluded(self, column: str) -> bool:
        """Whether the mapping keeps a column out."""
        mapped = self._mapped(column)
        return mapped is not None and self._explicit[mapped] is None

    def _mapped(self, column: str) -> str | None:
        """The mapping's entry for a column."""
        if column in self._explicit:
            return column
        return self._explicit_plain.get(plain(column)) if self._explicit_plain else None

    def into(self, field: MergeField, column: str) -> Put:
        """How to put a value of a column into a merge field."""
        put_into = field_put(field, column, nested_as_json=self._config.nested_as_json)

        def put(partial: PartialContact, value: Any) -> None:
            put_into(partial.merge, value)

        return put

    def by_tag(self, tag: str) -> MergeField | None:
        """The merge field with a tag, without regard to case."""
        return _field_tagged(self.fields, tag)

    def _key_tag(self) -> str | None:
        if not self._config.key_field:
            return None
        field = self._field(self._config.key_field)
        if field is None or field.type not in ("text", "number"):
            raise SyncFailure(
                f"key_field names {self._config.key_field!r}, which is no text or number field of the audience. "
                f"Make such a field in Mailchimp for the keys of your records. The audience has: {self._known()}."
            )
        return field.tag

    def _field(self, name: str) -> MergeField | None:
        return _field_named(self.fields, name)

    def _known(self) -> str:
        return ", ".join(field.tag for field in self.fields)

    def _named(self, column: str, target: str) -> Target:
        if field := self._field(target):
            return Target(Rank.MAPPED, field.tag, self.into(field, column))
        name = plain(target)
        if name == "tags":
            return Target(Rank.MAPPED, "tags", put_tags)
        if name in SMS_COLUMNS:
            label, put = SMS_COLUMNS[name]
            return Target(Rank.MAPPED, label, put)
        if name in self._special and name != "mergefields":
            label, put = self._special[name]
            return Target(Rank.MAPPED, label, put)
        for found in (self.interests, self._permissions):
            if flag := found.flag(target):
                if found is self._permissions:
                    self.permission_columns.add(column)
                return Target(Rank.MAPPED, f"{found.what} {target}", flag)
        address = " The column of the address is named in email_field." if email_column([target]) else ""
        raise SyncFailure(
            f"field_mapping sends the column {column!r} to {target!r}, which the audience does not have. "
            f"Its fields are: {self._known()}.{address}"
        )

    def _merge_fields(self, partial: PartialContact, value: Any) -> None:
        """An object of tags and values. A field's own column is the better match, wherever in the record it stands."""
        merge = partial.merge
        for given, item in as_object(value).items():
            if item is None:
                continue
            found = self._by_tag.get(given) or self._learn(given)
            if found is None:
                partial.lose(f"merge_fields.{given}", BadValue("is a field that the audience does not have"))
                continue
            tag, put_into = found
            try:
                if tag not in merge:
                    put_into(merge, item)
            except BadValue as bad:
                partial.lose(tag, bad)

    def _learn(self, given: str) -> tuple[str, FieldPut] | None:
        """Find a field by its tag. What is not found is not remembered: it may be made later."""
        field = self.by_tag(given)
        if field is None:
            return None
        put_into = field_put(field, f"merge_fields.{field.tag}", nested_as_json=self._config.nested_as_json)
        found = self._by_tag[given] = (field.tag, put_into)
        return found


def _field_tagged(fields: list[MergeField], tag: str) -> MergeField | None:
    return next((field for field in fields if field.tag.casefold() == tag.casefold()), None)


def _field_named(fields: list[MergeField], name: str) -> MergeField | None:
    by_tag = _field_tagged(fields, name)
    return by_tag or next((field for field in fields if plain(field.name) == plain(name)), None)
