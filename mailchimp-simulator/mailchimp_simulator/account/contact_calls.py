"""Calls about one contact: POST, PUT, PATCH and DELETE of members, deletion for good, and a contact's tags."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mailchimp_simulator.account.contact_writes import Writer, tag_names
from mailchimp_simulator.account.contacts import ARCHIVED, CLEANED, PENDING, SUBSCRIBED
from mailchimp_simulator.account.member_listings import contact
from mailchimp_simulator.account.people import subscriber_hash
from mailchimp_simulator.account.refusals import compliance, member_exists
from mailchimp_simulator.contract.answers import ProblemError, invalid, not_found
from mailchimp_simulator.contract.times import iso

if TYPE_CHECKING:
    from mailchimp_simulator.account.audiences import Audience
    from mailchimp_simulator.account.world import World
    from mailchimp_simulator.contract.query import Query

Json = dict[str, Any]
Ids = tuple[str, ...]
_ALLOW = {"Allow": "GET, PUT"}


def _find(world: World, audience: Audience, digest: str, route: str = "member") -> int | None:
    """A contact by its hash or, as the API allows as well, by its address. Raises ProblemError or Refusal."""
    digest = subscriber_hash(digest) if "@" in digest else digest
    world.contact_faults.check(digest.lower(), "", route)
    return audience.contacts.find(digest)


def _found(world: World, audience: Audience, digest: str, route: str = "member") -> int:
    index = _find(world, audience, digest, route)
    if index is None:
        raise not_found()
    return index


def post_member(world: World, values: Ids, query: Query, body: Json) -> Any:
    """`POST /lists/{list_id}/members`: new contacts, and archived ones, which come back with what they had (recorded).

    Their old status isn't told; one that had left before comes back as `resubscribe_succeeds` says.
    """
    audience = world.audiences.of(values)
    writer = Writer(world, audience, query)
    if not body["email_address"]:
        raise invalid(("email_address", "This value should not be blank."))
    email = writer.check_address(body["email_address"])
    index = audience.contacts.find(subscriber_hash(email))
    if index is None:
        index = writer.create(email, body["status"], body)
    elif audience.contacts.status[index] == ARCHIVED:
        writer.update(index, body["status"], {**body, "email_address": None})
    else:
        raise member_exists(email)
    writer.tag(index, tag_names(body))
    return audience.rows.row(index)


def put_member(world: World, values: Ids, query: Query, body: Json) -> Any:
    """`PUT /lists/{list_id}/members/{hash}`: `status_if_new` counts for a new contact, `status` for any.

    A contact that exists needs neither of the fields that the contract requires (recorded).
    """
    audience = world.audiences.of(values)
    writer = Writer(world, audience, query)
    index = _find(world, audience, values[1])
    if "email_address" in body:
        writer.check_address(body["email_address"])
    if index is None:
        status = body.get("status") or body.get("status_if_new")
        missing = [name for name, value in (("email_address", body.get("email_address")), ("status_if_new", status))
                   if not value]  # fmt: skip
        if missing:
            raise invalid(("", f"Required fields were not provided: {', '.join(missing)}"))
        index = writer.create(str(body["email_address"]).strip(), str(status), body)
        writer.tag(index, tag_names(body))
    else:
        writer.update(index, body.get("status") or writer.revived_by(index, body.get("status_if_new")), body)
        if not world.settings.facts.put_tags_ignored_for_existing:
            writer.tag(index, tag_names(body))
    return audience.rows.row(index)


def patch_member(world: World, values: Ids, query: Query, body: Json) -> Any:
    """`PATCH /lists/{list_id}/members/{hash}`; refused for an archived contact (report)."""
    audience = world.audiences.of(values)
    index = _found(world, audience, values[1])
    if audience.contacts.status[index] == ARCHIVED:
        detail = "The requested method and resource are not compatible: archived."
        raise ProblemError(405, "Method Not Allowed", detail, headers=_ALLOW)
    writer = Writer(world, audience, query)
    if "email_address" in body:
        writer.check_address(body["email_address"])
    writer.update(index, body.get("status"), body)
    return audience.rows.row(index)


def delete_member(world: World, values: Ids, query: Query, body: Json) -> None:
    """`DELETE`: archives; not who is pending, cleaned or archived (recorded)."""
    del query, body
    audience = world.audiences.of(values)
    index = _found(world, audience, values[1])
    if audience.contacts.status[index] in (PENDING, CLEANED, ARCHIVED):
        detail = "This list member cannot be removed. Can not archive a contact that is bounced, pending or archived"
        raise ProblemError(405, "Method Not Allowed", detail, headers=_ALLOW)
    audience.contacts.set(index, status=ARCHIVED, changed=world.clock.now())


def delete_permanent(world: World, values: Ids, query: Query, body: Json) -> None:
    """`POST …/actions/delete-permanent`: forgets for good."""
    del query, body
    audience = world.audiences.of(values)
    audience.contacts.delete(_found(world, audience, values[1]))


def post_member_tags(world: World, values: Ids, query: Query, body: Json) -> None:
    """`POST …/tags`, of any contact (recorded); a body of the wrong shape is answered 204 and ignored (report)."""
    audience = world.audiences.of(values)
    index = _found(world, audience, values[1], "tags")
    tags = body.get("tags")
    if not isinstance(tags, list) or not all(isinstance(t, dict) and {"name", "status"} <= t.keys() for t in tags):
        return
    writer = Writer(world, audience, query, "tags")
    changed = False
    for tag in tags:
        change = writer.tag if tag["status"] == "active" else writer.untag
        changed |= change(index, [str(tag["name"])])
    if changed and world.settings.facts.member_tags_move_last_changed:
        audience.contacts.set(index, changed=world.clock.now())


def post_audience_contact(world: World, values: Ids, query: Query, body: Json) -> Any:
    """`POST /audiences/{audience_id}/contacts`: a contact by e-mail address, SMS number or both.

    What the newer API does beyond its contract is chosen without a source: consent "confirmed" subscribes, "consented"
    makes pending, "denied" unsubscribes; an SMS number alone makes no contact; one that exists needs
    `update_existing`.
    """
    audience = world.audiences.of(values)
    facts = world.settings.facts
    writer = Writer(world, audience, query, "audience_contact")
    email_channel, sms = body.get("email_channel") or {}, body.get("sms_channel") or {}
    if sms and not facts.audience_has_sms:
        raise ProblemError(403, "User action not permitted", "SMS is not enabled for this audience.")
    email = writer.check_address(email_channel.get("email"))
    number = str(sms.get("sms_phone") or "")
    if number and not (number.startswith("+") and number[1:].isdigit() and 8 <= len(number) <= 16):
        raise invalid(("sms_channel.sms_phone", "Please enter a valid phone number."))
    consent = str((email_channel.get("marketing_consent") or {}).get("status"))
    status = {"confirmed": "subscribed", "consented": "pending", "denied": "unsubscribed"}.get(consent)
    index = audience.contacts.find(subscriber_hash(email))
    if index is None:
        index = writer.create(email, status or "transactional", body)
    elif not body.get("update_existing") or (sms and facts.sms_update_of_existing == "refused"):
        raise member_exists(email)
    else:
        if status == "subscribed" and audience.contacts.status[index] != SUBSCRIBED and not facts.resubscribe_succeeds:
            raise compliance(email)
        if facts.sms_update_of_existing == "revives" and audience.contacts.status[index] == ARCHIVED:
            status = status or "subscribed"
        writer.update(index, status, {key: body[key] for key in ("merge_fields", "language") if key in body})
    if number:
        sms_consent = (sms.get("marketing_consent") or {}).get("status")
        states = {"confirmed": "subscribed", "consented": "pending"}
        audience.contacts.patch(index, {
            "sms_phone_number": number, "sms_subscription_status": states.get(str(sms_consent), "nonsubscribed"),
            "sms_subscription_last_updated": iso(world.clock.now()),
        })  # fmt: skip
    writer.tag(index, tag_names(body))
    return contact(audience, index)
