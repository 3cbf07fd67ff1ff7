"""Asks an account which merge fields and interests the contacts of its audiences have."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from mailchimp_api.client import MailchimpClient
from mailchimp_api.errors import ResourceGone, ResourceRefused

logger = logging.getLogger("airbyte.source_mailchimp")

_PAGE = (
    1000  # Mailchimp admits 80 merge fields and 60 interests of a group: more than a page there is of audiences only
)


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
    """Every row of a listing."""
    offset = 0
    while True:
        params: dict[str, str | int | bool | None] = {
            "count": _PAGE,
            "offset": offset,
            "exclude_fields": f"{items}._links,_links",
        }
        page = client.get(path, params, items=items)[items]
        yield from page
        offset += len(page)
        if len(page) < _PAGE:
            return
