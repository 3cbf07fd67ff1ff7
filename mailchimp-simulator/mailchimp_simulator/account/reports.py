"""Reports: what the recipients of a campaign did, computed per recipient, and the sums of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mailchimp_simulator.account.fixtures import record
from mailchimp_simulator.account.randomness import mix
from mailchimp_simulator.contract.times import iso

if TYPE_CHECKING:
    from collections.abc import Callable

    from mailchimp_simulator.account.audiences import Audiences
    from mailchimp_simulator.account.campaigns import Campaign
    from mailchimp_simulator.account.ground import Ground

Json = dict[str, Any]
LINKS = 4
_EXACT = 5_000
"""Up to this number of recipients a report's sums are exact; beyond it they are those of a sample, scaled."""
_NEWEST = {"last_open", "last_click"}


class Reports:
    """Everything below `/reports`."""

    def __init__(self, ground: Ground, audiences: Audiences) -> None:
        """Nothing is computed before it is asked for."""
        self.ground = ground
        self.audiences = audiences
        self._sums: dict[str, tuple[tuple[int, int], Json]] = {}
        self._chosen: dict[tuple[str, str], tuple[tuple[int, int], list[int]]] = {}
        self.children: Callable[[Campaign], list[Campaign]] = lambda _: []
        """The versions that a campaign was sent as; the campaigns, which are made with these reports, put it here."""

    # -- one recipient -----------------------------------------------------------------------------------

    def index(self, campaign: Campaign, recipient: int) -> int:
        """The contact index of a recipient. Beyond the audience's size: somebody who is no contact of it."""
        return recipient + campaign.index % 5

    def gone(self, campaign: Campaign) -> set[int]:
        """Indexes of the contacts whose deletion has deleted what they did as recipients, too (open)."""
        if not self.ground.settings.facts.deletion_deletes_activity:
            return set()
        return self.audiences.at(campaign.list_index).contacts.gone

    def bits(self, campaign: Campaign, recipient: int) -> int:
        """The randomness of a recipient."""
        return mix(campaign.salt + recipient)

    def versions(self, campaign: Campaign) -> list[Campaign]:
        """The versions whose doings are a campaign's own: what its report counts is listed below theirs only (open)."""
        return self.children(campaign) if self.ground.settings.facts.split_totals == "summed" else []

    def events(self, campaign: Campaign, recipient: int, *, counted: bool = False) -> list[Json]:
        """What a recipient did, oldest first. Opens, clicks and bounces; unsubscribes are not among them.

        `counted`: also what the report counts already and no listing shows yet.
        """
        found: list[Json] = []
        if not campaign.quiet and not self.versions(campaign):
            found = self._seeded_events(campaign, recipient)
        if campaign.extra:
            now = self.ground.clock.now()
            found += [event for shown, event in campaign.extra.get(recipient, []) if counted or shown <= now]
        return found

    def _stamp(self, campaign: Campaign) -> tuple[int, int]:
        """Changes when what is known of a campaign does: how many events there are, and how many are listed."""
        shown = [shown for events in campaign.extra.values() for shown, _ in events]
        shown += [shown for shown, _ in campaign.extra_unsubscribes.values()]
        now = self.ground.clock.now() if shown else 0
        return campaign.recipients + len(shown), sum(one <= now for one in shown)

    def _seeded_events(self, campaign: Campaign, recipient: int) -> list[Json]:
        bits = self.bits(campaign, recipient)
        ip = f"203.0.113.{bits >> 8 & 255}"
        kind = bits & 15
        last = campaign.sent + campaign.span
        if recipient == 0:
            # The first recipient's open and click are the newest of all.
            return [_open(last - 1, ip), _click(last - 1, ip, 0), _open(last, ip), _click(last, ip, 1)]
        if kind < 6:
            return []
        if kind == 15:
            return [{"action": "bounce", "type": "hard" if bits & 16 else "soft", "timestamp": iso(campaign.sent + 5)}]
        room = max(1, campaign.span - 60)
        first = campaign.sent + (bits >> 16) % room
        found = [_open(first + n * 20, ip) for n in range(1 + (bits >> 5 & 1))]
        if kind >= 12:
            link = bits >> 40 & 3
            found.append(_click(first + 30, ip, link))
            if bits >> 6 & 1:
                # Two clicks of one second on two addresses are two events.
                found.append(_click(first + 30, ip, (link + 1) % LINKS))
        return found

    def unsubscribed(self, campaign: Campaign, recipient: int, *, counted: bool = False) -> bool:
        """Whether a recipient left because of this campaign. `counted`: even if no listing shows it yet."""
        if not campaign.quiet and not self.versions(campaign) and self.bits(campaign, recipient) >> 50 & 15 == 1:
            return True
        shown, _ = campaign.extra_unsubscribes.get(recipient, (None, 0))
        return shown is not None and (counted or shown <= self.ground.clock.now())

    def base(self, campaign: Campaign, recipient: int) -> Json:
        """What every row about a recipient has."""
        contacts = self.audiences.at(campaign.list_index).contacts
        index = self.index(campaign, recipient)
        return {"campaign_id": campaign.id, "list_id": campaign.list_id, "list_is_active": True,
                "email_id": contacts.hash(index), "email_address": contacts.email(index)}  # fmt: skip

    def merge_fields(self, campaign: Campaign, recipient: int) -> Json | None:
        """The merge fields of a recipient: those of the contact."""
        audience = self.audiences.at(campaign.list_index)
        index = self.index(campaign, recipient)
        return audience.rows.merge_fields(index) if index < len(audience.contacts) else None

    # -- choices of recipients ---------------------------------------------------------------------------

    def chosen(self, campaign: Campaign, kind: str, link: int = 0) -> list[int]:
        """The recipients that a listing shows: `opened`, `clicked` (a link), `unsubscribed`."""
        stamp = self._stamp(campaign)
        key = (campaign.id, f"{kind}{link}")
        cached = self._chosen.get(key)
        if cached is None or cached[0] != stamp:
            if len(self._chosen) > 200:
                self._chosen.clear()
            tests: dict[str, Callable[[int], bool]] = {
                "opened": lambda r: any(e["action"] == "open" for e in self.events(campaign, r)),
                "clicked": lambda r: any(e.get("url") == url(link) for e in self.events(campaign, r)),
                "unsubscribed": lambda r: self.unsubscribed(campaign, r),
            }
            test = tests[kind]
            cached = self._chosen[key] = (stamp, [r for r in range(campaign.recipients) if test(r)])
        return cached[1]

    # -- sums --------------------------------------------------------------------------------------------

    def sums(self, campaign: Campaign) -> Json:
        """How often what happened."""
        versions = self.versions(campaign)
        if versions:
            all_sums = [self.sums(version) for version in versions]
            return {name: max(values) if name in _NEWEST else sum(values)
                    for name in all_sums[0] for values in [[sums[name] for sums in all_sums]]}  # fmt: skip
        stamp = self._stamp(campaign)
        cached = self._sums.get(campaign.id)
        if cached is not None and cached[0] == stamp:
            return cached[1]
        found = dict.fromkeys(("opens", "openers", "clicks", "clickers", "hard", "soft", "unsubs"), 0)
        last_open = last_click = ""
        sample = min(campaign.recipients, _EXACT)
        for recipient in {*range(sample), *campaign.extra}:
            events = self.events(campaign, recipient, counted=True)
            opens = [e["timestamp"] for e in events if e["action"] == "open"]
            clicks = [e["timestamp"] for e in events if e["action"] == "click"]
            found["opens"] += len(opens)
            found["clicks"] += len(clicks)
            found["openers"] += bool(opens)
            found["clickers"] += bool(clicks)
            last_open = max([last_open, *opens])
            last_click = max([last_click, *clicks])
            for event in events:
                if event["action"] == "bounce":
                    found[event["type"]] += 1
            found["unsubs"] += self.unsubscribed(campaign, recipient, counted=True)
        if campaign.recipients > sample:
            found = {key: value * campaign.recipients // sample for key, value in found.items()}
        sums: Json = {**found, "last_open": last_open, "last_click": last_click}
        self._sums[campaign.id] = (stamp, sums)
        return sums

    def open_rate(self, campaign: Campaign) -> float:
        """Opens per email sent; can exceed 1 (facts.md)."""
        opens: int = self.sums(campaign)["opens"]
        generous = 1.5 if campaign.index % 4 == 0 else 1
        return round(opens / max(1, campaign.recipients) * generous, 4)

    def summary(self, campaign: Campaign) -> Json:
        """A campaign's `report_summary`."""
        sums = self.sums(campaign)
        return record("report_summary", {
            "opens": sums["opens"], "unique_opens": sums["openers"], "open_rate": self.open_rate(campaign),
            "clicks": sums["clicks"], "subscriber_clicks": sums["clickers"],
            "click_rate": round(sums["clickers"] / max(1, campaign.recipients), 4),
        })  # fmt: skip

    def row(self, campaign: Campaign) -> Json:
        """A campaign's report. `last_open` and `last_click` are "" until the first event, then the newest."""
        sums = self.sums(campaign)
        row = record("report", {
            "id": campaign.id, "campaign_title": f"Campaign {campaign.index % 1_000}", "type": campaign.type,
            "list_id": campaign.list_id, "list_name": self.ground.list_name(campaign.list_index),
            "subject_line": f"Été {campaign.index % 1_000}", "emails_sent": campaign.recipients,
            "unsubscribed": sums["unsubs"], "send_time": iso(campaign.sent),
            "bounces": {"hard_bounces": sums["hard"], "soft_bounces": sums["soft"]},
            "opens": {"opens_total": sums["opens"], "unique_opens": sums["openers"],
                      "open_rate": self.open_rate(campaign), "last_open": sums["last_open"]},
            "clicks": {"clicks_total": sums["clicks"], "unique_clicks": sums["clicks"],
                       "unique_subscriber_clicks": sums["clickers"],
                       "click_rate": round(sums["clickers"] / max(1, campaign.recipients), 4),
                       "last_click": sums["last_click"]},
            "timeseries": [{"timestamp": iso(campaign.sent // 3_600 * 3_600), "emails_sent": campaign.recipients,
                            "unique_opens": sums["openers"], "recipients_clicks": sums["clickers"]}],
        })  # fmt: skip
        if campaign.index % 5 == 3:
            # Some reports have it, others don't (facts.md).
            del row["industry_stats"]
        return row


def url(link: int) -> str:
    """The address behind a link of a campaign."""
    return f"https://example.com/{'abcdefghijklmnop'[link % 16]}{link // 16 or ''}"


def _open(moment: int, ip: str) -> Json:
    return {"action": "open", "timestamp": iso(moment), "ip": ip}


def _click(moment: int, ip: str, link: int) -> Json:
    return {"action": "click", "timestamp": iso(moment), "url": url(link), "ip": ip}
