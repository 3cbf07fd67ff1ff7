"""GETs of contacts: an audience's members, a segment's members, and the newer API's contacts."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from typing import TYPE_CHECKING, Any

import orjson

from mailchimp_simulator.account.contact_rows import segment_member
from mailchimp_simulator.account.contacts import ARCHIVED, CLEANED, TRANSACTIONAL, UNSUBSCRIBED
from mailchimp_simulator.account.listings import answer
from mailchimp_simulator.contract.answers import Answer, ProblemError, invalid, links
from mailchimp_simulator.contract.query import shuffled
from mailchimp_simulator.contract.times import iso

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mailchimp_simulator.account.audiences import Audience
    from mailchimp_simulator.account.world import World
    from mailchimp_simulator.contract.operations import Operation
    from mailchimp_simulator.contract.query import Query

Json = dict[str, Any]
_CHEAP = frozenset({"members._links", "_links"})


def members(world: World, audience: Audience, operation: Operation, query: Query) -> Answer:
    """`/lists/{list_id}/members`. Archived contacts show with `status=archived` only (facts.md)."""
    chosen = _selection(audience, query)
    total = len(chosen)
    if query.sort and world.settings.facts.tie_order == "shuffled":
        indexes = _shuffled_page(audience, chosen, query)
    elif query.descending and query.sort:
        indexes = [chosen[total - 1 - n] for n in query.slice(total)]
    else:
        page = query.slice(total)
        indexes = list(chosen[page.start : page.stop])
    if audience.contacts.unlisted:
        indexes = [n for n in indexes if n not in audience.contacts.unlisted]
    if query.fields.only is None and query.fields.excluded <= _CHEAP:
        rows = audience.rows.page(indexes, links="members._links" not in query.fields.excluded)
        tail = "" if "_links" in query.fields.excluded else f',"_links":{orjson.dumps(links(operation.path)).decode()}'
        body = f'{{"members":[{rows}],"list_id":"{audience.id}","total_items":{total}{tail}}}'
        return Answer(200, body.encode(), rows=len(indexes))
    items = audience.rows.rows(indexes)
    return answer(operation, (audience.id,), query, items, total, {})


def _selection(audience: Audience, query: Query) -> Sequence[int]:
    contacts = audience.contacts
    values = query.values
    dates = query.dates
    view = contacts.view(values.get("status", ""), query.sort)
    chosen: Sequence[int] = view
    changed = (dates.get("since_last_changed"), dates.get("before_last_changed"))
    opted = (dates.get("since_timestamp_opt"), dates.get("before_timestamp_opt"))
    if query.sort == "last_changed" and changed != (None, None):
        low, high = contacts.window(view, "last_changed", *changed)
        chosen, changed = view[low:high], (None, None)
    elif query.sort == "timestamp_opt" and opted != (None, None):
        low, high = contacts.window(view, "timestamp_opt", *opted)
        chosen, opted = view[low:high], (None, None)
    for array, (since, before) in ((contacts.last_changed, changed), (contacts.timestamp_opt, opted)):
        if since is not None:
            chosen = [n for n in chosen if array[n] > since]
        if before is not None:
            chosen = [n for n in chosen if 0 < array[n] <= before]
    if "since_last_campaign" in values and "status" not in values:
        detail = "Status is required when using since_last_campaign filter."
        raise ProblemError(400, "Invalid Resource", detail)
    if query.flag("since_last_campaign"):
        sent = audience.ground.campaigns_of(audience.id)[1]
        chosen = [n for n in chosen if contacts.timestamp_opt[n] > sent]
    for test in _tests(query):
        chosen = [n for n in chosen if test(audience.rows.row(n))]
    return chosen


def _tests(query: Query) -> list[Any]:
    tests: list[Any] = []
    values = query.values
    if "email_type" in values:
        tests.append(lambda row: row["email_type"] == values["email_type"])
    if "unique_email_id" in values:
        tests.append(lambda row: row["unique_email_id"] == values["unique_email_id"])
    if query.flag("vip_only"):
        tests.append(lambda row: row["vip"])
    if "unsubscribed_since" in query.dates:
        since = iso(query.dates["unsubscribed_since"])
        tests.append(lambda row: row["status"] == "unsubscribed" and row["last_changed"] > since)
    wanted = [value for value in values.get("interest_ids", "").split(",") if value]
    if wanted:
        if "interest_category_id" not in values:
            raise invalid(("interest_category_id", "This value should not be blank."))
        match = values.get("interest_match", "any")
        tests.append(lambda row: _match([bool((row["interests"] or {}).get(i)) for i in wanted], match))
    return tests


def _match(found: list[bool], match: str) -> bool:
    return {"any": any(found), "all": all(found), "none": not any(found)}[match]


def _shuffled_page(audience: Audience, chosen: Sequence[int], query: Query) -> list[int]:
    """A page in which the rows that tie stand in an order of this request's own."""
    array = audience.contacts.values(query.sort)
    sign = 1
    if query.descending:
        chosen, sign = chosen[::-1], -1

    def value_of(index: int) -> int:
        return sign * array[index]

    page = query.slice(len(chosen))
    indexes: list[int] = []
    position = page.start
    while position < page.stop:
        value = value_of(chosen[position])
        low = bisect_left(chosen, value, hi=position, key=value_of)
        high = bisect_right(chosen, value, lo=position, key=value_of)
        part = range(position, min(high, page.stop))
        indexes += [chosen[n] for n in shuffled(part, low, high)]
        position = part.stop
    return indexes


