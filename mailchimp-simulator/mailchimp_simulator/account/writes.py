"""Which writes are played, and by what: special handlers, and a generic one for rows that are merely kept."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mailchimp_simulator.account import audience_writes as audience
from mailchimp_simulator.account import contact_calls as contacts
from mailchimp_simulator.account.contact_batches import post_batch
from mailchimp_simulator.account.overrides import OVERRIDES
from mailchimp_simulator.account.sources import Generic
from mailchimp_simulator.contract.answers import ProblemError, invalid, not_found
from mailchimp_simulator.contract.times import iso

if TYPE_CHECKING:
    from mailchimp_simulator.account.table import Table
    from mailchimp_simulator.account.world import World
    from mailchimp_simulator.contract.operations import Operation
    from mailchimp_simulator.contract.query import Query

Json = dict[str, Any]
Values = tuple[str, ...]
_LIST = "/lists/{list_id}"
_MEMBER = _LIST + "/members/{subscriber_hash}"
_SEGMENT = _LIST + "/segments/{segment_id}"
_FIELD = _LIST + "/merge-fields/{merge_id}"


@dataclass(frozen=True)
class Handler:
    """A special write."""

    run: Callable[[World, Values, Query, Json], Any]
    asked_by: str
    """For whose sake it is played: the destination, probes, tests, or recorded answers that are replayed."""
    lenient: bool = False
    """The body isn't checked before."""
    creates: bool = False
    """The last object of the path may be new."""
    needs_nothing: bool = False
    """What the contract requires of the body is looked at by the handler, if at all."""


WRITES: dict[tuple[str, str], Handler] = {
    ("POST", "/lists"): Handler(audience.post_list, "recorded answers"),
    ("PATCH", _LIST): Handler(audience.patch_list, "recorded answers"),
    ("POST", _LIST): Handler(post_batch, "the destination"),
    ("POST", _LIST + "/members"): Handler(contacts.post_member, "recorded answers"),
    ("PUT", _MEMBER): Handler(contacts.put_member, "the destination", creates=True, needs_nothing=True),
    ("PATCH", _MEMBER): Handler(contacts.patch_member, "the destination", creates=True),
    ("DELETE", _MEMBER): Handler(contacts.delete_member, "the destination", creates=True),
    ("POST", _MEMBER + "/actions/delete-permanent"): Handler(contacts.delete_permanent, "probes", creates=True),
    ("POST", _MEMBER + "/tags"): Handler(contacts.post_member_tags, "the destination", lenient=True, creates=True),
    ("POST", "/audiences/{audience_id}/contacts"): Handler(contacts.post_audience_contact, "the destination"),
    ("POST", _MEMBER + "/events"): Handler(audience.post_event, "recorded answers"),
    ("POST", _LIST + "/segments"): Handler(audience.post_segment, "the destination"),
    ("POST", _SEGMENT): Handler(audience.post_segment_members, "the destination"),
    ("PATCH", _SEGMENT): Handler(audience.patch_segment, "tests"),
    ("DELETE", _SEGMENT): Handler(audience.delete_segment, "probes"),
    ("POST", _LIST + "/merge-fields"): Handler(audience.post_merge_field, "the destination"),
    ("PATCH", _FIELD): Handler(audience.patch_merge_field, "tests"),
}

KEPT = {path: override.writes for path, override in OVERRIDES.items() if override.writes}
"""Collections whose rows are merely kept, created, changed and deleted as the body says, and who asks for that."""
_DATES_NOW = ("created_at", "updated_at", "date_created", "date_edited")


def write_object(world: World, operation: Operation, values: Values, body: Json) -> Any:
    """A write to a row that is merely kept, or NotImplemented if this is none. Raises ProblemError (404, 400)."""
    path = operation.path
    if operation.method == "POST" and path in KEPT:
        if not world.exists(path, values):
            raise not_found()
        return _create(world, world.table(path, values), operation, values, body)
    collection = path.rpartition("/")[0]
    campaign = path == "/campaigns/{campaign_id}" and operation.method in ("PATCH", "DELETE")
    if not path.endswith("}") or not (collection in KEPT or campaign):
        return NotImplemented
    if not world.exists(collection, values[:-1]):
        raise not_found()
    table = world.table(collection, values[:-1])
    place = table.find(values[-1])
    if operation.method == "PUT" and place is None:
        return _create(world, table, operation, values[:-1], {**body, table.source.key: values[-1]})
    if place is None:
        raise not_found()
    if operation.method == "DELETE":
        table.delete(place)
        return None
    now = iso(world.clock.now())
    before = table.raw(place)
    fields = {key: {**before[key], **value} if isinstance(value, dict) and isinstance(before.get(key), dict) else value
              for key, value in body.items()}  # fmt: skip
    dates: Json = {key: now for key in ("updated_at", "date_edited") if key in before}
    return table.patch(place, {**fields, **dates})


def _create(world: World, table: Table, operation: Operation, parents: Values, body: Json) -> Json:
    source = table.source
    assert isinstance(source, Generic)
    index = source.size(parents) + len(table.created)
    pattern = source.row(parents, index)
    keep = {source.key, *operation.path_params, "category_id", "contact_id", "email_id", "_links"}
    row = {key: value if key in keep else _blank(value) for key, value in pattern.items()}
    now = iso(world.clock.now())
    row |= {key: now for key in _DATES_NOW if key in row}
    row |= {key: value for key, value in body.items() if not (key == "html" and "html" not in pattern)}
    for path, name, text in _UNIQUE:
        if operation.path == path and any(table.at(n).get(name) == row[name] for n in range(table.size())):
            raise ProblemError(400, "Invalid Resource", text.format(row[name]))
    if table.find(str(row.get(source.key))) is not None:
        raise invalid((source.key, "An object with this id exists already."))
    world.created_ids.add(str(row.get(source.key)))
    return table.create(row)


_CATEGORIES = _LIST + "/interest-categories"
_UNIQUE = (
    (_CATEGORIES, "title", "An interest category with the title '{}' already exists."),
    (_CATEGORIES + "/{interest_category_id}/interests", "name",
     'Cannot add "{}" because it already exists on the list.'),
)  # fmt: skip
"""Names that are refused when they come again (recorded)."""


def _blank(value: Any) -> Any:
    """A value of the same type that says nothing; one of an enumeration stays."""
    if isinstance(value, bool):
        return False
    if isinstance(value, int | float):
        return 0
    if isinstance(value, list):
        return []
    if isinstance(value, dict):
        return {key: _blank(inner) for key, inner in value.items()}
    return value
