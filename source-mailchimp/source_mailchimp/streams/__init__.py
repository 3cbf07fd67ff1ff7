"""Every resource of the account, one entry each.

``STREAMS`` has them by name, in the order of the documentation; a parent comes before its children.
"""

from __future__ import annotations

from source_mailchimp.stream import Stream
from source_mailchimp.streams import (
    account,
    ads,
    audiences,
    automations,
    campaigns,
    contacts,
    content,
    conversations,
    ecommerce,
    reports,
    surveys,
)

_FAMILIES = (
    audiences,
    contacts,
    campaigns,
    reports,
    automations,
    conversations,
    ecommerce,
    content,
    surveys,
    ads,
    account,
)

STREAMS: dict[str, Stream] = {stream.name: stream for family in _FAMILIES for stream in family.TABLE}

SUGGESTED: tuple[str, ...] = (
    "lists",
    "list_members",
    "merge_fields",
    "segments",
    "tags",
    "campaigns",
    "reports",
    "email_activity",
    "unsubscribes",
    "click_details",
    "automations",
)
"""What most people want: ``suggestedStreams`` of metadata.yaml."""

__all__ = ["STREAMS", "SUGGESTED"]
