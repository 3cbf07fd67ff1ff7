"""Small accounts that syncs are tested on, and what may go wrong in them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from mailchimp_api.errors import (
    Problem,
    ResourceRefused,
)
from source_mailchimp.stream import Record
from source_mailchimp.streams import STREAMS
from unit_tests.mailchimp_model import Site, date

MEMBERS = "lists/l1/segments/7/members"
SEGMENT_MEMBERS = STREAMS["segment_members"]
UNSUBSCRIBES = STREAMS["unsubscribes"]
REPORTS = STREAMS["reports"]


def segment(size: int, **options: Any) -> Site:
    """One audience with one segment of this many contacts."""
    return Site(
        tables={
            "lists": [{"id": "l1"}],
            "lists/l1/segments": [{"id": 7, "list_id": "l1"}],
            MEMBERS: [{"id": f"m{number}"} for number in range(size)],
        },
        **options,
    )


def report(name: str, *, unsubscribed: int = 0, sent: int = 1000, audience: str = "l1") -> Record:
    """The report of a campaign of which only counts tell more."""
    return {
        "id": name,
        "type": "regular",
        "list_id": audience,
        "send_time": date(sent),
        "opens": {"last_open": ""},
        "clicks": {"last_click": ""},
        "unsubscribed": unsubscribed,
    }


def campaigns(size: int) -> Site:
    """Sent long ago, with one unsubscribe each."""
    site = Site(now=50_000_000)
    site.tables["reports"] = [report(f"r{number:04}", unsubscribed=1) for number in range(size)]
    for row in site.tables["reports"]:
        leave(site, row, "e0", 2000)
    return site


def leave(site: Site, row: Record, email: str, second: int) -> None:
    """Let somebody unsubscribe after the campaign of the report ``row``."""
    path = f"reports/{row['id']}/unsubscribed"
    site.tables.setdefault(path, []).append(
        {"campaign_id": row["id"], "email_id": email, "timestamp": date(second), "list_id": row["list_id"]}
    )


def ids(rows: list[Record]) -> set[str]:
    """Those of ``rows``."""
    return {row["id"] for row in rows}


def refused() -> ResourceRefused:
    """What a 403 raises."""
    return ResourceRefused("no", problem=Problem(403, "Forbidden"))


def once(error: Exception) -> Callable[[Mapping[str, Any]], Exception | None]:
    """A fault that strikes the first request only."""
    left = [error]
    return lambda _: left.pop() if left else None
