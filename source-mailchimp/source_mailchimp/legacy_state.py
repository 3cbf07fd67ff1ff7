"""Reads the states of Airbyte's own source-mailchimp, so that its users can go on from where they are.

Three formats came into use over the years, all as the ``stream_state`` of STREAM state messages:

- flat: ``{"create_time": "…"}``;
- by parent: ``{"<list or campaign id>": {"last_changed": "…"}}``;
- per partition: ``{"states": [{"partition": {"id": "…", "parent_slice": {}}, "cursor": {"last_changed": "…"}}],
  "state": {…}, "use_global_cursor": …, "lookback_window": …, "parent_state": {…}}``.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from source_mailchimp.dates import parse_date
from source_mailchimp.reader.places import Note, PartitionKey
from source_mailchimp.reader.state import FULL_REFRESH_COMPLETE, StreamState

# The CDK writes it for streams that have no cursor.
_NO_CURSOR = "__ab_no_cursor_state_message"
_SAYS_NOTHING = {_NO_CURSOR, "use_global_cursor", "lookback_window", "parent_state"}
_PARTITION_KEYS = {"states", "state", "use_global_cursor", "lookback_window", "parent_state"}


def read_state(raw: Mapping[str, Any], cursor_field: str | None, note: Note = lambda _: None) -> StreamState:
    """The state in ``raw``, whichever version or format it has; an empty one where there is nothing to go on from.

    ``cursor_field``: the stream's cursor, under which the old formats keep their dates. ``note`` is told the names of
    members that can't be read, so that what they stand for is read again.
    """
    if "version" in raw or FULL_REFRESH_COMPLETE in raw:
        return StreamState.load(raw, note)
    if not cursor_field:
        return StreamState()
    if _PARTITION_KEYS & raw.keys():
        state = _per_partition(raw, cursor_field)
    elif flat := parse_date(raw.get(cursor_field)):
        state = StreamState(cursor=flat)
    else:
        state = StreamState(slices=_dates(raw, cursor_field))
    if state == StreamState():
        for name in sorted(str(key) for key, value in raw.items() if key not in _SAYS_NOTHING and value != []):
            note(name)  # not of a stream that had no partitions
    return state


def _per_partition(raw: Mapping[str, Any], cursor_field: str) -> StreamState:
    """Global where it says so or names no partition; otherwise one that it does not name has not been read yet."""
    overall = raw.get("state")
    overall = parse_date(overall.get(cursor_field)) if isinstance(overall, Mapping) else None
    if overall and raw.get("use_global_cursor") is True:
        lookback = raw.get("lookback_window")
        seconds = lookback if isinstance(lookback, (int, float)) and lookback > 0 else 0
        return StreamState(cursor=overall - timedelta(seconds=seconds))
    slices: dict[PartitionKey, datetime | None] = {}
    states = raw.get("states")
    for entry in states if isinstance(states, list) else []:
        partition = entry.get("partition") if isinstance(entry, Mapping) else None
        cursor = entry.get("cursor") if isinstance(entry, Mapping) else None
        date = parse_date(cursor.get(cursor_field)) if isinstance(cursor, Mapping) else None
        slice_id = _slice_id(partition)
        if date and slice_id:
            slices[slice_id] = date
    return StreamState(slices=slices, cursor=None if slices else overall)


def _slice_id(partition: object) -> PartitionKey | None:
    """The id of the parent: named ``id`` or, in some versions, after the parent (``list_id``, ``campaign_id``)."""
    if not isinstance(partition, Mapping):
        return None
    for key, value in partition.items():
        if key != "parent_slice" and isinstance(value, (str, int)):
            return PartitionKey(str(value))
    return None


def _dates(raw: Mapping[str, Any], cursor_field: str) -> dict[PartitionKey, datetime | None]:
    return {
        PartitionKey(str(key)): date
        for key, value in raw.items()
        if isinstance(value, Mapping) and (date := parse_date(value.get(cursor_field)))
    }
