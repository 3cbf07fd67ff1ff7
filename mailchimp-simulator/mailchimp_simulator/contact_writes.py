"""Writing contacts: one by one and in batches, with the refusals that the real API is known for (facts.md)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

from mailchimp_simulator.answers import ProblemError, invalid, not_found
from mailchimp_simulator.audiences import audience_of
from mailchimp_simulator.clock import parse_time
from mailchimp_simulator.contacts import ARCHIVED, CLEANED, STATUSES, SUBSCRIBED, UNSUBSCRIBED
from mailchimp_simulator.merge_values import check
from mailchimp_simulator.people import subscriber_hash

if TYPE_CHECKING:
    from mailchimp_simulator.audiences import Audience
    from mailchimp_simulator.query import Query
    from mailchimp_simulator.world import World

Json = dict[str, Any]
MAX_BATCH = 500
_EMAIL = re.compile(r"^[^@\s,;<>()\[\]]+@[^@\s,;<>()\[\]]+\.[A-Za-z0-9-]{2,}$")
_PLAIN = ("language", "vip", "email_type", "ip_opt", "ip_signup")
_RESUBSCRIBES = (UNSUBSCRIBED, CLEANED)


@dataclass
class Refusal(Exception):
    """Why one contact was not written."""

    title: str
    text: str
    field: str = ""
    message: str = ""
    code: str = "ERROR_GENERIC"

    def problem(self) -> ProblemError:
        """As the answer to a call about this one contact."""
        if self.field:
            return ProblemError(400, self.title, self.text, [{"field": self.field, "message": self.message}])
        return ProblemError(400, self.title, self.text)


class Writer:
    """Writes contacts of one audience, for one request."""

    def __init__(self, world: World, audience: Audience, query: Query) -> None:
        """The request's query says whether required merge fields are checked."""
        self.world = world
        self.audience = audience
        self.contacts = audience.contacts
        self.facts = world.settings.facts
        self.required = not query.flag("skip_merge_validation")
        self.now = world.clock.now()

    # -- refusals ----------------------------------------------------------------------------------------

    def check_address(self, email: Any) -> str:
        """The address, trimmed. Raises Refusal."""
        text = str(email or "").strip()
        if not _EMAIL.match(text):
            raise Refusal("Invalid Resource", "Please provide a valid email address.", "email_address",
                          "This value is not a valid email address.")  # fmt: skip
        low = text.lower()
        if "fake" in low or low.endswith((".invalid", "@test.com")):
            raise Refusal("Invalid Resource", f"{text} looks fake or invalid, please enter a real email address.")
        if "toomany" in low:
            raise Refusal("Invalid Resource", f"{text} has signed up to a lot of lists very recently; "
                          "we're not allowing more signups for now.")  # fmt: skip
        return text

    def check_forgotten(self, email: str) -> None:
        """A contact that was deleted for good can't be written. Raises Refusal."""
        if subscriber_hash(email) in self.contacts.forgotten:
            text = "was permanently deleted and cannot be re-imported. The contact must re-subscribe to be back."
            raise Refusal("Forgotten Email Not Subscribed", f"{email} {text}")

    def status_for(self, index: int, wanted: str | None) -> int | None:
        """The status to set for a contact that exists. Raises Refusal for a resubscription (open)."""
        if wanted is None:
            return None
        status = STATUSES.index(wanted)
        before = self.contacts.status[index]
        if before == ARCHIVED:
            before = self.contacts.before_archive.get(index, SUBSCRIBED)
        if status == SUBSCRIBED and before in _RESUBSCRIBES and not self.facts.resubscribe_succeeds:
            email = self.contacts.email(index)
            text = "is in a compliance state due to unsubscribe, bounce, or compliance review and cannot be subscribed."
            raise Refusal("Member In Compliance State", f"{email} {text}")
        return status

    # -- writing -----------------------------------------------------------------------------------------

    def fields(self, body: Json, index: int | None) -> Json:
        """The fields of a body as they are stored. Raises Refusal."""
        stored: Json = {key: body[key] for key in _PLAIN if key in body}
        if "location" in body:
            stored["location"] = {"latitude": 0, "longitude": 0, "gmtoff": 0, "dstoff": 0, "country_code": "",
                                  "timezone": "", "region": "", **body["location"]}  # fmt: skip
        given = body.get("merge_fields") or {}
        if given or self.required:
            before: Json = {}
            if index is not None and any(field["required"] for field in self.audience.merge_fields):
                before = self.audience.rows.row(index, links=False)["merge_fields"] or {}
            merged, errors = check(
                self.audience.merge_fields, given, before, required=self.required, address=self.facts.incomplete_address
            )
            if errors:
                tag, message = errors[0]
                raise Refusal("Invalid Resource", "Your merge fields were invalid.", tag, message)
            if merged:
                stored["merge_fields"] = merged
        interests = body.get("interests")
        if interests:
            known = set(self.audience.interest_ids())
            unknown = [key for key in interests if key not in known]
            if unknown:
                raise Refusal("Invalid Resource", "Invalid interest.", f"interests.{unknown[0]}",
                              f"Invalid interest ID: '{unknown[0]}'.")  # fmt: skip
            stored["interests"] = interests
        if "marketing_permissions" in body:
            stored["marketing_permissions"] = [{"text": "", **item} for item in body["marketing_permissions"]]
        return stored

    def dates(self, body: Json) -> tuple[int | None, int | None]:
        """`timestamp_opt` and `timestamp_signup` of a body. Raises Refusal."""
        found: list[int | None] = []
        for name in ("timestamp_opt", "timestamp_signup"):
            text = body.get(name)
            try:
                found.append(parse_time(text) if text else None)
            except ValueError:
                raise Refusal(
                    "Invalid Resource", "Invalid date.", name, "This value is not a valid datetime."
                ) from None
        return found[0], found[1]

    def create(self, email: str, status: str, body: Json) -> int:
        """A new contact; its index. Raises Refusal."""
        self.check_forgotten(email)
        opt, signup = self.dates(body)
        stored = self.fields(body, None)
        number = STATUSES.index(status)
        if opt is None:
            opt = self.now if number == SUBSCRIBED else 0
        return self.contacts.add(email, number, self.now, stored, opt=opt, signup=signup or 0)

    def update(self, index: int, status: str | None, body: Json) -> None:
        """Change a contact. Nothing is changed if anything is refused. Raises Refusal."""
        number = self.status_for(index, status)
        opt, signup = self.dates(body)
        stored = self.fields(body, index)
        email = body.get("email_address")
        if email and subscriber_hash(email) != self.contacts.hash(index):
            if self.contacts.find(subscriber_hash(email)) is not None:
                raise Refusal(
                    "Invalid Resource", f"{email} is already a list member.", "email_address", "Already in use."
                )
            self.check_forgotten(email)
            stored["email_address"] = email
        if stored:
            self.contacts.patch(index, stored)
        self.contacts.set(index, status=number, changed=self.now, opt=opt, signup=signup)

    def tag(self, index: int, names: list[str]) -> None:
        """Add tags by name; missing ones are made."""
        segments = self.audience.segments
        for name in names:
            segment = segments.by_name.get(name.lower()) or segments.create(name, self.now)
            segments.put(segment, index, member=True)

    def sync_tags(self, index: int, names: list[str]) -> None:
        """Replace all tags."""
        wanted = {name.lower() for name in names}
        for segment in self.audience.segments.tags_of(index):
            if segment.name.lower() not in wanted:
                self.audience.segments.put(segment, index, member=False)
        self.tag(index, names)

    # -- the batch ---------------------------------------------------------------------------------------

    def batch(self, body: Json, *, skip_duplicates: bool) -> bytes:
        """`POST /lists/{list_id}`: what was created, updated and refused."""
        members = body["members"]
        if len(members) > MAX_BATCH:
            raise invalid(("members", f"You may only batch up to {MAX_BATCH} members at once."))
        if len(members) > 40:
            self.contacts.forget_views()
        created: list[int] = []
        updated: list[int] = []
        errors: list[Json] = []
        seen: set[str] = set()
        for member in members:
            email = str(member.get("email_address") or "")
            digest = subscriber_hash(email.strip())
            if digest in seen:
                if not skip_duplicates:
                    errors.append(_error(email, Refusal("", f"{email} appears more than once in this batch.")))
                continue
            seen.add(digest)
            try:
                index, new = self._one(member, digest, update=bool(body.get("update_existing")))
            except Refusal as refusal:
                errors.append(_error(email, refusal))
                continue
            (created if new else updated).append(index)
            names = [tag if isinstance(tag, str) else str(tag.get("name", "")) for tag in member.get("tags") or []]
            if body.get("sync_tags"):
                self.sync_tags(index, names)
            elif names and self.facts.batch_takes_tags:
                self.tag(index, names)
        rows = self.audience.rows
        head = orjson.dumps({
            "errors": errors, "total_created": len(created), "total_updated": len(updated), "error_count": len(errors),
        })  # fmt: skip
        new_rows, old_rows = (rows.page(found, links=False).encode() for found in (created, updated))
        return b'{"new_members":[' + new_rows + b'],"updated_members":[' + old_rows + b"]," + head[1:]

    def _one(self, member: Json, digest: str, *, update: bool) -> tuple[int, bool]:
        email = self.check_address(member.get("email_address"))
        status = member.get("status")
        index = self.contacts.find(digest)
        if index is None:
            self.check_forgotten(email)
            if status is None:
                raise Refusal(
                    "", "A status is required for a new contact.", "status", "This value should not be blank."
                )
            return self.create(email, status, member), True
        if not update:
            archived = self.contacts.status[index] == ARCHIVED
            if not archived or self.facts.archived_in_create != "revives":
                generic = archived and self.facts.archived_in_create == "exists_generic"
                raise Refusal("", f"{email} is already a list member, do you want to update? please provide "
                              "update_existing:true in the request body",
                              code="ERROR_GENERIC" if generic else "ERROR_CONTACT_EXISTS")  # fmt: skip
        elif status is None and not self.facts.batch_update_without_status:
            raise Refusal("", "The contact status is required.", "status", "This value should not be blank.")
        self.update(index, status, {**member, "email_address": None})
        return index, False


