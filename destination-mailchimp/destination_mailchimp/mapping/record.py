"""Turns the records of one stream into contacts."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

from destination_mailchimp.accounting.ledger import Receipt
from destination_mailchimp.audience.fields import MergeField
from destination_mailchimp.config import Config
from destination_mailchimp.contacts.contact import STATUSES, Contact
from destination_mailchimp.contacts.cursors import NONE, Cursor, read_cursor
from destination_mailchimp.contacts.source_keys import key_text
from destination_mailchimp.failures import RecordRejected
from destination_mailchimp.mapping.addresses import read_address
from destination_mailchimp.mapping.catalog import ConfiguredStream
from destination_mailchimp.mapping.columns import Columns
from destination_mailchimp.mapping.dates import read_day
from destination_mailchimp.mapping.errors import BadValue
from destination_mailchimp.mapping.partial_contact import PartialContact
from destination_mailchimp.mapping.plan import ColumnPlan
from destination_mailchimp.mapping.values import as_address, as_flag
from destination_mailchimp.mapping.wanted import NotMappableYet, WantedField

CDC_DELETED = "_ab_cdc_deleted_at"
# A number is a moment if it may be one since 1973, in seconds or in any part of them down to the nanosecond.
_EARLIEST_EPOCH, _LATEST_EPOCH = 10**8, 10**19

Json = dict[str, Any]


class RecordSkipped(Exception):
    """The record asks for nothing to be done; the argument says why."""


@dataclass(frozen=True)
class Mapped:
    """The contact that a record asks for, the cursor of this version, and what of the record did not fit."""

    contact: Contact
    cursor: Cursor
    lost: list[str] = field(default_factory=list)


class RecordMapper:
    """Maps the records of one stream."""

    def __init__(
        self, stream: ConfiguredStream, config: Config, columns: Columns, *, keep_records: bool = False
    ) -> None:
        self._stream = stream
        self._config = config
        self._columns = columns
        self._keep_records = keep_records
        self.plan = ColumnPlan(stream, config, columns)

    def map(self, data: Json, receipt: Receipt) -> Mapped:
        """The contact that a record asks for. Values that don't fit are left out and named.

        Raises RecordSkipped, RecordRejected and NotMappableYet.
        """
        self.plan.see(data)
        removed = self._removed(data)
        if removed and self._config.deletes == "ignore":
            raise RecordSkipped("deleted in the source")
        email = self.plan.roles.email
        address = read_address(data.get(email) if email else None)
        partial = self._partial(data)
        contact = Contact(address, partial.body, receipt)
        self._finish(contact, partial, data)
        contact.removed = removed
        contact.status = self._status(data)
        receipt.primary_key = self.primary_key(data)
        if self._keep_records:
            receipt.record = data
        return Mapped(contact, self._cursor(data), partial.lost or [])

    def bind_made(self, column: str, made: MergeField | None) -> None:
        """A field has been made for a column, or (None) could not be: the column is left out then."""
        self.plan.bind_made(column, made)

    def primary_key(self, data: Json) -> Any:
        """The record's key: a value, or a list of values where it has several parts."""
        values = [_at(data, path) for path in self._stream.primary_key]
        return values[0] if len(values) == 1 else values

    def address(self, data: Any) -> str:
        """The address of a record that could not be mapped, by which it is found again; empty if it has none."""
        email = self.plan.roles.email
        try:
            return read_address(data.get(email) if email and isinstance(data, dict) else None)
        except RecordRejected:
            return ""

    def _partial(self, data: Json) -> PartialContact:
        partial = PartialContact()
        wanted: list[WantedField] = []
        puts = self.plan.puts
        for column, value in data.items():
            if value is None:
                continue
            try:
                put = puts[column]
            except KeyError:
                if self.plan.wants_field(column, value, data):
                    wanted.append(WantedField(column, self._stream.columns.get(column, {}), value))
                else:
                    puts[column] = None
                continue
            if put is None:
                continue
            try:
                put(partial, value)
            except BadValue as bad:
                partial.lose(self.plan.labels[column], bad)
        if wanted:
            raise NotMappableYet(wanted)
        return partial

    def _finish(self, contact: Contact, partial: PartialContact, data: Json) -> None:
        for tag, parts in (partial.address_parts or {}).items():
            _join_address(partial, tag, parts)
        if self._columns.key_tag and (key := key_text(self.primary_key(data))):
            partial.merge[self._columns.key_tag] = contact.source_key = key
        body = contact.body
        body["email_address"] = contact.address
        if partial.merge:
            body["merge_fields"] = partial.merge
        if partial.all_groups and self._config.replace_interests:
            partial.interests = self._columns.interests.no_to_others(partial.interests)
        if partial.interests:
            body["interests"] = self._columns.interests.without_siblings(partial.interests)
        contact.tags = partial.tags
        contact.removed_tags = partial.removed_tags
        contact.permissions = partial.permissions
        contact.sms = partial.sms

    def _status(self, data: Json) -> str | None:
        """The mapped status; None if the record holds none.

        One that can't be read rejects the record: guessing would risk somebody's consent. ``archived`` is none that
        could be given to anybody, so such a record asks for nothing. Raises RecordRejected, RecordSkipped.
        """
        column = self.plan.roles.status
        value = data.get(column) if column else None
        if value is None or value == "":
            return None
        status = value.strip().lower() if isinstance(value, str) else ""
        if status == "archived":
            raise RecordSkipped("its status column says archived")
        if status not in STATUSES:
            raise RecordRejected(
                "invalid_status",
                f"The status column {column} holds something that is not a subscription status "
                f"({', '.join(STATUSES)}): correct it, or leave it empty.",
                column or "",
            )
        return status

    def _removed(self, data: Json) -> bool:
        """Whether the record was deleted. A flag that can't be read rejects it: guessing could cost a contact."""
        if not _is_nothing(data.get(CDC_DELETED)):
            return True
        column = self.plan.roles.deleted
        value = data.get(column) if column else None
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
            "invalid_deletion", f"The deleted column {column} holds neither yes nor no nor a date.", column or ""
        )

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
    except BadValue as bad:
        partial.lose(tag, bad)


def _at(data: Any, path: list[str]) -> Any:
    for part in path:
        if not isinstance(data, dict):
            return None
        data = data.get(part)
    return data
