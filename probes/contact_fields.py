"""Probes of what the source relies on to ask fewer contacts: ``last_note`` tells of notes, ``tags_count`` of tags."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from probes.findings import Account, Finding, Probe, Unsettled
from probes.scratch import Scratch
from source_mailchimp.streams.contacts import has_note, has_tags

Json = dict[str, Any]
Told = Callable[[Json], bool]
_SAMPLE = 10  # contacts of each kind and audience
_CONTACTS = 500


def last_note_tells_of_notes(account: Account) -> Finding:
    """Have contacts notes if, and only if, their row names a last one?"""
    return _tells(account, "notes", "last_note", has_note, lambda scratch, address: scratch.note(address))


def tags_count_tells_of_tags(account: Account) -> Finding:
    """Have contacts tags if, and only if, their row counts some?"""

    def tag(scratch: Scratch, address: str) -> None:
        name = scratch.tag()
        scratch.put_tag(address, name)
        scratch.shows_tag(address, name)

    return _tells(account, "tags", "tags_count", has_tags, tag)


def _tells(account: Account, collection: str, field: str, told: Told, put: Callable[[Scratch, str], None]) -> Finding:
    right: dict[bool, int] = {True: 0, False: 0}
    wrong: dict[bool, int] = {True: 0, False: 0}

    def judge(expected: bool, there: bool) -> None:  # noqa: FBT001 - two facts about one contact
        (right if expected == there else wrong)[expected] += 1

    lists = account.client.get("lists", {"count": 20, "fields": "lists.id"}, items="lists")["lists"]
    for audience in lists:
        path = f"lists/{audience['id']}/members"
        query: Json = {"count": _CONTACTS, "fields": f"members.id,members.{field}"}
        rows = account.client.get(path, query, items="members")["members"]
        for expected in (True, False):
            for row in [row for row in rows if told(row) is expected][:_SAMPLE]:
                below = account.client.get(f"{path}/{row['id']}/{collection}", items=collection)[collection]
                judge(expected, bool(below))
    if account.own is not None:
        address = account.own.add()
        judge(told(account.own.listed(address)), bool(account.own.below(address, collection)))
        put(account.own, address)
        judge(
            account.own.seen(lambda scratch: told(scratch.listed(address))),
            bool(account.own.below(address, collection)),
        )
    seen = f"{right[True]} contacts with and {right[False]} without"
    if any(wrong.values()):
        return Finding(
            "false", f"{wrong[False]} contacts have {collection} untold, {wrong[True]} none though told; right: {seen}"
        )
    if not all(right.values()):
        raise Unsettled(f"{seen} were seen, and it takes both")
    return Finding("true", seen)


PROBES = (
    Probe("last_note_tells_of_notes", last_note_tells_of_notes),
    Probe("tags_count_tells_of_tags", tags_count_tells_of_tags),
)