def _error(email: str, refusal: Refusal) -> Json:
    return {"email_address": email, "error": refusal.text, "error_code": refusal.code, "field": refusal.field,
            "field_message": refusal.message}  # fmt: skip


# -- handlers: (world, path values, query, body) -> the answer's object, bytes, or None for 204 ---------------


def _find(audience: Audience, digest: str) -> int | None:
    """A contact by its hash or, as the API allows as well, by its address."""
    return audience.contacts.find(subscriber_hash(digest) if "@" in digest else digest)


def post_batch(world: World, values: tuple[str, ...], query: Query, body: Json) -> Any:
    """`POST /lists/{list_id}`."""
    writer = Writer(world, audience_of(world, values), query)
    return writer.batch(body, skip_duplicates=query.flag("skip_duplicate_check"))


def post_member(world: World, values: tuple[str, ...], query: Query, body: Json) -> Any:
    """`POST /lists/{list_id}/members`: new contacts only."""
    audience = audience_of(world, values)
    writer = Writer(world, audience, query)
    email = writer.check_address(body["email_address"])
    if audience.contacts.find(subscriber_hash(email)) is not None:
        raise Refusal("Member Exists", f"{email} is already a list member. Use PUT to insert or update list members.")
    index = writer.create(email, body["status"], body)
    writer.tag(index, body.get("tags") or [])
    return audience.rows.row(index)


