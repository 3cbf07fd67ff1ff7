"""Sources of the collections about the recipients of a campaign, and its links."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mailchimp_simulator.account.campaign_sources import OfCampaign
from mailchimp_simulator.account.people import subscriber_hash
from mailchimp_simulator.account.reports import LINKS, url
from mailchimp_simulator.account.sources import Json, Parents
from mailchimp_simulator.contract.times import iso

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mailchimp_simulator.account.campaigns import Campaign, Campaigns
    from mailchimp_simulator.account.ground import Ground
    from mailchimp_simulator.account.reports import Reports


class Recipients(OfCampaign):
    """Rows per recipient. `kind` says which recipients are shown."""

    key = "email_id"
    kind = ""

    def __init__(self, ground: Ground, template: str, reports: Reports, campaigns: Campaigns) -> None:
        """Of all campaigns."""
        super().__init__(ground, template, reports, campaigns)
        self._left: dict[Parents, tuple[tuple[int, int], list[int]]] = {}

    def size(self, parents: Parents) -> int:
        """How many are shown."""
        return len(self.shown(self.campaign(parents), parents))

    def shown(self, campaign: Campaign, parents: Parents) -> Sequence[int]:
        """The recipients of the kind, or all; without those who were deleted, if their activity was as well."""
        row_count_override = self.ground.row_count_override(self.template)
        chosen: Sequence[int]
        if row_count_override is not None and campaign.is_sent:
            chosen = range(row_count_override)
        else:
            chosen = self.chosen(campaign, parents) if self.kind else range(campaign.recipients)
        reports = self.reports
        gone = reports.gone(campaign)
        if not gone:
            return chosen
        stamp = (len(chosen), len(gone))
        cached = self._left.get(parents)
        if cached is None or cached[0] != stamp:
            cached = self._left[parents] = (stamp, [r for r in chosen if reports.index(campaign, r) not in gone])
        return cached[1]

    def chosen(self, campaign: Campaign, parents: Parents) -> list[int]:
        """The recipients of the kind."""
        del parents
        return self.reports.chosen(campaign, self.kind)

    def row(self, parents: Parents, index: int) -> Json:
        """The recipient and what the listing says about them."""
        campaign = self.campaign(parents)
        recipient = self.shown(campaign, parents)[index]
        return {**self.reports.base(campaign, recipient), **self.about(campaign, recipient, parents)}

    def about(self, campaign: Campaign, recipient: int, parents: Parents) -> Json:
        """What this listing says about a recipient."""
        raise NotImplementedError

    def find(self, parents: Parents, value: str) -> int | None:
        """By the hash: the contact's position says which recipient it is."""
        campaign = self.campaign(parents)
        audience = self.reports.audiences.at(campaign.list_index)
        contact = audience.contacts.find(value)
        if contact is None:
            return None
        shown = self.shown(campaign, parents)
        recipient = contact - self.reports.index(campaign, 0)
        return shown.index(recipient) if recipient in shown else None


class EmailActivity(Recipients):
    """`email-activity`: one row a recipient, with or without events."""

    def about(self, campaign: Campaign, recipient: int, parents: Parents) -> Json:
        """The events."""
        del parents
        return {"activity": self.reports.events(campaign, recipient)}


class SentTo(Recipients):
    """`sent-to`: one row a recipient."""

    def about(self, campaign: Campaign, recipient: int, parents: Parents) -> Json:
        """Whether it arrived and was opened."""
        del parents
        events = self.reports.events(campaign, recipient)
        opens = [e["timestamp"] for e in events if e["action"] == "open"]
        status = next((e["type"] for e in events if e["action"] == "bounce"), "sent")
        return {"merge_fields": self.reports.merge_fields(campaign, recipient), "vip": recipient % 50 == 5,
                "status": status, "open_count": len(opens), "last_open": max(opens, default=""),
                "absplit_group": "a", "gmt_offset": 0}  # fmt: skip


