"""The campaigns that ``/reports`` need not list: children of campaigns that were sent in several versions.

A campaign of type variate is sent as one child for each combination, an automation as one for each e-mail. Their
activity is under the child's own id, and the parent's ``sub-reports`` name them. Where these are refused, nobody knows
the children: streams below keep, under ``children_key``, from when on they still want them.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing
from functools import partial
from typing import TYPE_CHECKING

from mailchimp_api.errors import ConfigError, MailchimpError, RequestRefused, ResourceGone, SkippableError
from source_mailchimp.reader.flow import in_order
from source_mailchimp.reader.pages import PageReader
from source_mailchimp.stream import Record, Stream

if TYPE_CHECKING:
    from source_mailchimp.reader.account import Account

logger = logging.getLogger("airbyte.source_mailchimp")

PARENT_CAMPAIGN = "parent_campaign_id"
"""Under this name a child's report has the id of the campaign that it is a version of."""

# After so many campaigns that could not be asked, the trouble is not theirs.
_HOPELESS = 3
# Types that have no children, of those that the contract and real accounts name.
_CHILDLESS = {"regular", "plaintext", "plain-text", "automation-email", "variate-child", "abtest-child"}


def children_key(campaign_id: object) -> str:
    """The name under which a state keeps how far the unknown children of a campaign have been read."""
    return f"{campaign_id}/*"


async def children_of(
    account: Account, sub_reports: Stream, reports: list[Record], refused: set[str]
) -> AsyncGenerator[list[Record], None]:
    """Yield the reports of the children of ``reports`` that are not listed themselves, with their ``PARENT_CAMPAIGN``.

    ``sub_reports``: the stream of that endpoint. Every campaign that may have children is asked, also without news:
    nobody has shown that a child's opens and clicks move the dates of its parent. The ids of campaigns that Mailchimp
    does not let us ask are added to ``refused``; those that are gone have no children any more.
    Raises the first error of another kind when all others have been asked, or when there were too many.
    """
    known = {str(report.get("id")) for report in reports}
    parents = [str(report.get("id")) for report in reports if report.get("type") not in _CHILDLESS]
    # A campaign's further pages must not wait for places that other campaigns hold.
    pages = PageReader(account, sub_reports, budget=asyncio.Semaphore(account.fetcher.workers))
    failures: list[MailchimpError] = []
    jobs = (partial(_sub_reports, pages, campaign_id, refused, failures) for campaign_id in parents)
    async with aclosing(in_order(jobs, ahead=account.ahead, budget=account.budget)) as answers:
        async for rows in answers:
            new = [row for row in rows if str(row.get("id")) not in known]
            known |= {str(row.get("id")) for row in new}
            yield new
            if len(failures) >= _HOPELESS:
                break
    if failures:
        raise failures[0]


async def _sub_reports(
    pages: PageReader, campaign_id: str, refused: set[str], failures: list[MailchimpError]
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
        logger.warning("The children of campaign %s can't be listed, nor what became of them: %s", campaign_id, error)
    except MailchimpError as error:
        failures.append(error)
    return rows
