"""Which collections have a source of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mailchimp_simulator.account.audience_sources import (
    Audiences,
    Lists,
    MemberNotes,
    MemberTags,
    MergeFields,
    SegmentRows,
    TagSearch,
)
from mailchimp_simulator.account.campaign_sources import (
    AutomationEmails,
    Automations,
    CampaignRows,
    ClickDetails,
    ClickMembers,
    EmailActivity,
    OpenDetails,
    ReportRows,
    SearchCampaigns,
    SentTo,
    SubReports,
    Unsubscribed,
)

if TYPE_CHECKING:
    from mailchimp_simulator.account.sources import Generic, Source

SPECIAL: dict[str, type[Source]] = {
    "/lists": Lists,
    "/audiences": Audiences,
    "/lists/{list_id}/segments": SegmentRows,
    "/lists/{list_id}/tag-search": TagSearch,
    "/lists/{list_id}/members/{subscriber_hash}/tags": MemberTags,
    "/lists/{list_id}/merge-fields": MergeFields,
    "/campaigns": CampaignRows,
    "/reports": ReportRows,
    "/reports/{campaign_id}/sub-reports": SubReports,
    "/reports/{campaign_id}/email-activity": EmailActivity,
    "/reports/{campaign_id}/sent-to": SentTo,
    "/reports/{campaign_id}/open-details": OpenDetails,
    "/reports/{campaign_id}/unsubscribed": Unsubscribed,
    "/reports/{campaign_id}/click-details": ClickDetails,
    "/reports/{campaign_id}/click-details/{link_id}/members": ClickMembers,
    "/search-campaigns": SearchCampaigns,
}
SPECIAL_GENERIC: dict[str, type[Generic]] = {
    "/lists/{list_id}/members/{subscriber_hash}/notes": MemberNotes,
    "/automations": Automations,
    "/automations/{workflow_id}/emails": AutomationEmails,
}
