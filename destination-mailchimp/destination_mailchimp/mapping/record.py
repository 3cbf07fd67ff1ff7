"""Turns the records of one stream into contacts."""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass, field
from typing import Any

from destination_mailchimp.accounting.ledger import Receipt
from destination_mailchimp.audience.fields import MergeField
from destination_mailchimp.config import Config
from destination_mailchimp.contacts.contact import STATUSES, Contact
from destination_mailchimp.contacts.cursors import NONE, Cursor, read_cursor
from destination_mailchimp.failures import RecordRejected
from destination_mailchimp.mapping.addresses import email_column, read_address
from destination_mailchimp.mapping.catalog import ConfiguredStream
from destination_mailchimp.mapping.columns import MEMBER_COLUMNS, Columns, Target, shared
from destination_mailchimp.mapping.dates import read_day
from destination_mailchimp.mapping.errors import BadValue
from destination_mailchimp.mapping.partial_contact import PartialContact, Put
from destination_mailchimp.mapping.values import as_address, as_flag

logger = logging.getLogger("airbyte.destination_mailchimp")

CDC_DELETED = "_ab_cdc_deleted_at"
# A number is a moment if it may be one since 1973, in seconds or in any part of them down to the nanosecond.
_EARLIEST_EPOCH, _LATEST_EPOCH = 10**8, 10**19

Json = dict[str, Any]


class RecordSkipped(Exception):
    """The record asks for nothing to be done; the argument says why."""


@dataclass(frozen=True)
class WantedField:
    """A column that matches no field, so that one is to be made for it (``create_missing_merge_fields``).

    ``schema`` is the column's JSON schema, ``value`` its first value: together they tell the field's type.
    """

    column: str
    schema: Json
    value: Any


class FieldsWanted(Exception):
    """The record can be mapped when these fields have been made, or could not be: see ``RecordMapper.bind_made``."""

    def __init__(self, fields: list[WantedField]) -> None:
        super().__init__(", ".join(field.column for field in fields))
        self.fields = fields


@dataclass(frozen=True)
class Mapped:
    """The contact that a record asks for, the cursor of this version, and what of the record did not fit."""

    contact: Contact
    cursor: Cursor
    lost: list[str] = field(default_factory=list)


