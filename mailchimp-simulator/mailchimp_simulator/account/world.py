"""The whole account: what it was seeded with, and what has happened to it since."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mailchimp_simulator.account.audiences import Audience
from mailchimp_simulator.account.campaign_sources import GenericOfCampaign
from mailchimp_simulator.account.campaigns import Campaigns
from mailchimp_simulator.account.clock import Clock
from mailchimp_simulator.account.contact_faults import ContactFaults
from mailchimp_simulator.account.randomness import hex_id, index_of_hex_id, salt_of
from mailchimp_simulator.account.registry import SPECIAL, SPECIAL_GENERIC
from mailchimp_simulator.account.reports import Reports
from mailchimp_simulator.account.sources import Generic, Source, StoreOrders
from mailchimp_simulator.account.table import Table
from mailchimp_simulator.contract.operations import Contract

if TYPE_CHECKING:
    from mailchimp_simulator.settings import Settings

Json = dict[str, Any]
Parents = tuple[str, ...]
MEMBERS = "/lists/{list_id}/members"
SEGMENT_MEMBERS = "/lists/{list_id}/segments/{segment_id}/members"
CONTACTS = "/audiences/{audience_id}/contacts"
CLICK_MEMBERS = "/reports/{campaign_id}/click-details/{link_id}/members"
SAME_ROWS = {"/audiences": "/lists", CONTACTS: MEMBERS, "/search-campaigns": "/campaigns"}
"""Collections that show the rows of another one: their row counts are one number."""
LISTING_OF_ITS_OWN = (MEMBERS, SEGMENT_MEMBERS, CONTACTS)


class World:
    """The account. Everything is computed when it is asked for; only changes are kept."""

    def __init__(self, settings: Settings, contract: Contract | None = None) -> None:
        """Seed an account."""
        self.settings = settings
        self.contract = contract or Contract()
        self.clock = Clock(settings.now)
        self.version = 0
        self.overrides: dict[str, int] = {}
        self.people_salt = salt_of(settings.seed, "people")
        self.list_salt = salt_of(settings.seed, "lists")
        self.reset()

    def reset(self) -> None:
        """Back to the seeded account, with the row counts that are set now."""
        self.version += 1
        self._audiences: dict[int, Audience] = {}
        self.made_audiences = 0
        self.created_ids: set[str] = set()
        self.deleted_audiences: set[int] = set()
        self.tables: dict[tuple[str, Parents], Table] = {}
        self.reports = Reports(self)
        self.campaigns = Campaigns(self)
        self.contents: dict[tuple[str, str], Json] = {}
        self.contact_faults = ContactFaults()
        self.sources: dict[str, Source] = {}
        for (method, path), operation in self.contract.operations.items():
            if method == "GET" and operation.collection and path not in LISTING_OF_ITS_OWN:
                if path == "/ecommerce/orders":
                    self.sources[path] = StoreOrders(self, path)
                elif path in SPECIAL:
                    self.sources[path] = SPECIAL[path](self, path)
                elif path in SPECIAL_GENERIC:
                    self.sources[path] = SPECIAL_GENERIC[path](self, operation)
                elif path.startswith("/reports/"):
                    self.sources[path] = GenericOfCampaign(self, operation)
                else:
                    self.sources[path] = Generic(self, operation)

    def touch(self) -> None:
        """Something has changed: what was derived from it is derived anew."""
        self.version += 1

    # -- sizes -------------------------------------------------------------------------------------------

    def rows_of(self, template: str) -> int | None:
        """The row count that was set for a collection; None: its natural one."""
        template = SAME_ROWS.get(template, template)
        if template in self.overrides:
            return self.overrides[template]
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
        forced = self.rows_of("/lists")
        return (self.settings.audiences if forced is None else forced) + self.made_audiences

    def contacts_of(self, index: int) -> int:
        """How many contacts an audience is seeded with. With three audiences or more the last is empty."""
        seeded = self.audience_count - self.made_audiences
        if index >= seeded:
            return 0
        if self.exact_contacts:
            shown = max(self.rows_of(MEMBERS) or 0, self.rows_of(SEGMENT_MEMBERS) or 0)
            return shown + (self.rows_of(MEMBERS + "?status=archived") or 0)
        sharing = seeded - 1 if seeded > 2 else seeded
        if index >= sharing:
            return 0
        share, rest = divmod(self.settings.contacts, sharing)
        return share + rest if index == 0 else share

    @property
    def exact_contacts(self) -> bool:
        """Whether a test has set how many contacts each audience, or each segment, has."""
        return self.rows_of(MEMBERS) is not None or self.rows_of(SEGMENT_MEMBERS) is not None

    # -- audiences ---------------------------------------------------------------------------------------

    def audience_id(self, index: int) -> str:
        """The id of the audience at a position."""
        return hex_id(index, self.list_salt)

    def audience_position(self, list_id: str) -> int | None:
        """The position of an audience that exists."""
        index = index_of_hex_id(list_id, self.list_salt)
        if index is None or not 0 <= index < self.audience_count or index in self.deleted_audiences:
            return None
        return index

    def audiences(self, index: int) -> Audience:
        """The audience at a position."""
        if index not in self._audiences:
            self._audiences[index] = Audience(self, index)
        return self._audiences[index]

    def audience(self, list_id: str) -> Audience | None:
        """The audience with an id, if there is one."""
        index = self.audience_position(list_id)
        return None if index is None else self.audiences(index)

    def list_name(self, index: int) -> str:
        """The name of an audience, without making it."""
        return ("Newsletter", "Kunden & Partner", "Neue Liste")[index] if index < 3 else f"Audience {index}"

    def some_list_id(self, bits: int) -> str:
        """The id of one of the audiences."""
        count = self.audience_count
        return self.audience_id(bits % count) if count else ""

    # -- rows --------------------------------------------------------------------------------------------

    def table(self, template: str, parents: Parents) -> Table:
        """The rows of a collection under these parents, changes included."""
        known = self.tables.get((template, parents))
        return known or Table(self, self.sources[template], parents)

    def rows(self, template: str, parents: Parents, limit: int | None = None) -> list[Json]:
        """The rows themselves, at most `limit`."""
        table = self.table(template, parents)
        size = table.size() if limit is None else min(limit, table.size())
        return [table.at(n) for n in range(size)]

    def reference(self, name: str, bits: int, parents: Parents = ()) -> str:
        """An id for a property that names another object: of one that exists, where we know where to look."""
        if name == "campaign_id":
            count = self.campaigns.count
            return self.campaigns.id_of(bits % count) if count and bits & 7 else ""
        if name == "list_id":
            return self.some_list_id(bits)
        template = {"store_id": "/ecommerce/stores", "product_id": "/ecommerce/stores/{store_id}/products",
                    "folder_id": "/campaign-folders"}.get(name)  # fmt: skip
        if template and template.count("{") == len(parents):
            table = self.table(template, parents)
            if table.size():
                return str(table.at(bits % table.size())["id"])
        return f"{bits & 0xFFFFFFFFFF:010x}"

    def exists(self, template: str, values: Parents) -> bool:
        """Whether every object that a path leads through exists. `template` may end in a collection or an object."""
        prefix = ""
        seen = 0
        parts = [p for p in template.split("/") if p]
        for part in parts:
            if part.startswith("{"):
                if not self._has(prefix, values[:seen], values[seen]):
                    return False
                seen += 1
            prefix += "/" + part
        return True

    def _has(self, collection: str, parents: Parents, value: str) -> bool:
        if collection in (MEMBERS, SEGMENT_MEMBERS):
            audience = self.audience(parents[0])
            return audience is not None and audience.contacts.find(value) is not None
        if collection == CONTACTS:
            return self.audience(parents[0]) is not None
        if collection == CLICK_MEMBERS:
            return True
        if collection not in self.sources:
            return False
        return self.table(collection, parents).find(value) is not None
