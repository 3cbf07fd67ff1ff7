"""Tags: found without regard to case, made once, given to 500 contacts a call."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial

from destination_mailchimp.audience.calls import BATCH, Calls
from destination_mailchimp.audience.refusals import exists_already, is_account_wide, nobody_subscribed
from destination_mailchimp.audience.splitting import send_or_split
from destination_mailchimp.contacts.contact import Contact, Json, key_of
from destination_mailchimp.writing.result import FollowUp, Noted, Result, Step, TagChange, TagFailed
from mailchimp_api import readers
from mailchimp_api.errors import RequestRefused, ResourceGone

logger = logging.getLogger("airbyte.destination_mailchimp")

_LONGEST_NAME = 100


class UnlistedTag(Exception):
    """A tag exists, though the listing shows none whose name we take for equal (solspace/craft-freeform#1576)."""


class TagIds:
    """The audience's tags by name. Thread-safe; a tag that is missing is made by whoever needs it first."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls
        self._lock = threading.Lock()
        self._ids: dict[str, int] | None = None
        self._unlisted: set[str] = set()

    def missing(self, names: Iterable[str]) -> list[str]:
        """Those of ``names`` that the audience does not have yet."""
        with self._lock:
            ids = self._read()
            return [name for name in names if name.casefold() not in ids]

    def knows(self, name: str) -> bool:
        """Whether there is such a tag, listed or not."""
        return name.casefold() in self._unlisted or not self.missing([name])

    def load(self) -> None:
        """Read the tags that there are, unless that has been done."""
        with self._lock:
            self._read()

    def id_of(self, name: str) -> int:
        """The id of a tag, made if it is missing.

        Raises RequestRefused where Mailchimp does not take the name, UnlistedTag where only Mailchimp knows the tag.
        """
        with self._lock:
            if name.casefold() in self._unlisted:
                raise UnlistedTag
            ids = self._read()
            if name.casefold() not in ids:
                self._make(name)
            assert self._ids is not None
            return self._ids[name.casefold()]

    def forget(self, name: str) -> None:
        """The tag was deleted meanwhile: look again before it is used the next time."""
        with self._lock:
            if self._ids is not None:
                self._ids.pop(name.casefold(), None)

    def _read(self) -> dict[str, int]:
        if self._ids is None:
            params = {"type": "static", "fields": "segments.id,segments.name,total_items"}
            rows = self._calls.pages("segments", "segments", params, "id", "name")
            # A name may stand there twice (recorded): the first is the older one.
            self._ids = {}
            for row in rows:
                self._ids.setdefault(str(row["name"]).casefold(), int(row["id"]))
        return self._ids

    def _make(self, name: str) -> None:
        try:
            body = {"name": name, "static_segment": []}
            answered = self._calls.send("POST", "segments", json=body, read=readers.segment_id)
        except RequestRefused as error:
            # Made by somebody else meanwhile, or by a first attempt of ours whose answer was lost.
            self._ids = None
            if name.casefold() in self._read():
                return
            if not exists_already(error.problem):
                raise
            self._unlisted.add(name.casefold())
            logger.warning("Tag %s exists, but is not listed: one call for each contact that gets it", name)
            raise UnlistedTag from None
        assert self._ids is not None
        self._ids[name.casefold()] = answered.body
        if answered.replayed:
            # Made twice, should the lost answer have been that of a call that was carried out.
            self._ids = None
            self._read().setdefault(name.casefold(), answered.body)
        logger.info("Created tag %s", name)


@dataclass
class _Waiting:
    name: str
    contacts: list[Contact]
    since: float


class TagBuffer:
    """Contacts that wait for their tag's next call: until there are 500 of them, or one has waited too long."""

    def __init__(self) -> None:
        # In the order in which each began to wait, so that the first has waited longest.
        self._waiting: dict[tuple[str, bool], _Waiting] = {}
        self.size = 0

    def put(self, name: str, contact: Contact, *, remove: bool = False) -> None:
        """A contact is to get a tag, or to lose it."""
        key = (name.casefold(), remove)
        waiting = self._waiting.get(key)
        if waiting is None:
            waiting = self._waiting[key] = _Waiting(name, [], time.monotonic())
        waiting.contacts.append(contact)
        self.size += 1

    def take(self, *, everything: bool) -> list[tuple[str, bool, list[Contact]]]:
        """Full calls (name, remove, contacts), or with ``everything`` also those that are not full."""
        taken = []
        for key, waiting in list(self._waiting.items()):
            contacts = waiting.contacts
            while len(contacts) >= BATCH or (everything and contacts):
                taken.append((waiting.name, key[1], contacts[:BATCH]))
                del contacts[:BATCH]
                del self._waiting[key]
                if contacts:
                    # The rest came later than what has gone.
                    self._waiting[key] = _Waiting(waiting.name, contacts, time.monotonic())
        self.size -= sum(len(contacts) for _, _, contacts in taken)
        return taken

    def age(self) -> float:
        """How many seconds a contact has waited at most; 0 if none waits."""
        first = next(iter(self._waiting.values()), None)
        return max(time.monotonic() - first.since, 1e-9) if first else 0.0


class Tagger:
    """Gives and takes tags, in workers.

    A tag's own call takes 500 contacts, but passes over those that are not subscribed, mostly without a word
    (recorded). Whoever its answer does not confirm is left to a call of their own (``Step.TAGS``), which takes all.
    """

    def __init__(self, calls: Calls, ids: TagIds) -> None:
        self._calls = calls
        self._ids = ids
        self._passed_over: set[str] = set()
        """Statuses that a tag's own call has passed over."""

    def goes_singly(self, contact: Contact) -> bool:
        """Whether a tag's own call would pass over the contact, as it has done with others of its status."""
        return contact.shown_status in self._passed_over

    def prepare(self, names: list[str], result: Result) -> None:
        """Make tags that the audience lacks, before the first contacts wait for them."""
        del result
        for name in names:
            if len(name) <= _LONGEST_NAME:
                # Who needs the tag will meet the refusal, and account for it.
                with contextlib.suppress(RequestRefused, UnlistedTag):
                    self._ids.id_of(name)

    def tag(self, name: str, contacts: list[Contact], result: Result, *, remove: bool = False) -> None:
        """One call for one tag; contacts that could not get it are named in ``result``."""
        if len(name) > _LONGEST_NAME:
            result.tags_failed += [TagFailed(contact, "its name is longer than 100 characters") for contact in contacts]
            return
        change = TagChange(name, remove)
        for _ in range(2):
            if remove and not self._ids.knows(name):
                # Nobody can have it, and it is not made for being taken away. A misspelt name shows by this.
                result.notes += [Noted(contact, f"no tag {name} to take away in the audience") for contact in contacts]
                return
            try:
                segment = self._ids.id_of(name)
            except UnlistedTag:
                # A call about one contact names the tag, and leaves it to Mailchimp which one is meant.
                result.follow_ups += [FollowUp(contact, Step.TAGS, (change,)) for contact in contacts]
                return
            except RequestRefused as error:
                if is_account_wide(error.problem):
                    raise
                result.tags_failed += [TagFailed(contact, str(error.problem)) for contact in contacts]
                return
            try:
                send_or_split(
                    contacts,
                    partial(self._send, segment, change, result),
                    lambda contact, problem: result.tags_failed.append(TagFailed(contact, str(problem))),
                    lambda contact: result.follow_ups.append(FollowUp(contact, Step.TAGS, (change,))),
                )
            except ResourceGone:
                self._ids.forget(name)
            else:
                return
        result.tags_failed += [TagFailed(contact, "the tag keeps being deleted") for contact in contacts]

    def _send(self, segment: int, change: TagChange, result: Result, contacts: list[Contact]) -> None:
        what = "members_to_remove" if change.remove else "members_to_add"
        body = {what: [contact.address for contact in contacts]}
        try:
            answer = self._calls.send("POST", f"segments/{segment}", json=body, may_shrink=True).body
        except RequestRefused as error:
            if not nobody_subscribed(error.problem):
                raise
            # The same for each of them: no smaller call would fare better.
            answer = {}
        rest = _unconfirmed(contacts, answer if isinstance(answer, dict) else {}, change)
        self._passed_over.update(
            contact.shown_status for contact in rest if contact.shown_status not in (None, "subscribed")
        )
        result.follow_ups += [FollowUp(contact, Step.TAGS, (change,)) for contact in rest]


def _unconfirmed(contacts: list[Contact], answer: Json, change: TagChange) -> list[Contact]:
    """The contacts of which the answer does not show that they have the tag now (or, with ``remove``, have it not)."""
    waiting = {contact.key: contact for contact in contacts}
    done = "members_removed" if change.remove else "members_added"
    for row in answer.get(done) or ():
        if isinstance(row, dict):
            waiting.pop(key_of(row.get("email_address")), None)
    for row in answer.get("errors") or ():
        text = str(row.get("error") or "").lower() if isinstance(row, dict) else ""
        # What is so already is no failure.
        if ("do not exist in the static segment" if change.remove else "already") in text:
            for address in row.get("email_addresses") or ():
                waiting.pop(key_of(address), None)
    total = answer.get("total_removed" if change.remove else "total_added")
    # Where the answer gives no rows, its total may still tell that all have been dealt with.
    if done not in answer and total == len(waiting):
        return []
    return list(waiting.values())
