"""What everything in the played account stands on: settings, clock, contract, sizes, ids, and what has changed.

The parts of the account (audiences, campaigns, reports, rows) know this much of each other and no more, so that none
has to import the whole; `world.World` puts them together.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, Protocol

from mailchimp_simulator.account.clock import Clock
from mailchimp_simulator.account.randomness import hex_id, index_of_hex_id, salt_of

if TYPE_CHECKING:
    from mailchimp_simulator.account.contacts import Contacts
    from mailchimp_simulator.contract.operations import Contract
    from mailchimp_simulator.settings import Settings

Json = dict[str, Any]
Parents = tuple[str, ...]
MEMBERS = "/lists/{list_id}/members"
SEGMENT_MEMBERS = "/lists/{list_id}/segments/{segment_id}/members"
CONTACTS = "/audiences/{audience_id}/contacts"
SAME_ROWS = {"/audiences": "/lists", CONTACTS: MEMBERS, "/search-campaigns": "/campaigns"}
"""Collections that show the rows of another one: their row counts are one number."""


class Rows(Protocol):
    """The rows of one collection under its parents."""

    @property
    def created(self) -> list[Json]:
        """Those that a write has made."""

    def size(self) -> int:
        """How many there are."""

    def at(self, index: int) -> Json:
        """One of them."""


class Ground(ABC):
    """Settings, clock, sizes and ids, and what a part may ask of the others."""

    def __init__(self, settings: Settings, contract: Contract) -> None:
        """Seed an account."""
        self.settings = settings
        self.contract = contract
        self.clock = Clock(settings.now)
        self.version = 0
        self.row_counts: dict[str, int] = {}
        self.people_salt = salt_of(settings.seed, "people")
        self.list_salt = salt_of(settings.seed, "lists")
        self.start_anew()

    def start_anew(self) -> None:
        """Forget all changes."""
        self.version += 1
        self.made_audiences = 0
        self.created_ids: set[str] = set()
        self.deleted_audiences: set[int] = set()

    def invalidate(self) -> None:
        """Something has changed: what was derived from it is derived anew."""
        self.version += 1

    # -- sizes -------------------------------------------------------------------------------------------

    def row_count_override(self, template: str) -> int | None:
        """The row count that was set for a collection; None: its natural one."""
        template = SAME_ROWS.get(template, template)
        if template in self.row_counts:
            return self.row_counts[template]
        return self.settings.rows if self.settings.rows is not None and template in self.leaves() else None

    def leaves(self) -> frozenset[str]:
        """Collections that are nobody's parent: those that `--rows` sets."""
        if not hasattr(self, "_leaves"):
            collections = {p for (m, p), o in self.contract.operations.items() if m == "GET" and o.collection}
            self._leaves = frozenset(
                path for path in collections
                if path == MEMBERS or not any(other.startswith(path + "/") for other in collections)
            )  # fmt: skip
        return self._leaves

    @property
    def audience_count(self) -> int:
        """Audiences ever made, deleted ones included."""
        override = self.row_count_override("/lists")
        return (self.settings.audiences if override is None else override) + self.made_audiences

    def contacts_of(self, index: int) -> int:
        """How many contacts an audience is seeded with. With three audiences or more the last is empty."""
        seeded = self.audience_count - self.made_audiences
        if index >= seeded:
            return 0
        if self.exact_contacts:
            shown = max(self.row_count_override(MEMBERS) or 0, self.row_count_override(SEGMENT_MEMBERS) or 0)
            return shown + (self.row_count_override(MEMBERS + "?status=archived") or 0)
        sharing = seeded - 1 if seeded > 2 else seeded
        if index >= sharing:
            return 0
        share, rest = divmod(self.settings.contacts, sharing)
        return share + rest if index == 0 else share

    @property
    def exact_contacts(self) -> bool:
        """Whether a test has set how many contacts each audience, or each segment, has."""
        return any(self.row_count_override(template) is not None for template in (MEMBERS, SEGMENT_MEMBERS))

    # -- ids and names -----------------------------------------------------------------------------------

    def audience_id(self, index: int) -> str:
        """The id of the audience at a position."""
        return hex_id(index, self.list_salt)

    def audience_position(self, list_id: str) -> int | None:
        """The position of an audience that exists."""
        index = index_of_hex_id(list_id, self.list_salt)
        if index is None or not 0 <= index < self.audience_count or index in self.deleted_audiences:
            return None
        return index

    def list_name(self, index: int) -> str:
        """The name of an audience, without making it."""
        return ("Newsletter", "Kunden & Partner", "Neue Liste")[index] if index < 3 else f"Audience {index}"

    def some_list_id(self, bits: int) -> str:
        """The id of one of the audiences."""
        count = self.audience_count
        return self.audience_id(bits % count) if count else ""

    # -- what one part may ask of another ----------------------------------------------------------------

    @abstractmethod
    def table(self, template: str, parents: Parents) -> Rows:
        """The rows of a collection under these parents, changes included."""

    @abstractmethod
    def changed_rows(self, template: str, parents: Parents) -> Rows | None:
        """The same, if a write has changed them."""

    @abstractmethod
    def changed_parents(self, template: str) -> list[Parents]:
        """The parents under which writes have changed the rows of a collection."""

    @abstractmethod
    def contacts_in(self, list_id: str) -> Contacts | None:
        """The contacts of an audience."""

    @abstractmethod
    def last_note(self, list_id: str, digest: str, index: int) -> Json | None:
        """`last_note` of the contact at a position with this hash."""

    @abstractmethod
    def campaign_list(self, campaign_id: str) -> str | None:
        """The audience of a campaign."""

    @abstractmethod
    def campaigns_of(self, list_id: str) -> tuple[int, int]:
        """How many campaigns an audience has, and when the newest was sent (0: none was)."""

    @abstractmethod
    def reference(self, name: str, bits: int, parents: Parents = ()) -> str:
        """An id for a property that names another object: of one that exists, where we know where to look."""
