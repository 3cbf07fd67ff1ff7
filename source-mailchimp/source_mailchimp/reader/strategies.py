"""What is new: one strategy for each way of reading partitions, composed into ``PartitionReader``.

A strategy answers for one run of one stream: which partitions have something new, from when on, by which of the
endpoint's own filters, and which of the rows that come are to be emitted.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from source_mailchimp.dates import ONE_SECOND, format_date, parse_date
from source_mailchimp.reader.campaign_changes import CampaignChanges
from source_mailchimp.reader.context import SyncContext, look_back
from source_mailchimp.reader.fingerprints import Fingerprint
from source_mailchimp.reader.partitions import Partition
from source_mailchimp.reader.places import PartitionKey
from source_mailchimp.reader.state import ResumePoint, StreamState
from source_mailchimp.stream import (
    PARENT_CHANGED,
    ChangedParents,
    Cursor,
    Record,
    Relist,
)

Filters = dict[str, str | int]

_LATE = timedelta(days=1)
"""So much later than its date may a parent's row have shown that it is settled."""


class Full:
    """Everything is new: changes can't be seen, or everything is wanted. The other strategies differ where they must.

    ``state``: how far the stream is; nothing of it counts where ``full_refresh`` is set.
    """

    def __init__(self, context: SyncContext, state: StreamState, *, full_refresh: bool) -> None:
        self._context = context
        self._state = state
        self._full = full_refresh

    @property
    def fingerprint(self) -> Fingerprint | None:
        """What the campaigns' counts are as the run begins, None where they don't matter."""
        return None

    @property
    def withholds(self) -> bool:
        """Whether rows have come that are neither emitted nor passed over yet, so that no state may pass them."""
        return False

    def other_names(self, partition: Partition) -> tuple[PartitionKey, ...]:  # noqa: ARG002 - of the interface
        """What the state may know the partition by, beside its id."""
        return ()

    def unlisted(self) -> dict[PartitionKey, datetime | None]:
        """How far partitions were read that could not be listed, by the names that the state gives them."""
        return {}

    def cursor_of(self, partition: Partition) -> datetime | None:
        """How far the partition has been read; None: not at all."""
        return self._state.cursor_of(partition.id, *self.other_names(partition))

    def since(self, partition: Partition) -> datetime | None:
        """The moment from which on the partition is wanted, None for its beginning."""
        if self._full or not self._state.covers(partition.audience, self._context.config.list_ids):
            return None
        return self.cursor_of(partition)

    def is_new(self, partition: Partition, since: datetime | None) -> bool:  # noqa: ARG002 - of the interface
        """Whether there may be something new in the partition."""
        return True

    def is_new_below(self, partition: Partition) -> bool:  # noqa: ARG002 - of the interface
        """Whether streams that look under this one may find something new under the partition's rows."""
        return True

    def filters(self, since: datetime | None, until: datetime | None) -> Filters:  # noqa: ARG002 - of the interface
        """The endpoint's own date filters."""
        return {}

    def changed(self, rows: list[Record], since: datetime | None) -> list[Record]:  # noqa: ARG002 - of the interface
        """Those of ``rows`` that may be new since then."""
        return rows

    def added(self, partition: Partition) -> dict[str, Any]:
        """What each record of the partition gets beside its row."""
        return dict(partition.values)

    def released(self) -> list[Record]:
        """All rows of the partition have come: those withheld that are to be emitted after all."""
        return []

    def lacks_rows(self, partition: Partition, listed: int) -> bool:  # noqa: ARG002 - of the interface
        """Whether more rows are counted elsewhere than the ``listed`` ones, so that it is to be asked again soon."""
        return False

    async def all_read(self) -> None:
        """All partitions have been read, or have failed."""

    def fingerprint_at_end(self, run: ResumePoint) -> Fingerprint | None:
        """What the campaigns' counts were up to which all has been read: what came after it is still to come."""
        return run.counts


