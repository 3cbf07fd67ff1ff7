"""GETs of collections: choose, sort, cut the page, and put the answer together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from mailchimp_simulator.account.contacts import GONE
from mailchimp_simulator.account.people import subscriber_hash
from mailchimp_simulator.contract.answers import Answer, links, not_simulated
from mailchimp_simulator.contract.query import shuffled
from mailchimp_simulator.contract.times import parse_time

if TYPE_CHECKING:
    from mailchimp_simulator.account.table import Table
    from mailchimp_simulator.account.world import World
    from mailchimp_simulator.contract.operations import Operation
    from mailchimp_simulator.contract.query import Query

Json = dict[str, Any]
Parents = tuple[str, ...]

_ELSEWHERE = {
    ("/campaigns", "list_id"): "recipients.list_id",
    ("/campaigns", "folder_id"): "settings.folder_id",
    ("/lists", "campaign_last_sent"): "stats.campaign_last_sent",
    ("/file-manager/files", "added_date"): "created_at",
    ("/file-manager/folders/{folder_id}/files", "added_date"): "created_at",
    ("/ecommerce/orders", "customer_id"): "customer.id",
    ("/ecommerce/orders", "outreach_id"): "outreach.id",
    ("/ecommerce/stores/{store_id}/orders", "customer_id"): "customer.id",
    ("/ecommerce/stores/{store_id}/orders", "outreach_id"): "outreach.id",
    ("/conversations/{conversation_id}/messages", "is_read"): "read",
}
"""Where a parameter's value stands in the row, when not under its own name."""
_NOT_FILTERS = frozenset({
    "fields", "exclude_fields", "count", "offset", "sort_field", "sort_dir", "cursor", "filter_bots",
    "since",
})  # fmt: skip


def dig(row: Json, path: str) -> Any:
    """The value at a dotted path, or None."""
    value: Any = row
    for part in path.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value


def listing(world: World, operation: Operation, parents: Parents, query: Query) -> Answer:
    """The answer to a GET of a collection."""
    if "member_id" in query.values:
        raise not_simulated("GET", f"{operation.path}?member_id")
    table = world.table(operation.path, parents)
    tests = _tests(world, operation, query)
    if not tests and not query.sort:
        total = table.size()
        items = [table.at(n) for n in query.slice(total)]
    else:
        rows = _chosen(table, operation, query, tests)
        total = len(rows)
        items = _page(world, operation, query, rows)
    since = query.dates.get("since")
    if since is not None:
        items, total = _since(operation, items, total, since, table, query)
    if query.flag("include_total_contacts"):
        items = [with_total_contacts(world, row) for row in items]
    extra_fields = table.source.extra_fields(parents)
    return answer(operation, parents, query, _linked(world, operation, query, items), total, extra_fields)


def _linked(world: World, operation: Operation, query: Query, items: list[Json]) -> list[Json]:
    """Rows with the `_links` that the contract gives them; other clients than ours take them for granted."""
    if f"{operation.items_key}._links" in query.fields.excluded:
        return items
    if "_links" not in world.contract.item_schema(operation).get("properties", {}):
        return items
    made = links(operation.path)
    return [row if "_links" in row else {**row, "_links": made} for row in items]


def with_total_contacts(world: World, row: Json) -> Json:
    """A list with the number that it shows when asked: all contacts, archived ones too."""
    audience = world.audiences.find(row["id"])
    total = len(audience.contacts) - audience.contacts.status.count(GONE) if audience else 0
    return {**row, "stats": {**row["stats"], "total_contacts": total}}


def _chosen(table: Table, operation: Operation, query: Query, tests: list[Any]) -> list[Json]:
    rows = [table.at(n) for n in range(table.size())]
    rows = [row for row in rows if all(test(row) for test in tests)]
    if query.sort:
        path = _ELSEWHERE.get((operation.path, query.sort), query.sort)
        rows.sort(key=lambda row: _comparable(dig(row, path)), reverse=query.descending)
    return rows


def _page(world: World, operation: Operation, query: Query, rows: list[Json]) -> list[Json]:
    page = query.slice(len(rows))
    if not query.sort or world.settings.facts.tie_order == "stable":
        return [rows[n] for n in page]
    path = _ELSEWHERE.get((operation.path, query.sort), query.sort)
    values = [dig(row, path) for row in rows]
    items = []
    position = page.start
    while position < page.stop:
        low = high = position
        while low and values[low - 1] == values[position]:
            low -= 1
        while high < len(values) and values[high] == values[position]:
            high += 1
        part = range(position, min(high, page.stop))
        items += [rows[n] for n in shuffled(part, low, high)]
        position = part.stop
    return items