class OpenDetails(Recipients):
    """`open-details`: recipients who opened."""

    kind = "opened"

    def about(self, campaign: Campaign, recipient: int, parents: Parents) -> Json:
        """Their opens; at least one."""
        del parents
        events = self.reports.events(campaign, recipient)
        opens = [{"timestamp": e["timestamp"], "is_proxy_open": recipient % 3 == 0} for e in events
                 if e["action"] == "open"]  # fmt: skip
        opens = opens or [{"timestamp": iso(campaign.sent + 60), "is_proxy_open": False}]
        proxies = sum(o["is_proxy_open"] for o in opens)
        return {"contact_status": "subscribed", "merge_fields": self.reports.merge_fields(campaign, recipient),
                "vip": False, "opens_count": len(opens), "proxy_excluded_opens_count": len(opens) - proxies,
                "opens": opens}  # fmt: skip

    def extra_fields(self, parents: Parents) -> Json:
        """Sums of opens."""
        opens = self.reports.sums(self.campaign(parents))["opens"]
        return {"total_opens": opens, "total_proxy_excluded_opens": opens}


class Unsubscribed(Recipients):
    """`unsubscribed`: recipients who left."""

    kind = "unsubscribed"

    def about(self, campaign: Campaign, recipient: int, parents: Parents) -> Json:
        """When and why."""
        del parents
        seeded = campaign.sent + recipient % max(1, campaign.span)
        _, moment = campaign.extra_unsubscribes.get(recipient, (0, seeded))
        return {"merge_fields": self.reports.merge_fields(campaign, recipient), "vip": False,
                "timestamp": iso(moment), "reason": "Did not signup for list" if recipient & 1 else ""}  # fmt: skip


class ClickDetails(OfCampaign):
    """`click-details`: the links of a campaign."""

    def size(self, parents: Parents) -> int:
        """Four links in every sent campaign."""
        if not self.campaign(parents).is_sent:
            return 0
        row_count_override = self.ground.row_count_override(self.template)
        return LINKS if row_count_override is None else row_count_override

    def row(self, parents: Parents, index: int) -> Json:
        """The link and how often it was clicked."""
        campaign = self.campaign(parents)
        reports = self.reports
        clicks = 0
        last = ""
        if index < LINKS and campaign.recipients <= 5_000:
            for recipient in reports.chosen(campaign, "clicked", index):
                for event in reports.events(campaign, recipient):
                    if event.get("url") == url(index):
                        clicks += 1
                        last = max(last, event["timestamp"])
        return {"id": link_id(campaign, index), "url": url(index), "total_clicks": clicks, "click_percentage": 0.25,
                "unique_clicks": clicks, "unique_click_percentage": 0.25, "last_click": last,
                "campaign_id": campaign.id}  # fmt: skip

    def find(self, parents: Parents, value: str) -> int | None:
        """By the link's id."""
        campaign = self.campaign(parents)
        return next((n for n in range(self.size(parents)) if link_id(campaign, n) == value), None)


class ClickMembers(Recipients):
    """`click-details/{link_id}/members`: who clicked a link."""

    kind = "clicked"

    def link(self, parents: Parents) -> int:
        """The position of the link."""
        campaign = self.campaign(parents)
        return next((n for n in range(10_000) if link_id(campaign, n) == parents[1]), 0)

    def chosen(self, campaign: Campaign, parents: Parents) -> list[int]:
        """Those who clicked this link."""
        return self.reports.chosen(campaign, "clicked", self.link(parents))

    def about(self, campaign: Campaign, recipient: int, parents: Parents) -> Json:
        """How often."""
        link = self.link(parents)
        events = self.reports.events(campaign, recipient)
        return {"contact_status": "subscribed", "merge_fields": self.reports.merge_fields(campaign, recipient),
                "vip": False, "url_id": parents[1],
                "clicks": max(1, sum(e.get("url") == url(link) for e in events))}  # fmt: skip


def link_id(campaign: Campaign, link: int) -> str:
    """The id of a link of a campaign."""
    return subscriber_hash(f"{campaign.id}/{link}")[:10]
