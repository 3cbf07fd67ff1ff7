"""Columns whose names say that they hold somebody's consent."""

from __future__ import annotations

import re

from destination_mailchimp.mapping.addresses import plain

# Of a name without case and separators. HubSpot, Salesforce, Shopify, Mailchimp's own exports and CRMs at large name
# them so; a customer's state or a subscription that is paid for (`subscription_plan`, `order_status`) is another thing.
_CONSENT = re.compile(
    r"unsub|optin|optout|optedin|optedout|optintime|consent|gdpr|acceptsmarketing|marketingpermission|marketingallowed"
    r"|(?:donot|dont|^no)(?:e?mail|contact|market|bulkemail|masse?mail|newsletter)s?|suppress|blacklist|blocklist|bounced"
    r"|^(?:is|has|email|mailing|newsletter|member|marketing)?(?:un)?subscribed(?:at|on|date|to\w*)?$"
    r"|^(?:email|member|mailing|newsletter|marketing|subscriber|contact)*(?:subscription)?status$|^subscriptionstate$"
    r"|^(?:wants|receives?|gets)?(?:news|newsletters?|mailings?|emailmarketing|marketingemails?)$|^emailable$|^mailable$"
)


def looks_like_consent(column: str) -> bool:
    """Whether a column's name says that it tells who may be written to."""
    return bool(_CONSENT.search(plain(column)))
