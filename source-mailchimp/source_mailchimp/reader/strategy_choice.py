"""Which strategy reads a stream."""

from __future__ import annotations

from source_mailchimp.reader.campaign_changes import CampaignChanges
from source_mailchimp.reader.context import SyncContext
from source_mailchimp.reader.parents import ParentRows
from source_mailchimp.reader.report_strategies import Changed, ReportListing
from source_mailchimp.reader.state import StreamState
from source_mailchimp.reader.strategies import BelowChanged, Filtered, Full, Relisted
from source_mailchimp.stream import (
    ChangedCampaigns,
    ChangedParents,
    Filter,
    Relist,
    Reports,
    Stream,
)


async def open_strategy(
    context: SyncContext, stream: Stream, state: StreamState, *, full_refresh: bool, parent_rows: ParentRows | None
) -> Full:
    """The strategy for one run of ``stream``. ``parent_rows``: where its rows are kept for those below, if for any.

    Waits for the reports where they count. Raises ParentFailed.
    """
    reading = stream.reading
    filtering = parent_rows is None
    match reading:
        case Filter(cursor):
            return Filtered(context, state, cursor, full_refresh=full_refresh, filtering=filtering)
        case ChangedParents():
            return BelowChanged(context, state, reading, full_refresh=full_refresh)
        case Relist(reports=reports):
            changes = None
            if reports and not full_refresh:
                changes = await CampaignChanges.open(
                    context, context.parents[reports.name], state, context.below(stream)
                )
            return Relisted(context, state, reading, full_refresh=full_refresh, changes=changes)
        case Reports():
            listing = ReportListing(context, state, stream, reading, full_refresh=full_refresh, parent_rows=parent_rows)
            await listing.open()
            return listing
        case ChangedCampaigns():
            above = next(item for item in stream.ancestors if isinstance(item.reading, Reports))
            return Changed(
                context,
                state,
                reading,
                full_refresh=full_refresh,
                filtering=filtering,
                changes=await CampaignChanges.open(context, context.parents[above.name], state, context.below(stream)),
                until=await context.upper_bound(),
            )
    return Full(context, state, full_refresh=full_refresh)
