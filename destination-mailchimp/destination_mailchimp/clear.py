"""Airbyte's “Clear data” (a reset): accepted, and nothing in Mailchimp is touched.

The platform sends it as streams with the destination sync mode ``overwrite``, no records, and a STATE of null for each
stream; the other streams of the connection come along as they are. It tries a failed reset again before every sync.
A connection whose streams really are set to overwrite or append looks the same, until its first record.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from typing import Any

from connector_cli.catalogs import did_you_mean
from connector_cli.output import Output
from destination_mailchimp.accounting.states import with_stats
from destination_mailchimp.failures import SyncFailure
from destination_mailchimp.input.lines import Lines, decode

logger = logging.getLogger("airbyte.destination_mailchimp")

MODE = "append_dedup"
"""The one destination sync mode in which contacts are written."""
_MODES = frozenset({"append", "overwrite", MODE, "overwrite_dedup", "update", "soft_delete", "missing"})
"""Those that Airbyte's protocol has, and what stands for none."""


def asks_to_clear(catalog: Mapping[str, Any]) -> bool:
    """Whether a stream of the configured catalog has another mode than the one in which contacts are written."""
    streams = catalog.get("streams")
    return isinstance(streams, list) and any(_mode(stream) != MODE for stream in streams)


def clear_data(catalog: Mapping[str, Any], source: Iterable[tuple[Lines, bool]], output: Output) -> None:
    """Echo each STATE of the input as it came; raises SyncFailure before anything is written.

    It does at the first record, and at once if a mode is none and looks like ours misspelt.
    """
    for stream in catalog["streams"]:
        mode = _mode(stream)
        if mode not in _MODES and (near := did_you_mean(mode, (MODE,))):
            raise SyncFailure(f"The stream {_name(stream)} is set to {mode}, and there is no such sync mode.{near}")
    names = sorted({_name(stream) for stream in catalog["streams"] if _mode(stream) != MODE})
    for lines, _ in source:
        for line in lines:
            kind = _kind(line)
            if kind == "STATE":
                output.emit(with_stats(line.strip(), 0, 0))
            elif kind == "RECORD":
                raise SyncFailure(_refusal(names, {_mode(stream) for stream in catalog["streams"]} - {MODE}))
    logger.info(
        "Asked to clear %s: Airbyte forgets how far it was; contacts in Mailchimp stay as they are", ", ".join(names)
    )


def _kind(line: bytes) -> str:
    """The type of the message; a line that was meant as a record is one, whatever state it is in."""
    try:
        message = decode(line)
        kind = message["type"]
    except (ValueError, TypeError, KeyError):
        return "RECORD" if b'"RECORD"' in line else ""
    if kind == "STATE" and not isinstance(message.get("state"), dict):
        return ""
    return str(kind)


def _refusal(names: list[str], modes: set[str]) -> str:
    return (
        f"The sync mode of {', '.join(names)} is {' or '.join(sorted(modes))}, but an audience holds each contact "
        "once, so contacts can only be appended and deduped. Nothing was written. In Airbyte open the connection's "
        "schema and "
        "choose “Incremental | Append + Deduped” for the stream. Where that isn't offered, the source has no "
        "incremental mode for it: choose a stream that has a cursor (of a database, a table or view with a column that "
        "grows, such as updated_at), or write it with PyAirbyte or by hand, with destination_sync_mode append_dedup in "
        "the catalog."
    )


def _mode(stream: Any) -> str:
    return str(stream.get("destination_sync_mode") or "missing") if isinstance(stream, dict) else "missing"


def _name(stream: Any) -> str:
    inner = stream.get("stream") if isinstance(stream, dict) else None
    return str(inner.get("name")) if isinstance(inner, dict) else "?"
