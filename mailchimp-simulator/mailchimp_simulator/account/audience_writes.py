"""Writing what belongs to an audience: segments and tags, merge fields, the audience itself, events."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from mailchimp_simulator.account.audiences import MERGE_FIELD_LIMIT
from mailchimp_simulator.account.contact_rows import segment_member
from mailchimp_simulator.account.contacts import ARCHIVED, SUBSCRIBED
from mailchimp_simulator.account.people import subscriber_hash
from mailchimp_simulator.contract.answers import ProblemError, invalid, not_found
from mailchimp_simulator.contract.times import iso

if TYPE_CHECKING:
    from mailchimp_simulator.account.audiences import Audience
    from mailchimp_simulator.account.tags_and_segments import Segment
    from mailchimp_simulator.account.world import World
    from mailchimp_simulator.contract.query import Query

Json = dict[str, Any]
Values = tuple[str, ...]
MAX_EMAILS = 500
_TAG = re.compile(r"^[A-Za-z0-9_]{1,10}$")


def _segment(audience: Audience, values: Values) -> Segment:
    segment = audience.segments.by_id.get(int(values[1])) if values[1].isdigit() else None
    if segment is None:
        raise not_found()
    return segment


def _members(world: World, audience: Audience, emails: list[str]) -> tuple[list[int], list[str]]:
    """Indexes of the addresses that a segment takes, and the other addresses. Raises ProblemError (5xx).

    Strangers and archived contacts are not taken; whether other contacts that aren't subscribed are is open.
    """
    found: list[int] = []
    strangers: list[str] = []
    takes_all = world.settings.facts.segments_take_unsubscribed
    digests = [subscriber_hash(email.strip()) for email in emails]
    for email, digest in zip(emails, digests, strict=True):
        world.contact_faults.check(digest, email, "segment", whole_call=True)
    for email, digest in zip(emails, digests, strict=True):
        index = audience.contacts.find(digest)
        status = ARCHIVED if index is None else audience.contacts.status[index]
        if index is None or status == ARCHIVED or (status != SUBSCRIBED and not takes_all):
            strangers.append(email)
        else:
            found.append(index)
    return found, strangers


_TOO_MANY = (
    f"Maximum allowed member items exceeded, please provide at most {MAX_EMAILS} items in members_to_add field "
    "or members_to_remove field"
)
"""As reported (hitobito/hitobito#1819)."""


def _limit(emails: list[str]) -> None:
    if len(emails) > MAX_EMAILS:
        raise ProblemError(400, "Invalid Resource", _TOO_MANY)


def post_segment(world: World, values: Values, query: Query, body: Json) -> Json:
    """`POST /lists/{}/segments`: a tag, unless there are conditions."""
    del query
    audience = world.audiences.of(values)
    emails = body.get("static_segment") or []
    _limit(emails)
    if not body["name"].strip():
        raise invalid(("name", "This value should not be blank."))
    is_taken = "options" not in body and body["name"].lower() in audience.segments.by_name
    if is_taken and world.settings.facts.segment_names_unique:
        raise ProblemError(400, "Bad Request", "Sorry, that tag already exists.")
    found = _members(world, audience, emails)[0]
    segment = audience.segments.create(body["name"], world.clock.now(), body.get("options"))
    world.invalidate()
    for index in found:
        audience.segments.put(segment, index, member=True)
    return audience.segments.row(segment, audience.id)


_UNCHANGED = {
    "members_to_add": "Email addresses already exist in the static segment",
    "members_to_remove": "Email addresses do not exist in the static segment",
}


def post_segment_members(world: World, values: Values, query: Query, body: Json) -> Json:
    """`POST /lists/{}/segments/{}`: add and remove up to 500 addresses each.

    Addresses that are not subscribed to the list are ignored; a list of nothing else is refused (asserted).
    """
    del query
    audience = world.audiences.of(values)
    segment = _segment(audience, values)
    facts = world.settings.facts
    if segment.type != "static":
        raise invalid(("segment_id", "Only static segments take members."))
    wanted: dict[str, list[int]] = {}
    for name in _UNCHANGED:
        emails = body.get(name) or []
        _limit(emails)
        wanted[name] = _members(world, audience, emails)[0]
        if emails and not wanted[name]:
            raise invalid((name, "None of the emails provided were subscribed to the list"))
    changed: dict[str, list[int]] = {}
    errors: list[Json] = []
    for name, indexes in wanted.items():
        member = name == "members_to_add"
        changed[name] = [index for index in indexes if audience.segments.put(segment, index, member=member)]
        same = [audience.contacts.email(index) for index in indexes if index not in set(changed[name])]
        if same:
            errors.append({"email_addresses": same, "error": _UNCHANGED[name]})
        if facts.segment_joins_move_last_changed:
            for index in changed[name]:
                audience.contacts.set(index, changed=world.clock.now())
    if not facts.segment_totals_told:
        changed = {name: [] for name in changed}
    rows = {name: [segment_member(audience.rows.row(n, links=False)) for n in found] for name, found in changed.items()}
    return {
        "members_added": rows["members_to_add"], "members_removed": rows["members_to_remove"], "errors": errors,
        "total_added": len(changed["members_to_add"]), "total_removed": len(changed["members_to_remove"]),
        "error_count": len(errors),
    }  # fmt: skip


def patch_segment(world: World, values: Values, query: Query, body: Json) -> Json:
    """`PATCH /lists/{}/segments/{}`: another name, which moves ``updated_at``."""
    del query
    audience = world.audiences.of(values)
    segment = _segment(audience, values)
    if body["name"] != segment.name:
        audience.segments.rename(segment, body["name"], world.clock.now())
    row: Json = audience.segments.row(segment, audience.id)
    return row


def delete_segment(world: World, values: Values, query: Query, body: Json) -> None:
    """`DELETE /lists/{}/segments/{}`."""
    del query, body
    audience = world.audiences.of(values)
    audience.segments.remove(_segment(audience, values))
    world.invalidate()


def _check_field(audience: Audience, body: Json, own: Json | None) -> None:
    tag = body.get("tag")
    if tag is not None and tag != "":
        if not _TAG.match(tag):
            raise invalid(("tag", "Merge tags must be at most 10 characters of A-Z, 0-9 and _."))
        if any(f["tag"] == tag.upper() and f is not own for f in audience.merge_fields):
            raise invalid(("tag", f'A Merge Field with the tag "{tag}" already exists for this list.'))


def post_merge_field(world: World, values: Values, query: Query, body: Json) -> Json:
    """`POST /lists/{}/merge-fields`: at most thirty of them."""
    del query
    audience = world.audiences.of(values)
    _check_field(audience, body, None)
    if len(audience.merge_fields) >= MERGE_FIELD_LIMIT:
        raise invalid(("", f"A list may have {MERGE_FIELD_LIMIT} merge fields."))
    if body["type"] in ("radio", "dropdown") and not (body.get("options") or {}).get("choices"):
        raise invalid(("options.choices", "This value should not be blank."))
    return _public(audience.add_merge_field(body))


def patch_merge_field(world: World, values: Values, query: Query, body: Json) -> Json:
    """`PATCH /lists/{}/merge-fields/{}`."""
    del query
    audience = world.audiences.of(values)
    field = _field(audience, values)
    _check_field(audience, body, field)
    for key in ("name", "required", "default_value", "public", "display_order", "help_text", "tag"):
        if key in body:
            field[key] = body[key].upper() if key == "tag" else body[key]
    field["options"] = {**field["options"], **(body.get("options") or {})}
    audience.refresh_merge_text()
    world.invalidate()
    return _public(field)


def _field(audience: Audience, values: Values) -> Json:
    found = next((f for f in audience.merge_fields if str(f["merge_id"]) == values[1]), None)
    if found is None:
        raise not_found()
    return found


def _public(field: Json) -> Json:
    return {key: value for key, value in field.items() if not key.startswith("_")}


def post_list(world: World, values: Values, query: Query, body: Json) -> Json:
    """`POST /lists`: an audience without contacts."""
    del values, query
    index = world.audience_count
    world.made_audiences += 1
    audience = world.audiences.at(index)
    audience.created = world.clock.now()
    audience.double_optin = bool(body.get("double_optin"))
    audience.changes = dict(body)
    world.created_ids.add(audience.id)
    world.invalidate()
    return audience.row()


def patch_list(world: World, values: Values, query: Query, body: Json) -> Json:
    """`PATCH /lists/{}`."""
    del query
    audience = world.audiences.of(values)
    audience.changes |= body
    return audience.row()


def post_event(world: World, values: Values, query: Query, body: Json) -> None:
    """`POST …/events`."""
    del query
    if not 2 <= len(body["name"]) <= 30:
        raise invalid(("name", "The name must be 2 to 30 characters long."))
    table = world.table("/lists/{list_id}/members/{subscriber_hash}/events", values)
    table.create({"name": body["name"], "occurred_at": body.get("occurred_at") or iso(world.clock.now()),
                  "properties": body.get("properties") or {}})  # fmt: skip
