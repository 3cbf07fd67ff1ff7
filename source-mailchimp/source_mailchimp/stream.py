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
Slice = Mapping[str, Any]
"""The values of a path's parameters, outermost parent first: ``{"list_id": "a1", "segment_id": 7}``."""

_PARAMETER = re.compile(r"{(\w+)}")


class Paging(Enum):
    """How an endpoint hands out its rows."""

    OFFSET = "offset"  # count and offset, total_items tells how many
    CURSOR = "cursor"  # count and cursor, next_cursor in the answer; no total_items
    COUNT_ONLY = "count_only"  # count, but no offset: at most 1000 rows can be had
    NONE = "none"  # everything in one answer
    OBJECT = "object"  # one object, not a list: it is the record


class Reading(Enum):
    """How a stream is read when only what is new is wanted. Full refresh reads everything in each case."""

    WHOLE = "whole"  # changes can't be seen: everything is read, every time
    WINDOW = "window"  # rows sorted by the cursor between two dates: closed pieces, each proved complete
    FILTER = "filter"  # a date filter without that order: one window per slice
    REFRESH = "refresh"  # the whole listing is read, what may have changed is emitted
    GATED = "gated"  # children of sent campaigns: only campaigns with news are asked
    PER_CONTACT = "per contact"  # one request for each contact of the audience


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


Expand = Callable[[Record, Slice], Iterable[Record]]
"""Turns one row of the answer into records, for rows that hold several (email activity)."""


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
    ``row_key``: fields that tell the answer's rows apart, where ``expand`` makes other records of them.
    ``as_text``: fields that the contract calls numbers, while they are text everywhere else; numbers become text.
    ``follows_reports``: REFRESH emits a row again when its campaign was opened or clicked since the last sync.
    ``may_have_changed``: REFRESH emits a row again when this says so; without it, every row.
    ``only_parents``: PER_CONTACT asks for the contacts whose row passes this test; the others are known to have none.
    ``trust_total``: whether ``total_items`` counts the rows (it lies for some endpoints).
    ``family``: for the documentation. ``cost``: likewise, a remark about requests.
    """

    name: str
    path: str
    items: str | None
    key: tuple[str, ...]
    parent: Stream | None = None
    paging: Paging = Paging.OFFSET
    reading: Reading = Reading.WHOLE
    cursor: Cursor | None = None
    params: Mapping[str, str] = field(default_factory=dict)
    adds: Mapping[str, str] = field(default_factory=dict)
    hash_key: tuple[str, ...] = ()
    row_key: tuple[str, ...] = ()
    as_text: tuple[str, ...] = ()
    follows_reports: bool = False
    may_have_changed: Callable[[Record, datetime], bool] | None = None
    expand: Expand | None = None
    only_parents: Callable[[Record], bool] | None = None
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
    def incremental(self) -> bool:
        """Whether the stream offers incremental syncs."""
        return self.reading in {Reading.WINDOW, Reading.FILTER, Reading.REFRESH, Reading.GATED}
