"""Campaigns by e-mail and SMS: settings and content. What became of them is in ``reports``."""

from __future__ import annotations

from datetime import datetime

from source_mailchimp.dates import parse_date
from source_mailchimp.stream import Cursor, Paging, Record, Relist, Stream
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
    reading=Relist(Cursor("create_time"), may_have_changed=may_have_changed, reports=REPORTS),
    family=FAMILY,
    tells_deletions=True,
)

CAMPAIGN_CONTENT = Stream(
    "campaign_content",
    "campaigns/{campaign_id}/content",
    items=None,
    key=("campaign_id",),
    parent=CAMPAIGNS,
    paging=Paging.OBJECT,
    family=FAMILY,
)

CAMPAIGN_FEEDBACK = Stream(
    "campaign_feedback",
    "campaigns/{campaign_id}/feedback",
    items="feedback",
    key=("feedback_id",),
    parent=CAMPAIGNS,
    paging=Paging.NONE,
    family=FAMILY,
)

CAMPAIGN_SEND_CHECKLIST = Stream(
    "campaign_send_checklist",
    "campaigns/{campaign_id}/send-checklist",
    items="items",
    key=("campaign_id", "id"),
    parent=CAMPAIGNS,
    paging=Paging.NONE,
    trust_total=False,
    family=FAMILY,
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
