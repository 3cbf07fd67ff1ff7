"""Writing contacts one by one, with the refusals that the real API is known for (facts.md)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from mailchimp_simulator.account.contact_values import Values, dates
from mailchimp_simulator.account.contacts import ARCHIVED, CLEANED, PENDING, STATUSES, SUBSCRIBED, UNSUBSCRIBED
from mailchimp_simulator.account.people import subscriber_hash
from mailchimp_simulator.account.refusals import Refusal, compliance, forgotten, member_exists

if TYPE_CHECKING:
    from mailchimp_simulator.account.audiences import Audience
    from mailchimp_simulator.account.world import World
    from mailchimp_simulator.contract.query import Query

Json = dict[str, Any]
_EMAIL = re.compile(r"^[^@\s,;<>()\[\]]+@[^@\s,;<>()\[\]]+\.[A-Za-z0-9-]{2,}$")
_RESUBSCRIBES = (UNSUBSCRIBED, CLEANED)


class Writer:
    """Writes contacts of one audience, for one request."""

    def __init__(self, world: World, audience: Audience, query: Query, route: str = "member") -> None:
        """The request's query says whether required merge fields are checked. `route`: see `contact_faults.ROUTES`."""
        self.audience = audience
        self.contacts = audience.contacts
        self.facts = world.settings.facts
        self.faults = world.contact_faults
        self.route = route
        self.language = query.language
        self.values = Values(audience, world.contract, self.facts, required=not query.flag("skip_merge_validation"))
        self.now = world.clock.now()

    # -- refusals ----------------------------------------------------------------------------------------

    def check_address(self, email: Any) -> str:
        """The address, trimmed. Raises Refusal, and ProblemError where the service itself fails."""
        text = str(email or "").strip()
        self.faults.check(subscriber_hash(text), text, self.route)
        if not _EMAIL.match(text):
            raise Refusal("Invalid Resource", "Please provide a valid email address.")
        low = text.lower()
        if "fake" in low or low.endswith((".invalid", "@test.com")):
            raise Refusal("Invalid Resource", f"{text} looks fake or invalid, please enter a real email address.")
        if "toomany" in low:
            raise Refusal("Invalid Resource", f"{text} has signed up to a lot of lists very recently; "
                          "we're not allowing more signups for now.")  # fmt: skip
        return text

    def check_forgotten(self, email: str) -> None:
        """A contact that was deleted for good can't be written. Raises Refusal."""
        if subscriber_hash(email) in self.contacts.forgotten:
            raise forgotten(email)

    def status_for(self, index: int, wanted: str | None) -> int | None:
        """The status to set for a contact that exists; None: it stays. Raises Refusal for a resubscription (open)."""
        if wanted is None:
            return None
        status = STATUSES.index(wanted)
        before = self.contacts.status[index]
        if before == ARCHIVED:
            before = self.contacts.before_archive.get(index, SUBSCRIBED)
        if status != SUBSCRIBED or before not in _RESUBSCRIBES or self.facts.resubscribe_succeeds:
            return status
        if self.facts.resubscribe_silently_ignored:
            return None
        if self.facts.resubscribe_after_api and index in self.contacts.left_by_api:
            return status
        raise compliance(self.contacts.email(index))

    def revived_by(self, index: int, status_if_new: str | None) -> str | None:
        """The status that `status_if_new` sets for an archived contact, if it does (open)."""
        archived = self.contacts.status[index] == ARCHIVED
        return status_if_new if archived and self.facts.status_if_new_revives else None

    # -- writing -----------------------------------------------------------------------------------------

    def create(self, email: str, status: str, body: Json) -> int:
        """A new contact; its index. Raises Refusal."""
        self.check_forgotten(email)
        stored = self.values.stored(body, None)
        opt, signup = dates(body)
        number = STATUSES.index(status)
        if number == SUBSCRIBED and self.audience.double_optin and self.facts.double_optin_by_api:
            number = PENDING
        if opt is None:
            opt = self.now if number == SUBSCRIBED else 0
        index = self.contacts.add(email, number, self.now, stored, opt=opt, signup=signup or 0)
        self._note_status(index, number)
        return index

    def update(self, index: int, status: str | None, body: Json) -> None:
        """Change a contact. Nothing is changed if anything is refused. Raises Refusal.

        A call about one contact that changes nothing leaves `last_changed` as it was (recorded); a batch moves it.
        """
        row = self.audience.rows.row(index, links=False) if self.route == "member" else {}
        number = self.status_for(index, status)
        stored = self.values.stored(body, index)
        opt, signup = dates(body)
        email = body.get("email_address")
        if email and subscriber_hash(email) != self.contacts.hash(index):
            self._check_move(index, email)
            stored["email_address"] = email
        if stored:
            self.contacts.patch(index, stored)
        same = number is None or number == self.contacts.status[index]
        if row and same and opt is None and signup is None and row == self.audience.rows.row(index, links=False):
            return
        if number == SUBSCRIBED and self.contacts.status[index] != SUBSCRIBED and opt is None:
            opt = self.now
        if number is not None:
            self._note_status(index, number)
        self.contacts.set(index, status=number, changed=self.now, opt=opt, signup=signup)

    def _check_move(self, index: int, email: str) -> None:
        """Whether a contact may take another address. Raises Refusal."""
        other = self.contacts.find(subscriber_hash(email))
        if other is not None and self.contacts.status[other] == ARCHIVED:
            text = f'"{email}" is already in this list with a status of "archived".'
            raise Refusal("Invalid Resource", text, ("email address", text))
        if other is not None:
            raise member_exists(email)
        status = self.contacts.status[index]
        if status != SUBSCRIBED and not self.facts.email_change_of_unsubscribed:
            raise Refusal("Invalid Resource", f'This member\'s status is "{STATUSES[status]}." You can only update '
                          'email addresses for members with a status of "subscribed."')  # fmt: skip
        self.check_forgotten(email)

    def _note_status(self, index: int, number: int) -> None:
        """Remember who the API itself has unsubscribed, and in what language somebody was asked to confirm."""
        if number == UNSUBSCRIBED:
            self.contacts.left_by_api.add(index)
        elif number == SUBSCRIBED:
            self.contacts.left_by_api.discard(index)
        if number == PENDING and (index >= len(self.contacts) - 1 or self.contacts.status[index] != PENDING):
            self.contacts.confirmations[index] = self.language

    def tag(self, index: int, names: list[str]) -> bool:
        """Add tags by name; missing ones are made. Whether that changed anything."""
        segments = self.audience.segments
        changed = [
            segments.put(segments.by_name.get(name.lower()) or segments.create(name, self.now), index, member=True)
            for name in names
        ]
        return any(changed)

    def untag(self, index: int, names: list[str]) -> bool:
        """Take tags away by name. Whether that changed anything."""
        found = [self.audience.segments.by_name.get(name.lower()) for name in names]
        changed = [self.audience.segments.put(one, index, member=False) for one in found if one]
        return any(changed)

    def sync_tags(self, index: int, names: list[str]) -> None:
        """Replace all tags."""
        wanted = {name.lower() for name in names}
        self.untag(index, [s.name for s in self.audience.segments.tags_of(index) if s.name.lower() not in wanted])
        self.tag(index, names)


def tag_names(body: Json) -> list[str]:
    """The names in a contact's `tags`, which are texts or objects."""
    return [tag if isinstance(tag, str) else str(tag.get("name", "")) for tag in body.get("tags") or []]
