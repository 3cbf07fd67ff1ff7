"""Which source each collection has: rows made from its schema, unless it knows more."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mailchimp_simulator.account import audience_sources as audience
from mailchimp_simulator.account import campaign_sources as campaign
from mailchimp_simulator.account import recipient_sources as recipient
from mailchimp_simulator.account.embedded_sources import EMBEDDED, WithChildren
from mailchimp_simulator.account.ground import CONTACTS, MEMBERS, SEGMENT_MEMBERS
from mailchimp_simulator.account.sources import Generic, Source, StoreOrders

if TYPE_CHECKING:
    from mailchimp_simulator.account.audiences import Audiences
    from mailchimp_simulator.account.campaigns import Campaigns
    from mailchimp_simulator.account.ground import Ground
    from mailchimp_simulator.account.reports import Reports

LISTING_OF_ITS_OWN = (MEMBERS, SEGMENT_MEMBERS, CONTACTS)
"""Contacts: there may be a million of them, and they have listings of their own."""
_AUDIENCE: dict[str, type[audience.AudienceSource]] = {
    "/lists": audience.Lists,
    "/audiences": audience.NewerAudiences,
    "/lists/{list_id}/segments": audience.SegmentRows,
    "/lists/{list_id}/tag-search": audience.TagSearch,
    "/lists/{list_id}/members/{subscriber_hash}/tags": audience.MemberTags,
    "/lists/{list_id}/merge-fields": audience.MergeFields,
}
_CAMPAIGN: dict[str, type[campaign.CampaignSource]] = {
    "/campaigns": campaign.CampaignRows,
    "/reports": campaign.ReportRows,
    "/reports/{campaign_id}/sub-reports": campaign.SubReports,
    "/reports/{campaign_id}/email-activity": recipient.EmailActivity,
    "/reports/{campaign_id}/sent-to": recipient.SentTo,
    "/reports/{campaign_id}/open-details": recipient.OpenDetails,
    "/reports/{campaign_id}/unsubscribed": recipient.Unsubscribed,
    "/reports/{campaign_id}/click-details": recipient.ClickDetails,
    "/reports/{campaign_id}/click-details/{link_id}/members": recipient.ClickMembers,
    "/search-campaigns": campaign.SearchCampaigns,
}
_WITH_CAMPAIGNS: dict[str, type[campaign.GenericWithCampaigns]] = {
    "/automations": campaign.Automations,
    "/automations/{workflow_id}/emails": campaign.AutomationEmails,
}
NOTES = "/lists/{list_id}/members/{subscriber_hash}/notes"
_ORDERS = "/ecommerce/stores/{store_id}/orders"


def make_sources(ground: Ground, audiences: Audiences, campaigns: Campaigns, reports: Reports) -> dict[str, Source]:
    """The source of each collection of the contract, by path."""
    found: dict[str, Source] = {}
    for (method, path), operation in ground.contract.operations.items():
        if method != "GET" or not operation.collection or path in LISTING_OF_ITS_OWN:
            continue
        if path in _AUDIENCE:
            found[path] = _AUDIENCE[path](ground, path, audiences)
        elif path in _CAMPAIGN:
            found[path] = _CAMPAIGN[path](ground, path, reports, campaigns)
        elif path in _WITH_CAMPAIGNS:
            found[path] = _WITH_CAMPAIGNS[path](ground, operation, campaigns)
        elif path == NOTES:
            found[path] = audience.MemberNotes(ground, operation, audiences)
        elif path.startswith("/reports/"):
            found[path] = campaign.GenericOfCampaign(ground, operation, campaigns)
        elif path in EMBEDDED:
            found[path] = WithChildren(ground, operation)
        else:
            found[path] = Generic(ground, operation)
    found["/ecommerce/orders"] = StoreOrders(ground, "/ecommerce/orders", found[_ORDERS])
    return found
