"""Campaigns by e-mail and SMS: settings and content. What became of them is in ``reports``."""

from __future__ import annotations

from datetime import datetime
from functools import partial

from source_mailchimp.dates import parse_date
from source_mailchimp.stream import PARENT_CHANGED, ChangedParents, Cursor, Paging, Record, Relist, Stream
from source_mailchimp.streams import report_counts
from source_mailchimp.streams.reports import REPORTS

FAMILY = "Campaigns"


def may_have_changed(campaign: Record, since: datetime) -> bool:
    """Whether a campaign's settings or summary may differ from what they were before ``since``.

    What has not been sent yet can be edited at any time; what has been is settled but for opens and clicks.
    """
    if campaign.get("status") != "sent":
        return True
    dates = (parse_date(campaign.get("send_time")), parse_date(campaign.get("create_time")))
    return any(date is None or date >= since for date in dates)


CAMPAIGNS = Stream(
    "campaigns",
    "campaigns",
    items="campaigns",
    key=("id",),
    reading=Relist(
        Cursor("create_time"), may_have_changed=may_have_changed, reports=REPORTS, counted=report_counts.SUMMARY
    ),
    for_children=("status", "create_time", "send_time"),
    family=FAMILY,
    tells_deletions=True,
)


def was_sent(campaign: Record) -> bool:
    """Whether a campaign's content is final: it was sent, and we know when."""
    return campaign.get("status") == "sent" and parse_date(campaign.get("send_time")) is not None


_SENT_ONCE = "of those that were sent already at the last sync, none"
_below_campaigns = partial(
    Stream,
    parent=CAMPAIGNS,
    reading=ChangedParents(("create_time", "send_time"), was_sent),
    adds={PARENT_CHANGED: "date-time"},
    family=FAMILY,
    cost=_SENT_ONCE,
)

CAMPAIGN_CONTENT = _below_campaigns(
    "campaign_content",
    "campaigns/{campaign_id}/content",
    items=None,
    key=("campaign_id",),
    paging=Paging.OBJECT,
)

CAMPAIGN_FEEDBACK = _below_campaigns(
    "campaign_feedback",
    "campaigns/{campaign_id}/feedback",
    items="feedback",
    key=("feedback_id",),
    paging=Paging.NONE,
)

CAMPAIGN_SEND_CHECKLIST = _below_campaigns(
    "campaign_send_checklist",
    "campaigns/{campaign_id}/send-checklist",
    items="items",
    key=("campaign_id", "id"),
    paging=Paging.NONE,
    trust_total=False,
)

CAMPAIGN_FOLDERS = Stream(
    "campaign_folders", "campaign-folders", items="folders", key=("id",), family=FAMILY, tells_deletions=True
)

SMS_CAMPAIGNS = Stream(
    "sms_campaigns",
    "sms-campaigns",
    items="sms_campaigns",
    key=("id",),
    as_text=("list_id",),
    for_children=("status", "create_time", "send_time", "updated_at"),
    family=FAMILY,
    tells_deletions=True,
)

SMS_CAMPAIGN_CONTENT = Stream(
    "sms_campaign_content",
    "sms-campaigns/{sms_campaign_id}/content",
    items=None,
    key=("sms_campaign_id",),
    parent=SMS_CAMPAIGNS,
    paging=Paging.OBJECT,
    reading=ChangedParents(("create_time", "send_time", "updated_at"), was_sent),
    adds={PARENT_CHANGED: "date-time"},
    cost=_SENT_ONCE,
    family=FAMILY,
)

TABLE = (
    CAMPAIGNS,
    CAMPAIGN_CONTENT,
    CAMPAIGN_FEEDBACK,
    CAMPAIGN_SEND_CHECKLIST,
    CAMPAIGN_FOLDERS,
    SMS_CAMPAIGNS,
    SMS_CAMPAIGN_CONTENT,
)
