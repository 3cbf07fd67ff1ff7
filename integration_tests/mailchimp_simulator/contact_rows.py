"""How a contact looks in an answer.

Pages of a thousand contacts are what the benchmarks read, so a seeded contact is written straight into text; the
same text, read back, is the contact's dictionary for everything that isn't a plain listing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from mailchimp_simulator.clock import iso
from mailchimp_simulator.contacts import ARCHIVED, STATUSES, UNSUBSCRIBED
from mailchimp_simulator.people import person
from mailchimp_simulator.randomness import mix

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mailchimp_simulator.audiences import Audience

_CLIENTS = ("", "Gmail", "Apple Mail", "Outlook", "", "Yahoo", "", "Thunderbird")
_LANGUAGES = ("", "en", "de", "fr", "", "es", "pt_PT", "uk")
_SOURCES = ("Import", "API - Generic", "Hosted Signup Form", "Admin Add")
_COUNTRIES = ("", "US", "DE", "FR", "UA", "", "BR", "JP")
_REASONS = ("N/A (Unsubscribed by admin)", "I no longer want to receive these emails", "Did not signup for list", "")
_REGIONS = ("", "GA", "by", "idf", "30", "", "sp", "13")
_SIZES = ("S", "M", "L")
_PLANS = ("free", "paid")


class ContactRows:
    """Writes the contacts of one audience."""

    def __init__(self, audience: Audience) -> None:
        """Remember the audience; nothing is computed yet."""
        self.audience = audience
        self.list_id = audience.id
        self._tag_texts: dict[tuple[int, int], tuple[int, str]] = {}
        self._interest_texts: dict[int, str] = {}

    def page(self, indexes: Iterable[int], *, links: bool) -> str:
        """Rows as JSON text, separated by commas."""
        audience = self.audience
        contacts = audience.contacts
        overlay = contacts.overlay
        text = self.text
        if overlay:
            return ",".join(
                orjson.dumps(self.row(i, links=links)).decode() if i in overlay else text(i, links=links)
                for i in indexes
            )
        return ",".join([text(i, links=links) for i in indexes])

    def row(self, index: int, *, links: bool = True) -> dict[str, Any]:
        """One contact, changes included."""
        row: dict[str, Any] = orjson.loads(self.text(index, links=links))
        raw = self.audience.contacts.overlay.get(index)
        if raw is None:
            return row
        changed = orjson.loads(raw)
        created = index >= self.audience.contacts.seeded
        if created:
            row |= _BLANK
            row["merge_fields"] = dict.fromkeys(row["merge_fields"] or {}, "")
            row["interests"] = dict.fromkeys(row["interests"] or {}, False)
        for name in ("merge_fields", "interests"):
            inner = changed.pop(name, None)
            if inner is not None:
                row[name] = {**(row[name] or {}), **inner}
        row |= changed
        if "email_address" in changed:
            row["id"] = self.audience.contacts.hash(index)
        if changed.keys() & {"email_address"} or "merge_fields" in orjson.loads(raw):
            merged = row["merge_fields"] or {}
            row["full_name"] = f"{merged.get('FNAME', '')} {merged.get('LNAME', '')}".strip()
        return row

    def text(self, index: int, *, links: bool) -> str:
        """One seeded contact as JSON text, its status, dates and tags as they are now."""
        audience = self.audience
        contacts = audience.contacts
        who = person(contacts.number(index), contacts.people_salt)
        bits = mix(index ^ contacts.salt)
        status = contacts.status[index]
        opt = contacts.timestamp_opt[index]
        b4 = bits >> 4 & 7
        if bits & 63 == 63:
            merged = "null"
        else:
            place = (
                f'{{"addr1":"{bits & 255} Main St","addr2":"","city":"Gary","state":"IN","zip":"{46000 + b4}","country":"US"}}'
                if bits & 1
                else '""'
            )
            phone = f"+1 555 01{bits >> 8 & 63:02d}" if bits & 2 else ""
            birthday = f"{(bits >> 14) % 12 + 1:02d}/{(bits >> 18) % 28 + 1:02d}" if bits & 4 else ""
            merged = (
                f'{{"FNAME":"{who.first}","LNAME":"{who.last}","ADDRESS":{place},"PHONE":"{phone}",'
                f'"BIRTHDAY":"{birthday}"{_wide(bits) if audience.wide else ""}{audience.extra_merge_text}}}'
            )
        tag_count, tags = self._tags(index)
        interests = "null" if bits & 63 == 31 else self._interests(bits >> 24 & 63)
        reason = f'"unsubscribe_reason":"{_REASONS[bits >> 30 & 3]}",' if status == UNSUBSCRIBED else ""
        tail = self._links(who.hash) if links else ""
        return (
            f'{{"id":"{who.hash}","email_address":"{who.email}","unique_email_id":"{who.bits >> 24:010x}",'
            f'"contact_id":"{bits:016x}{who.bits:016x}","full_name":"{who.first} {who.last}","web_id":{500000000 + index},'
            f'"email_type":"{"text" if b4 == 3 else "html"}","status":"{STATUSES[status] if status < 6 else "archived"}",{reason}'
            f'"consents_to_one_to_one_messaging":{"true" if bits & 8 else "false"},"merge_fields":{merged},'
            f'"interests":{interests},"stats":{{"avg_open_rate":{(bits >> 32 & 127) / 100},"avg_click_rate":{(bits >> 40 & 63) / 100}}},'
            f'"ip_signup":"","timestamp_signup":"{iso(contacts.timestamp_signup[index])}",'
            f'"ip_opt":"{"" if not opt else f"198.51.100.{bits >> 48 & 255}"}","timestamp_opt":"{iso(opt)}",'
            f'"member_rating":{bits % 5 + 1},"last_changed":"{iso(contacts.last_changed[index])}",'
            f'"language":"{_LANGUAGES[bits >> 7 & 7]}","vip":{"true" if bits & 63 == 5 else "false"},'
            f'"email_client":"{_CLIENTS[bits >> 10 & 7]}","location":{{"latitude":{(bits >> 13 & 63) - 30},'
            f'"longitude":{(bits >> 19 & 127) - 60},"gmtoff":{b4 - 4},"dstoff":{b4 - 3},'
            f'"country_code":"{_COUNTRIES[b4]}","timezone":"","region":"{_REGIONS[b4]}"}},'
            f'"source":"{_SOURCES[bits >> 12 & 3]}","tags_count":{tag_count},"tags":[{tags}],'
            f'"list_id":"{self.list_id}"{tail}}}'
        )

    def _tags(self, index: int) -> tuple[int, str]:
        segments = self.audience.segments
        mask = segments.mask(index)
        key = (mask, segments.version if mask >> 8 else len(segments.items))
        known = self._tag_texts.get(key)
        if known is None:
            if len(self._tag_texts) > 10_000:
                self._tag_texts.clear()
            tags = segments.tags_of(index)
            text = ",".join(orjson.dumps({"id": tag.id, "name": tag.name}).decode() for tag in tags)
            known = self._tag_texts[key] = (len(tags), text)
        return known

    def _interests(self, bits: int) -> str:
        ids = self.audience.interest_ids()
        text = self._interest_texts.get(bits)
        if text is None:
            text = "{" + ",".join(f'"{i}":{"true" if bits >> n & 1 and n < 6 else "false"}' for n, i in enumerate(ids)) + "}"
            self._interest_texts[bits] = text
        return text

    def forget_interests(self) -> None:
        """The audience's interests have changed."""
        self._interest_texts.clear()

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


