"""What a stream is: one frozen entry that says where its rows are and how to read them without loss.

The tables of entries are in ``source_mailchimp.streams``; ``source_mailchimp.reader`` reads what they say.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Any

Record = dict[str, Any]
PathValues = Mapping[str, Any]
"""The values of a path's parameters, outermost parent first: ``{"list_id": "a1", "segment_id": 7}``."""

LAST_ACTIVITY = "campaign_last_activity"
"""Where rows below a report carry no date that moves, the newest date of their campaign goes under this name."""

PARENT_CHANGED = "parent_changed_at"
"""Where rows carry no date and their parent's row does, its newest date goes under this name."""

PARENT_CAMPAIGN = "parent_campaign_id"
"""Under this name a version's report has the id of the split campaign that it is a version of."""

_PARAMETER = re.compile(r"{(\w+)}")


class Paging(Enum):
    """How an endpoint hands out its rows."""

    OFFSET = "offset"  # count and offset, total_items tells how many
    CURSOR = "cursor"  # count and cursor, next_cursor in the answer; no total_items
    COUNT_ONLY = "count_only"  # count, but no offset: at most 1000 rows can be had
    NONE = "none"  # everything in one answer
    OBJECT = "object"  # one object, not a list: it is the record


@dataclass(frozen=True)
class Cursor:
    """The field that tells how new a row is, and the endpoint's filters on it, where they are sent.

    ``since`` is exclusive and ``before`` inclusive, both to the second (seen on the real API). ``sort`` is the
    ``sort_field`` that gives ascending order with ``sort_dir=ASC``.
    """

    field: str
    since: str | None = None
    before: str | None = None
    sort: str | None = None


@dataclass(frozen=True)
class Flattened:
    """Each row of the answer holds several records. ``flatten``: makes them; ``row_key``: what tells the rows apart."""

    flatten: Callable[[Record, PathValues], Iterable[Record]]
    row_key: tuple[str, ...]


@dataclass(frozen=True)
class Counted:
    """A report counts what the rows below it show: when both are equal, all rows are there.

    ``told``: the counts of a report, None for one that it lacks; ``shown``: what one row, as it was listed, adds to
    each of them.
    """

    told: Callable[[Mapping[str, Any]], tuple[int | None, ...]]
    shown: Callable[[Record], tuple[int, ...]]


@dataclass(frozen=True)
class FullOnly:
    """Changes can't be seen: everything is read, with every sync."""


@dataclass(frozen=True)
class Window:
    """Rows are sorted by ``cursor`` and filtered by it: closed chunks, each proved complete.

    ``incremental``: whether what is new is of any use by itself.
    """

    cursor: Cursor
    incremental: bool = True


@dataclass(frozen=True)
class Filter:
    """A date filter without that order: one window for each partition."""

    cursor: Cursor


@dataclass(frozen=True)
class Relist:
    """The whole listing is read; of it, what may have changed is emitted.

    ``may_have_changed``: says so of a row and a moment; without it, every row may have.
    ``reports``: a stream of reading ``Reports``; a row goes out again, too, when the campaign of its id was opened or
    clicked since. ``counted``: how the report tells whether the row shows as much.
    """

    cursor: Cursor
    may_have_changed: Callable[[Record, datetime], bool] | None = None
    reports: Stream | None = None
    counted: Counted | None = None


@dataclass(frozen=True)
class Reports:
    """The reports of campaigns: relisted, and they tell by themselves which of them, and of what is below, are new.

    ``may_have_changed``: as of ``Relist``. ``versions``: the endpoint that names the versions of a split campaign;
    ``winners``: the one whose rows name a campaign's winning version.
    """

    cursor: Cursor
    may_have_changed: Callable[[Record, datetime], bool]
    versions: Stream
    winners: Stream


@dataclass(frozen=True)
class ChangedCampaigns:
    """Below reports: only campaigns whose report shows that something is new are asked.

    ``flattened``: how, where a row holds several records. ``counted``: how the report tells whether all rows are there;
    without it, nothing does.
    """

    cursor: Cursor
    flattened: Flattened | None = None
    counted: Counted | None = None


@dataclass(frozen=True)
class ChangedParents:
    """Below rows that show whether anything below them can have changed: only those where it can are asked.

    ``dates``: fields of the parent's row; the newest of them is the cursor. ``settled``: whether, by its row, nothing
    changes below the parent without one of these dates; asked in any case otherwise.
    """

    dates: tuple[str, ...]
    settled: Callable[[Record], bool]
    cursor: Cursor = field(default_factory=lambda: Cursor(PARENT_CHANGED))


