"""Contacts that change while they are being read."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

from mailchimp_simulator.account.contacts import ARCHIVED, CLEANED, GONE, STATUSES, SUBSCRIBED, UNSUBSCRIBED
from mailchimp_simulator.account.people import subscriber_hash

if TYPE_CHECKING:
    from mailchimp_simulator.account.audiences import Audience
    from mailchimp_simulator.account.world import World

Json = dict[str, Any]
KINDS = ("update", "join", "unsubscribe", "archive", "unarchive", "delete_permanent")
"""What drifts by itself."""
DEEDS = (*KINDS, "subscribe", "clean")
"""What a person, or a test for one, may do: sign up (again), or have an address that bounces, besides."""
_TRIES = 200


class Drift:
    """Changes contacts after requests, at a rate, or when it is told to."""

    def __init__(self, world: World) -> None:
        """Nothing drifts until it is asked for."""
        self.world = world
        self.made: list[Json] = []
        self.set({"per_request": 0})

    def set(self, body: Json) -> None:
        """Kinds, rate per request served, seed, templates whose requests count, audience. Raises ValueError."""
        kinds = tuple(body.get("kinds", KINDS))
        unknown = set(kinds) - set(KINDS)
        if unknown:
            raise ValueError(f"unknown kinds: {sorted(unknown)}")
        self.kinds = kinds
        self.rate = float(body.get("per_request", 1))
        self.paths = tuple(body.get("paths", ("/lists/{list_id}/members",)))
        self.list_id: str | None = body.get("list_id")
        self.random = random.Random(body.get("seed", 1))  # noqa: S311 -- repeatable on purpose
        self.owed = 0.0
        self.joined = 0

    def after(self, template: str) -> None:
        """A GET has been answered."""
        if not self.rate or template not in self.paths:
            return
        self.owed += self.rate
        while self.owed >= 1:
            self.owed -= 1
            self.one(self.random.choice(self.kinds))

    def one(self, kind: str, email: str | None = None, list_id: str | None = None, ago: int = 0) -> Json | None:
        """Change one contact; what was done, or None if there was nobody to do it to.

        `ago`: the change happened this many seconds before, and is seen only now. Raises ValueError for no deed.
        """
        if kind not in DEEDS:
            raise ValueError(f"no such deed: {kind}; there are {DEEDS}")
        audience = self._audience(list_id or self.list_id)
        if audience is None:
            return None
        contacts = audience.contacts
        now = self.world.clock.now() - ago
        if kind == "join":
            self.joined += 1
            email = email or f"drift.{self.joined}.{self.random.getrandbits(32):08x}@example.com"
            index = contacts.add(email, SUBSCRIBED, now, {}, opt=now, signup=now)
        else:
            found = self._pick(audience, kind, email)
            if found is None:
                return None
            index = found
            email = contacts.email(index)
            if kind == "update":
                contacts.patch(index, {"merge_fields": {"LNAME": f"Changed {self.random.getrandbits(20)}"}})
                contacts.set(index, changed=now)
            elif kind == "delete_permanent":
                contacts.delete(index)
            else:
                status = {"unsubscribe": UNSUBSCRIBED, "archive": ARCHIVED, "subscribe": SUBSCRIBED, "clean": CLEANED,
                          "unarchive": contacts.before_archive.get(index, SUBSCRIBED)}[kind]  # fmt: skip
                contacts.set(index, status=status, changed=now, opt=now if kind == "subscribe" else None)
                contacts.left_by_api.discard(index)
        done = {"kind": kind, "list_id": audience.id, "email": email, "hash": subscriber_hash(email), "at": now}
        self.made.append(done)
        return done

    def _audience(self, list_id: str | None) -> Audience | None:
        if list_id:
            return self.world.audiences.find(list_id)
        filled = [n for n in range(self.world.audience_count) if n not in self.world.deleted_audiences
                  and len(self.world.audiences.at(n).contacts)]  # fmt: skip
        return self.world.audiences.at(self.random.choice(filled)) if filled else None

    def _pick(self, audience: Audience, kind: str, email: str | None) -> int | None:
        contacts = audience.contacts
        if email is not None:
            return contacts.find(subscriber_hash(email))
        for _ in range(_TRIES):
            index = self.random.randrange(len(contacts))
            status = contacts.status[index]
            if status == GONE:
                continue
            if kind == "unarchive" and status == ARCHIVED:
                return index
            if kind == "unsubscribe" and STATUSES[status] in ("subscribed", "pending"):
                return index
            if kind in ("update", "archive", "delete_permanent", "subscribe", "clean") and status != ARCHIVED:
                return index
        return None
