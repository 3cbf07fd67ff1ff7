"""Writing contacts in batches: `POST /lists/{list_id}`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from mailchimp_simulator.account.contact_writes import Writer, tag_names
from mailchimp_simulator.account.contacts import ARCHIVED
from mailchimp_simulator.account.people import subscriber_hash
from mailchimp_simulator.account.refusals import UNVALIDATED, Refusal
from mailchimp_simulator.contract.answers import invalid

if TYPE_CHECKING:
    from mailchimp_simulator.account.world import World
    from mailchimp_simulator.contract.query import Query

Json = dict[str, Any]
MAX_BATCH = 500


def post_batch(world: World, values: tuple[str, ...], query: Query, body: Json) -> bytes:
    """`POST /lists/{list_id}`."""
    writer = Writer(world, world.audiences.of(values), query, "batch")
    return Batch(writer, body, skip_duplicates=query.flag("skip_duplicate_check")).write()


class Batch:
    """One call."""

    def __init__(self, writer: Writer, body: Json, *, skip_duplicates: bool) -> None:
        """`skip_duplicates`: the first appearance of an address counts; else the whole call is refused (asserted)."""
        self.writer = writer
        self.members: list[Json] = body["members"]
        self.update_existing = bool(body.get("update_existing"))
        self.replace_tags = bool(body.get("sync_tags"))
        self.skip_duplicates = skip_duplicates

    def write(self) -> bytes:
        """What was created, updated and refused. Raises ProblemError where the whole call is refused, or fails."""
        if len(self.members) > MAX_BATCH:
            raise invalid(("members", f"You may only batch up to {MAX_BATCH} members at once."))
        members = self._distinct()
        contacts = self.writer.contacts
        for digest, member in members:
            self.writer.faults.check(digest, str(member.get("email_address")), "batch", whole_call=True)
        if len(members) > 40:
            contacts.forget_views()
        created: list[int] = []
        updated: list[int] = []
        errors: list[Json] = []
        for digest, member in members:
            try:
                index, new = self._one(member, digest)
            except Refusal as refusal:
                names_field = self.writer.facts.batch_row_names_field
                errors.append(refusal.row(str(member.get("email_address") or ""), names_field=names_field))
                continue
            (created if new else updated).append(index)
            names = tag_names(member)
            if self.replace_tags:
                self.writer.sync_tags(index, names)
            elif self.writer.facts.batch_takes_tags:
                self.writer.tag(index, names)
        rows = self.writer.audience.rows
        head = orjson.dumps({
            "errors": errors, "total_created": len(created), "total_updated": len(updated), "error_count": len(errors),
        })  # fmt: skip
        new_rows, old_rows = (rows.page(found, links=False).encode() for found in (created, updated))
        return b'{"new_members":[' + new_rows + b'],"updated_members":[' + old_rows + b"]," + head[1:]

    def _distinct(self) -> list[tuple[str, Json]]:
        """The members with their hashes, each address once."""
        found: dict[str, Json] = {}
        twice: list[str] = []
        for member in self.members:
            digest = subscriber_hash(str(member.get("email_address") or "").strip())
            if digest in found:
                twice.append(str(member.get("email_address")))
            found.setdefault(digest, member)
        if twice and not self.skip_duplicates:
            raise invalid(("members", "Duplicate items found in members list."))
        return list(found.items())

    def _one(self, member: Json, digest: str) -> tuple[int, bool]:
        """Write one; its index, and whether it is new. Raises Refusal."""
        writer, facts = self.writer, self.writer.facts
        email = writer.check_address(member.get("email_address"))
        status, status_if_new = member.get("status"), member.get("status_if_new")
        index = writer.contacts.find(digest)
        if index is None:
            writer.check_forgotten(email)
            new_status = status or status_if_new
            if new_status is None:
                raise Refusal("Invalid Resource", UNVALIDATED)
            return writer.create(email, new_status, member), True
        if not self.update_existing:
            archived = writer.contacts.status[index] == ARCHIVED
            if not archived or facts.archived_in_create != "revives":
                generic = archived and facts.archived_in_create == "exists_generic"
                raise Refusal("Member Exists", f"{email} is already a list member, do you want to update? please "
                              "provide update_existing:true in the request body",
                              code="ERROR_GENERIC" if generic else "ERROR_CONTACT_EXISTS")  # fmt: skip
        elif status is None and status_if_new is None and not facts.batch_update_without_status:
            raise Refusal("Invalid Resource", UNVALIDATED, ("status", "This value should not be blank."))
        writer.update(index, status or writer.revived_by(index, status_if_new), {**member, "email_address": None})
        return index, False
