"""Sources of the collections that an audience keeps itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mailchimp_simulator.account.generator import Row
from mailchimp_simulator.account.sources import Generic, Json, Parents, Source
from mailchimp_simulator.contract.times import iso

if TYPE_CHECKING:
    from mailchimp_simulator.account.audiences import Audience, Audiences
    from mailchimp_simulator.account.ground import Ground
    from mailchimp_simulator.contract.operations import Operation


class AudienceSource(Source):
    """Rows that come from the audiences."""

    def __init__(self, ground: Ground, template: str, audiences: Audiences) -> None:
        """Of all audiences."""
        super().__init__(ground, template)
        self.audiences = audiences


class Lists(AudienceSource):
    """`/lists`."""

    def size(self, parents: Parents) -> int:
        """Every audience ever made; deleted ones are taken out above."""
        del parents
        return self.ground.audience_count

    def row(self, parents: Parents, index: int) -> Json:
        """The audience's record."""
        del parents
        return self.audiences.at(index).row()

    def find(self, parents: Parents, value: str) -> int | None:
        """Computed from the id."""
        del parents
        return self.ground.audience_position(value)

    def extra_fields(self, parents: Parents) -> Json:
        """The plan's limit of audiences."""
        del parents
        count = self.ground.audience_count
        return {"constraints": {"may_create": True, "max_instances": count + 100, "current_total_instances": count}}


class NewerAudiences(Lists):
    """`/audiences`: the same lists, seen by the newer API."""

    def row(self, parents: Parents, index: int) -> Json:
        """Id, name and size."""
        del parents
        audience = self.audiences.at(index)
        total = len(audience.contacts) - audience.contacts.status.count(6)
        return {"id": audience.id, "name": audience.row()["name"], "enabled_channels": ["email"],
                "stats": {"total_contacts": total}}  # fmt: skip

    def extra_fields(self, parents: Parents) -> Json:
        """Nothing."""
        del parents
        return {}


class OfAudience(AudienceSource):
    """Rows that an audience keeps itself."""

    def audience(self, parents: Parents) -> Audience:
        """The audience, which exists: parents are checked before."""
        audience = self.audiences.find(parents[0])
        assert audience is not None
        return audience


class SegmentRows(OfAudience):
    """`/lists/{list_id}/segments`."""

    def size(self, parents: Parents) -> int:
        """Tags and saved segments."""
        return len(self.audience(parents).segments.items)

    def row(self, parents: Parents, index: int) -> Json:
        """The segment's record."""
        audience = self.audience(parents)
        return audience.segments.row(audience.segments.items[index], audience.id)

    def find(self, parents: Parents, value: str) -> int | None:
        """By number."""
        segments = self.audience(parents).segments
        segment = segments.by_id.get(int(value)) if value.isdigit() else None
        return None if segment is None else segments.items.index(segment)


class TagSearch(OfAudience):
    """`/lists/{list_id}/tag-search`: the tags alone."""

    def _tags(self, parents: Parents) -> list[Json]:
        items = self.audience(parents).segments.items
        return [{"id": s.id, "name": s.name} for s in items if s.type == "static"]

    def size(self, parents: Parents) -> int:
        """As many as there are static segments."""
        row_count_override = self.ground.row_count_override(self.template)
        return len(self._tags(parents)) if row_count_override is None else row_count_override

    def row(self, parents: Parents, index: int) -> Json:
        """Id and name."""
        if self.ground.row_count_override(self.template) is not None:
            return {"id": index + 1, "name": f"Tag {index}"}
        return self._tags(parents)[index]


class MemberTags(OfAudience):
    """`/lists/{list_id}/members/{subscriber_hash}/tags`."""

    def _tags(self, parents: Parents) -> list[Json]:
        audience = self.audience(parents)
        index = audience.contacts.find(parents[1])
        assert index is not None
        segments = audience.segments
        return [{"id": s.id, "name": s.name, "date_added": iso(s.created)} for s in segments.tags_of(index)]

    def size(self, parents: Parents) -> int:
        """The contact's tags."""
        row_count_override = self.ground.row_count_override(self.template)
        return len(self._tags(parents)) if row_count_override is None else row_count_override

    def row(self, parents: Parents, index: int) -> Json:
        """Id, name and date."""
        if self.ground.row_count_override(self.template) is not None:
            return {"id": index + 1, "name": f"Tag {index}", "date_added": iso(self.audience(parents).created)}
        return self._tags(parents)[index]


class MemberNotes(Generic):
    """`/lists/{list_id}/members/{subscriber_hash}/notes`: a few contacts have some."""

    def __init__(self, ground: Ground, operation: Operation, audiences: Audiences) -> None:
        """Of the contacts of all audiences."""
        super().__init__(ground, operation)
        self.audiences = audiences

    def natural(self, list_id: str, index: int) -> int:
        """How many notes the contact at a position has, if nobody has written or deleted one."""
        audience = self.audiences.find(list_id)
        if audience is None or index >= audience.contacts.seeded:
            return 0
        row_count_override = self.ground.row_count_override(self.template)
        return row_count_override if row_count_override is not None else NOTES_OF.get(index % 32, 0)

    def size(self, parents: Parents) -> int:
        """As many as `natural` says."""
        audience = self.audiences.find(parents[0])
        index = audience.contacts.find(parents[1]) if audience else None
        return self.natural(parents[0], index) if index is not None else 0

    def row(self, parents: Parents, index: int) -> Json:
        """Schema-made; later ones are younger."""
        made = super().row(parents, index)
        context = Row(self.ground, self.names, parents, 0, self.salt(parents))
        made["created_at"] = made["updated_at"] = iso(context.created() + 60 * index)
        return made

    def last(self, list_id: str, digest: str, index: int) -> Json | None:
        """`last_note` of the contact at a position with this hash: its youngest note."""
        parents = (list_id, digest)
        changed = self.ground.changed_rows(self.template, parents)
        size = changed.size() if changed else self.natural(list_id, index)
        if not size:
            return None
        note = changed.at(size - 1) if changed else self.row(parents, size - 1)
        return {"note_id": note["id"], **{key: note[key] for key in ("created_at", "created_by", "note")}}


NOTES_OF = {0: 1, 16: 2}
"""How many notes contacts have, by their position modulo 32."""


class MergeFields(OfAudience):
    """`/lists/{list_id}/merge-fields`."""

    key = "merge_id"

    def size(self, parents: Parents) -> int:
        """The audience's fields."""
        return len(self.audience(parents).merge_fields)

    def row(self, parents: Parents, index: int) -> Json:
        """The field's record."""
        field = self.audience(parents).merge_fields[index]
        return {key: value for key, value in field.items() if not key.startswith("_")}
