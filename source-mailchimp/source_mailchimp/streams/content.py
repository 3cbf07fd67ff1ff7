"""What campaigns and pages are made of: templates, files, landing pages."""

from __future__ import annotations

from source_mailchimp.stream import Paging, Stream

FAMILY = "Content"

TEMPLATES = Stream("templates", "templates", items="templates", key=("id",), family=FAMILY, tells_deletions=True)

TEMPLATE_DEFAULT_CONTENT = Stream(
    "template_default_content",
    "templates/{template_id}/default-content",
    items=None,
    key=("template_id",),
    parent=TEMPLATES,
    paging=Paging.OBJECT,
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
