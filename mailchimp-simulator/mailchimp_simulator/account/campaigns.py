"""Campaigns: regular ones, drafts, variate ones with children, and the emails of automations.

A campaign is computed from its position. Positions of an account with N campaigns: 0 … N-1 are listed by
`/campaigns`, the last ones are automation emails; children of variate campaigns are not listed (facts.md) and stand
at `CHILDREN + 2 * position + 0 or 1`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from mailchimp_simulator.account.fixtures import merged, record, seeds
from mailchimp_simulator.account.randomness import hex_id, index_of_hex_id, mix, salt_of
from mailchimp_simulator.contract.times import iso

if TYPE_CHECKING:
    from collections.abc import Callable

    from mailchimp_simulator.account.ground import Ground

Json = dict[str, Any]
_DAY = 86_400
CHILDREN = 10_000_000
EMAILS_PER_AUTOMATION = 2


@dataclass
class Campaign:
    """One campaign and what is needed to compute its recipients' doings."""

    index: int
    id: str
    type: str
    status: str
    list_index: int
    list_id: str
    created: int
    sent: int
    span: int
    recipients: int
    quiet: bool
    salt: int
    parent: str = ""
    extra: dict[int, list[tuple[int, Json]]] = field(default_factory=dict)
    """Events added by a test after the account was seeded, by recipient, each with the time from which it is listed."""
    extra_unsubscribes: dict[int, tuple[int, int]] = field(default_factory=dict)
    """From when on it is listed that recipients left, and when they did; likewise added."""

    @property
    def is_split(self) -> bool:
        """Whether it is sent as several."""
        return self.type == "variate"

    @property
    def is_sent(self) -> bool:
        """Whether `/reports` lists it."""
        return self.status == "sent"


def _in_turn(what: str, index: int) -> str:
    """The values of the seeds for campaigns, one after the other and again from the first."""
    values: list[str] = seeds("campaigns")[what]
    return values[index % len(values)]


