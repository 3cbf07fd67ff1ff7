"""The campaigns that ``/reports`` need not list: versions of campaigns that were sent in several.

A campaign of type variate is sent as one version for each combination, an automation as one for each e-mail. Their
activity is under the version's own id, and the campaign's ``sub-reports`` name them. Where these are refused, nobody
knows the versions: streams below keep, under ``versions_key``, from when on they still want them.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing
from functools import partial

from mailchimp_api.errors import ConfigError, MailchimpError, RequestRefused, ResourceGone, SkippableError
from source_mailchimp.reader.bounds import MEMORY_BYTES
from source_mailchimp.reader.concurrency import Budget, ordered_map, size_of_rows
from source_mailchimp.reader.context import SyncContext
from source_mailchimp.reader.outcome import MAX_CONSECUTIVE_FAILURES
from source_mailchimp.reader.paging import PageReader
from source_mailchimp.stream import PARENT_CAMPAIGN, Record, Stream

logger = logging.getLogger("airbyte.source_mailchimp")


async def versions_of(
    context: SyncContext, endpoint: Stream, campaigns: list[str], listed: set[str], refused: set[str]
) -> AsyncGenerator[list[Record], None]:
    """Yield the reports of the versions of ``campaigns`` that are not ``listed``, with their ``PARENT_CAMPAIGN``.

    ``endpoint``: the stream that names a campaign's versions. The ids of those that come are added to ``listed``, those
    of campaigns that Mailchimp does not let us ask to ``refused``; those that are gone have no versions any more.
    Raises the first error of another kind when all others have been asked, or when there were too many.
    """
    # A campaign's further pages must not wait for places that other campaigns hold.
    pages = PageReader(context, endpoint, memory=Budget(MEMORY_BYTES))
    errors: list[MailchimpError] = []
    jobs = (partial(_sub_reports, pages, campaign_id, refused, errors) for campaign_id in campaigns)
    mapped = ordered_map(
        jobs, prefetch=context.prefetch, memory=context.memory, kind=endpoint.name, size_of=size_of_rows
    )
    async with aclosing(mapped) as answers:
        async for rows in answers:
            new = [row for row in rows if str(row.get("id")) not in listed]
            listed |= {str(row.get("id")) for row in new}
            yield new
            if len(errors) >= MAX_CONSECUTIVE_FAILURES:
                break
    if errors:
        raise errors[0]


async def winners_of(context: SyncContext, endpoint: Stream) -> dict[str, str]:
    """The winning version of each split campaign that has one, by the campaign's id; nothing where it can't be read.

    ``endpoint``: the stream whose rows name them.
    """
    winners: dict[str, str] = {}
    try:
        async with aclosing(PageReader(context, endpoint, memory=Budget(MEMORY_BYTES)).batches({})) as batches:
            async for batch in batches:
                for row in batch.rows:
                    settings = row.get("variate_settings")
                    winner = settings.get("winning_campaign_id") if isinstance(settings, dict) else None
                    if winner:
                        winners[str(row.get("id"))] = str(winner)
    except ConfigError:
        raise
    except MailchimpError as error:
        logger.info("Which versions of split campaigns have won can't be read: %s", error)
    return winners


async def _sub_reports(
    pages: PageReader, campaign_id: str, refused: set[str], errors: list[MailchimpError]
) -> list[Record]:
    rows: list[Record] = []
    try:
        async with aclosing(pages.batches({"campaign_id": campaign_id})) as batches:
            async for batch in batches:
                rows += [{**row, PARENT_CAMPAIGN: campaign_id} for row in batch.rows]
    except ConfigError:
        raise
    except (SkippableError, RequestRefused) as error:
        if not isinstance(error, ResourceGone):
            refused.add(campaign_id)
        logger.warning(
            "The versions of campaign %s can't be listed, so nothing below them is read: %s", campaign_id, error
        )
    except MailchimpError as error:
        errors.append(error)
    return rows
