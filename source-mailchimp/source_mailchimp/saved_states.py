"""Which saved state belongs to which stream. What counts for nothing is warned of."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Sequence
from typing import Any

from connector_cli.catalogs import did_you_mean
from source_mailchimp.streams import STREAMS

Json = dict[str, Any]

logger = logging.getLogger("airbyte.source_mailchimp")

_NAMED = 5


def saved_states(states: Sequence[Json], selected: Collection[str]) -> dict[str, Json]:
    """The saved state of each stream that has one, by its name; the last one of a stream counts.

    ``states``: the ``state`` objects of STATE messages. ``selected``: the names of the streams to read. Warns of what
    is no state, and of states of other streams if there are no others, or if this source has no such stream.
    """
    saved: dict[str, Any] = {}
    for state in states:
        stream = state.get("stream")
        if isinstance(stream, dict):
            saved[stream["stream_descriptor"]["name"]] = stream.get("stream_state")
        else:
            logger.warning(
                "A state of all streams together (GLOBAL or LEGACY) is ignored: this source has one a stream"
            )
    broken = [name for name, found in saved.items() if found is not None and not isinstance(found, dict)]
    if broken:
        logger.warning("Read from the beginning, as the saved state is no JSON object: %s", _listed(broken))
    if saved and not saved.keys() & set(selected):
        logger.warning(
            "No saved state is of a stream that is read, so everything is read from the beginning. There are states of "
            "%s",
            _listed(_with_remedy(saved, selected)),
        )
    elif unknown := saved.keys() - STREAMS.keys() - set(selected):
        logger.warning("Saved states of streams that don't exist: %s", _listed(_with_remedy(sorted(unknown), STREAMS)))
    return {name: found for name, found in saved.items() if isinstance(found, dict)}


def _with_remedy(names: Iterable[str], meant: Collection[str]) -> list[str]:
    """Each name, with the one that may be meant in brackets unless it exists itself."""
    told = []
    for name in names:
        remedy = "" if name in STREAMS else did_you_mean(name, meant)
        told.append(f"{name} ({remedy.strip()})" if remedy else name)
    return told


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:_NAMED]) + (", …" if len(names) > _NAMED else "")
