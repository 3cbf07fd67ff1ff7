"""Where the columns of one stream go: decided once for each, when it is first seen, and told in the log."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Any

from destination_mailchimp.audience.fields import MergeField
from destination_mailchimp.config import Config
from destination_mailchimp.failures import SyncFailure
from destination_mailchimp.mapping.catalog import ConfiguredStream
from destination_mailchimp.mapping.columns import MEMBER_COLUMNS, Columns
from destination_mailchimp.mapping.consent_columns import looks_like_consent
from destination_mailchimp.mapping.named_columns import has_column, missing
from destination_mailchimp.mapping.partial_contact import Put
from destination_mailchimp.mapping.roles import Roles

logger = logging.getLogger("airbyte.destination_mailchimp")

_ANNOUNCED = 20
"""How often columns that only later records have are told of; a stream may have new ones in every record."""


class ColumnPlan:
    """The columns of the catalog, and of the records as they come."""

    def __init__(self, stream: ConfiguredStream, config: Config, columns: Columns) -> None:
        self._stream = stream
        self._config = config
        self._columns = columns
        self.roles = Roles(config)
        self.puts: dict[str, Put | None] = {}
        """What becomes of a column's values; None for nothing. A column that may get a field of its own is missing."""
        self.labels: dict[str, str] = {}
        """The columns that go somewhere, and where."""
        self._column_of: dict[str, str] = {}
        self._seen: set[str] = set()
        self.unmatched: list[str] = []
        """The columns that go nowhere, but for those that have another use or are kept out."""
        self._announced = 0
        self._warned_of_audience = False
        self._sought = stream.sought
        if stream.columns:
            self._add(stream.columns)

    def see(self, data: dict[str, Any]) -> None:
        """Take in the columns of a record that have not been seen yet.

        Raises SyncFailure if the first record lacks one that tells who may be written to.
        """
        if self._sought:
            self._look_for_named(data)
        if new := data.keys() - self._seen:
            # In the order of the record, so that the first of two equals is the same in every sync.
            self._add([column for column in data if column in new])

    def bind_made(self, column: str, made: MergeField | None) -> None:
        """A field has been made for a column, or (None) could not be: the column is left out then."""
        self.puts[column] = self._columns.into(made, column) if made and self._takes(column, made.tag) else None

    def wants_field(self, column: str, value: Any, data: dict[str, Any]) -> bool:
        """Whether a field is to be made for a column that matches none."""
        if not self._config.create_missing_merge_fields or self._used_otherwise(column):
            return False
        if isinstance(value, dict | list) and not self._config.nested_as_json:
            return False
        return not ("merge_fields" in data and column in MEMBER_COLUMNS)

    def _look_for_named(self, data: dict[str, Any]) -> None:
        """Look in the first record for the columns that options name, where the catalog lists none."""
        for named in self._sought:
            if has_column(data, named.column):
                continue
            text = missing(self._stream.label, named, data, "Its first record has")
            if named.consent or named.column in self._columns.permission_columns:
                raise SyncFailure(
                    f"{text} Nobody in it is written, as the column tells who may be written to. Correct the option; "
                    "or, if not every record has the column, list it in the catalog's json_schema."
                )
            logger.warning("%s It counts in the records that have it.", text)
        self._sought = []

    def _add(self, columns: Iterable[str]) -> None:
        """Of several columns for one field the better match counts; the others are left out and named in the log."""
        names = list(columns)
        self._seen.update(names)
        self.roles.learn(names)
        targets = {
            column: target for column in names if column not in self.roles and (target := self._columns.match(column))
        }
        self.puts.update({column: None for column in names if column in self.roles})
        for column, target in sorted(targets.items(), key=lambda item: item[1].rank):
            self.puts[column] = target.put if self._takes(column, target.field, several=target.shared) else None
        unmatched = sorted(name for name in names if name not in targets and not self._used_otherwise(name))
        self.unmatched += unmatched
        self._announce([name for name in names if name in self.labels], unmatched)

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
            return False
        self.labels[column] = label
        return True

    def _used_otherwise(self, column: str) -> bool:
        """Whether a column is not meant for a field at all."""
        return column in self.roles or self._columns.internal(column) or self._columns.excluded(column)

    def _announce(self, matched: list[str], unmatched: list[str]) -> None:
        """Tell what goes where, and warn of columns that look like consent, before anything of them is written."""
        if not self._config.status_field and {"status", "merge_fields"} <= self._seen:
            if not self._warned_of_audience:
                self._warned_of_audience = True
                logger.warning(
                    "Stream %s: these are contacts of an audience, but status_field does not name their status: people "
                    "who have unsubscribed there and are not in this audience yet are added like all others",
                    self._stream.name,
                )
            consent = [column for column in unmatched if column not in MEMBER_COLUMNS and looks_like_consent(column)]
        else:
            consent = [column for column in unmatched if looks_like_consent(column)]
        if consent:
            logger.warning(
                "Stream %s: columns that look like consent go nowhere: %s. Everybody in the stream who is not in the "
                "audience yet is added, whatever they say. Leave people who want no mail out in the source; or name "
                "the column in status_field if it holds statuses, or in deleted_field if it marks those who have left; "
                "or send it to an empty field in field_mapping if it says nothing of the kind",
                self._stream.name,
                ", ".join(consent),
            )
        if not matched and not unmatched:
            return
        self._announced += 1
        if self._announced > _ANNOUNCED:
            return
        if matched:
            pairs = ", ".join(f"{column} → {self.labels[column]}" for column in sorted(matched))
            logger.info("Stream %s: %s", self._stream.name, pairs)
        if unmatched:
            logger.info("Stream %s: no field matches %s", self._stream.name, ", ".join(unmatched))
