"""Rows made from a schema: every property of the contract gets a plausible value, the same for the same row.

What the name of a property says (a parent's id, an address, a date of creation) is respected; what only a person
can know about a collection stands in `overrides`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from mailchimp_simulator.account.fixtures import seeds
from mailchimp_simulator.account.randomness import hex_id, mix, number_id, salt_of
from mailchimp_simulator.contract.times import iso

if TYPE_CHECKING:
    from mailchimp_simulator.account.ground import Ground
    from mailchimp_simulator.contract.operations import Contract

Json = dict[str, Any]
Maker = Callable[["Row"], Any]

WORDS: tuple[str, ...] = tuple(seeds("words"))
_LATER = ("updat", "edited", "last_", "finish", "complet", "last_visited")
_SOMETIMES_UNSET = ("publish", "unpublish", "cancel", "finish", "complet", "expire", "end", "last_sent", "paused")
_DAY = 86_400


class Row:
    """The row being made: its position, its parents, and its randomness."""

    __slots__ = ("bits", "ground", "index", "names", "parents", "salt")

    def __init__(self, ground: Ground, names: tuple[str, ...], parents: tuple[str, ...], index: int, salt: int) -> None:
        """`names` and `parents`: the path's parameters and their values."""
        self.ground = ground
        self.names = names
        self.parents = parents
        self.index = index
        self.salt = salt
        self.bits = mix(salt + index)

    def parent(self, name: str) -> str | None:
        """The value of a path parameter."""
        return self.parents[self.names.index(name)] if name in self.names else None

    def some(self, salt: int) -> int:
        """A 64-bit number for one property of this row."""
        return mix(self.bits ^ salt)

    @property
    def list_id(self) -> str:
        """The audience that this row belongs to."""
        given = self.parent("list_id") or self.parent("audience_id")
        campaign = self.parent("campaign_id")
        if not given and campaign:
            given = self.ground.campaign_list(campaign)
        return given or self.ground.some_list_id(self.bits)

    @property
    def contact(self) -> tuple[str, str]:
        """Address and hash of the contact that this row is about."""
        contacts = self.ground.contacts_in(self.list_id)
        digest = self.parent("subscriber_hash")
        if digest:
            found = contacts.find(digest) if contacts else None
            return (contacts.email(found) if contacts and found is not None else "", digest)
        if contacts is None:
            return "", ""
        # Beyond the last contact there are those who have been deleted since: different people, too.
        index = self.salt % 7 + self.index
        return contacts.email(index), contacts.hash(index)

    def created(self) -> int:
        """When this row came to be: within the last two years, a few rows in the same second."""
        start: int = self.ground.clock.start
        return start - 2 * 365 * _DAY + (self.bits >> 8) % (700 * _DAY) // 3 * 3

    def updated(self) -> int:
        """When this row was last touched."""
        return self.created() + (self.bits >> 30) % (20 * _DAY)


def compile_row(contract: Contract, schema: Any, overrides: dict[str, Maker]) -> Callable[[Row], Json]:
    """A function that makes rows of a schema. `overrides`: makers by dotted property path."""
    make = _compile(contract, "", "", schema, overrides)

    def row(context: Row) -> Json:
        made: Json = make(context)
        return made

    return row


def _compile(contract: Contract, path: str, name: str, schema: Any, overrides: dict[str, Maker]) -> Maker:
    if path in overrides:
        return overrides[path]
    if name == "_links":
        return _links
    schema = contract.resolve(schema)
    if "allOf" in schema:
        parts = [_compile(contract, path, name, part, overrides) for part in schema["allOf"]]
        return lambda row: {k: v for part in parts for k, v in part(row).items()}
    if "oneOf" in schema:
        return _compile(contract, path, name, schema["oneOf"][0], overrides)
    if "enum" in schema:
        values, salt = schema["enum"], salt_of(path)
        return lambda row: values[row.some(salt) % len(values)]
    kind = schema.get("type")
    if kind == "object" or "properties" in schema:
        inner = {
            key: _compile(contract, f"{path}.{key}" if path else key, key, value, overrides)
            for key, value in (schema.get("properties") or {}).items()
        }
        if not inner and name == "merge_fields":
            return _merge_fields
        return lambda row: {key: make(row) for key, make in inner.items()}
    if kind == "array":
        item = _compile(contract, f"{path}[]", name, schema.get("items") or {}, overrides)
        if name == "conditions":
            return lambda _row: []
        return lambda row: [item(row)] if row.some(3) & 1 else []
    return _scalar(path, name, kind, schema.get("format"))


def _scalar(path: str, name: str, kind: str | None, form: str | None) -> Maker:
    salt = salt_of(path)
    if kind == "boolean":
        return lambda row: bool(row.some(salt) & 1)
    if kind == "number":
        return lambda row: row.some(salt) % 10_000 / 100
    if kind == "integer":
        if path == "id" or name in ("web_id", "merge_id", "note_id"):
            return lambda row: number_id(row.index, row.salt)
        return lambda row: row.some(salt) % 50
    if kind != "string":
        return lambda _row: None
    if form and "date-time" in form:
        return _date(name, salt)
    return _string(path, name, salt)


def _date(name: str, salt: int) -> Maker:
    if any(part in name for part in _SOMETIMES_UNSET):
        return lambda row: "" if row.some(salt) & 3 == 0 else iso(row.updated())
    if any(part in name for part in _LATER):
        return lambda row: iso(row.updated())
    return lambda row: iso(row.created())


def _string(path: str, name: str, salt: int) -> Maker:
    if path == "id":
        return lambda row: hex_id(row.index, row.salt)
    if name == "list_id":
        return lambda row: row.list_id
    if name in ("email_address", "email"):
        return lambda row: row.contact[0]
    if name == "email_id":
        return lambda row: row.contact[1]
    if name.endswith("_id"):
        return lambda row: row.parent(name) or row.ground.reference(name, row.some(salt))
    if "url" in name:
        return lambda row: f"https://example.com/{name}/{row.some(salt) & 0xFFFFFF:06x}"
    if name == "currency_code":
        return lambda row: ("USD", "EUR", "UAH", "JPY")[row.some(salt) & 3]
    if name.endswith(("_at", "_time", "timestamp", "datetime")) or name == "date":
        return lambda row: iso(row.created())
    return lambda row: (
        f"{WORDS[row.some(salt) & 15]} {name.replace('_', ' ')} {row.index}" if row.some(salt) & 7 else ""
    )


def _merge_fields(row: Row) -> Json | None:
    if row.bits & 31 == 31:
        return None
    address: Any = "" if row.bits & 1 else {
        "addr1": "109 Barry St", "addr2": "", "city": "Gary", "state": "IN", "zip": "46401", "country": "US",
    }  # fmt: skip
    return {"FNAME": "Zoë", "LNAME": "Barry", "ADDRESS": address, "PHONE": "", "BIRTHDAY": ""}


def _links(row: Row) -> list[Json]:
    schema = "https://us10.api.mailchimp.com/schema/3.0/Definitions/Response.json"
    return [{"rel": "self", "href": f"https://us10.api.mailchimp.com/3.0/{row.index}", "method": "GET",
             "targetSchema": schema}]  # fmt: skip