class Filtered(Full):
    """The endpoint filters by date. ``filtering``: whether it may: those who look under the rows need all of them."""

    def __init__(
        self, context: SyncContext, state: StreamState, cursor: Cursor, *, full_refresh: bool, filtering: bool
    ) -> None:
        super().__init__(context, state, full_refresh=full_refresh)
        self._cursor = cursor
        self._filtering = filtering

    def since(self, partition: Partition) -> datetime | None:
        """Some minutes before what has been read: rows become visible late. Not before the start date."""
        return look_back(super().since(partition), self._context.config.start)

    def filters(self, since: datetime | None, until: datetime | None) -> Filters:
        """Both ends open by a second: what shares the second of the border comes twice rather than not."""
        if not self._filtering:
            return {}
        return date_filters(self._cursor, since, None if self._full else until)

    def changed(self, rows: list[Record], since: datetime | None) -> list[Record]:
        """Those that are not older by their own date."""
        return not_older(rows, self._cursor, since)


class Relisted(Full):
    """The whole listing is read; what may have changed is emitted. ``changes``: what the reports tell, if it counts."""

    def __init__(
        self,
        context: SyncContext,
        state: StreamState,
        reading: Relist,
        *,
        full_refresh: bool,
        changes: CampaignChanges | None,
    ) -> None:
        super().__init__(context, state, full_refresh=full_refresh)
        self._test = reading.may_have_changed
        self._changes = changes

    @property
    def fingerprint(self) -> Fingerprint | None:
        """That of the reports, where they count."""
        return self._changes.fingerprint if self._changes else None

    def is_new_below(self, partition: Partition) -> bool:
        """By the reports, where they count."""
        return self._changes is None or self._changes.below_partition(partition)

    def changed(self, rows: list[Record], since: datetime | None) -> list[Record]:
        """Those that may have changed by what they say, or whose campaign was opened or clicked."""
        test = self._test
        if since is None or test is None:
            return rows
        window = since - timedelta(days=self._context.config.refresh_window_days)
        changes = self._changes
        return [row for row in rows if test(row, window) or (changes and changes.in_campaign(row.get("id"), since))]


class BelowChanged(Full):
    """Below rows that show whether anything below them can have changed."""

    def __init__(
        self, context: SyncContext, state: StreamState, reading: ChangedParents, *, full_refresh: bool
    ) -> None:
        super().__init__(context, state, full_refresh=full_refresh)
        self._reading = reading

    def is_new(self, partition: Partition, since: datetime | None) -> bool:
        """By the parent's row."""
        if since is None or not self._reading.settled(partition.parent):
            return True
        newest = self._newest(partition)
        return newest is None or newest >= since - _LATE

    def added(self, partition: Partition) -> dict[str, Any]:
        """The parent's newest date, which is the cursor."""
        newest = self._newest(partition)
        return {**super().added(partition), PARENT_CHANGED: format_date(newest) if newest else None}

    def _newest(self, partition: Partition) -> datetime | None:
        dates = [parse_date(partition.parent.get(name)) for name in self._reading.dates]
        return max((date for date in dates if date), default=None)


def date_filters(cursor: Cursor, since: datetime | None, until: datetime | None) -> Filters:
    """What to ask an endpoint that filters by ``cursor``, a second more at both ends."""
    filters: Filters = {}
    if since and cursor.since:
        filters[cursor.since] = format_date(since - ONE_SECOND)
    if until and cursor.before:
        filters[cursor.before] = format_date(until + ONE_SECOND)
    return filters


def not_older(rows: list[Record], cursor: Cursor, since: datetime | None) -> list[Record]:
    """Those of ``rows`` whose date is not before ``since``, and those without one."""
    if since is None:
        return rows
    after = since - ONE_SECOND
    return [row for row in rows if (date := parse_date(row.get(cursor.field))) is None or date >= after]