_BLANK: dict[str, Any] = {
    "stats": {"avg_open_rate": 0, "avg_click_rate": 0},
    "ip_opt": "", "ip_signup": "", "language": "", "vip": False, "email_client": "", "email_type": "html",
    "member_rating": 2, "source": "API - Generic", "consents_to_one_to_one_messaging": False,
    "location": {"latitude": 0, "longitude": 0, "gmtoff": 0, "dstoff": 0, "country_code": "", "timezone": "",
                 "region": ""},
}  # fmt: skip


def _wide(bits: int) -> str:
    """The merge fields of an audience that has one of every type."""
    return (
        f',"POINTS":{bits >> 5 & 1023 if bits & 16 else _EMPTY},"JOINED":"{"2024-0%d-15" % (bits % 9 + 1) if bits & 32 else ""}",'
        f'"SITE":"{"https://example.com/u" if bits & 64 else ""}","AVATAR":"","PLAN":"{_PLANS[bits >> 9 & 1]}",'
        f'"SIZE":"{_SIZES[bits % 3]}","ZIPCODE":"{"04200" if bits & 128 else ""}"'
    )


_EMPTY = '""'


def segment_member(row: dict[str, Any]) -> dict[str, Any]:
    """A contact as a segment's member listing shows it: fewer fields."""
    return {key: value for key, value in row.items() if key not in _NOT_IN_SEGMENTS}


_NOT_IN_SEGMENTS = frozenset({
    "contact_id", "web_id", "consents_to_one_to_one_messaging", "tags", "tags_count", "source", "unsubscribe_reason",
})  # fmt: skip

__all__ = ["ARCHIVED", "ContactRows", "segment_member"]