def segment_members(audience: Audience, operation: Operation, parents: tuple[str, ...], query: Query) -> Answer:
    """`/lists/{}/segments/{}/members`. `total_items` does not count what the include_ flags add (facts.md)."""
    contacts = audience.contacts
    segment = audience.segments.by_id[int(parents[1])]
    hidden = {UNSUBSCRIBED, CLEANED, TRANSACTIONAL, ARCHIVED}
    default = [n for n in audience.segments.members(segment) if contacts.status[n] not in hidden]
    total = len(default)
    for name, status in (("unsubscribed", UNSUBSCRIBED), ("cleaned", CLEANED), ("transactional", TRANSACTIONAL)):
        if query.flag(f"include_{name}"):
            hidden.discard(status)
    chosen = [n for n in audience.segments.members(segment) if contacts.status[n] not in hidden]
    page = query.slice(len(chosen))
    items = [segment_member(row) for row in audience.rows.rows(chosen[page.start : page.stop])]
    return answer(operation, parents, query, items, total, {})


_EFFECTIVE = {"subscribed": "subscribed", "pending": "pending", "transactional": "nonsubscribed"}


def contact(audience: Audience, index: int) -> Json:
    """A contact as `/audiences/{audience_id}/contacts` shows it."""
    row = audience.rows.row(index)
    merge_fields = row["merge_fields"]
    return {
        "audience_id": audience.id, "id": row["contact_id"],
        "status": "archived" if row["status"] == "archived" else "active",
        "language": row["language"] or "en", "created_at": row["timestamp_opt"],
        "last_updated_at": row["last_changed"], "merge_fields": merge_fields,
        "tags": [tag["name"] for tag in row["tags"]], "source": {"name": row["source"]},
        "email_channel": {
            "email": row["email_address"], "hashed_email": row["id"],
            "effective_subscription_status": {"value": _EFFECTIVE.get(row["status"], "unsubscribed")},
            "marketing_consent": {"status": "consented" if row["status"] == "subscribed" else "unknown",
                                  "captured_at": row["timestamp_opt"], "source": {"name": row["source"]}},
            "source": {"name": row["source"]},
        },
    }  # fmt: skip


def audience_contacts(audience: Audience, operation: Operation, query: Query) -> Answer:
    """`/audiences/{audience_id}/contacts`: pages by cursor, without a total (doc)."""
    contacts = audience.contacts
    sort = "last_changed" if query.sort == "updated_at" else "timestamp_opt"
    view = contacts.view("", sort)
    chosen: Sequence[int] = sorted([*view, *contacts.view("archived", sort)], key=contacts.values(sort).__getitem__)
    bounds = (("created_since", contacts.timestamp_opt, 1), ("created_before", contacts.timestamp_opt, 0),
              ("updated_since", contacts.last_changed, 1), ("updated_before", contacts.last_changed, 0))  # fmt: skip
    for name, array, after in bounds:
        if name in query.dates:
            bound = query.dates[name]
            chosen = [n for n in chosen if (array[n] > bound if after else array[n] <= bound)]
    if query.descending:
        chosen = chosen[::-1]
    start = 0
    if query.values.get("cursor"):
        try:
            start = int(bytes.fromhex(query.values["cursor"]).decode())
        except ValueError:
            raise invalid(("cursor", "This cursor is not valid.")) from None
    page = chosen[start : start + query.count]
    following = start + len(page)
    cursor = str(following).encode().hex() if following < len(chosen) else ""
    items = [contact(audience, n) for n in page]
    return answer(operation, (audience.id,), query, items, None, {"next_cursor": cursor})