class Campaigns:
    """All campaigns of the account."""

    def __init__(self, ground: Ground, summary: Callable[[Campaign], Json]) -> None:
        """Nothing is computed before it is asked for. `summary`: tells a campaign's `report_summary`."""
        self.ground = ground
        self._summary_of = summary
        self.salt = salt_of(ground.settings.seed, "campaigns")
        self.workflow_salt = salt_of(ground.settings.seed, "automations")
        self._made: dict[int, Campaign] = {}
        self._sent: tuple[int, list[int]] = (-1, [])
        self._by_list: tuple[int, dict[str, tuple[int, int]]] = (-1, {})
        self.deleted: set[int] = set()

    def reset(self) -> None:
        """The sizes have changed."""
        self._made.clear()
        self._sent = (-1, [])
        self._by_list = (-1, {})

    # -- how many, which ---------------------------------------------------------------------------------

    @property
    def count(self) -> int:
        """How many `/campaigns` lists."""
        row_count_override = self.ground.row_count_override("/reports")
        if row_count_override is not None:
            return row_count_override
        row_count_override = self.ground.row_count_override("/campaigns")
        return self.ground.settings.campaigns if row_count_override is None else row_count_override

    @property
    def automation_emails(self) -> int:
        """How many of them are emails of automations."""
        if self._plain:
            return 0
        return min(self.count // 3, EMAILS_PER_AUTOMATION * self.automations)

    @property
    def automations(self) -> int:
        """How many automations there are."""
        row_count_override = self.ground.row_count_override("/automations")
        return self.ground.settings.automations if row_count_override is None else row_count_override

    @property
    def _plain(self) -> bool:
        return self.ground.settings.plain or self.ground.row_count_override("/reports") is not None

    def workflow_id(self, automation: int) -> str:
        """The id of an automation."""
        return hex_id(automation, self.workflow_salt)

    def automation_of(self, workflow_id: str) -> int | None:
        """The position of an automation, from its id."""
        index = index_of_hex_id(workflow_id, self.workflow_salt)
        return index if index is not None and 0 <= index < self.automations else None

    def id_of(self, index: int) -> str:
        """The id of the campaign at a position."""
        return hex_id(index, self.salt)

    def find(self, campaign_id: str) -> Campaign | None:
        """A campaign by its id; children of variate campaigns too, deleted ones not."""
        index = index_of_hex_id(campaign_id, self.salt)
        if index is None or index in self.deleted:
            return None
        if 0 <= index < self.count:
            return self.at(index)
        parent = index - CHILDREN >> 1
        if 0 <= parent < self.count and parent not in self.deleted and self.at(parent).type == "variate":
            return self.at(index)
        return None

    def list_of(self, campaign_id: str) -> str | None:
        """The audience of a campaign."""
        found = self.find(campaign_id)
        return found.list_id if found else None

    def at(self, index: int) -> Campaign:
        """The campaign at a position."""
        if index not in self._made:
            self._made[index] = self._make(index)
        return self._made[index]

    def sent(self) -> list[int]:
        """Positions of the campaigns that have been sent, as `/reports` lists them."""
        stamp = self.ground.version
        if self._sent[0] != stamp:
            self._sent = (stamp, [i for i in range(self.count) if i not in self.deleted and self.at(i).is_sent])
        return self._sent[1]

    def children(self, campaign: Campaign) -> list[Campaign]:
        """The two test groups of a sent variate campaign."""
        if not campaign.is_split or not campaign.is_sent:
            return []
        first = CHILDREN + 2 * campaign.index
        return [self.at(first), self.at(first + 1)]

    def _summary(self) -> dict[str, tuple[int, int]]:
        if self._by_list[0] != self.ground.version:
            found: dict[str, tuple[int, int]] = {}
            for index in range(self.count):
                campaign = self.at(index)
                number, last = found.get(campaign.list_id, (0, 0))
                found[campaign.list_id] = (number + 1, max(last, campaign.sent))
            self._by_list = (self.ground.version, found)
        return self._by_list[1]

    def last_sent(self, list_id: str) -> int:
        """When the newest campaign to an audience was sent; 0 if none was."""
        return self._summary().get(list_id, (0, 0))[1]

    def count_of(self, list_id: str) -> int:
        """How many campaigns an audience has."""
        return self._summary().get(list_id, (0, 0))[0]

    # -- the seeded account ------------------------------------------------------------------------------

    def _kind(self, index: int) -> tuple[str, str]:
        """Type and status of the campaign at a position."""
        if self._plain:
            return "regular", "sent"
        if index >= self.count - self.automation_emails:
            return "automation-email", "sent"
        # "automation": an email of a customer journey, whose automation no listing shows (facts.md).
        kind = _in_turn("types", index)
        return kind, "sent" if self.ground.settings.all_sent else _in_turn("statuses", index)

    def _make(self, index: int) -> Campaign:
        ground = self.ground
        parent: Campaign | None = None
        if index >= CHILDREN:
            parent = self.at((index - CHILDREN) >> 1)
        salt = mix(self.salt ^ index)
        kind, status = ("variate-child", "sent") if parent else self._kind(index)
        now = ground.clock.start
        base = parent.index if parent else index
        # Two neighbours are sent in the same second; the newest went out a day before the account was seeded.
        total = max(1, self.count)
        created = now - 4 * _DAY - (total - base // 2 * 2) * 640 * _DAY // total
        sent = created + 2 * _DAY + salt % 3 * 3_600 * (base & 1) if status == "sent" else 0
        audiences = max(1, ground.audience_count)
        list_index = parent.list_index if parent else base % audiences
        if audiences > 2 and list_index == audiences - 1 and status == "sent":
            list_index = 0
        amount = ground.row_count_override("/reports/{campaign_id}/email-activity")
        amount = ground.settings.recipients if amount is None else amount
        if parent:
            amount = amount // 2 + amount % 2 * (index & 1)  # all recipients, in two halves
        return Campaign(
            index, self.id_of(index), kind, status, list_index, ground.audience_id(list_index), created, sent,
            min(3 * _DAY, max(60, (now - sent) // 2)), amount if status == "sent" else 0,
            quiet=not ground.settings.plain and index % 9 == 4, salt=salt, parent=parent.id if parent else "",
        )  # fmt: skip

    # -- the record --------------------------------------------------------------------------------------

    def row(self, campaign: Campaign) -> Json:
        """The campaign as `/campaigns` shows it."""
        sent = campaign.is_sent
        number = campaign.index % 1_000
        audience = self.ground.list_name(campaign.list_index)
        row = record("campaign", {
            "id": campaign.id, "web_id": 13_000_000 + campaign.index, "type": campaign.type,
            "create_time": iso(campaign.created), "archive_url": f"http://eepurl.com/{campaign.id[:6]}",
            "long_archive_url": f"https://us10.campaign-archive.com/?u=1&id={campaign.id}",
            "status": campaign.status, "emails_sent": campaign.recipients, "send_time": iso(campaign.sent),
            "content_type": _in_turn("content_types", number),
            "has_logo_merge_tag": campaign.index % 8 == 1, "resendable": sent and campaign.type == "regular",
            "recipients": {"list_id": campaign.list_id, "list_name": audience, "recipient_count": campaign.recipients},
            "settings": {"subject_line": f"Été {number}" if sent else "", "title": f"Campaign {number}",
                         "template_id": number % 5, "drag_and_drop": number % 2 == 0},
        })  # fmt: skip
        if number % 6 == 1:
            merged(row, record("campaign_to_segment"))
        if number % 10 == 9 and sent:
            emails: Json = {"delivery_status": {"emails_sent": campaign.recipients}}
            merged(row, record("campaign_delivered_in_batches", emails))
        if campaign.status == "save":
            # What nobody has written yet is missing rather than empty, as in the real record of a draft.
            for name in seeds("campaigns")["missing_in_drafts"]:
                del row["settings"][name]
        if campaign.type == "automation-email":
            row["parent_campaign_id"] = self.workflow_id(self.workflow_of(campaign.index))
        if campaign.type == "variate":
            combinations = [
                record("campaign_combination", {"id": child.id, "subject_line": number, "recipients": child.recipients})
                for number, child in enumerate(self.children(campaign))
            ]
            row |= record("campaign_variate", {"variate_settings": {"combinations": combinations}})
        if campaign.type == "rss":
            row |= record("campaign_rss", {"rss_opts": {"last_sent": iso(campaign.sent)}})
        if sent:
            row["report_summary"] = self._summary_of(campaign)
        return row

    def workflow_of(self, index: int) -> int:
        """The automation that an automation email belongs to."""
        return (index - (self.count - self.automation_emails)) // EMAILS_PER_AUTOMATION

    def email_index(self, automation: int, email: int) -> int | None:
        """The campaign position of an automation's email, if it is listed as a campaign."""
        place = automation * EMAILS_PER_AUTOMATION + email
        if email < EMAILS_PER_AUTOMATION and place < self.automation_emails:
            return self.count - self.automation_emails + place
        return None
