"""Asks an account which merge fields and interests the contacts of its audiences have."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from mailchimp_api.client import MailchimpClient
from mailchimp_api.errors import ResourceGone, ResourceRefused
from mailchimp_api.listing import Listing, Page, Reading, read_listing
from mailchimp_api.readers import listed

logger = logging.getLogger("airbyte.source_mailchimp")


@dataclass(frozen=True)
class MergeField:
    """A merge field of one audience. ``kind``: Mailchimp's type. ``date_format``: of a date, such as DD/MM/YYYY."""

    tag: str
    name: str
    kind: str
    date_format: str = ""


@dataclass(frozen=True)
class Interest:
    """An interest of one audience: its group's title and its own name."""

    id: str
    group: str
    name: str


@dataclass(frozen=True)
class AudienceFields:
    """What the contacts of the audience ``list_id`` have beside what all contacts have."""

    list_id: str
    merge_fields: tuple[MergeField, ...] = ()
    interests: tuple[Interest, ...] = field(default=())


def contact_fields_of(client: MailchimpClient, list_ids: Iterable[str], *, workers: int) -> list[AudienceFields]:
    """The fields of the audiences in ``list_ids``, or of all of the account where there are none, in their order.

    It takes a request for the audiences and, for each of them, two, and one more for each group of interests, up to
    ``workers`` at once. An audience that is gone, or whose fields the user may not read, has none, and a warning
    says so. Raises other MailchimpErrors.
    """
    chosen = list(dict.fromkeys(list_ids)) or [str(row["id"]) for row in _rows(client, "lists", "lists")]
    with ThreadPoolExecutor(max_workers=workers) as pool:
        return list(pool.map(partial(_fields_of, client), chosen))


def _fields_of(client: MailchimpClient, list_id: str) -> AudienceFields:
    merge_fields, interests = partial(_merge_fields, client, list_id), partial(_interests, client, list_id)
    return AudienceFields(list_id, tuple(_allowed(merge_fields, list_id)), tuple(_allowed(interests, list_id)))


def _allowed(asking: Callable[[], list[Any]], list_id: str) -> list[Any]:
    try:
        return asking()
    except (ResourceGone, ResourceRefused) as error:
        logger.warning(
            "list_members: the merge fields or interests of audience %s stay as they come: %s", list_id, error
        )
        return []


def _merge_fields(client: MailchimpClient, list_id: str) -> list[MergeField]:
    return [
        MergeField(
            tag=str(row["tag"]),
            name=str(row.get("name") or row["tag"]),
            kind=str(row.get("type") or "text"),
            date_format=str((row.get("options") or {}).get("date_format") or ""),
        )
        for row in _rows(client, f"lists/{list_id}/merge-fields", "merge_fields")
        if row.get("tag")
    ]


def _interests(client: MailchimpClient, list_id: str) -> list[Interest]:
    return [
        Interest(
            id=str(row["id"]), group=str(group.get("title") or group["id"]), name=str(row.get("name") or row["id"])
        )
        for group in _rows(client, f"lists/{list_id}/interest-categories", "categories")
        for row in _rows(client, f"lists/{list_id}/interest-categories/{group['id']}/interests", "interests")
    ]


def _rows(client: MailchimpClient, path: str, items: str) -> Iterator[Mapping[str, Any]]:
    """Every row of a listing. Raises IncompleteListing."""
    read = listed(items)

    def ask(offset: int, count: int) -> Page:
        params: dict[str, str | int | bool | None]
        params = {"count": count, "offset": offset, "exclude_fields": f"{items}._links,_links"}
        page = client.request("GET", path, params, read=read)
        return Page(offset, count, page.rows, page.total)

    # Recorded answers show fewer fields and interests than they count.
    listing = Listing(path, ask, key_of=lambda row: (row.get("tag"), row.get("id")), total_may_be_wrong=True)
    for rows in read_listing(listing, Reading(1, time.sleep)):
        yield from rows
