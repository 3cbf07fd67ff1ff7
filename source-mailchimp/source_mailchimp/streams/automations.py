"""Classic automations. The e-mails of customer journeys appear as campaigns of type ``automation``."""

from __future__ import annotations

from source_mailchimp.stream import Cursor, Paging, Relist, Stream

FAMILY = "Automations"

# Status and counts change at any time, and create_time never does: all are emitted again.
AUTOMATIONS = Stream(
    "automations",
    "automations",
    items="automations",
    key=("id",),
    reading=Relist(Cursor("create_time")),
    family=FAMILY,
    tells_deletions=True,
)

AUTOMATION_EMAILS = Stream(
    "automation_emails",
    "automations/{workflow_id}/emails",
    items="emails",
    key=("workflow_id", "id"),
    parent=AUTOMATIONS,
    paging=Paging.NONE,
    family=FAMILY,
)

AUTOMATION_EMAIL_QUEUE = Stream(
    "automation_email_queue",
    "automations/{workflow_id}/emails/{workflow_email_id}/queue",
    items="queue",
    key=("workflow_id", "workflow_email_id", "id"),
    parent=AUTOMATION_EMAILS,
    paging=Paging.NONE,
    family=FAMILY,
)

AUTOMATION_REMOVED_SUBSCRIBERS = Stream(
    "automation_removed_subscribers",
    "automations/{workflow_id}/removed-subscribers",
    items="subscribers",
    key=("workflow_id", "id"),
    parent=AUTOMATIONS,
    paging=Paging.NONE,
    family=FAMILY,
)

TABLE = (AUTOMATIONS, AUTOMATION_EMAILS, AUTOMATION_EMAIL_QUEUE, AUTOMATION_REMOVED_SUBSCRIBERS)
