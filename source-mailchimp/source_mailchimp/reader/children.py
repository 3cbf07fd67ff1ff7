"""The campaigns that ``/reports`` need not list: children of campaigns that were sent in several versions.

A campaign of type variate is sent as one child for each combination, an automation as one for each e-mail. Their
activity is under the child's own id, and the parent's ``sub-reports`` name them.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from functools import partial
from typing import TYPE_CHECKING

from mailchimp_api.errors import SkippableError
from source_mailchimp.reader.flow import in_order
from source_mailchimp.stream import Record, Stream

if TYPE_CHECKING:
    from source_mailchimp.reader.account import Account

# Types that have no children, of those that the contract and real accounts name.
_CHILDLESS = {"regular", "plaintext", "plain-text", "automation-email", "variate-child", "abtest-child"}


async def children_of(
    account: Account, sub_reports: Stream, reports: list[Record], wanted: Callable[[Record], bool]
) -> AsyncGenerator[list[Record], None]:
    """Yield the reports of the children of those of ``reports`` that are ``wanted`` and not listed themselves.

    ``sub_reports``: the stream of that endpoint.
    """
    known = {str(report.get("id")) for report in reports}
    parents = [report for report in reports if report.get("type") not in _CHILDLESS and wanted(report)]
    jobs = (partial(_sub_reports, account, sub_reports, str(report.get("id"))) for report in parents)
    async with aclosing(in_order(jobs, ahead=account.ahead, budget=account.budget)) as answers:
        async for rows in answers:
            new = [row for row in rows if str(row.get("id")) not in known]
            known |= {str(row.get("id")) for row in new}
            yield new


async def _sub_reports(account: Account, stream: Stream, campaign_id: str) -> list[Record]:
    path = stream.path.format(campaign_id=campaign_id)
    try:
        body = await account.fetcher.object(path, {"exclude_fields": "reports._links,_links"}, items=stream.items)
    except SkippableError:
        return []  # the sub_reports stream itself reports and counts what it could not read
    return list(body[stream.items or ""])
