"""What the reports tell a stream: which campaigns have news for it, and for those that look under its rows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from source_mailchimp.reader.account import Account
from source_mailchimp.reader.children import PARENT_CAMPAIGN, children_key
from source_mailchimp.reader.gate import Gate
from source_mailchimp.reader.slices import SliceRef
from source_mailchimp.reader.state import StreamState
from source_mailchimp.stream import Reading, Record, Stream


class News:
    """Of one run. Without a ``gate`` nothing is known, so everything may be new.

    ``state``: how far the stream is; ``below``: the same of those that look under it, with whether they are refreshed
    in full. ``unlisted``: campaigns whose children could not be listed, see ``children``.
    """

    def __init__(
        self,
        account: Account,
        state: StreamState,
        reports: Iterable[Record] = (),
        *,
        gate: Gate | None = None,
        below: Iterable[tuple[StreamState, bool, Gate]] = (),
        unlisted: Iterable[str] = (),
    ) -> None:
        self._list_ids = account.config.list_ids
        self._state = state
        self._reports = {str(report["id"]): report for report in reports}
        self._gate = gate
        self._below = list(below)
        self._unlisted = [children_key(campaign_id) for campaign_id in unlisted]

    @property
    def counts(self) -> tuple[int, ...] | None:
        """What the campaigns' counts are, None where they don't matter."""
        return self._gate.counts if self._gate else None

    def report_of(self, item: SliceRef) -> Record:
        """The report of the campaign that the slice is about; empty where there is none."""
        return self._reports.get(str(item.params.get("campaign_id")), {})

    def of_slice(self, item: SliceRef, since: datetime | None) -> bool:
        """Whether there may be something new in the slice."""
        return self._gate is None or self._gate.has_news(self.report_of(item), since)

    def of_campaign(self, campaign_id: object, since: datetime) -> bool:
        """Whether the campaign was sent, and something of it may be new."""
        report = self._reports.get(str(campaign_id))
        return report is not None and self._gate is not None and self._gate.has_news(report, since)

    def below(self, item: SliceRef) -> bool:
        """Whether a stream that looks under this one has not seen all there is in the slice."""
        if self._gate is None:
            return True
        report = self.report_of(item)
        return any(
            gate.has_news(report, self._oldest_below(item, state, full=full)) for state, full, gate in self._below
        )

    def names_above(self, item: SliceRef) -> tuple[str, ...]:
        """What the state may know the slice by, beside its id: as one of a campaign's children."""
        parent = self.report_of(item).get(PARENT_CAMPAIGN)
        return () if parent is None else (children_key(parent),)

    def unlisted(self) -> dict[str, datetime | None]:
        """How far the children were read of campaigns that do not let them be listed."""
        return {key: self._state.cursor_of(key) for key in self._unlisted}

    def _oldest_below(self, item: SliceRef, state: StreamState, *, full: bool) -> datetime | None:
        """From when on a stream below wants to see what is under ``item``; None: from the beginning."""
        if full or not state.covers(item.audience, self._list_ids):
            return None
        above = self.names_above(item)
        cursors = [state.cursor]
        unknown = children_key(item.id)  # of which nothing is under the campaign itself
        cursors += [
            at for key, at in state.slices.items() if key in above or (key.startswith(f"{item.id}/") and key != unknown)
        ]
        return None if None in cursors else min(at for at in cursors if at)


async def news_of(account: Account, stream: Stream, state: StreamState, *, full_refresh: bool) -> News:
    """What the reports tell ``stream``, when all of them are there. Raises ParentFailed."""
    gated = stream.reading is Reading.GATED
    if not gated and (full_refresh or not stream.follows_reports):
        return News(account, state)
    parents = account.parents["reports"]
    reports = await parents.rows()
    below = [
        (child_state, full, await gate_of(account, reports, child_state))
        for child, (child_state, full) in account.states.items()
        if stream in child.ancestors
    ]
    return News(
        account,
        state,
        reports,
        gate=await gate_of(account, reports, state),
        below=below,
        unlisted=parents.unlisted if gated else (),
    )


async def gate_of(account: Account, reports: Sequence[Record], state: StreamState) -> Gate:
    """The gate for a stream that is as far as ``state`` says."""
    lookback = timedelta(days=account.config.activity_lookback_days)
    unknown = () if state.cursor or state.slices else None
    counts = unknown if state.counts is None else state.counts
    return Gate(reports, until=await account.until(), lookback=lookback, counts=counts)