def _comparable(value: Any) -> tuple[int, Any]:
    return (0, "") if value is None else (1, value)


def _tests(world: World, operation: Operation, query: Query) -> list[Any]:
    tests: list[Any] = []
    for name, value in query.values.items():
        if name in _NOT_FILTERS or name.startswith("include_"):
            continue
        if name in query.dates:
            tests.append(_date_test(operation.path, name, query.dates[name]))
        else:
            test = _value_test(world, operation.path, name, value)
            if test:
                tests.append(test)
    return tests


def _date_test(path: str, name: str, bound: int) -> Any:
    edge, field = name.split("_", 1)
    where = _ELSEWHERE.get((path, field), field)

    def test(row: Json) -> bool:
        text = dig(row, where)
        if not text:
            return False
        try:
            moment = parse_time(text)
        except ValueError:
            # A zero date, such as that of a campaign that was unscheduled, lies before all others.
            return edge != "since"
        return moment > bound if edge == "since" else moment <= bound

    return test


def _value_test(world: World, path: str, name: str, value: str) -> Any:
    if name == "has_outreach":
        return lambda row: bool(dig(row, "outreach.id")) is (value.lower() in ("true", "1"))
    if name == "has_unread_messages":
        return lambda row: bool(row.get("unread_messages")) is (value == "true")
    if name == "exclude_type":
        return lambda row: row.get("type") != value
    if path.endswith("/tag-search"):
        return lambda row: row["name"].lower().startswith(value.lower())
    if path == "/lists":
        return _list_test(world, name, value)
    if name == "query":
        return lambda row: value.lower() in orjson.dumps(row).decode().lower()
    if name == "activity_filters":
        return lambda row: row.get("activity_type") in value.split(",")
    where = _ELSEWHERE.get((path, name), name)

    def test(row: Json) -> bool:
        found = dig(row, where)
        if isinstance(found, bool):
            return found is (value.lower() in ("true", "1"))
        return found is None or str(found) == value

    return test


def _list_test(world: World, name: str, value: str) -> Any:
    if name == "email":

        def test(row: Json) -> bool:
            audience = world.audiences.find(row["id"])
            return audience is not None and audience.contacts.find(subscriber_hash(value)) is not None

        return test
    if name == "has_ecommerce_store":
        stores = {row["list_id"] for row in world.rows("/ecommerce/stores", ())}
        return lambda row: (row["id"] in stores) is (value.lower() in ("true", "1"))
    return None


def _since(operation: Operation, items: list[Json], total: int, since: int, table: Table,
           query: Query) -> tuple[list[Json], int]:  # fmt: skip
    """`since` trims the nested events. Email activity keeps every recipient and counts them all (facts.md)."""
    key = "activity" if operation.path.endswith("email-activity") else "opens"
    if key == "opens":
        rows = [_trim(table.at(n), key, since) for n in range(table.size())]
        rows = [row for row in rows if row[key]]
        return [rows[n] for n in query.slice(len(rows))], len(rows)
    return [_trim(row, key, since) for row in items], total


def _trim(row: Json, key: str, since: int) -> Json:
    return {**row, key: [event for event in row[key] if parse_time(event["timestamp"]) > since]}


def answer(operation: Operation, parents: Parents, query: Query, items: list[Json], total: int | None,
           extra_fields: Json) -> Answer:  # fmt: skip
    """Rows, total, parents' ids and links as one answer."""
    body: Json = {}
    # The contract has no schema for a list's surveys: rows under their own name, as everywhere else.
    key = operation.items_key or operation.path.rpartition("/")[2]
    body[key] = items
    properties = _properties(operation)
    for name, value in zip(operation.path_params, parents, strict=True):
        name_here = {"interest_category_id": "category_id", "subscriber_hash": "email_id",
                     "workflow_email_id": "email_id"}.get(name, name)  # fmt: skip
        if name_here in properties:
            body[name_here] = value
    body |= extra_fields
    if (operation.raw["has_total_items"] or not operation.items_key) and total is not None:
        body["total_items"] = total
    body["_links"] = links(operation.path)
    content: Any = body if query.fields.everything else query.fields.apply(body)
    return Answer(200, orjson.dumps(content), rows=len(items))


def _properties(operation: Operation) -> Json:
    schema = operation.raw.get("response_schema")
    return dict(schema.get("properties", {})) if isinstance(schema, dict) else {}
