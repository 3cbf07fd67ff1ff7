"""Probes of how listings behave: the order of ties, the children of variate campaigns, an exclusive bound.

They read. Only for the ties, where the account has none, contacts are made, if that is allowed.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import timedelta
from itertools import groupby
from typing import Any

from mailchimp_api.client import MailchimpClient
from probes.findings import Account, Finding, Probe, Unsettled
from source_mailchimp.dates import parse_date

Json = dict[str, Any]
_PAGE = 1000
_LONGEST_SEARCH = 20  # pages, of all audiences together
_READINGS = 8
_OWN_TIES = 10


def tie_order(account: Account) -> Finding:
    """Do contacts changed in the same second come in the same order each time?"""
    list_id, moment, count = _most_ties(account)
    window = {
        "since_last_changed": _second_before(moment),
        "before_last_changed": moment,
    }
    whole = [_window(account.client, list_id, window, count=_PAGE) for _ in range(_READINGS)]
    if len({total for _, total in whole}) > 1:
        raise Unsettled("contacts changed while they were read; run it again")
    half = math.ceil(min(count, _PAGE) / 2)
    halves = [
        _window(account.client, list_id, window, count=half)[0]
        + _window(account.client, list_id, window, count=half, offset=half)[0]
        for _ in range(_READINGS)
    ]
    what = f"{count} contacts of one second, read {_READINGS} times whole and {_READINGS} times in two pages"
    if len({tuple(ids) for ids, _ in whole}) > 1:
        return Finding("shuffled", what)
    if any(ids != whole[0][0][: len(ids)] for ids in halves):
        return Finding("shuffled", f"{what}: pages differ from the whole")
    return Finding("stable", f"{what}: no proof that it always is")


def _most_ties(account: Account) -> tuple[str, str, int]:
    """An audience, a second (as the API writes it) and how many of its contacts changed then."""
    found = max(_ties(account.client), key=lambda tie: (tie[2] <= _PAGE, tie[2]), default=None)
    if found:
        return found
    if account.own is None:
        raise Unsettled(f"no two contacts changed in one second, and {account.settings.why_nothing_is_written}")
    addresses = [account.own.address() for _ in range(_OWN_TIES)]
    account.own.batch(*({"email_address": each, "status": "subscribed"} for each in addresses), update_existing=True)
    moments = sorted(account.own.contact(each)["last_changed"] for each in addresses)
    moment, times = max(((moment, list(group)) for moment, group in groupby(moments)), key=lambda pair: len(pair[1]))
    if len(times) == 1:
        raise Unsettled("not even contacts written in one call changed in one second")
    return str(account.settings.list_id), moment, len(times)


def _ties(client: MailchimpClient) -> Iterator[tuple[str, str, int]]:
    pages = 0
    for audience in client.get("lists", {"count": _PAGE, "fields": "lists.id"}, items="lists")["lists"]:
        moments: list[str] = []
        full = True
        while full and pages < _LONGEST_SEARCH:
            query: Json = {"sort_field": "last_changed", "sort_dir": "ASC", "count": _PAGE, "offset": len(moments)}
            path = f"lists/{audience['id']}/members"
            rows = client.get(path, {**query, "fields": "members.last_changed"}, items="members")["members"]
            moments += [row["last_changed"] for row in rows]
            full = len(rows) == _PAGE
            pages += 1
        for moment, group in groupby(moments):
            times = len(list(group))
            if moment and times > 1:
                yield audience["id"], moment, times


def _window(
    client: MailchimpClient, list_id: str, window: Json, *, count: int, offset: int = 0
) -> tuple[list[str], int]:
    """The ids of a page of the window, and how many contacts are in all of it."""
    query = {**window, "sort_field": "last_changed", "sort_dir": "ASC", "count": count, "offset": offset}
    body = client.get(f"lists/{list_id}/members", {**query, "fields": "members.id,total_items"}, items="members")
    return [row["id"] for row in body["members"]], int(body["total_items"])


def reports_list_variate_children(account: Account) -> Finding:
    """Are the children of variate campaigns among ``/reports``, or in their parent's sub-reports only?"""
    query: Json = {"type": "variate", "status": "sent", "count": 20, "fields": "campaigns.id"}
    variate = account.client.get("campaigns", query, items="campaigns")["campaigns"]
    if not variate:
        raise Unsettled("the account has no sent variate campaign")
    children: set[str] = set()
    for campaign in variate:
        below = account.client.get(f"reports/{campaign['id']}/sub-reports", items="reports")["reports"]
        children.update(row["id"] for row in below)
    if not children:
        raise Unsettled("the sub-reports of its variate campaigns are empty")
    listed: set[str] = set()
    full = True
    while full:
        page: Json = {"count": _PAGE, "offset": len(listed), "fields": "reports.id"}
        rows = account.client.get("reports", page, items="reports")["reports"]
        listed.update(row["id"] for row in rows)
        full = len(rows) == _PAGE
    both = len(children & listed)
    reading = {0: "false", len(children): "true"}.get(both, "some")
    return Finding(reading, f"{both} of {len(children)} children of {len(variate)} campaigns are listed")


def audience_contacts_since_exclusive(account: Account) -> Finding:
    """Does ``updated_since`` of an audience's contacts leave out what changed in that very second?"""
    for audience in account.client.get("audiences", {"count": 100}, items="audiences")["audiences"]:
        path = f"audiences/{audience['id']}/contacts"
        newest = _contacts(account.client, path, {"count": 1, "sort_dir": "DESC"})
        if not newest:
            continue
        moment = newest[0]["last_updated_at"]
        before = _second_before(moment)
        at, earlier, until = (
            newest[0]["id"] in {row["id"] for row in _contacts(account.client, path, {"count": _PAGE, **bound})}
            for bound in (
                {"updated_since": moment},
                {"updated_since": before},
                {"updated_since": before, "updated_before": moment},
            )
        )
        if not earlier:
            continue  # it has changed meanwhile, or the listing lags
        return Finding("false" if at else "true", f"updated_before is {'inclusive' if until else 'exclusive'}")
    raise Unsettled("no audience has a contact that its date finds again")


def _contacts(client: MailchimpClient, path: str, query: Json) -> list[Json]:
    rows: list[Json] = client.get(path, {"sort_field": "updated_at", **query}, items="contacts")["contacts"]
    return rows


def _second_before(text: str) -> str:
    moment = parse_date(text)
    if moment is None:
        raise Unsettled("a contact's date is not a date")
    return (moment - timedelta(seconds=1)).isoformat()


PROBES = (
    Probe("tie_order", tie_order),
    Probe("reports_list_variate_children", reports_list_variate_children),
    Probe("audience_contacts_since_exclusive", audience_contacts_since_exclusive),
)
