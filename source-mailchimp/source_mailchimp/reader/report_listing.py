"""What is new of the reports themselves, which list neither what changes in counts only nor all versions."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping, Sequence
from contextlib import aclosing
from datetime import datetime, timedelta

import orjson

from source_mailchimp.reader.campaign_changes import detector
from source_mailchimp.reader.context import Selected, SyncContext
from source_mailchimp.reader.fingerprints import (
    Fingerprint,
    bucket_of,
    counts_versions,
    days_of,
    is_due,
    last_activity,
    may_be_split,
    versions_among,
)
from source_mailchimp.reader.late_rows import look_is_due
from source_mailchimp.reader.parents import ParentRows
from source_mailchimp.reader.places import versions_key
from source_mailchimp.reader.split_campaigns import versions_of, winners_of
from source_mailchimp.reader.state import StreamState
from source_mailchimp.stream import Record, Reports, Stream

logger = logging.getLogger("airbyte.source_mailchimp")


class ReportListing:
    """One run over ``reports``: they tell by themselves what is new.

    Reports without a newer date are withheld until all have come: only the whole listing tells whose counts moved.
    ``state``: how far the stream is. ``until``: the moment up to which the run reads. ``parent_rows``: where its rows
    are kept for those below, if for any; the versions of split campaigns are put there, too.
    """

    def __init__(
        self,
        context: SyncContext,
        stream: Stream,
        reading: Reports,
        state: StreamState,
        until: datetime,
        parent_rows: ParentRows | None,
    ) -> None:
        self._context = context
        self._stream = stream
        self._reading = reading
        self._state = state
        self._until = until
        self._parent_rows = parent_rows
        self._withheld: list[bytes] = []
        self.fingerprint: Fingerprint | None = None
        """What the campaigns' counts were in the reports that were read; there when all are."""

    @property
    def withholds(self) -> bool:
        """Whether rows have come that are neither emitted nor passed over yet, so that no state may pass them."""
        return bool(self._withheld)

    def changed(self, rows: list[Record], since: datetime | None) -> list[Record]:
        """Those with a newer date, or sent so lately that anything may have changed; the others wait."""
        if since is None:
            return rows
        window = since - timedelta(days=self._context.config.refresh_window_days)
        return [row for row in rows if self._reading.may_have_changed(row, window) or self._is_newer(row, since)]

    def _is_newer(self, row: Record, since: datetime) -> bool:
        latest = last_activity(row)
        if latest is None or latest >= since:
            return True
        self._withheld.append(orjson.dumps(row))
        return False

    def released(self) -> list[Record]:
        """All have come, and not for a full refresh: those of which the counts may have moved."""
        if self._parent_rows is None:
            return []
        moved = detector(self._context, self._parent_rows.so_far, self._state, self._until)
        self.fingerprint = moved.fingerprint
        rows = [orjson.loads(row) for row in self._withheld]
        self._withheld.clear()
        return [row for row in rows if moved.counts_changed(row)]

    async def add_versions(self) -> None:
        """All have come: let the streams below look under the versions of split campaigns, too."""
        context, parent_rows = self._context, self._parent_rows
        below = context.below(self._stream)
        if parent_rows is None or not below:
            return
        wanted = VersionsWanted(context, below, self._until)
        await self._add_versions(parent_rows, wanted.anyway(parent_rows.so_far))
        # With these versions there, their campaigns' sums are told apart from those of others.
        await self._add_versions(parent_rows, wanted.moved(parent_rows.so_far, parent_rows.asked))
        await self._look_for_winners(parent_rows)

    async def _look_for_winners(self, parent_rows: ParentRows) -> None:
        """Warn of winning versions that nobody lists, where a report counts something else than the versions there."""
        rows = parent_rows.so_far
        versions = versions_among(rows)

        def may_lack_some(report: Record) -> bool:
            campaign = str(report["id"])
            known = versions.get(campaign, [])
            asked = report.get("type") == "variate" and parent_rows.asked.get(campaign)
            return bool(asked) and not (known and counts_versions(report, known))

        doubtful = {str(row["id"]) for row in rows if may_lack_some(row)}
        if not doubtful:
            return
        listed = {str(row.get("id")) for row in rows}
        winners = await winners_of(self._context, self._reading.winners)
        for campaign in sorted(doubtful & winners.keys()):
            if winners[campaign] not in listed:
                logger.warning(
                    "The winning version %s of campaign %s is in no listing of reports: what became of it is not read",
                    winners[campaign], campaign,
                )  # fmt: skip

    async def _add_versions(self, parent_rows: ParentRows, campaigns: list[str]) -> None:
        context = self._context
        listed = {str(row.get("id")) for row in parent_rows.so_far}
        answers = versions_of(context, self._reading.versions, campaigns, listed, parent_rows.unlisted)
        async with aclosing(answers):
            async for rows in answers:
                parent_rows.add([row for row in rows if context.record_in_scope(row)])
        parent_rows.asked.update({campaign: campaign not in parent_rows.unlisted for campaign in campaigns})


class VersionsWanted:
    """Which split campaigns are asked for their versions, for the streams ``below`` that look under these."""

    def __init__(self, context: SyncContext, below: list[Selected], until: datetime) -> None:
        self._context = context
        self._below = below
        self._until = until

    def anyway(self, reports: Sequence[Record]) -> list[str]:
        """Those whose reports can't tell, or have told for so long that it is to be looked at again."""
        names = {str(report.get("id")) for report in reports}
        return [
            str(report["id"])
            for report in filter(may_be_split, reports)
            if any(self._is_due(item, report, names) for item in self._below)
        ]

    def moved(self, rows: Sequence[Record], asked: Mapping[str, bool]) -> list[str]:
        """Of the others, those whose reports show something new. ``rows``: with the versions of those ``asked``."""
        detectors = [(item, detector(self._context, rows, item.state, self._until, asked)) for item in self._below]
        return [
            str(report["id"])
            for report in filter(may_be_split, rows)
            if str(report["id"]) not in asked
            and any(item_detector.changed_since(report, _oldest(item, report)) for item, item_detector in detectors)
        ]

    def _is_due(self, item: Selected, report: Record, names: Collection[str]) -> bool:
        state = item.state
        return (
            item.full_refresh
            or not state.covers(report.get("list_id"), self._context.config.list_ids)
            # A version that was left open must be among what is read, or it would be forgotten.
            or any(key.split("/")[0] not in names for key in state.slices)
            or look_is_due(state.late, versions_key(report["id"]), state.cursor, self._until)
            or is_due(bucket_of(report["id"]), days_of(state.counts), self._until.toordinal())
        )


def _oldest(item: Selected, report: Record) -> datetime | None:
    """From when on a stream wants to see what is under a campaign; None: from the beginning."""
    state = item.state
    campaign = str(report["id"])
    cursors = [state.cursor, *(at for key, at in state.slices.items() if key.split("/")[0] == campaign)]
    return None if None in cursors else min(at for at in cursors if at)
