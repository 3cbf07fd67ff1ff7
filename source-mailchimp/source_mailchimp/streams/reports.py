"""What became of sent campaigns: reports, and their details by contact, link, domain and place.

The children of a report are read for campaigns with news only (``ChangedCampaigns``). Those whose rows have no
date that moves with every change get ``campaign_last_activity`` as cursor: the newest of the campaign's send
time, last open and last click.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from functools import partial

from source_mailchimp.dates import parse_date
from source_mailchimp.stream import (
    LAST_ACTIVITY,
    PARENT_CAMPAIGN,
    ChangedCampaigns,
    Cursor,
    Flattened,
    Paging,
    Record,
    Reports,
    Stream,
)
from source_mailchimp.streams import report_counts
from source_mailchimp.streams.activity import flatten_activity

FAMILY = "Reports"


def may_have_changed(report: Record, since: datetime) -> bool:
    """Whether a report's counts may differ from what they were before ``since``, its opens and clicks aside."""
    sent = parse_date(report.get("send_time"))
    return sent is None or sent >= since


# The campaigns that a split one was sent as. Their activity is under their own ids, and reports need not list them.
_VERSIONS = Stream(
    "sub_reports", "reports/{campaign_id}/sub-reports", items="reports", key=("campaign_id", "id"), paging=Paging.NONE
)

# Which of them went to the rest of the recipients. Whether the sub-reports name it nobody has shown.
_WINNERS = Stream(
    "winners",
    "campaigns",
    items="campaigns",
    key=("id",),
    params={"type": "variate", "fields": "campaigns.id,campaigns.variate_settings.winning_campaign_id,total_items"},
)

# Sent campaigns only, children of variate and automation campaigns included. What else is kept of a report tells
# whether its campaign has changed.
REPORTS = Stream(
    "reports",
    "reports",
    items="reports",
    key=("id",),
    reading=Reports(Cursor("send_time"), may_have_changed=may_have_changed, versions=_VERSIONS, winners=_WINNERS),
    for_children=(
        *("send_time", "opens", "clicks", "emails_sent", "unsubscribed", "abuse_reports", "bounces", "type"),
        PARENT_CAMPAIGN,
    ),
    family=FAMILY,
    tells_deletions=True,
)

_below_report = partial(Stream, parent=REPORTS, family=FAMILY)
_BY_LAST_ACTIVITY = ChangedCampaigns(Cursor(LAST_ACTIVITY))
_ADDS_LAST_ACTIVITY = {LAST_ACTIVITY: "date-time"}

# since trims the events of each recipient, and keeps every recipient: a campaign's pages are always all read.
EMAIL_ACTIVITY = _below_report(
    "email_activity",
    "reports/{campaign_id}/email-activity",
    items="emails",
    key=("activity_id",),
    reading=ChangedCampaigns(
        Cursor("timestamp", since="since"),
        Flattened(flatten_activity, row_key=("email_id",)),
        counted=report_counts.EVENTS,
    ),
    adds={"activity_id": "string"},
    cost="recipients without events take pages too",
)

UNSUBSCRIBES = _below_report(
    "unsubscribes",
    "reports/{campaign_id}/unsubscribed",
    items="unsubscribes",
    key=("campaign_id", "email_id", "timestamp"),
    reading=ChangedCampaigns(Cursor("timestamp"), counted=report_counts.UNSUBSCRIBES),
)

# since would leave the older opens out of the row, and so lose them where a newer row replaces the older.
OPEN_DETAILS = _below_report(
    "open_details",
    "reports/{campaign_id}/open-details",
    items="members",
    key=("campaign_id", "email_id"),
    reading=replace(_BY_LAST_ACTIVITY, counted=report_counts.OPENS),
    adds=_ADDS_LAST_ACTIVITY,
)

CLICK_DETAILS = _below_report(
    "click_details",
    "reports/{campaign_id}/click-details",
    items="urls_clicked",
    key=("campaign_id", "id"),
    reading=replace(_BY_LAST_ACTIVITY, counted=report_counts.CLICKS),
    adds=_ADDS_LAST_ACTIVITY,
)

