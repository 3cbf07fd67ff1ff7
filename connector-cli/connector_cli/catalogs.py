"""Reads the catalog of a command, in the forms in which people have one."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from connector_cli.errors import UsageError
from connector_cli.files import parse_documents, read_text

Json = dict[str, Any]

_FORMS = (
    "It must hold a configured catalog, the output of discover, or a list of stream names "
    'such as ["lists", "list_members"].'
)


def read_catalog(path: str, streams: Sequence[Json] = (), option: str = "--catalog") -> Json:
    """The configured catalog in the file. ``streams``: the connector's own, as ``discover`` has them.

    Taken are a configured catalog, which comes back as it is, what ``discover`` says (its output, its message or its
    catalog), and a list of stream names; the last two get ``configured``'s choices.
    Raises UsageError for anything else, and for a name in a list that ``streams`` lacks.
    """
    documents = parse_documents(read_text(path, option), path, option)
    if len(documents) > 1:
        documents = [item for item in documents if isinstance(item, dict) and item.get("type") == "CATALOG"]
    if len(documents) != 1:
        raise UsageError(f"{option}: {path} holds no catalog. {_FORMS}")
    [value] = documents
    if isinstance(value, dict) and value.get("type") == "CATALOG":
        value = value.get("catalog")
    if isinstance(value, dict):
        value = value.get("streams")
    if not isinstance(value, list):
        raise UsageError(f"{option}: {path} holds no list of streams. {_FORMS}")
    return {"streams": [_entry(item, number, streams, path, option) for number, item in enumerate(value, start=1)]}


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
    folded = {known.casefold().replace("-", "_"): known for known in names}
    near = difflib.get_close_matches(name.casefold().replace("-", "_").replace(" ", "_"), folded, n=1)
    return f" Did you mean {folded[near[0]]}?" if near else ""


def _entry(item: Any, number: int, streams: Sequence[Json], path: str, option: str) -> Json:
    if isinstance(item, str):
        return configured(_named(item, streams, f"{option}: {path}"))
    if isinstance(item, Mapping):
        if isinstance(item.get("stream"), dict) and isinstance(item["stream"].get("name"), str):
            return {**item}
        if isinstance(item.get("name"), str):
            return configured({**item})
    raise UsageError(f"{option}: stream {number} of {path} has no name. {_FORMS}")


def _named(name: str, streams: Sequence[Json], where: str) -> Json:
    by_name = {stream["name"]: stream for stream in streams}
    if name not in by_name:
        remedy = did_you_mean(name, by_name) or (" discover lists the streams." if by_name else "")
        raise UsageError(f"{where}: there is no stream {name}.{remedy}")
    return by_name[name]
