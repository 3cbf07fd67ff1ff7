"""Turns the records of one stream into contacts."""

from __future__ import annotations

import logging
import math
from typing import Any

from destination_mailchimp.accounting.ledger import Segment, StreamLedger
from destination_mailchimp.audience.new_fields import NewFields
from destination_mailchimp.config import Config
from destination_mailchimp.contacts.contact import Contact
from destination_mailchimp.contacts.cursors import NONE, Cursor, read_cursor
from destination_mailchimp.failures import RecordRejected
from destination_mailchimp.mapping.addresses import email_column, read_address
from destination_mailchimp.mapping.attributes import Binding
from destination_mailchimp.mapping.catalog import ConfiguredStream
from destination_mailchimp.mapping.columns import MEMBER_COLUMNS, Columns
from destination_mailchimp.mapping.dates import read_day
from destination_mailchimp.mapping.errors import BadValue
from destination_mailchimp.mapping.partial_contact import Draft
from destination_mailchimp.mapping.values import as_address, as_flag
from destination_mailchimp.writing.consent import STATUSES

logger = logging.getLogger("airbyte.destination_mailchimp")

CDC_DELETED = "_ab_cdc_deleted_at"
# A number is a moment if it may be one since 1973, in seconds or in any part of them down to the nanosecond.
_EARLIEST_EPOCH, _LATEST_EPOCH = 10**8, 10**19

Json = dict[str, Any]


class RecordSkipped(Exception):
    """The record asks for nothing to be done; the argument says why."""


class RecordMapper:
    """Knows the columns of one stream. What a column is bound to is decided once, when it is first seen."""

    def __init__(
        self,
        stream: ConfiguredStream,
        config: Config,
        columns: Columns,
        new_fields: NewFields | None = None,
        *,
        keep_records: bool = False,
    ) -> None:
        self._stream = stream
        self._config = config
        self._columns = columns
        self._new_fields = new_fields
        self._keep_records = keep_records
        self._email = config.email_field or email_column(stream.columns)
        self._plan: dict[str, Binding | None] = {}
        self._labels: dict[str, str] = {}
        self._bound: dict[str, str] = {}
        self._bind_known()

    def map(self, data: Json, ledger: StreamLedger, segment: Segment) -> tuple[Contact, Cursor]:
        """The contact that a record asks for, and the cursor of this version.

        Raises RecordSkipped, RecordRejected. Values that don't fit are left out and counted in ``ledger``.
        """
        removed = self._removed(data)
        if removed and self._config.deletes == "ignore":
            raise RecordSkipped("deleted at its origin")
        email = self._email or self._find_email(data)
        address = read_address(data.get(email) if email else None)
        draft = Draft()
        plan = self._plan
        for column, value in data.items():
            if value is None:
                continue
            try:
                binding = plan[column]
            except KeyError:
                binding = self._bind(column, value, data)
            if binding is None:
                continue
            try:
                binding(draft, value)
            except BadValue as fault:
                draft.lose(self._labels[column], fault)
        contact = Contact(address, draft.body, ledger, segment)
        self._finish(contact, draft)
        contact.removed = removed
        contact.status = self._status(data)
        if draft.lost:
            ledger.fields_lost.update(draft.lost)
        contact.primary_key = self.primary_key(data)
        if self._keep_records:
            contact.record = data
        return contact, self._cursor(data)

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
        matches = {
            column: match
            for column in self._stream.columns
            if column != self._email and (match := self._columns.match(column))
        }
        for column, (_, label, binding) in sorted(matches.items(), key=lambda item: item[1][0]):
            if self._takes(column, label):
                self._plan[column] = binding

    def _takes(self, column: str, label: str) -> bool:
        several = label in ("tags", "interests", "merge_fields")
        other = self._bound.setdefault(label, column)
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

    def _bind(self, column: str, value: Any, data: Json) -> Binding | None:
        binding: Binding | None = None
        match = None if column == self._email else self._columns.match(column)
        if match:
            if self._takes(column, match[1]):
                binding = match[2]
        elif self._wants_field(column, value, data):
            assert self._new_fields is not None
            schema = self._stream.columns.get(column, {})
            field = self._new_fields.make(column, schema, value, self._columns.fields)
            if field and self._takes(column, field.tag):
                binding = self._columns.into(field, column)
        self._plan[column] = binding
        return binding

    def _wants_field(self, column: str, value: Any, data: Json) -> bool:
        if self._new_fields is None or self._used_otherwise(column):
            return False
        if isinstance(value, dict | list) and not self._config.nested_as_json:
            return False
        return not ("merge_fields" in data and column in MEMBER_COLUMNS)

    def _used_otherwise(self, column: str) -> bool:
        """Whether a column is not meant for a field at all."""
        if column in (self._email, self._config.status_field, self._config.deleted_field):
            return True
        return self._columns.internal(column) or self._columns.excluded(column)

    def _finish(self, contact: Contact, draft: Draft) -> None:
        for tag, parts in (draft.parts or {}).items():
            _join_address(draft, tag, parts)
        body = contact.body
        body["email_address"] = contact.address
        if draft.merge:
            body["merge_fields"] = draft.merge
        if draft.interests:
            body["interests"] = draft.interests
        contact.tags = draft.tags
        contact.permissions = draft.permissions

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


def _join_address(draft: Draft, tag: str, parts: Json) -> None:
    try:
        draft.merge.setdefault(tag, as_address(parts))
    except BadValue as fault:
        draft.lose(tag, fault)


def _at(data: Any, path: list[str]) -> Any:
    for part in path:
        if not isinstance(data, dict):
            return None
        data = data.get(part)
    return data
