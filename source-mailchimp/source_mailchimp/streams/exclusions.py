"""What the API serves and no stream reads, each with the reason."""

from __future__ import annotations

from collections.abc import Mapping

NOT_STREAMS: Mapping[str, str] = {
    "/search-campaigns": "needs a search text; every campaign is in `campaigns`",
    "/search-members": "needs a search text; every contact is in `list_members`",
    "/ecommerce/orders": "the orders of all stores, which `orders` reads store by store, with the same fields",
    "/file-manager/folders/{folder_id}/files": "the same files as in `files`, which have their `folder_id`",
    "/lists/{list_id}/members/{subscriber_hash}/activity": (
        "of its seven kinds of events, `member_activity` has six, among many others, and `list_abuse_reports` "
        "the seventh"
    ),
    "/lists/{list_id}/surveys": (
        "Mailchimp documents no answer, so there is nothing to hold it to; `surveys` has the account's surveys with "
        "their `list_id`"
    ),
    "/lists/{list_id}/surveys/{survey_id}": "likewise",
    "/ping": "says that the API is up; a read asks it once, for Mailchimp's clock",
    "/activity-feed": "an index of links; what it links to is in `chimp_chatter`",
    "/ecommerce": "an index of links; what it links to is in `stores` and `orders`",
    "/file-manager": "an index of links; what it links to is in `files` and `file_folders`",
    "/reporting": "an index of links; what it links to is in `surveys`, `landing_page_reports`, `facebook_ad_reports`",
}
"""By path. Single objects of a listing (``/campaigns/{campaign_id}``) need no entry unless they say more."""

SINGLE_OBJECTS: Mapping[str, str] = {
    "/reports/{campaign_id}": "says no more than its row in `reports`",
    "/reporting/surveys/{survey_id}/responses/{response_id}": (
        "says more than its row in `survey_responses`, the answers given; these are in `survey_answers`, with the "
        "`response_id`"
    ),
    "/automations/{workflow_id}/emails/{workflow_email_id}/queue/{subscriber_hash}": (
        "says more than its row in `automation_email_queue`, whether the audience is active; that is in `automations`"
    ),
}
"""Single objects worth a word: those that say more than their row does, and the one people look for."""
