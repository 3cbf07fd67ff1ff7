"""What campaigns and pages are made of: templates, files, landing pages."""

from __future__ import annotations

from source_mailchimp.stream import PARENT_CHANGED, ChangedParents, Paging, Record, Stream

FAMILY = "Content"

TEMPLATES = Stream(
    "templates",
    "templates",
    items="templates",
    key=("id",),
    for_children=("date_created", "date_edited"),
    family=FAMILY,
    tells_deletions=True,
)


def dates_its_edits(template: Record) -> bool:  # noqa: ARG001 - it holds for any
    """Any template does: ``date_edited`` moves with each edit, and Mailchimp's own have no editor."""
    return True


def is_unpublished(page: Record) -> bool:
    """Whether a landing page was taken down, and so stays as it is until one of its dates moves."""
    return page.get("status") == "unpublished"


TEMPLATE_DEFAULT_CONTENT = Stream(
    "template_default_content",
    "templates/{template_id}/default-content",
    items=None,
    key=("template_id",),
    parent=TEMPLATES,
    paging=Paging.OBJECT,
    reading=ChangedParents(("date_created", "date_edited"), dates_its_edits),
    adds={PARENT_CHANGED: "date-time"},
    cost="only of those edited since the last sync",
    family=FAMILY,
)

TEMPLATE_FOLDERS = Stream(
    "template_folders", "template-folders", items="folders", key=("id",), family=FAMILY, tells_deletions=True
)

# A file can be renamed and moved to another folder, which its created_at doesn't show: no cursor.
FILES = Stream("files", "file-manager/files", items="files", key=("id",), family=FAMILY, tells_deletions=True)

FILE_FOLDERS = Stream(
    "file_folders", "file-manager/folders", items="folders", key=("id",), family=FAMILY, tells_deletions=True
)

LANDING_PAGES = Stream(
    "landing_pages",
    "landing-pages",
    items="landing_pages",
    key=("id",),
    paging=Paging.COUNT_ONLY,
    for_children=("status", "created_at", "updated_at", "published_at", "unpublished_at"),
    family=FAMILY,
    cost="no second page: of more than 1000, the other end is read too, which makes 2000 at most",
)

LANDING_PAGE_CONTENT = Stream(
    "landing_page_content",
    "landing-pages/{page_id}/content",
    items=None,
    key=("page_id",),
    parent=LANDING_PAGES,
    paging=Paging.OBJECT,
    reading=ChangedParents(("created_at", "updated_at", "published_at", "unpublished_at"), is_unpublished),
    adds={PARENT_CHANGED: "date-time"},
    cost="of those that were unpublished already at the last sync, none",
    family=FAMILY,
)

LANDING_PAGE_REPORTS = Stream(
    "landing_page_reports", "reporting/landing-pages", items="landing_pages", key=("id",), family=FAMILY
)

TABLE = (
    TEMPLATES,
    TEMPLATE_DEFAULT_CONTENT,
    TEMPLATE_FOLDERS,
    FILES,
    FILE_FOLDERS,
    LANDING_PAGES,
    LANDING_PAGE_CONTENT,
    LANDING_PAGE_REPORTS,
)
