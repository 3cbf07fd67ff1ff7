"""Audiences (the API calls them lists), what they are set up with, and their statistics."""

from __future__ import annotations

from source_mailchimp.stream import Cursor, Filter, Paging, Relist, Stream

FAMILY = "Audiences"

# An audience's statistics and settings change at any time, and date_created never does: all are emitted again.
LISTS = Stream(
    "lists",
    "lists",
    items="lists",
    key=("id",),
    reading=Relist(Cursor("date_created")),
    params={"include_total_contacts": "true"},
    for_children=("stats",),
    is_audience=True,
    family=FAMILY,
    tells_deletions=True,
)

AUDIENCES = Stream(
    "audiences", "audiences", items="audiences", key=("id",), is_audience=True, family=FAMILY, tells_deletions=True
)

MERGE_FIELDS = Stream(
    "merge_fields",
    "lists/{list_id}/merge-fields",
    items="merge_fields",
    key=("list_id", "merge_id"),
    parent=LISTS,
    family=FAMILY,
    tells_deletions=True,
)

INTEREST_CATEGORIES = Stream(
    "interest_categories",
    "lists/{list_id}/interest-categories",
    items="categories",
    key=("id",),
    parent=LISTS,
    family=FAMILY,
    tells_deletions=True,
)

INTERESTS = Stream(
    "interests",
    "lists/{list_id}/interest-categories/{interest_category_id}/interests",
    items="interests",
    key=("id",),
    parent=INTEREST_CATEGORIES,
    family=FAMILY,
    tells_deletions=True,
)

# Membership moves no date of a segment (seen on the real API), so member_count is as of the last change of
# the segment itself; a full refresh brings it up to date.
SEGMENTS = Stream(
    "segments",
    "lists/{list_id}/segments",
    items="segments",
    key=("id",),
    parent=LISTS,
    reading=Filter(Cursor("updated_at", "since_updated_at", "before_updated_at")),
    family=FAMILY,
    tells_deletions=True,
)

# Without a name the search lists every tag, and it takes count and offset though nobody documents them
# (seen on the real API).
TAGS = Stream(
    "tags",
    "lists/{list_id}/tag-search",
    items="tags",
    key=("id", "list_id"),
    parent=LISTS,
    family=FAMILY,
    tells_deletions=True,
)

# Without count the API shows ten days only (reported publicly); with it, as many as Mailchimp keeps.
LIST_ACTIVITY = Stream(
    "list_activity",
    "lists/{list_id}/activity",
    items="activity",
    key=("list_id", "day"),
    parent=LISTS,
    family=FAMILY,
)

LIST_GROWTH_HISTORY = Stream(
    "list_growth_history",
    "lists/{list_id}/growth-history",
    items="history",
    key=("list_id", "month"),
    parent=LISTS,
    family=FAMILY,
)

LIST_CLIENTS = Stream(
    "list_clients",
    "lists/{list_id}/clients",
    items="clients",
    key=("list_id", "client"),
    parent=LISTS,
    paging=Paging.NONE,
    family=FAMILY,
)

LIST_LOCATIONS = Stream(
    "list_locations",
    "lists/{list_id}/locations",
    items="locations",
    key=("list_id", "cc"),
    parent=LISTS,
    paging=Paging.NONE,
    family=FAMILY,
)

LIST_ABUSE_REPORTS = Stream(
    "list_abuse_reports",
    "lists/{list_id}/abuse-reports",
    items="abuse_reports",
    key=("id",),
    parent=LISTS,
    family=FAMILY,
)

SIGNUP_FORMS = Stream(
    "signup_forms",
    "lists/{list_id}/signup-forms",
    items="signup_forms",
    key=("list_id", "signup_form_url"),
    parent=LISTS,
    paging=Paging.NONE,
    family=FAMILY,
)

LIST_WEBHOOKS = Stream(
    "list_webhooks",
    "lists/{list_id}/webhooks",
    items="webhooks",
    key=("id",),
    parent=LISTS,
    paging=Paging.NONE,
    family=FAMILY,
    tells_deletions=True,
)

TABLE = (
    LISTS,
    AUDIENCES,
    MERGE_FIELDS,
    INTEREST_CATEGORIES,
    INTERESTS,
    SEGMENTS,
    TAGS,
    LIST_ACTIVITY,
    LIST_GROWTH_HISTORY,
    LIST_CLIENTS,
    LIST_LOCATIONS,
    LIST_ABUSE_REPORTS,
    SIGNUP_FORMS,
    LIST_WEBHOOKS,
)
