"""Probes of endpoints whose documentation has no ``count`` or ``offset``: do they take them nevertheless?

The source reads such an endpoint with one request. If it takes ``count`` after all, it may also cut its answer at
the usual ten rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from mailchimp_api.client import MailchimpClient
from mailchimp_api.errors import SkippableError
from probes.findings import Account, Finding, Probe, Unsettled
from source_mailchimp.stream import Paging, PerContact, Stream
from source_mailchimp.streams import STREAMS

Json = dict[str, Any]
_PARENTS = 3  # of each level; more would cost too many requests
_DEFAULT_COUNT = 10
_UNDECIDED = "fewer than two rows"


def paging_everywhere(account: Account) -> Finding:
    """Do all endpoints without documented paging take ``count`` and ``offset``? Some were seen to."""
    walk = _Walk(account.client)
    verdicts: dict[str, list[str]] = {}
    for stream in STREAMS.values():
        if stream.paging is Paging.NONE and not isinstance(stream.reading, PerContact):
            verdicts.setdefault(_verdict(walk, stream), []).append(stream.name)
    undecided = verdicts.pop(_UNDECIDED, [])
    if not verdicts:
        raise Unsettled(f"{_UNDECIDED} in each of {', '.join(undecided)}")
    what = [f"{verdict}: {', '.join(names)}" for verdict, names in sorted(verdicts.items())]
    if undecided:
        what.append(f"{_UNDECIDED}: {', '.join(undecided)}")
    return Finding("false" if "neither" in verdicts else "true", "; ".join(what))


def landing_pages_take_offset(account: Account) -> Finding:
    """Does ``/landing-pages``, which has ``count``, take ``offset`` as well?"""
    first, second = (
        account.client.get("landing-pages", {"count": 1, "offset": offset}, items="landing_pages")["landing_pages"]
        for offset in (0, 1)
    )
    if len(account.client.get("landing-pages", {"count": 2}, items="landing_pages")["landing_pages"]) < 2:  # noqa: PLR2004
        raise Unsettled("the account has fewer than two landing pages")
    return Finding("false" if _same(first, second) else "true")


def _verdict(walk: _Walk, stream: Stream) -> str:
    """What the first parent with two rows or more shows."""
    for params in walk.parents(stream):
        rows = walk.rows(stream, params)
        if len(rows) < 2:  # noqa: PLR2004 - one row can't be cut
            continue
        if len(rows) >= _DEFAULT_COUNT and len(walk.rows(stream, params, count=1000)) > len(rows):
            return f"CUT at {len(rows)} rows without count"
        counted = len(walk.rows(stream, params, count=1)) == 1
        moved = not _same(walk.rows(stream, params, count=1, offset=1)[:1], rows[:1])
        return {(True, True): "count and offset", (True, False): "count", (False, True): "offset"}.get(
            (counted, moved), "neither"
        )
    return _UNDECIDED


def _same(left: list[Json], right: list[Json]) -> bool:
    return [{**row, "_links": None} for row in left] == [{**row, "_links": None} for row in right]


class _Walk:
    """Goes down from the account to a stream's parents, a few of each level."""

    def __init__(self, client: MailchimpClient) -> None:
        self._client = client
        self._known: dict[tuple[str, tuple[Any, ...]], list[Json]] = {}

    def parents(self, stream: Stream) -> Iterator[Json]:
        """The path parameters of the first parents."""
        if stream.parent is None or stream.parameter is None:
            yield {}
            return
        for above in self.parents(stream.parent):
            key = (stream.parent.name, tuple(above.values()))
            if key not in self._known:
                paged = stream.parent.paging is not Paging.NONE
                self._known[key] = self.rows(stream.parent, above, **({"count": 100} if paged else {}))
            for row in self._known[key][:_PARENTS]:
                yield {**above, stream.parameter: row["id"]}

    def rows(self, stream: Stream, params: Json, **query: int) -> list[Json]:
        """One answer's rows; none where the account lacks the resource."""
        items = stream.items or ""
        try:
            rows: list[Json] = self._client.get(stream.path.format(**params), {**stream.params, **query}, items=items)[
                items
            ]
        except SkippableError:
            return []
        return rows


PROBES = (
    Probe("paging_everywhere", paging_everywhere),
    Probe("landing_pages_take_offset", landing_pages_take_offset),
)
