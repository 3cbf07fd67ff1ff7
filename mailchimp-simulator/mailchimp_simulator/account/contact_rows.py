"""How a contact looks in an answer.

Pages of a thousand contacts are what the benchmarks read, so a seeded contact is written straight into text; the
same text, read back, is the contact's dictionary for everything that isn't a plain listing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import orjson

from mailchimp_simulator.account.contacts import STATUSES, UNSUBSCRIBED
from mailchimp_simulator.account.fixtures import record, seeds
from mailchimp_simulator.account.people import FIRST, LAST, address, subscriber_hash
from mailchimp_simulator.account.randomness import mix
from mailchimp_simulator.contract.times import iso

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mailchimp_simulator.account.contacts import Contacts
    from mailchimp_simulator.account.ground import Ground
    from mailchimp_simulator.account.tags_and_segments import Segments

_SEEDS = seeds("contacts")
_CLIENTS: tuple[str, ...] = tuple(_SEEDS["email_clients"])
_LANGUAGES: tuple[str, ...] = tuple(_SEEDS["languages"])
_SOURCES: tuple[str, ...] = tuple(_SEEDS["sources"])
_COUNTRIES: tuple[str, ...] = tuple(_SEEDS["country_codes"])
_REASONS: tuple[str, ...] = tuple(_SEEDS["unsubscribe_reasons"])
_CHOICES = {field["tag"]: field["options"]["choices"] for field in seeds("merge_fields")["wide"] if "options" in field}
_PLANS, _SIZES = _CHOICES["PLAN"], _CHOICES["SIZE"]
_REGIONS: tuple[str, ...] = tuple(_SEEDS["regions"])
_STATUS_TEXTS = (*STATUSES, "archived")
_REASON_TEXTS = tuple(f'"unsubscribe_reason":"{reason}",' for reason in _REASONS)
_PLACE_TEXTS = tuple(
    f'"gmtoff":{n - 4},"dstoff":{n - 3},"country_code":"{_COUNTRIES[n]}","timezone":"","region":"{_REGIONS[n]}"'
    for n in range(8)
)
MEMBER_NOTES = "/lists/{list_id}/members/{subscriber_hash}/notes"
MEMBER_TAGS = "/lists/{list_id}/members/{subscriber_hash}/tags"


class RowsOf(Protocol):
    """What the rows of an audience's contacts are made from."""

    @property
    def id(self) -> str:
        """The audience's id."""

    @property
    def contacts(self) -> Contacts:
        """The contacts."""

    @property
    def segments(self) -> Segments:
        """The tags."""

    @property
    def wide(self) -> bool:
        """Whether there is a merge field of every type."""

    @property
    def extra_merge_text(self) -> str:
        """The keys that merge fields made by a write add, as JSON text."""

    @property
    def permissions(self) -> list[dict[str, Any]]:
        """What contacts may be asked for."""

    def interest_ids(self) -> list[str]:
        """The keys of `interests`."""


