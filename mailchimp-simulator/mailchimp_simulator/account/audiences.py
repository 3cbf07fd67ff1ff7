"""Audiences (lists): their contacts, merge fields, interests and segments, and their own record."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mailchimp_simulator.account.contact_rows import ContactRows
from mailchimp_simulator.account.contacts import Contacts
from mailchimp_simulator.account.fixtures import merged, record, seeds
from mailchimp_simulator.account.randomness import mix, salt_of
from mailchimp_simulator.account.tags_and_segments import Segments
from mailchimp_simulator.contract.answers import not_found
from mailchimp_simulator.contract.times import iso

if TYPE_CHECKING:
    from mailchimp_simulator.account.ground import Ground, Rows

Json = dict[str, Any]

MERGE_FIELD_LIMIT = 30
_LOOKED_THROUGH = 100_000


class Audience:
    """One audience, made when it is first asked for."""

    def __init__(self, ground: Ground, index: int) -> None:
        """Seed the audience at this position of the account."""
        settings = ground.settings
        self.ground = ground
        self.index = index
        self.salt = salt_of(settings.seed, "audience", index)
        self.id = ground.audience_id(index)
        self.web_id = 900_000 + index
        self.created = ground.clock.start - 4 * 365 * 86_400 + index * 86_400
        self.wide = index % 2 == 1
        self.double_optin = index % 3 == 2
        self.changes: Json = {}
        self.contacts = Contacts(
            ground.contacts_of(index), self.salt, ground.people_salt, (index + 1) * 10_000_000, ground.clock.start,
            settings.import_size,
        )  # fmt: skip
        if ground.exact_contacts:
            # The plain listing has exactly the number of rows that was asked for, and so have the archived ones.
            size = ground.contacts_of(index)
            archived = min(size, ground.row_count_override("/lists/{list_id}/members?status=archived") or 0)
            status = self.contacts.status
            for i in range(size):
                if i >= size - archived:
                    status[i] = 5
                elif status[i] == 5:
                    status[i] = 0
        count = ground.row_count_override("/lists/{list_id}/segments")
        self.segments = Segments(self.contacts, settings.segments if count is None else count, ground.clock.start)
        self.segments.row_count_override = ground.row_count_override("/lists/{list_id}/segments/{segment_id}/members")
        self.rows = ContactRows(self, ground)
        self.required: set[str] = set()
        self.merge_fields: list[Json] = []
        self.extra_merge_text = ""
        fields = seeds("merge_fields")
        rows: list[Json] = [*fields["default"], *(fields["wide"] if self.wide else ())]
        count = ground.row_count_override("/lists/{list_id}/merge-fields")
        for number in range(len(rows) if count is None else count):
            beyond: Json = {"tag": f"MMERGE{number}", "name": f"Field {number}", "type": "text"}
            self.add_merge_field(rows[number] if number < len(rows) else beyond, seeded=True)
        self._interest_ids: tuple[int, list[str]] = (-1, [])

    # -- merge fields ------------------------------------------------------------------------------------

    def add_merge_field(self, body: Json, *, seeded: bool = False) -> Json:
        """A new merge field from a request body (or a seed)."""
        number = max((f["merge_id"] for f in self.merge_fields), default=0) + 1
        kind = body["type"]
        options: Json = seeds("merge_field_options").get(kind, {})
        field: Json = {
            "merge_id": number, "tag": body.get("tag") or f"MMERGE{number}", "name": body["name"], "type": kind,
            "required": bool(body.get("required", False)), "default_value": body.get("default_value", ""),
            "public": bool(body.get("public", False)), "display_order": body.get("display_order", number + 1),
            "options": {**options, **(body.get("options") or {})}, "help_text": body.get("help_text", ""),
            "list_id": self.id, "_seeded": seeded,
        }  # fmt: skip
        field["tag"] = field["tag"].upper()
        self.merge_fields.append(field)
        if not seeded:
            self.refresh_merge_text()
            self.ground.invalidate()
        return field

    def refresh_merge_text(self) -> None:
        """Note the keys that fields made by a write add to every contact, as JSON text."""
        made = [f["tag"] for f in self.merge_fields if not f["_seeded"]]
        self.extra_merge_text = "".join(f',"{tag}":""' for tag in made)

    # -- marketing permissions ---------------------------------------------------------------------------

    @property
    def permissions(self) -> list[Json]:
        """What a contact of an audience with marketing permissions may be asked for; none is given by itself."""
        if not self.changes.get("marketing_permissions", self.wide):
            return []
        return [
            {"marketing_permission_id": f"{mix(self.salt + number) & 0xFFFFFFFFFF:010x}", "text": text,
             "enabled": False}
            for number, text in enumerate(seeds("marketing_permissions"))
        ]  # fmt: skip

    # -- interests ---------------------------------------------------------------------------------------

    def interest_ids(self) -> list[str]:
        """The ids of the audience's interests, the keys of a contact's `interests`: those that a write has made,
        and the first ten of each of the first three categories.
        """  # noqa: D205
        version = self.ground.version
        if self._interest_ids[0] != version:
            categories = "/lists/{list_id}/interest-categories"
            ids: list[str] = []
            for category in _first(self.ground.table(categories, (self.id,)), 3):
                table = self.ground.table(categories + "/{interest_category_id}/interests", (self.id, category["id"]))
                ids += [row["id"] for row in _first(table, 10)]
            self._interest_ids = (version, ids)
        return self._interest_ids[1]

    def choices(self) -> list[list[str]]:
        """The ids of the interests of each category of which people choose one, of those in `interest_ids`."""
        path = "/lists/{list_id}/interest-categories"
        below = path + "/{interest_category_id}/interests"
        return [
            [row["id"] for row in _first(self.ground.table(below, (self.id, category["id"])), 10)]
            for category in _first(self.ground.table(path, (self.id,)), 3)
            if category["type"] in ("radio", "dropdown")
        ]

    def _last_opt_in(self) -> int:
        """When the newest contact opted in; of a large audience not looked up."""
        times = self.contacts.timestamp_opt
        return max(times, default=0) if len(times) < _LOOKED_THROUGH else self.created

    # -- the record --------------------------------------------------------------------------------------

    def row(self) -> Json:
        """The list as `/lists` shows it."""
        contacts = self.contacts
        subscribed, unsubscribed, cleaned = (contacts.count(s) for s in ("subscribed", "unsubscribed", "cleaned"))
        campaigns, sent = self.ground.campaigns_of(self.id)
        number = mix(self.salt)
        alive = len(contacts) > 0
        row = record("audience", {
            "id": self.id, "web_id": self.web_id, "name": self.ground.list_name(self.index),
            "date_created": iso(self.created), "list_rating": number % 5,
            "subscribe_url_short": f"http://eepurl.com/{self.id[:6]}",
            "subscribe_url_long": f"https://example.us10.list-manage.com/subscribe?u={number:025x}&id={self.id}",
            "beamer_address": f"us10-{self.id}@inbound.mailchimp.com", "visibility": "pub" if number & 1 else "prv",
            "double_optin": self.double_optin, "marketing_permissions": self.wide,
            "stats": {
                "member_count": subscribed, "unsubscribe_count": unsubscribed, "cleaned_count": cleaned,
                "campaign_count": campaigns, "campaign_last_sent": iso(sent),
                "merge_field_count": len(self.merge_fields),
                "open_rate": 100 if alive else 0, "click_rate": 64.70588235294117 if alive else 0,
                "last_sub_date": iso(self._last_opt_in()),
                "last_unsub_date": iso(self.created + 86_400) if unsubscribed else "",
            },
        })  # fmt: skip
        return merged(row, self.changes)


def _first(table: Rows, count: int) -> list[Json]:
    """The first rows of a table and all that were created."""
    size = table.size()
    made = range(max(count, size - len(table.created)), size)
    return [table.at(n) for n in (*range(min(count, size)), *made)]


class Audiences:
    """All audiences of the account, each made when it is first asked for."""

    def __init__(self, ground: Ground) -> None:
        """None yet."""
        self.ground = ground
        self._made: dict[int, Audience] = {}

    def at(self, index: int) -> Audience:
        """The audience at a position."""
        if index not in self._made:
            self._made[index] = Audience(self.ground, index)
        return self._made[index]

    def find(self, list_id: str) -> Audience | None:
        """The audience with an id, if there is one."""
        index = self.ground.audience_position(list_id)
        return None if index is None else self.at(index)

    def of(self, values: tuple[str, ...]) -> Audience:
        """The audience that the first value of a path names. Raises ProblemError (404)."""
        audience = self.find(values[0])
        if audience is None:
            raise not_found()
        return audience
