"""The state of a stream: what a later sync needs to go on, small and readable.

Version 1, as it stands in ``stream_state``::

    {"version": 1, "cursor": "2026-01-01T00:00:00+00:00", "slices": {"<campaign id>": {"cursor": null}}}
        Everything up to the cursor has been emitted, but for slices that stand elsewhere. One with ``"open": true``
        failed or was refused: it is asked again, whatever else tells that nothing is new there.
        ``"<campaign id>/*"`` stands for the children of a campaign that could not be listed.
    {"version": 1, "slices": {"<list id>": {"cursor": "…"}, "<list id>/archived": {"cursor": "…"}}}
        The same for each slice (contacts). ``"missing": {"2026-01-01T00:00:00+00:00": 2}`` beside a cursor: of that
        second two contacts are counted that were never listed.
    {"version": 1, "cursor": "…", "scope": ["<list id>"], "counts": [12, 0, …]}
        Besides: the cursor holds for what belongs to these audiences (without ``scope``, to any), and the sums of the
        campaigns' counts were these, by bucket, see ``campaign_changes``.
    {"version": 1, …, "run": {"until": "…", "after": ["…", "…"], "slices": {"<slice>": {"offset": 4000}}}}
        A run was cut short: those named in ``slices`` are done (``{"done": true}``) or stand at an offset, behind
        the row of ``mark`` (without that row there, they begin anew), or at a cursor; of the others, those up to
        ``after`` (in the order of their positions) are done up to ``until``. ``scope`` and ``counts``: the audiences
        that the run reads (null: all; unknown if missing, and then the run counts for nothing), and the sums at its
        beginning.
    {"version": 1, …, "run": {…, "full_refresh": true}, "left_out": 1}
        The same for a full refresh, which was refused what is below one row of the parent, and so won't be complete.
    {"version": 1, "contacts": {"<list id>": {"known": "…", "seen": "…", "after": "<contact id>"}}}
        What the rows of contacts told, see ``contact_sums``: when all was read, and when a run began that was cut
        short and has asked contacts up to ``after``.
    {"version": 1, …, "late": {"<campaign id>": "2026-01-01T00:00:00+00:00"}}
        Besides: the counts of these campaigns were seen to have moved then, and rows of theirs may come yet, see
        ``late_rows``. ``"<campaign id>/*"`` stands for the versions of a split one, ``"*"`` for all campaigns.
    {"version": 1, …, "known": {…}}
        The keys of the rows there were, see ``deletions``, which reads and writes them.
    {"version": 1, "__ab_full_refresh_sync_complete": true}
        A full refresh that came to its end: the next one begins anew.

A version is understood for ever after; ``source_mailchimp.legacy_state`` reads those of Airbyte's own connector.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from source_mailchimp.dates import format_date, parse_date
from source_mailchimp.reader.contact_sums import AskedContacts
from source_mailchimp.reader.places import ALL_PARTITIONS, BEGINNING, Done, Note, PartitionKey, Place, parse_place

VERSION = 1
FULL_REFRESH_COMPLETE = "__ab_full_refresh_sync_complete"

Position = tuple[str, ...]
Scope = tuple[str, ...] | None
"""The audiences that something holds for; None: all."""


def scope_of(list_ids: Collection[str]) -> Scope:
    """The audiences that ``list_ids`` lets in: none named means all."""
    return tuple(sorted(set(list_ids))) if list_ids else None


@dataclass
class ResumePoint:
    """How far a run over ordered slices has come: all up to ``after``, and those in ``slices`` beyond it.

    ``scope``: the audiences it reads. ``counts``: the campaigns' counts when it began, see ``campaign_changes``.
    """

    until: datetime | None = None
    full_refresh: bool = False
    after: Position = ()
    slices: dict[PartitionKey, Place] = field(default_factory=dict)
    scope: Scope = None
    counts: tuple[int, ...] | None = None

    @classmethod
    def load(cls, raw: object, note: Note) -> ResumePoint | None:
        """What a state has under ``run``; None where it counts for nothing. ``note``: see ``StreamState.load``."""
        if raw is None:
            return None
        if not isinstance(raw, Mapping):
            note("run")
            return None
        full_refresh = raw.get("full_refresh") is True
        until = _date(raw.get("until"), "run.until", note)
        slices = _entries(raw.get("slices", {}), "run.slices", note)
        after = _texts(raw.get("after", []), "run.after", note)
        # Up to when slices were read is unknown, or which of them: none of them counts.
        if (until is None and not full_refresh) or slices is None:
            note("run")
            return None
        return cls(
            until=until,
            full_refresh=full_refresh,
            after=after or (),
            slices={key: parse_place(value, f"run.slices.{key}", note) for key, value in slices.items()},
            scope=_scope(raw.get("scope", ()), "run.scope", note),
            counts=_counts(raw.get("counts"), "run.counts", note),
        )

    def is_done(self, key: PartitionKey, position: Position) -> bool:
        """Whether the slice was read to its end in this run."""
        place = self.slices.get(key)
        return isinstance(place, Done) if place else bool(self.after) and position <= self.after

    def place_of(self, key: PartitionKey) -> Place:
        """Where reading the slice goes on."""
        return self.slices.get(key, BEGINNING)

    def dump(self) -> dict[str, Any]:
        """As it stands in the state."""
        return {
            "until": format_date(self.until) if self.until else None,
            "after": list(self.after),
            "slices": {key: place.dump() for key, place in self.slices.items()},
            "scope": None if self.scope is None else list(self.scope),
            **({"full_refresh": True} if self.full_refresh else {}),
            **({"counts": list(self.counts)} if self.counts is not None else {}),
        }


@dataclass
class StreamState:
    """How far a stream has come.

    ``cursor`` holds for all slices that ``slices`` does not name, in the audiences of ``scope`` (None: all).
    ``counts`` is what the campaigns' counts were then, see ``campaign_changes``. ``open``: those of ``slices`` that
    failed or were refused. ``missing``: by slice, how many rows of which second are counted and were never listed.
    ``late``: of which campaigns rows may come yet, see ``late_rows``.
    ``left_out``: below how many rows of the parent a full refresh that was cut short was refused.
    """

    cursor: datetime | None = None
    slices: dict[PartitionKey, datetime | None] = field(default_factory=dict)
    scope: Scope = None
    counts: tuple[int, ...] | None = None
    run: ResumePoint | None = None
    complete: bool = False
    open: frozenset[PartitionKey] = frozenset()
    missing: dict[PartitionKey, dict[datetime, int]] = field(default_factory=dict)
    contacts: dict[PartitionKey, AskedContacts] = field(default_factory=dict)
    late: dict[PartitionKey, datetime] = field(default_factory=dict)
    left_out: int = 0

    @classmethod
    def load(cls, raw: Mapping[str, Any], note: Note = lambda _: None) -> StreamState:
        """Read version 1. Unknown members are ignored; what is broken counts as missing, so more is read, not less.

        ``note`` is told the name of each that is broken. Slices that can't be read may be any, hence nothing holds for
        all but those. Of another version nothing counts: what its members stand for is not known.
        """
        complete = raw.get(FULL_REFRESH_COMPLETE) is True
        if raw.get("version", VERSION) != VERSION:
            note("version")
            return cls(scope=())
        named = _entries(raw.get("slices", {}), "slices", note)
        if named is None:
            return cls(scope=_scope(raw.get("scope"), "scope", note), complete=complete)
        entries = {key: _entry(value, f"slices.{key}", note) for key, value in named.items()}
        cursor = _date(raw.get("cursor"), "cursor", note)
        return cls(
            cursor=cursor,
            slices={key: _date(entry.get("cursor"), f"slices.{key}.cursor", note) for key, entry in entries.items()},
            scope=_scope(raw.get("scope"), "scope", note),
            counts=_counts(raw.get("counts"), "counts", note),
            run=ResumePoint.load(raw.get("run"), note),
            complete=complete,
            missing={
                key: seconds
                for key, entry in entries.items()
                if (seconds := _seconds(entry.get("missing", {}), f"slices.{key}.missing", note))
            },
            open=frozenset(key for key, entry in entries.items() if entry.get("open") is True),
            contacts={
                key: AskedContacts.load(value, f"contacts.{key}", note)
                for key, value in (_entries(raw.get("contacts", {}), "contacts", note) or {}).items()
            },
            late=_late(raw.get("late", {}), cursor, note),
            left_out=_left_out(raw.get("left_out", 0), note),
        )

    def dump(self) -> dict[str, Any]:
        """As it goes into a STATE message."""
        state: dict[str, Any] = {"version": VERSION}
        if self.cursor:
            state["cursor"] = format_date(self.cursor)
        if self.slices:
            state["slices"] = {
                key: {
                    "cursor": format_date(date) if date else None,
                    **({"open": True} if key in self.open else {}),
                    **({"missing": missing} if (missing := self._missing(key)) else {}),
                }
                for key, date in self.slices.items()
            }
        if self.contacts:
            state["contacts"] = {key: asked.dump() for key, asked in self.contacts.items()}
        if self.late:
            state["late"] = {key: format_date(moved) for key, moved in self.late.items()}
        if self.scope is not None:
            state["scope"] = list(self.scope)
        if self.counts is not None:
            state["counts"] = list(self.counts)
        if self.run:
            state["run"] = self.run.dump()
        if self.left_out:
            state["left_out"] = self.left_out
        if self.complete:
            state[FULL_REFRESH_COMPLETE] = True
        return state

    def _missing(self, key: PartitionKey) -> dict[str, int]:
        return {format_date(second): rows for second, rows in self.missing.get(key, {}).items()}

    def begin(self, *, full_refresh: bool, scope: Scope) -> StreamState:
        """What a sync of the audiences in ``scope`` goes on from; the state itself is left as it is.

        A run that was cut short counts only where it read all of these audiences: it has passed the slices of others.
        An incremental sync takes nothing from a full refresh that was cut short, and a full refresh nothing but that.
        """
        run = self.run if self.run and _within(scope, self.run.scope) else None
        if run:
            run = replace(run, slices=dict(run.slices), scope=scope)
        refreshing = bool(self.run and self.run.full_refresh)
        if refreshing != full_refresh or (full_refresh and (self.complete or run is None)):
            return StreamState()
        return replace(
            self,
            slices=dict(self.slices),
            missing=dict(self.missing),
            contacts=dict(self.contacts),
            late=dict(self.late),
            run=run,
            complete=False,
        )

    def forget_future(self, latest: datetime) -> bool:
        """Forget every date beyond ``latest``, the later of all clocks; True if there was one.

        Nobody knows up to when was read what such a date speaks for: it is read from its beginning.
        """
        run = self.run
        ahead = [key for key, date in self.slices.items() if date and date > latest]
        for key in ahead:
            self.slices[key] = None
        whole = bool(self.cursor and self.cursor > latest)
        if whole:
            self.cursor = None
        beyond = bool(run and run.until and run.until > latest)
        if beyond:
            self.run = None
        self.late = {key: min(moved, latest) for key, moved in self.late.items()}
        return bool(ahead) or whole or beyond

    def cursor_of(self, *names: PartitionKey) -> datetime | None:
        """How far a slice has been read that goes by the first of ``names`` that is known; None: not at all."""
        return next((self.slices[name] for name in names if name in self.slices), self.cursor)

    def covers(self, audience: str | None, wanted: Collection[str]) -> bool:
        """Whether ``cursor`` holds for what belongs to ``audience``: not if it was out of scope until now.

        What belongs to none, or to several, is covered if all audiences that are ``wanted`` now (none: all) were.
        """
        if self.scope is None:
            return True
        return audience in self.scope if audience else _within(scope_of(wanted), self.scope)


def _within(wanted: Scope, scope: Scope) -> bool:
    return scope is None or (wanted is not None and set(wanted) <= set(scope))


def _entries(raw: object, name: str, note: Note) -> dict[PartitionKey, object] | None:
    if isinstance(raw, Mapping):
        return {PartitionKey(str(key)): value for key, value in raw.items()}
    note(name)
    return None


def _entry(raw: object, name: str, note: Note) -> Mapping[str, Any]:
    if isinstance(raw, Mapping):
        return raw
    note(name)
    return {}


def _date(raw: object, name: str, note: Note) -> datetime | None:
    date = parse_date(raw)
    if raw is not None and date is None:
        note(name)
    return date


def _late(raw: object, cursor: datetime | None, note: Note) -> dict[PartitionKey, datetime]:
    """A date that can't be read is as late as it can be, and where no campaign can, it may be any."""
    entries = _entries(raw, "late", note)
    dates = {ALL_PARTITIONS: cursor} if entries is None else {}
    dates |= {key: _date(moved, f"late.{key}", note) or cursor for key, moved in (entries or {}).items()}
    return {key: moved for key, moved in dates.items() if moved}


