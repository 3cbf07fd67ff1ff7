"""Configured catalogs, as the platform makes them of what ``discover`` said and a person chose."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

Json = dict[str, Any]


def configured_stream(stream: Json, *, incremental: bool = False, **more: Any) -> Json:
    """One stream with the sync mode, key and cursor that the platform would put there; ``more`` overrides."""
    mode = "incremental" if incremental and "incremental" in stream["supported_sync_modes"] else "full_refresh"
    return {
        "stream": stream,
        "sync_mode": mode,
        "destination_sync_mode": "append_dedup",
        "primary_key": stream.get("source_defined_primary_key") or [],
        "cursor_field": stream.get("default_cursor_field") or [],
        **more,
    }


def configured(streams: Iterable[Json], names: Iterable[str] | None = None, *, incremental: bool = False) -> Json:
    """A configured catalog of ``streams``, or of those in ``names``. Raises KeyError for a name that isn't there."""
    by_name = {stream["name"]: stream for stream in streams}
    chosen = list(by_name) if names is None else list(names)
    return {"streams": [configured_stream(by_name[name], incremental=incremental) for name in chosen]}
