"""Conversations with contacts. Mailchimp has deprecated them; past ones are still served."""

from __future__ import annotations

from source_mailchimp.stream import Cursor, Filter, Paging, Stream

FAMILY = "Conversations"

CONVERSATIONS = Stream("conversations", "conversations", items="conversations", key=("id",), family=FAMILY)

# A message's text never changes; whether it has been read does, and moves no date.
CONVERSATION_MESSAGES = Stream(
    "conversation_messages",
    "conversations/{conversation_id}/messages",
    items="conversation_messages",
    key=("id",),
    parent=CONVERSATIONS,
    paging=Paging.NONE,
    as_text=("list_id",),
    reading=Filter(Cursor("timestamp", "since_timestamp", "before_timestamp")),
    family=FAMILY,
)

TABLE = (CONVERSATIONS, CONVERSATION_MESSAGES)