@dataclass(frozen=True)
class RowTells:
    """A contact's row changes with what is below the contact, so only contacts whose row has changed are asked.

    ``of``: what a row tells, as JSON; None where it doesn't tell all. ``fields``: those of the row that it looks at.
    """

    cursor: Cursor
    fields: tuple[str, ...]
    of: Callable[[Record], object]


@dataclass(frozen=True)
class PerContact:
    """One request for each contact of an audience; ``parent`` is the stream of contacts.

    ``has_any``: whether a contact, by its row, may have what the stream reads; without it, each may.
    ``told``: how the row tells that there is something new; without it, nothing does.
    """

    has_any: Callable[[Record], bool] | None = None
    told: RowTells | None = None


@dataclass(frozen=True)
class Embedded:
    """The rows stand under ``field`` in the rows of ``parent``, whose listing is read for them.

    A parent without any there, though it ``may_lack`` them, is asked by the stream's own path.
    """

    field: str
    may_lack: Callable[[Record], bool]


Reading = FullOnly | Window | Filter | Relist | Reports | ChangedCampaigns | ChangedParents | PerContact | Embedded
"""How a stream is read when only what is new is wanted. A full refresh reads everything in each case."""


@dataclass(frozen=True, eq=False)
class Stream:
    """One stream.

    ``path``: relative to the API's root, parameters in braces; all but the last level come from ``parent``.
    ``items``: the key of the rows in the answer; ``None`` where the answer itself is the record.
    ``key``: the primary key, true for the whole account.
    ``parent``: the stream whose rows fill the last path parameter with their ``id``.
    ``params``: further query parameters of every request.
    ``adds``: fields that the connector adds to each record, with their JSON types; path parameters
    are always added where the API leaves them out and need not be named here.
    ``hash_key``: fields of which a deterministic key is made where no natural key exists; it goes under the last
    name in ``key``.
    ``as_text``: fields that the contract calls numbers, while they are text everywhere else; numbers become text.
    ``for_children``: fields of a row that its children need, beside the ids in their paths.
    ``is_audience``: whether its rows are audiences, so that ``list_ids`` names them by their ids.
    ``tells_deletions``: whether it is cheap to list whole, so that what was deleted shows (``reader.deletions``).
    ``trust_total``: whether ``total_items`` counts the rows (it lies for some endpoints).
    ``family``: for the documentation. ``cost``: likewise, a remark about requests.
    """

    name: str
    path: str
    items: str | None
    key: tuple[str, ...]
    parent: Stream | None = None
    paging: Paging = Paging.OFFSET
    reading: Reading = field(default_factory=FullOnly)
    params: Mapping[str, str] = field(default_factory=dict)
    adds: Mapping[str, str] = field(default_factory=dict)
    hash_key: tuple[str, ...] = ()
    as_text: tuple[str, ...] = ()
    for_children: tuple[str, ...] = ()
    is_audience: bool = False
    tells_deletions: bool = False
    trust_total: bool = True
    family: str = ""
    cost: str = ""

    @property
    def parameters(self) -> tuple[str, ...]:
        """The names of the path's parameters, outermost first."""
        return tuple(_PARAMETER.findall(self.path))

    @property
    def parameter(self) -> str | None:
        """The path parameter that ``parent`` fills, None for a stream without one."""
        own = self.parameters
        return own[-1] if own else None

    @property
    def ancestors(self) -> tuple[Stream, ...]:
        """Parent, grandparent …, nearest first."""
        return (self.parent, *self.parent.ancestors) if self.parent else ()

    @property
    def looks_under(self) -> tuple[Stream, ...]:
        """The ancestors whose rows have to be there before it is read: a listing is read for what stands inside."""
        return self.ancestors[1:] if isinstance(self.reading, Embedded) else self.ancestors

    @property
    def cursor(self) -> Cursor | None:
        """What tells how new a row is, None where nothing does."""
        if isinstance(self.reading, PerContact):
            return self.reading.told.cursor if self.reading.told else None
        return None if isinstance(self.reading, FullOnly | Embedded) else self.reading.cursor

    @property
    def incremental(self) -> bool:
        """Whether the stream offers incremental syncs."""
        return self.cursor is not None and not (isinstance(self.reading, Window) and not self.reading.incremental)
