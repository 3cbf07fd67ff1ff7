"""What the account really holds, told to tests apart from the API: counts, keys, rows, digests."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import orjson

from mailchimp_simulator.account.contact_rows import segment_member
from mailchimp_simulator.account.contacts import GONE, STATUSES
from mailchimp_simulator.account.ground import CONTACTS, MEMBERS, SEGMENT_MEMBERS
from mailchimp_simulator.account.member_listings import contact
from mailchimp_simulator.contract.times import iso

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mailchimp_simulator.account.world import World

Json = dict[str, Any]
DETAILS = ("count", "digest", "keys", "rows")


def parents_of(world: World, template: str) -> Iterator[tuple[str, ...]]:
    """All combinations of parents that a collection is read under."""
    prefix = template.rpartition("/{")[0] if "{" in template else ""
    if not prefix:
        yield ()
        return
    if prefix == "/reports":
        for index in world.campaigns.sent():
            campaign = world.campaigns.at(index)
            yield (campaign.id,)
            for child in world.campaigns.children(campaign):
                yield (child.id,)
        return
    for above in parents_of(world, prefix):
        if prefix == MEMBERS:
            audience = world.audiences.find(above[0])
            if audience is not None:
                contacts = audience.contacts
                yield from ((*above, contacts.hash(n)) for n in range(len(contacts)) if contacts.status[n] != GONE)
            continue
        table = world.table(prefix, above)
        key = table.source.key
        for n in range(table.size()):
            yield (*above, str(table.at(n)[key]))


def rows_of(world: World, template: str, parents: tuple[str, ...]) -> Iterator[Json]:
    """All rows of a collection under these parents."""
    if template not in (MEMBERS, SEGMENT_MEMBERS, CONTACTS):
        table = world.table(template, parents)
        for n in range(table.size()):
            yield table.at(n)
        return
    audience = world.audiences.find(parents[0])
    if audience is None:
        return
    if template == SEGMENT_MEMBERS:
        segment = audience.segments.by_id[int(parents[1])]
        yield from map(segment_member, audience.rows.rows(audience.segments.members(segment)))
        return
    present = [n for n in range(len(audience.contacts)) if audience.contacts.status[n] != GONE]
    if template == MEMBERS:
        yield from audience.rows.rows(present, links=False)
    else:
        yield from (contact(audience, n) for n in present)


def key_of(world: World, template: str) -> list[str]:
    """The key of a collection, parents' ids that its rows lack included (from the contract)."""
    operation = world.contract.operations["GET", template]
    return list(operation.raw.get("primary_key") or [])


def ground_truth(world: World, template: str, detail: str, parents: tuple[str, ...] | None = None) -> Json:
    """Counts (`detail=count`), keys too (`keys`), or whole rows (`rows`), over all parents or under these.

    Raises ValueError for another detail, or a path that the contract does not have.

    `keys` of an audience's members are `[list_id, id, status, last_changed]`. A digest of the sorted keys comes with
    `keys` and `digest`.
    """
    if ("GET", template) not in world.contract.operations:
        raise ValueError(f"no such collection: {template}")
    if detail not in DETAILS:
        raise ValueError(f"detail must be one of {DETAILS}")
    if template == MEMBERS and detail != "rows":
        return _members(world, detail, parents)
    names = world.contract.operations["GET", template].path_params
    key = key_of(world, template)
    count = 0
    by_parent: Json = {}
    found: list[Any] = []
    for above in [parents] if parents is not None else parents_of(world, template):
        if detail == "count" and template in world.sources:
            here = world.table(template, above).size()
        else:
            rows = list(rows_of(world, template, above))
            here = len(rows)
            given = dict(zip(names, above, strict=True))
            if detail == "rows":
                found += [{"parents": above, "row": row} for row in rows]
            elif detail != "count":
                found += [[row.get(k, given.get(k)) for k in key] for row in rows]
        by_parent["/".join(above)] = here
        count += here
    answer: Json = {"path": template, "key": key, "count": count, "by_parent": by_parent}
    if detail == "rows":
        answer["rows"] = found
    if detail in ("keys", "digest"):
        answer["digest"] = digest(found)
        if detail == "keys":
            answer["keys"] = found
    return answer


def _members(world: World, detail: str, parents: tuple[str, ...] | None) -> Json:
    count = 0
    by_parent: Json = {}
    by_status: Json = dict.fromkeys(STATUSES, 0)
    found: list[Any] = []
    for above in [parents] if parents is not None else parents_of(world, MEMBERS):
        audience = world.audiences.find(above[0])
        if audience is None:
            continue
        contacts = audience.contacts
        for status in STATUSES:
            by_status[status] += contacts.count(status)
        here = len(contacts) - contacts.status.count(GONE)
        by_parent[above[0]] = here
        count += here
        if detail != "count":
            found += [
                [audience.id, contacts.hash(n), STATUSES[contacts.status[n]], iso(contacts.last_changed[n])]
                for n in range(len(contacts)) if contacts.status[n] != GONE
            ]  # fmt: skip
    answer: Json = {
        "path": MEMBERS,
        "key": ["list_id", "id"],
        "count": count,
        "by_parent": by_parent,
        "by_status": by_status,
    }
    if detail != "count":
        answer["digest"] = digest(found)
    if detail == "keys":
        answer["keys"] = found
    return answer


def digest(keys: list[Any]) -> str:
    """sha256 over the keys, each as compact JSON, sorted, one a line."""
    lines = sorted(orjson.dumps(key) for key in keys)
    return hashlib.sha256(b"\n".join(lines)).hexdigest()