class ContactRows:
    """Writes the contacts of one audience."""

    def __init__(self, audience: RowsOf, ground: Ground) -> None:
        """Remember the audience; nothing is computed yet."""
        self.audience = audience
        self.ground = ground
        self.list_id = audience.id
        self._tag_texts: tuple[tuple[int, int], dict[int, str]] = ((-1, -1), {})
        self._interest_texts: tuple[list[str] | None, list[str]] = (None, [])

    def page(self, indexes: Iterable[int], *, links: bool) -> str:
        """Rows as JSON text, separated by commas."""
        overlay = self.audience.contacts.overlay
        indexes = list(indexes)
        texts = self.texts(indexes, links=links)
        if overlay:
            for place, index in enumerate(indexes):
                if index in overlay:
                    texts[place] = orjson.dumps(self._changed(index, texts[place])).decode()
        return ",".join(texts)

    def rows(self, indexes: Iterable[int], *, links: bool = True) -> list[dict[str, Any]]:
        """Contacts, changes included."""
        indexes = list(indexes)
        return [self._changed(*one) for one in zip(indexes, self.texts(indexes, links=links), strict=True)]

    def row(self, index: int, *, links: bool = True) -> dict[str, Any]:
        """One contact, changes included."""
        return self._changed(index, self.text(index, links=links))

    def _changed(self, index: int, text: str) -> dict[str, Any]:
        """The contact that was seeded as `text` has it, with its changes."""
        row: dict[str, Any] = orjson.loads(text)
        raw = self.audience.contacts.overlay.get(index)
        if raw is None:
            return row
        changed = orjson.loads(raw)
        created = index >= self.audience.contacts.seeded
        if created:
            row |= record("contact_new")
            row["merge_fields"] = dict.fromkeys(row["merge_fields"] or {}, "")
            row["interests"] = dict.fromkeys(row["interests"] or {}, False)
        for name in ("merge_fields", "interests"):
            inner = changed.pop(name, None)
            if inner is not None:
                row[name] = {**(row[name] or {}), **inner}
        row |= changed
        if "email_address" in changed:
            # What was looked up by the address that the contact was seeded with isn't this contact's.
            row["id"] = self.audience.contacts.hash(index)
            row.pop("last_note", None)
            row |= orjson.loads(f"{{{self._last_note(row['id'], index).removeprefix(',')}}}")
        if changed.keys() & {"email_address"} or "merge_fields" in orjson.loads(raw):
            merged = row["merge_fields"] or {}
            row["full_name"] = f"{merged.get('FNAME', '')} {merged.get('LNAME', '')}".strip()
        return row

    def merge_fields(self, index: int) -> dict[str, Any] | None:
        """Those of one contact, changes included."""
        fields: dict[str, Any] | None
        if index in self.audience.contacts.overlay:
            fields = self.row(index, links=False)["merge_fields"]
        else:
            # Read alone: the rest of a row takes three times as long.
            text = self.text(index, links=False).partition('"merge_fields":')[2].partition(',"interests":')[0]
            fields = orjson.loads(text)
        return fields

    def texts(self, indexes: Iterable[int], *, links: bool) -> list[str]:
        """Contacts as JSON text, as they were seeded, but with their status, dates and tags of now.

        One long loop, because it is what limits how fast pages are served.
        """
        audience = self.audience
        contacts = audience.contacts
        statuses, opts, signups, changed = (
            contacts.status, contacts.timestamp_opt, contacts.timestamp_signup, contacts.last_changed
        )  # fmt: skip
        salt, people_salt, offset, toggled = contacts.salt, contacts.people_salt, contacts.offset, contacts.toggled
        wide, extra, list_id, seeded = audience.wide, audience.extra_merge_text, self.list_id, contacts.seeded
        tag_bits = audience.segments.seeded_bits()
        tag_texts = self._tag_table()
        interests = self._interest_table()
        has_notes = self._contacts_with_notes()
        permissions = audience.permissions
        asked = f'"marketing_permissions":{orjson.dumps(permissions).decode()},' if permissions else ""
        made = []
        for index in indexes:
            number = index if index & 3 == 0 else offset + index
            who = mix(number ^ people_salt)
            bits = mix(index ^ salt)
            email = address(number, who)
            digest = subscriber_hash(email)
            first, last = FIRST[who & 31], LAST[who >> 5 & 31]
            status, opt = statuses[index], opts[index]
            b4 = bits >> 4 & 7
            if bits & 63 == 63:
                merged = "null"
            else:
                place = (
                    f'{{"addr1":"{bits & 255} Main St","addr2":"","city":"Gary","state":"IN",'
                    f'"zip":"{46000 + b4}","country":"US"}}'
                    if bits & 1
                    else '""'
                )
                phone = f"+1 555 01{bits >> 8 & 63:02d}" if bits & 2 else ""
                birthday = f"{(bits >> 14) % 12 + 1:02d}/{(bits >> 18) % 28 + 1:02d}" if bits & 4 else ""
                merged = (
                    f'{{"FNAME":"{first}","LNAME":"{last}","ADDRESS":{place},"PHONE":"{phone}",'
                    f'"BIRTHDAY":"{birthday}"{_wide(bits) if wide else ""}{extra}}}'
                )
            mask = bits >> 40 & bits >> 48 & tag_bits if index < seeded else 0
            if toggled:
                mask ^= toggled.get(index, 0)
            tags = tag_texts.get(mask) or self._tags(mask)
            noted = has_notes is None or index & 15 == 0 or digest in has_notes
            made.append(
                f'{{"id":"{digest}","email_address":"{email}","unique_email_id":"{who >> 24:010x}",'
                f'"contact_id":"{bits:016x}{who:016x}","full_name":"{first} {last}","web_id":{500000000 + index},'
                f'"email_type":"{"text" if b4 == 3 else "html"}","status":"{_STATUS_TEXTS[status]}",'
                f"{_REASON_TEXTS[bits >> 30 & 3] if status == UNSUBSCRIBED else ''}"
                f'"consents_to_one_to_one_messaging":{"true" if bits & 8 else "false"},"merge_fields":{merged},'
                f'"interests":{"null" if bits & 63 == 31 else interests[bits >> 24 & 63]},'
                f'"stats":{{"avg_open_rate":{(bits >> 32 & 127) / 100},"avg_click_rate":{(bits >> 40 & 63) / 100}}},'
                f'"ip_signup":"","timestamp_signup":"{iso(signups[index])}",'
                f'"ip_opt":"{f"198.51.100.{bits >> 48 & 255}" if opt else ""}","timestamp_opt":"{iso(opt)}",'
                f'"member_rating":{bits % 5 + 1},"last_changed":"{iso(changed[index])}",'
                f'"language":"{_LANGUAGES[bits >> 7 & 7]}","vip":{"true" if bits & 63 == 5 else "false"},'
                f'"email_client":"{_CLIENTS[bits >> 10 & 7]}","location":{{"latitude":{(bits >> 13 & 63) - 30},'
                f'"longitude":{(bits >> 19 & 127) - 60},{_PLACE_TEXTS[b4]}}},'
                f'{asked}"source":"{_SOURCES[bits >> 12 & 3]}",{tags}{self._last_note(digest, index) if noted else ""},'
                f'"list_id":"{list_id}"'
                f"{self._links(digest) if links else ''}}}"
            )
        return made

    def text(self, index: int, *, links: bool) -> str:
        """One contact as `texts` has it."""
        return self.texts((index,), links=links)[0]

    def _contacts_with_notes(self) -> set[str] | None:
        """The contacts whose notes were written or deleted; None where a test has given notes to everybody."""
        if self.ground.row_count_override(MEMBER_NOTES) is not None:
            return None
        return {parents[1] for parents in self.ground.changed_parents(MEMBER_NOTES) if parents[0] == self.list_id}

    def _last_note(self, digest: str, index: int) -> str:
        note = self.ground.last_note(self.list_id, digest, index)
        return f',"last_note":{orjson.dumps(note).decode()}' if note else ""

    def _tag_table(self) -> dict[int, str]:
        segments = self.audience.segments
        stamp = (segments.version, len(segments.items))
        if self._tag_texts[0] != stamp or len(self._tag_texts[1]) > 10_000:
            self._tag_texts = (stamp, {})
        return self._tag_texts[1]

    def _tags(self, mask: int) -> str:
        """`tags_count` and `tags` of a contact in these segments."""
        row_count_override = self.ground.row_count_override(MEMBER_TAGS)
        if row_count_override is not None:
            tags = [{"id": number + 1, "name": f"Tag {number}"} for number in range(row_count_override)]
        else:
            tags = [{"id": tag.id, "name": tag.name} for tag in self.audience.segments.tags_in(mask)]
        text = self._tag_texts[1][mask] = f'"tags_count":{len(tags)},"tags":{orjson.dumps(tags).decode()}'
        return text

    def _interest_table(self) -> list[str]:
        """The `interests` of contacts by the six bits that choose them; interests beyond six are chosen by nobody."""
        ids = self.audience.interest_ids()
        if self._interest_texts[0] is not ids:
            made = self.ground.created_ids
            seeded = [one for one in ids if one not in made][:6]
            bits_of = {one: seeded.index(one) if one in seeded else 6 for one in ids}
            self._interest_texts = (ids, [
                orjson.dumps({one: bool(bits >> bit & 1) for one, bit in bits_of.items()}).decode()
                for bits in range(64)
            ])  # fmt: skip
        return self._interest_texts[1]

    def _links(self, digest: str) -> str:
        base = f"https://us10.api.mailchimp.com/3.0/lists/{self.list_id}/members"
        schema = "https://us10.api.mailchimp.com/schema/3.0"
        return (
            f',"_links":[{{"rel":"self","href":"{base}/{digest}","method":"GET",'
            f'"targetSchema":"{schema}/Definitions/Lists/Members/Response.json"}},'
            f'{{"rel":"parent","href":"{base}","method":"GET",'
            f'"targetSchema":"{schema}/Definitions/Lists/Members/CollectionResponse.json",'
            f'"schema":"{schema}/Paths/Lists/Members/Collection.json"}},'
            f'{{"rel":"update","href":"{base}/{digest}","method":"PATCH",'
            f'"targetSchema":"{schema}/Definitions/Lists/Members/Response.json"}}]'
        )


def _wide(bits: int) -> str:
    """The merge fields of an audience that has one of every type."""
    joined = f"2024-0{bits % 9 + 1}-15" if bits & 32 else ""
    return (
        f',"POINTS":{bits >> 5 & 1023 if bits & 16 else _EMPTY},"JOINED":"{joined}",'
        f'"SITE":"{"https://example.com/u" if bits & 64 else ""}","AVATAR":"","PLAN":"{_PLANS[bits >> 9 & 1]}",'
        f'"SIZE":"{_SIZES[bits % 3]}","ZIPCODE":"{"04200" if bits & 128 else ""}"'
    )


_EMPTY = '""'


def segment_member(row: dict[str, Any]) -> dict[str, Any]:
    """A contact as a segment's member listing shows it: fewer fields."""
    shown = {key: value for key, value in row.items() if key not in _NOT_IN_SEGMENTS}
    shown["location"] = {key: value for key, value in row["location"].items() if key != "region"}
    return shown


_NOT_IN_SEGMENTS = frozenset({
    "contact_id", "web_id", "consents_to_one_to_one_messaging", "tags", "tags_count", "source", "unsubscribe_reason",
})  # fmt: skip