def put_member(world: World, values: tuple[str, ...], query: Query, body: Json) -> Any:
    """`PUT /lists/{list_id}/members/{hash}`: `status_if_new` counts for a new contact, `status` for any."""
    audience = audience_of(world, values)
    writer = Writer(world, audience, query)
    tags = body.get("tags") or []
    tags = [tag if isinstance(tag, str) else str(tag.get("name", "")) for tag in tags]
    email = writer.check_address(body["email_address"])
    index = _find(audience, values[1])
    if index is None:
        index = writer.create(email, body.get("status") or body["status_if_new"], body)
        writer.tag(index, tags)
    else:
        writer.update(index, body.get("status"), body)
        if not world.settings.facts.put_tags_ignored_for_existing:
            writer.tag(index, tags)
    return audience.rows.row(index)


def patch_member(world: World, values: tuple[str, ...], query: Query, body: Json) -> Any:
    """`PATCH /lists/{list_id}/members/{hash}`; refused for an archived contact (report)."""
    audience = audience_of(world, values)
    index = _find(audience, values[1])
    if index is None:
        raise not_found()
    if audience.contacts.status[index] == ARCHIVED:
        raise _archived()
    writer = Writer(world, audience, query)
    if "email_address" in body:
        writer.check_address(body["email_address"])
    writer.update(index, body.get("status"), body)
    return audience.rows.row(index)


def _archived() -> ProblemError:
    return ProblemError(405, "Method Not Allowed", "The requested method and resource are not compatible: archived.")


def delete_member(world: World, values: tuple[str, ...], query: Query, body: Json) -> None:
    """`DELETE`: archives."""
    del query, body
    audience = audience_of(world, values)
    index = _find(audience, values[1])
    if index is None:
        raise not_found()
    if audience.contacts.status[index] == ARCHIVED:
        raise _archived()
    audience.contacts.set(index, status=ARCHIVED, changed=world.clock.now())


def delete_permanent(world: World, values: tuple[str, ...], query: Query, body: Json) -> None:
    """`POST …/actions/delete-permanent`: forgets for good."""
    del query, body
    audience = audience_of(world, values)
    index = _find(audience, values[1])
    if index is None:
        raise not_found()
    audience.contacts.delete(index)


def post_member_tags(world: World, values: tuple[str, ...], query: Query, body: Json) -> None:
    """`POST …/tags`: a body of the wrong shape is answered 204 and ignored (report)."""
    audience = audience_of(world, values)
    index = _find(audience, values[1])
    if index is None:
        raise not_found()
    tags = body.get("tags")
    if not isinstance(tags, list) or not all(isinstance(t, dict) and {"name", "status"} <= t.keys() for t in tags):
        return
    writer = Writer(world, audience, query)
    for tag in tags:
        if tag["status"] == "active":
            writer.tag(index, [str(tag["name"])])
        else:
            segment = audience.segments.by_name.get(str(tag["name"]).lower())
            if segment:
                audience.segments.put(segment, index, member=False)
