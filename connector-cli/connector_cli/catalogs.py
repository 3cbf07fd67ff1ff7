"""Reads the catalog of a command, in the forms in which people have one."""

from __future__ import annotations

import difflib
import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from connector_cli.errors import UsageError
from connector_cli.files import parse_documents, read_text

Json = dict[str, Any]

logger = logging.getLogger("airbyte.catalogs")

_SYNC_MODES = ("full_refresh", "incremental")
_FORMS = (
    "It must hold a configured catalog, the output of discover, or a list of stream names "
    'such as ["lists", "list_members"].'
)


def read_catalog(path: str, streams: Sequence[Json] = (), option: str = "--catalog", *, forms: str = _FORMS) -> Json:
    """The configured catalog in the file. ``streams``: the connector's own, as ``discover`` has them.

    Taken are a configured catalog, which comes back as it is, what ``discover`` says (its output, its message or its
    catalog), and, unless ``streams`` is empty, a list of stream names; the last two get ``configured``'s choices.
    ``forms``: a sentence on what may be in the file. One that selects no stream is warned of.
    Raises UsageError for anything else, for a name in a list that ``streams`` lacks, and for an unknown sync mode.
    """
    documents = parse_documents(read_text(path, option), path, option)
    if len(documents) > 1:
        documents = [item for item in documents if isinstance(item, dict) and item.get("type") == "CATALOG"]
    if len(documents) != 1:
        raise UsageError(f"{option}: {path} holds no catalog. {forms}")
    [value] = documents
    if isinstance(value, dict) and value.get("type") == "CATALOG":
        value = value.get("catalog")
    if isinstance(value, dict):
        value = value.get("streams")
    if not isinstance(value, list):
        raise UsageError(f"{option}: {path} holds no list of streams. {forms}")
    if not value:
        logger.warning("%s: %s selects no stream", option, path)
    where = f"{option}: {path}"
    return {"streams": [_entry(item, number, streams, where, forms) for number, item in enumerate(value, start=1)]}


def choose(names: str, streams: Sequence[Json], option: str = "--streams") -> Json:
    """A configured catalog of the streams in ``names``, which commas separate; ``*`` or ``all`` means every one.

    Raises UsageError for a name that ``streams`` lacks.
    """
    wanted = [name.strip() for name in names.split(",") if name.strip()]
    if wanted in (["*"], ["all"]):
        wanted = [stream["name"] for stream in streams]
    if not wanted:
        raise UsageError(f"{option} names no stream. Separate names by commas: lists,list_members.")
    return {"streams": [configured(_named(name, streams, option)) for name in dict.fromkeys(wanted)]}


def configured(stream: Json) -> Json:
    """``stream`` with the modes that most people want: incremental where it can be, rows kept apart by their key."""
    modes = stream.get("supported_sync_modes") or []
    return {
        "stream": stream,
        "sync_mode": "incremental" if "incremental" in modes else "full_refresh",
        "destination_sync_mode": "append_dedup",
        "cursor_field": stream.get("default_cursor_field") or [],
        "primary_key": stream.get("source_defined_primary_key") or [],
    }


def did_you_mean(name: str, names: Iterable[str]) -> str:
    """A question with the name that may be meant, after a blank; empty if none is near."""
    folded = {name.casefold().replace("-", "_"): name for name in names}
    near = difflib.get_close_matches(name.casefold().replace("-", "_").replace(" ", "_"), folded, n=1)
    return f" Did you mean {folded[near[0]]}?" if near else ""


def _entry(item: Any, number: int, streams: Sequence[Json], where: str, forms: str) -> Json:
    if isinstance(item, str) and streams:
        return configured(_named(item, streams, where))
    if isinstance(item, Mapping):
        stream = item.get("stream")
        if isinstance(stream, dict) and isinstance(stream.get("name"), str):
            _check_sync_mode(item.get("sync_mode"), stream["name"], where)
            return {**item}
        if isinstance(item.get("name"), str):
            return configured({**item})
    what = "is only a name" if isinstance(item, str) else "has no name"
    raise UsageError(f"{where}: stream {number} {what}. {forms}")


def _check_sync_mode(mode: Any, name: str, where: str) -> None:
    """One that is left out is a full refresh; one that nobody knows must not pass for it."""
    if mode is not None and mode not in _SYNC_MODES:
        remedy = did_you_mean(str(mode), _SYNC_MODES) or f" There are {' and '.join(_SYNC_MODES)}."
        raise UsageError(f"{where}: stream {name}: there is no sync_mode {mode}.{remedy}")


def _named(name: str, streams: Sequence[Json], where: str) -> Json:
    by_name = {stream["name"]: stream for stream in streams}
    if name not in by_name:
        remedy = did_you_mean(name, by_name) or (" discover lists the streams." if by_name else "")
        raise UsageError(f"{where}: there is no stream {name}.{remedy}")
    return by_name[name]