class RecordMapper:
    """Knows the columns of one stream. Where a column goes is decided once, when it is first seen."""

    def __init__(
        self, stream: ConfiguredStream, config: Config, columns: Columns, *, keep_records: bool = False
    ) -> None:
        self._stream = stream
        self._config = config
        self._columns = columns
        self._keep_records = keep_records
        self._email = config.email_field or email_column(stream.columns)
        self._plan: dict[str, Put | None] = {}
        self._labels: dict[str, str] = {}
        self._column_of: dict[str, str] = {}
        self._bind_known()

    def map(self, data: Json, receipt: Receipt) -> Mapped:
        """The contact that a record asks for. Values that don't fit are left out and named.

        Raises RecordSkipped, RecordRejected and FieldsWanted.
        """
        removed = self._removed(data)
        if removed and self._config.deletes == "ignore":
            raise RecordSkipped("deleted in the source")
        email = self._email or self._find_email(data)
        address = read_address(data.get(email) if email else None)
        partial = PartialContact()
        wanted: list[WantedField] = []
        plan = self._plan
        for column, value in data.items():
            if value is None:
                continue
            try:
                put = plan[column]
            except KeyError:
                if self._wants_field(column, value, data):
                    wanted.append(WantedField(column, self._stream.columns.get(column, {}), value))
                    continue
                put = self._bind(column)
            if put is None:
                continue
            try:
                put(partial, value)
            except BadValue as fault:
                partial.lose(self._labels[column], fault)
        if wanted:
            raise FieldsWanted(wanted)
        contact = Contact(address, partial.body, receipt)
        self._finish(contact, partial)
        contact.removed = removed
        contact.status = self._status(data)
        receipt.primary_key = self.primary_key(data)
        if self._keep_records:
            receipt.record = data
        return Mapped(contact, self._cursor(data), partial.lost or [])

    def bind_made(self, column: str, made: MergeField | None) -> None:
        """A field has been made for a column, or (None) could not be: the column is left out then."""
        self._plan[column] = self._columns.into(made, column) if made and self._takes(column, made.tag) else None

    def primary_key(self, data: Json) -> Any:
        """The record's key: a value, or a list of values where it has several parts."""
        values = [_at(data, path) for path in self._stream.primary_key]
        return values[0] if len(values) == 1 else values

    def address(self, data: Any) -> str:
        """The address of a record that could not be mapped, by which it is found again; empty if it has none."""
        try:
            return read_address(data.get(self._email) if self._email and isinstance(data, dict) else None)
        except RecordRejected:
            return ""

    @property
    def mapped(self) -> dict[str, str]:
        """The columns of the schema, and what each goes into."""
        return dict(self._labels)

    @property
    def unmatched(self) -> list[str]:
        """The columns of the schema that go nowhere, but for those that have another use or are kept out."""
        columns = self._stream.columns
        return sorted(c for c in columns if not self._used_otherwise(c) and self._columns.match(c) is None)

    def _bind_known(self) -> None:
        """Of several columns for one field the better match counts; the others are left out and named in the log."""
        targets = {
            column: target
            for column in self._stream.columns
            if column != self._email and (target := self._columns.match(column))
        }
        for column, target in sorted(targets.items(), key=lambda item: item[1].rank):
            if self._takes(column, target.field, several=shared(target)):
                self._plan[column] = target.put

    def _takes(self, column: str, label: str, *, several: bool = False) -> bool:
        other = self._column_of.setdefault(label, column)
        if other != column and not several:
            logger.warning(
                "Stream %s: the columns %s and %s both match %s; %s is used",
                self._stream.name,
                other,
                column,
                label,
                other,
            )
            self._plan[column] = None
            return False
        self._labels[column] = label
        return True

    def _bind(self, column: str) -> Put | None:
        target: Target | None = None if column == self._email else self._columns.match(column)
        put = target.put if target and self._takes(column, target.field, several=shared(target)) else None
        self._plan[column] = put
        return put

    def _wants_field(self, column: str, value: Any, data: Json) -> bool:
        if not self._config.create_missing_merge_fields or self._used_otherwise(column):
            return False
        if isinstance(value, dict | list) and not self._config.nested_as_json:
            return False
        if "merge_fields" in data and column in MEMBER_COLUMNS:
            return False
        return self._columns.match(column) is None

    def _used_otherwise(self, column: str) -> bool:
        """Whether a column is not meant for a field at all."""
        if column in (self._email, self._config.status_field, self._config.deleted_field):
            return True
        return self._columns.internal(column) or self._columns.excluded(column)

    def _finish(self, contact: Contact, partial: PartialContact) -> None:
        for tag, parts in (partial.address_parts or {}).items():
            _join_address(partial, tag, parts)
        body = contact.body
        body["email_address"] = contact.address
        if partial.merge:
            body["merge_fields"] = partial.merge
        if partial.interests:
            body["interests"] = partial.interests
        contact.tags = partial.tags
        contact.permissions = partial.permissions

    def _status(self, data: Json) -> str | None:
        """The mapped status; None if the record holds none.

        One that can't be read rejects the record: guessing would risk somebody's consent. ``archived`` is none that
        could be given to anybody, so such a record asks for nothing. Raises RecordRejected, RecordSkipped.
        """
        if not self._config.status_field:
            return None
        value = data.get(self._config.status_field)
        if value is None or value == "":
            return None
        status = value.strip().lower() if isinstance(value, str) else ""
        if status == "archived":
            raise RecordSkipped("its status column says archived")
        if status not in STATUSES:
            raise RecordRejected(
                "invalid_status",
                "The status column holds something that is not a subscription status.",
                self._config.status_field,
            )
        return status

    def _removed(self, data: Json) -> bool:
        """Whether the record was deleted. A flag that can't be read rejects it: guessing could cost a contact."""
        if not _is_nothing(data.get(CDC_DELETED)):
            return True
        value = data.get(self._config.deleted_field) if self._config.deleted_field else None
        if _is_nothing(value):
            return False
        try:
            return as_flag(value)
        except BadValue:
            pass
        if isinstance(value, int | float) and _EARLIEST_EPOCH <= value < _LATEST_EPOCH:
            return True
        if isinstance(value, str) and _is_date(value):
            return True
        raise RecordRejected(
            "invalid_deletion",
            "The deleted column holds neither yes nor no nor a date.",
            self._config.deleted_field or "",
        )

    def _find_email(self, data: Json) -> str | None:
        """For a stream without a schema the first record that has such a column decides."""
        self._email = email_column(data)
        if self._email:
            self._plan[self._email] = None
        return self._email

    def _cursor(self, data: Json) -> Cursor:
        return read_cursor(_at(data, self._stream.cursor)) if self._stream.cursor else (NONE, None)


def _is_nothing(value: Any) -> bool:
    """Null, an empty text, or NaN, which some tables hold where nothing is."""
    return value is None or value == "" or (isinstance(value, float) and math.isnan(value))


def _is_date(text: str) -> bool:
    """Whether a text is a date with its year; in which order its numbers stand does not matter here."""
    try:
        day = read_day(text, example="a date")
        day.date()
    except BadValue:
        return False
    return day.year is not None


def _join_address(partial: PartialContact, tag: str, parts: Json) -> None:
    try:
        partial.merge.setdefault(tag, as_address(parts))
    except BadValue as fault:
        partial.lose(tag, fault)


def _at(data: Any, path: list[str]) -> Any:
    for part in path:
        if not isinstance(data, dict):
            return None
        data = data.get(part)
    return data