CLICK_DETAIL_MEMBERS = _below_report(
    "click_detail_members",
    "reports/{campaign_id}/click-details/{link_id}/members",
    items="members",
    key=("campaign_id", "link_id", "email_id"),
    parent=CLICK_DETAILS,
    reading=_BY_LAST_ACTIVITY,
    adds=_ADDS_LAST_ACTIVITY,
)

SENT_TO = _below_report(
    "sent_to",
    "reports/{campaign_id}/sent-to",
    items="sent_to",
    key=("campaign_id", "email_id"),
    reading=replace(_BY_LAST_ACTIVITY, counted=report_counts.RECIPIENTS),
    adds=_ADDS_LAST_ACTIVITY,
)

DOMAIN_PERFORMANCE = _below_report(
    "domain_performance",
    "reports/{campaign_id}/domain-performance",
    items="domains",
    key=("campaign_id", "domain"),
    paging=Paging.NONE,
    reading=_BY_LAST_ACTIVITY,
    adds=_ADDS_LAST_ACTIVITY,
)

CAMPAIGN_LOCATIONS = _below_report(
    "campaign_locations",
    "reports/{campaign_id}/locations",
    items="locations",
    key=("campaign_id", "country_code", "region"),
    reading=_BY_LAST_ACTIVITY,
    adds=_ADDS_LAST_ACTIVITY,
)

CAMPAIGN_ABUSE_REPORTS = _below_report(
    "campaign_abuse_reports",
    "reports/{campaign_id}/abuse-reports",
    items="abuse_reports",
    key=("id",),
    paging=Paging.NONE,
    reading=replace(_BY_LAST_ACTIVITY, counted=report_counts.ABUSE_REPORTS),
    adds=_ADDS_LAST_ACTIVITY,
)

CAMPAIGN_ADVICE = _below_report(
    "campaign_advice",
    "reports/{campaign_id}/advice",
    items="advice",
    key=("advice_id",),
    hash_key=("campaign_id", "type", "message"),
    paging=Paging.NONE,
    reading=_BY_LAST_ACTIVITY,
    adds={"advice_id": "string", **_ADDS_LAST_ACTIVITY},
)

# Two products may have the same title, and nothing but the stock-keeping unit tells them apart.
CAMPAIGN_PRODUCT_ACTIVITY = _below_report(
    "campaign_product_activity",
    "reports/{campaign_id}/ecommerce-product-activity",
    items="products",
    key=("product_activity_id",),
    hash_key=("campaign_id", "title", "sku", "currency_code"),
    reading=_BY_LAST_ACTIVITY,
    adds={"product_activity_id": "string", **_ADDS_LAST_ACTIVITY},
)

# Both streams need the same answer, and ask for it in the same words, so that it comes once.
CAMPAIGN_EEPURL = _below_report(
    "campaign_eepurl",
    "reports/{campaign_id}/eepurl",
    items=None,
    params={"exclude_fields": "referrers._links,_links"},
    key=("campaign_id",),
    paging=Paging.OBJECT,
    reading=_BY_LAST_ACTIVITY,
    adds=_ADDS_LAST_ACTIVITY,
)

CAMPAIGN_EEPURL_REFERRERS = _below_report(
    "campaign_eepurl_referrers",
    "reports/{campaign_id}/eepurl",
    items="referrers",
    key=("referrer_id",),
    hash_key=("campaign_id", "referrer", "first_click"),
    paging=Paging.NONE,
    reading=_BY_LAST_ACTIVITY,
    adds={"referrer_id": "string", **_ADDS_LAST_ACTIVITY},
)

SUB_REPORTS = replace(_VERSIONS, parent=REPORTS, reading=_BY_LAST_ACTIVITY, adds=_ADDS_LAST_ACTIVITY, family=FAMILY)

TABLE = (
    REPORTS,
    EMAIL_ACTIVITY,
    UNSUBSCRIBES,
    OPEN_DETAILS,
    CLICK_DETAILS,
    CLICK_DETAIL_MEMBERS,
    SENT_TO,
    DOMAIN_PERFORMANCE,
    CAMPAIGN_LOCATIONS,
    CAMPAIGN_ABUSE_REPORTS,
    CAMPAIGN_ADVICE,
    CAMPAIGN_PRODUCT_ACTIVITY,
    CAMPAIGN_EEPURL,
    CAMPAIGN_EEPURL_REFERRERS,
    SUB_REPORTS,
)
