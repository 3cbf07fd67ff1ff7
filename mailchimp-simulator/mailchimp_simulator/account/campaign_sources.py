"""Sources of the collections that are computed from campaigns."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mailchimp_simulator.account.fixtures import seeds
from mailchimp_simulator.account.randomness import hex_id
from mailchimp_simulator.account.sources import Generic, Json, Parents, Source
from mailchimp_simulator.contract.times import iso

if TYPE_CHECKING:
    from mailchimp_simulator.account.campaigns import Campaign, Campaigns
    from mailchimp_simulator.account.ground import Ground
    from mailchimp_simulator.account.reports import Reports
    from mailchimp_simulator.contract.operations import Operation


class CampaignSource(Source):
    """Rows that come from campaigns and their reports."""

    def __init__(self, ground: Ground, template: str, reports: Reports, campaigns: Campaigns) -> None:
        """Of all campaigns."""
        super().__init__(ground, template)
        self.reports = reports
        self.campaigns = campaigns


class CampaignRows(CampaignSource):
    """`/campaigns`."""

    def size(self, parents: Parents) -> int:
        """Listed campaigns; deleted ones are taken out above."""
        del parents
        return self.campaigns.count

    def row(self, parents: Parents, index: int) -> Json:
        """The campaign's record."""
        del parents
        return self.campaigns.row(self.campaigns.at(index))

    def find(self, parents: Parents, value: str) -> int | None:
        """Computed from the id; children of variate campaigns are found too."""
        del parents
        found = self.campaigns.find(value)
        return None if found is None else found.index


class ReportRows(CampaignSource):
    """`/reports`: sent campaigns only."""

    def size(self, parents: Parents) -> int:
        """How many have been sent."""
        del parents
        return len(self.campaigns.sent())

    def row(self, parents: Parents, index: int) -> Json:
        """The report."""
        del parents
        campaigns = self.campaigns
        return self.reports.row(campaigns.at(campaigns.sent()[index]))

    def find(self, parents: Parents, value: str) -> int | None:
        """Any campaign that exists: an unsent one answers with no rows (facts.md)."""
        del parents
        found = self.campaigns.find(value)
        return None if found is None else found.index

    def by_id(self, value: str) -> Json | None:
        """The report of a campaign, if it was sent."""
        found = self.campaigns.find(value)
        return self.reports.row(found) if found and found.is_sent else None


class OfCampaign(CampaignSource):
    """Rows about one campaign."""

    def campaign(self, parents: Parents) -> Campaign:
        """The campaign, which exists: parents are checked before."""
        campaign = self.campaigns.find(parents[0])
        assert campaign is not None
        return campaign


class GenericWithCampaigns(Generic):
    """Schema-made rows that have to do with campaigns."""

    def __init__(self, ground: Ground, operation: Operation, campaigns: Campaigns) -> None:
        """Of all campaigns."""
        super().__init__(ground, operation)
        self.campaigns = campaigns


class GenericOfCampaign(GenericWithCampaigns):
    """Schema-made rows of a campaign's report: none for a campaign that was not sent."""

    def size(self, parents: Parents) -> int:
        """Zero without a sending."""
        campaign = self.campaigns.find(parents[0])
        return super().size(parents) if campaign and campaign.is_sent else 0


class SubReports(OfCampaign):
    """`/reports/{campaign_id}/sub-reports`: the children of a variate campaign."""

    def size(self, parents: Parents) -> int:
        """Two or none, if no test sets another number."""
        row_count_override = self.ground.row_count_override(self.template)
        if row_count_override is not None and self.campaign(parents).is_sent:
            return row_count_override
        return len(self.campaigns.children(self.campaign(parents)))

    def row(self, parents: Parents, index: int) -> Json:
        """The child's report; of a number that a test has set, reports like the parent's."""
        if self.ground.row_count_override(self.template) is not None:
            campaign = self.campaign(parents)
            return {**self.reports.row(campaign), "id": hex_id(index, campaign.salt)}
        return self.reports.row(self.campaigns.children(self.campaign(parents))[index])


class Automations(GenericWithCampaigns):
    """`/automations`: classic automations."""

    key = "id"

    def size(self, parents: Parents) -> int:
        """As many as the account was seeded with."""
        del parents
        return self.campaigns.automations

    def row(self, parents: Parents, index: int) -> Json:
        """Schema-made, with the id that its emails name as parent."""
        row = super().row(parents, index)
        row["id"] = self.campaigns.workflow_id(index)
        row["recipients"]["list_id"] = self.ground.audience_id(0)
        statuses = seeds("automations")["statuses"]
        row["status"] = statuses[index % len(statuses)]
        row["start_time"] = "" if row["status"] == "save" else row["start_time"]
        return row

    def find(self, parents: Parents, value: str) -> int | None:
        """Computed from the id."""
        del parents
        return self.campaigns.automation_of(value)


class AutomationEmails(GenericWithCampaigns):
    """`/automations/{workflow_id}/emails`: also campaigns of type automation-email."""

    def size(self, parents: Parents) -> int:
        """Two each."""
        row_count_override = self.ground.row_count_override(self.template)
        if row_count_override is not None:
            return row_count_override
        workflow = self.campaigns.automation_of(parents[0])
        return sum(1 for n in range(2) if self.campaigns.email_index(workflow or 0, n) is not None)

    def row(self, parents: Parents, index: int) -> Json:
        """Schema-made; id, times and recipients are those of the campaign."""
        row = super().row(parents, index)
        campaigns = self.campaigns
        place = campaigns.email_index(campaigns.automation_of(parents[0]) or 0, index)
        row["workflow_id"] = parents[0]
        row["position"] = index + 1
        if place is not None:
            campaign = campaigns.at(place)
            row |= {"id": campaign.id, "create_time": iso(campaign.created), "send_time": iso(campaign.sent),
                    "emails_sent": campaign.recipients}  # fmt: skip
        return row

    def find(self, parents: Parents, value: str) -> int | None:
        """By looking: there are few."""
        return next((n for n in range(self.size(parents)) if self.row(parents, n)["id"] == value), None)


class SearchCampaigns(CampaignRows):
    """`/search-campaigns`: campaigns, each wrapped with a snippet."""

    def row(self, parents: Parents, index: int) -> Json:
        """The campaign and why it was found."""
        return {"campaign": super().row(parents, index), "snippet": f"Campaign {index}"}
