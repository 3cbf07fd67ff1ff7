"""Contacts that the service can't take: whatever is sent for them is refused, or answered 500."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from mailchimp_simulator.account.people import subscriber_hash
from mailchimp_simulator.account.refusals import Refusal
from mailchimp_simulator.contract.answers import ProblemError

Json = dict[str, Any]
ROUTES = ("batch", "member", "tags", "segment", "audience_contact")
"""Where a contact is written: batches, a call about one contact, its tags, segments, the newer API's contacts."""
INTERNAL_ERROR = "An unexpected internal error has occurred. Please contact Support for more information."


@dataclass
class ContactFault:
    """What some addresses are answered."""

    id: int
    hashes: frozenset[str]
    routes: tuple[str, ...] = ROUTES
    status: int = 400
    title: str = "Invalid Resource"
    text: str = ""
    """Where `{email}` stands the address is put in."""
    field: str = ""
    message: str = ""
    whole_call: bool = False
    """Whether a refusal is one of the whole call, as what has no valid shape is."""
    times: int | None = None
    applied: int = 0

    @property
    def fails_call(self) -> bool:
        """Whether nothing of the call is done: so it is from 500 on, too."""
        return self.whole_call or self.status >= 500

    def error(self, email: str) -> Exception:
        """The whole call fails, however many contacts are in it, or one contact is refused."""
        if self.fails_call:
            return ProblemError(self.status, self.title, self.text or INTERNAL_ERROR)
        errors = ((self.field, self.message),) if self.field else ()
        return Refusal(self.title, self.text.replace("{email}", email), *errors)


class ContactFaults:
    """All of them."""

    def __init__(self) -> None:
        """Every contact is taken."""
        self.rules: list[ContactFault] = []
        self._next = 1

    def add(self, body: Json) -> ContactFault:
        """A rule from a control request: `emails`, `routes`, and what a ContactFault has beside.

        Raises ValueError for one that makes no sense.
        """
        body = dict(body)
        hashes = frozenset(subscriber_hash(email.strip()) for email in body.pop("emails"))
        routes = tuple(body.pop("routes", ROUTES))
        unknown = set(routes) - set(ROUTES)
        if unknown:
            raise ValueError(f"unknown routes: {sorted(unknown)}; there are {ROUTES}")
        status = int(body.pop("status", 400))
        title = body.pop("title", "InternalServerError" if status >= 500 else "Invalid Resource")
        rule = ContactFault(self._next, hashes, routes, status, title, **body)
        self._next += 1
        self.rules.append(rule)
        return rule

    def clear(self) -> None:
        """Take every contact again."""
        self.rules.clear()

    def check(self, digest: str, email: str, route: str, *, whole_call: bool = False) -> None:
        """Refuse a contact, by its hash. Raises ProblemError (5xx) or Refusal.

        `whole_call`: only what fails the whole call, before anything of it is done.
        """
        for rule in self.rules:
            if digest not in rule.hashes or route not in rule.routes or (whole_call and not rule.fails_call):
                continue
            if rule.times is not None and rule.applied >= rule.times:
                continue
            rule.applied += 1
            raise rule.error(email)
