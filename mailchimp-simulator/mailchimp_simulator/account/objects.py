"""GETs of single objects."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from mailchimp_simulator.account.campaign_sources import ReportRows
from mailchimp_simulator.account.fixtures import record
from mailchimp_simulator.account.generator import Row, compile_row
from mailchimp_simulator.account.ground import CONTACTS, MEMBERS
from mailchimp_simulator.account.listings import with_total_contacts
from mailchimp_simulator.account.member_listings import contact
from mailchimp_simulator.account.randomness import salt_of
from mailchimp_simulator.contract.answers import links, not_found, not_simulated
from mailchimp_simulator.contract.times import iso

if TYPE_CHECKING:
    from mailchimp_simulator.account.world import World
    from mailchimp_simulator.contract.operations import Operation
    from mailchimp_simulator.contract.query import Query

Json = dict[str, Any]
Parents = tuple[str, ...]


def single(world: World, operation: Operation, values: Parents, query: Query) -> Any:
    """The object that a path names. Raises ProblemError: 404, or 501 for what is not played."""
    path = operation.path
    if path in _HANDLERS:
        return _HANDLERS[path](world, values)
    if path == "/search-members":
        return search_members(world, query)
    if path in ("/activity-feed", "/ecommerce", "/file-manager", "/reporting"):
        return links(path)
    if not path.endswith("}"):
        return _beside(world, operation, values)
    collection = path.rsplit("/", 1)[0]
    if collection == CONTACTS:
        return _audience_contact(world, values)
    if collection not in world.sources:
        raise not_simulated("GET", path)
    source = world.sources[collection]
    if isinstance(source, ReportRows):
        report = source.by_id(values[0])
        if report is None:
            raise not_found()
        return report
    table = world.table(collection, values[:-1])
    place = table.find(values[-1])
    if place is None:
        raise not_found()
    if path == "/campaigns/{campaign_id}":
        found = world.campaigns.find(values[0])
        assert found is not None
        return {**world.campaigns.row(found), **table.patched.get(place, {})}
    row = table.raw(place)
    return with_total_contacts(world, row) if query.flag("include_total_contacts") else row


def _root(world: World, values: Parents) -> Json:
    del values
    total = sum(world.audiences.at(n).contacts.count() for n in range(world.audience_count))
    return record("account", {
        "account_id": f"{world.people_salt:025x}"[:25], "member_since": iso(world.clock.start - 5 * 365 * 86_400),
        "last_login": iso(world.clock.start), "total_subscribers": total, "_links": links("/"),
    })  # fmt: skip


def _ping(world: World, values: Parents) -> Json:
    del world, values
    return {"health_status": "Everything's Chimpy!"}


def _member(world: World, values: Parents) -> Json:
    audience = world.audiences.find(values[0])
    index = audience.contacts.find(values[1]) if audience else None
    if audience is None or index is None:
        raise not_found()
    return audience.rows.row(index)


def _audience_contact(world: World, values: Parents) -> Json:
    audience = world.audiences.find(values[0])
    if audience is not None:
        for index in range(len(audience.contacts)):
            if audience.contacts.status[index] < 6 and audience.rows.row(index)["contact_id"] == values[1]:
                return contact(audience, index)
    raise not_found()


def _content(world: World, values: Parents) -> Json:
    campaign = world.campaigns.find(values[0])
    if campaign is None:
        raise not_found()
    text = f"<html><body><h1>Été {campaign.index}</h1></body></html>"
    content: Json = {"plain_text": f"Été {campaign.index}", "html": text, "archive_html": text}
    if campaign.type == "variate":
        content["variate_contents"] = [{"content_label": "A", "plain_text": "A", "html": text}]
    return {**content, **world.contents.get(("/campaigns", values[0]), {}), "_links": links("/campaigns")}


def _template_content(world: World, values: Parents) -> Json:
    if world.table("/templates", ()).find(values[0]) is None:
        raise not_found()
    return {"sections": {"header": "<h1>Été</h1>", "body": ""}, "_links": links("/templates")}


def _beside(world: World, operation: Operation, values: Parents) -> Json:
    """An object that hangs on another one, such as a landing page's content: made from its schema."""
    schema = operation.raw.get("response_schema")
    if not schema:
        raise not_simulated("GET", operation.path)
    make = compile_row(world.contract, schema, {})
    salt = salt_of(world.settings.seed, operation.path, *values)
    return make(Row(world, operation.path_params, values, 0, salt))


def search_members(world: World, query: Query) -> Json:
    """Contacts whose address or name contains a text."""
    text = query.values["query"].lower()
    exact: list[Json] = []
    full: list[Json] = []
    for position in range(world.audience_count):
        audience = world.audiences.at(position)
        if query.values.get("list_id") not in (None, audience.id):
            continue
        for index in audience.contacts.view("", ""):
            if text in audience.contacts.email(index).lower() and len(full) < 30:
                row = audience.rows.row(index)
                (exact if row["email_address"].lower() == text else full).append(row)
    return {"exact_matches": {"members": exact, "total_items": len(exact)},
            "full_search": {"members": full, "total_items": len(full)}, "_links": links("/search-members")}  # fmt: skip


_HANDLERS: dict[str, Callable[[World, Parents], Any]] = {
    "/": _root,
    "/ping": _ping,
    MEMBERS + "/{subscriber_hash}": _member,
    "/campaigns/{campaign_id}/content": _content,
    "/templates/{template_id}/default-content": _template_content,
}
