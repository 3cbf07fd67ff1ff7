"""Contacts: the members of audiences and segments, and what Mailchimp keeps about each."""

from __future__ import annotations

from source_mailchimp.stream import Cursor, Filter, Paging, PerContact, Record, RowTells, Stream, Window
from source_mailchimp.streams.audiences import AUDIENCES, LISTS, SEGMENTS

FAMILY = "Contacts"

_LAST_CHANGED = Cursor("last_changed", "since_last_changed", "before_last_changed", sort="last_changed")

# The plain list hides archived contacts; they are a second pass of the reader (status=archived).
LIST_MEMBERS = Stream(
    "list_members",
    "lists/{list_id}/members",
    items="members",
    key=("id", "list_id"),
    parent=LISTS,
    reading=Window(_LAST_CHANGED),
    family=FAMILY,
)

# Who is there at all: compared with list_members, it shows who was deleted for good. Half of an answer would do for
# that, but the cursor is what proves that nobody is missing.
LIST_MEMBER_KEYS = Stream(
    "list_member_keys",
    "lists/{list_id}/members",
    items="members",
    key=("id", "list_id"),
    parent=LISTS,
    reading=Window(_LAST_CHANGED, incremental=False),
    params={"fields": "members.id,members.contact_id,members.status,members.last_changed,total_items"},
    family=FAMILY,
    cost="nothing else is in the answer",
)

# Joining or leaving moves neither last_changed of the contact nor updated_at of the segment, and with the
# include_* flags total_items is too small (seen on the real API).
SEGMENT_MEMBERS = Stream(
    "segment_members",
    "lists/{list_id}/segments/{segment_id}/members",
    items="members",
    key=("id", "segment_id"),
    parent=SEGMENTS,
    params={"include_cleaned": "true", "include_transactional": "true", "include_unsubscribed": "true"},
    trust_total=False,
    family=FAMILY,
)

AUDIENCE_CONTACTS = Stream(
    "audience_contacts",
    "audiences/{audience_id}/contacts",
    items="contacts",
    key=("audience_id", "id"),
    parent=AUDIENCES,
    paging=Paging.CURSOR,
    reading=Filter(Cursor("last_updated_at", "updated_since", "updated_before", sort="updated_at")),
    trust_total=False,
    family=FAMILY,
)


def has_note(contact: Record) -> bool:
    """Whether a row of ``list_members`` names a last note, which by the documentation it does when there is one."""
    return bool((contact.get("last_note") or {}).get("note_id"))


def has_tags(contact: Record) -> bool:
    """Whether a row of ``list_members`` counts tags; one that doesn't say may have some."""
    return contact.get("tags_count") != 0


def tags_told(contact: Record) -> object:
    """The tags in a row of ``list_members``, in an order that lasts; None where it holds fewer than it counts."""
    tags, count = contact.get("tags"), contact.get("tags_count")
    if not isinstance(tags, list) or len(tags) != count or not all(isinstance(tag, dict) for tag in tags):
        return None
    return sorted(([tag.get("id"), tag.get("name")] for tag in tags), key=str)


def note_told(contact: Record) -> object:
    """The last note in a row of ``list_members``."""
    return contact.get("last_note")


# Whether tagging moves a contact's last_changed depends on how it is done, and is not known for each way; of a note
# nobody has shown it. So it is the row's own tags and last note that tell who is to be asked. Of opens, events and
# goals the row tells nothing: those streams are read in full.

# Entries have no id. These fields tell one from another, of whatever kind, and don't change afterwards
# (has_read, note_text and avatars do).
MEMBER_ACTIVITY = Stream(
    "member_activity",
    "lists/{list_id}/members/{subscriber_hash}/activity-feed",
    items="activity",
    key=("member_activity_id",),
    hash_key=(
        "list_id",
        "subscriber_hash",
        "activity_type",
        "created_at_timestamp",
        "campaign_id",
        "link_clicked",
        "bounce_type",
        "thread_id",
        "note_id",
        "marketing_permission_text",
        "marketing_permission_opted_in",
        "outreach_id",
        "store_name",
        "signup_category",
        "order_id",
        "event_name",
        "event_properties",
        "survey_id",
        "id",
    ),
    adds={"member_activity_id": "string"},
    parent=LIST_MEMBERS,
    reading=PerContact(),
    trust_total=False,
    family=FAMILY,
)

MEMBER_EVENTS = Stream(
    "member_events",
    "lists/{list_id}/members/{subscriber_hash}/events",
    items="events",
    key=("member_event_id",),
    hash_key=("list_id", "subscriber_hash", "name", "occurred_at", "properties"),
    adds={"member_event_id": "string"},
    parent=LIST_MEMBERS,
    reading=PerContact(),
    family=FAMILY,
)

MEMBER_GOALS = Stream(
    "member_goals",
    "lists/{list_id}/members/{subscriber_hash}/goals",
    items="goals",
    key=("list_id", "subscriber_hash", "goal_id"),
    parent=LIST_MEMBERS,
    paging=Paging.NONE,
    reading=PerContact(),
    family=FAMILY,
)

MEMBER_NOTES = Stream(
    "member_notes",
    "lists/{list_id}/members/{subscriber_hash}/notes",
    items="notes",
    key=("id",),
    parent=LIST_MEMBERS,
    reading=PerContact(has_any=has_note, told=RowTells(Cursor("updated_at"), ("last_note",), note_told)),
    family=FAMILY,
    cost="only contacts that have a note are asked, incrementally those with another last note",
)

MEMBER_TAGS = Stream(
    "member_tags",
    "lists/{list_id}/members/{subscriber_hash}/tags",
    items="tags",
    key=("list_id", "subscriber_hash", "id"),
    parent=LIST_MEMBERS,
    reading=PerContact(has_any=has_tags, told=RowTells(Cursor("date_added"), ("tags", "tags_count"), tags_told)),
    family=FAMILY,
    cost="only contacts that have tags are asked, incrementally those with other tags",
)

TABLE = (
    LIST_MEMBERS,
    LIST_MEMBER_KEYS,
    SEGMENT_MEMBERS,
    AUDIENCE_CONTACTS,
    MEMBER_ACTIVITY,
    MEMBER_EVENTS,
    MEMBER_GOALS,
    MEMBER_NOTES,
    MEMBER_TAGS,
)
