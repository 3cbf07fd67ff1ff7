"""The whole account: its parts put together, with what has happened to it since it was seeded."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mailchimp_simulator.account.audience_sources import MemberNotes
from mailchimp_simulator.account.audiences import Audiences
from mailchimp_simulator.account.campaigns import Campaigns
from mailchimp_simulator.account.contact_faults import ContactFaults
from mailchimp_simulator.account.ground import CONTACTS, MEMBERS, SEGMENT_MEMBERS, Ground, Json, Parents
from mailchimp_simulator.account.registry import NOTES, make_sources
from mailchimp_simulator.account.reports import Reports
from mailchimp_simulator.account.table import Table
from mailchimp_simulator.contract.operations import Contract

if TYPE_CHECKING:
    from mailchimp_simulator.account.contacts import Contacts
    from mailchimp_simulator.settings import Settings

CLICK_MEMBERS = "/reports/{campaign_id}/click-details/{link_id}/members"


class World(Ground):
    """The account. Everything is computed when it is asked for; only changes are kept."""

    def __init__(self, settings: Settings, contract: Contract | None = None) -> None:
        """Seed an account."""
        super().__init__(settings, contract or Contract())

    def start_anew(self) -> None:
        """Back to the seeded account, with the row counts that are set now."""
        super().start_anew()
        self._tables: dict[tuple[str, Parents], Table] = {}
        self.contents: dict[tuple[str, str], Json] = {}
        self.contact_faults = ContactFaults()
        self.audiences = Audiences(self)
        self.reports = Reports(self, self.audiences)
        self.campaigns = Campaigns(self, self.reports.summary)
        self.reports.children = self.campaigns.children
        self.sources = make_sources(self, self.audiences, self.campaigns, self.reports)

    # -- rows --------------------------------------------------------------------------------------------

    def table(self, template: str, parents: Parents) -> Table:
        """The rows of a collection under these parents, changes included."""
        table = self._tables.get((template, parents))
        if table is None:
            gone: set[int] = set()
            if template in ("/lists", "/audiences"):
                gone = self.deleted_audiences
            elif template == "/campaigns":
                gone = self.campaigns.deleted
            table = Table(self.sources[template], parents, gone, self._keep)
        return table

    def _keep(self, table: Table) -> None:
        """Keep a table that has changed."""
        self._tables[table.source.template, table.parents] = table
        self.invalidate()

    def rows(self, template: str, parents: Parents, limit: int | None = None) -> list[Json]:
        """The rows themselves, at most `limit`."""
        table = self.table(template, parents)
        size = table.size() if limit is None else min(limit, table.size())
        return [table.at(n) for n in range(size)]

    # -- what one part asks of another -------------------------------------------------------------------

    def changed_rows(self, template: str, parents: Parents) -> Table | None:
        """The rows of a collection, if a write has changed them."""
        return self._tables.get((template, parents))

    def changed_parents(self, template: str) -> list[Parents]:
        """The parents under which writes have changed the rows of a collection."""
        return [parents for path, parents in self._tables if path == template]

    def contacts_in(self, list_id: str) -> Contacts | None:
        """The contacts of an audience."""
        audience = self.audiences.find(list_id)
        return audience.contacts if audience else None

    def last_note(self, list_id: str, digest: str, index: int) -> Json | None:
        """`last_note` of the contact at a position with this hash."""
        source = self.sources[NOTES]
        assert isinstance(source, MemberNotes)
        return source.last(list_id, digest, index)

    def campaign_list(self, campaign_id: str) -> str | None:
        """The audience of a campaign."""
        return self.campaigns.list_of(campaign_id)

    def campaigns_of(self, list_id: str) -> tuple[int, int]:
        """How many campaigns an audience has, and when the newest was sent (0: none was)."""
        return self.campaigns.count_of(list_id), self.campaigns.last_sent(list_id)

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
                return str(table.bare(table.place(bits % table.size()))["id"])
        return f"{bits & 0xFFFFFFFFFF:010x}"

    # -- what a path leads through -----------------------------------------------------------------------

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
            contacts = self.contacts_in(parents[0])
            return contacts is not None and contacts.find(value) is not None
        if collection == CONTACTS:
            return self.audiences.find(parents[0]) is not None
        if collection == CLICK_MEMBERS:
            return True
        if collection not in self.sources:
            return False
        return self.table(collection, parents).find(value) is not None