def _left_out(raw: object, note: Note) -> int:
    """What can't be read was at least one."""
    if isinstance(raw, int) and raw >= 0:
        return int(raw)
    note("left_out")
    return 1


def _texts(raw: object, name: str, note: Note) -> tuple[str, ...] | None:
    if isinstance(raw, list | tuple) and all(isinstance(item, str) for item in raw):
        return tuple(raw)
    note(name)
    return None


def _scope(raw: object, name: str, note: Note) -> Scope:
    """What can't be read holds for no audience."""
    return None if raw is None else _texts(raw, name, note) or ()


def _counts(raw: object, name: str, note: Note) -> tuple[int, ...] | None:
    """What can't be read agrees with nothing, so any campaign may have changed."""
    if raw is None:
        return None
    if isinstance(raw, list) and all(isinstance(item, int) for item in raw):
        return tuple(raw)
    note(name)
    return ()


def _seconds(raw: object, name: str, note: Note) -> dict[datetime, int]:
    """What is missing of a slice; what is broken counts as nothing, as the count of a later sync tells it again."""
    found: dict[datetime, int] = {}
    for text, rows in _entry(raw, name, note).items():
        second = parse_date(text)
        if second and isinstance(rows, int):
            found[second] = rows
        else:
            note(f"{name}.{text}")
    return found
