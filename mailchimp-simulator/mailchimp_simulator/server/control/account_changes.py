"""Control commands that change the account: its time, its size, and what happens in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mailchimp_simulator.account.ground import MEMBERS, SAME_ROWS
from mailchimp_simulator.account.people import subscriber_hash
from mailchimp_simulator.contract.times import iso

if TYPE_CHECKING:
    from collections.abc import Callable

    from mailchimp_simulator.account.audiences import Audience
    from mailchimp_simulator.server.simulation import Simulation

Json = dict[str, Any]


class AccountChanges:
    """What becomes of the account: its time, its size, and what happens in it."""

    def __init__(self, simulation: Simulation) -> None:
        """Of this simulator."""
        self.simulation = simulation
        self.commands: dict[str, Callable[[Json], Any]] = {
            "clock": self.clock,
            "rows": self.rows,
            "drift": self.drift,
            "change": self.change,
            "add_events": self.add_events,
            "unlist": self.unlist,
            "set": self.set,
            "delete": self.delete,
        }

    def clock(self, body: Json) -> Json:
        """`advance` by seconds, `set` to seconds since 1970, `freeze` true or false; tells the time."""
        clock = self.simulation.world.clock
        if "set" in body:
            clock.advance(float(body["set"]) - clock.now())
        if "advance" in body:
            clock.advance(float(body["advance"]))
        if "freeze" in body:
            clock.freeze(frozen=bool(body["freeze"]))
        return {"now": clock.now(), "iso": iso(clock.now())}

    def rows(self, body: Json) -> Json:
        """The exact number of rows per parent, by path template; null: the natural number. Starts the account anew."""
        world = self.simulation.world
        templates = set(world.sources) | {
            "/lists/{list_id}/members", "/lists/{list_id}/members?status=archived",
            "/lists/{list_id}/segments/{segment_id}/members", "/audiences/{audience_id}/contacts",
        }  # fmt: skip
        unknown = set(body) - templates
        if unknown:
            raise ValueError(f"no such collections: {sorted(unknown)}")
        for name, count in body.items():
            template = SAME_ROWS.get(name, name)
            if count is None:
                world.row_counts.pop(template, None)
            else:
                world.row_counts[template] = int(count)
        world.start_anew()
        return {"rows": world.row_counts}

    def drift(self, body: Json) -> Json:
        """Set the rate of change per request; `per_request: 0` stops it."""
        self.simulation.drift.set(body)
        return {"made": len(self.simulation.drift.made)}

    def change(self, body: Json) -> Json:
        """Change contacts now: `count` of a `kind`, or those of `emails`; dated `ago` seconds back."""
        emails = body.get("emails") or [None] * int(body.get("count", 1))
        ago = int(body.get("ago", 0))
        done = [self.simulation.drift.one(body["kind"], email, body.get("list_id"), ago) for email in emails]
        return {"changed": [one for one in done if one is not None]}

    def add_events(self, body: Json) -> Json:
        """New events in sent campaigns: `campaigns` (ids, or how many that were not split), `opens`, `clicks`,
        `bounces`, `unsubscribes` (each: how many recipients, from number `first` on). `ago`: how many seconds before
        now they are dated; `rows_after`: the report counts them now, and their rows are listed this many seconds
        later. What happens to a campaign happens to its first version, if its report sums up those of its versions.
        """  # noqa: D205
        world = self.simulation.world
        wanted = body.get("campaigns", 1)
        if isinstance(wanted, int):
            sent = [campaign for campaign in map(world.campaigns.at, world.campaigns.sent()) if not campaign.is_split]
            chosen = sent[:wanted]
        else:
            chosen = [found for found in map(world.campaigns.find, wanted) if found is not None]
        chosen = [next(iter(world.reports.versions(one)), one) for one in chosen]
        moment = world.clock.now() - int(body.get("ago", 0))
        shown = world.clock.now() + int(body.get("rows_after", 0))
        now = iso(moment)
        kinds: dict[str, Json] = {
            "opens": {"action": "open", "timestamp": now, "ip": "203.0.113.1"},
            "clicks": {"action": "click", "timestamp": now, "url": "https://example.com/a", "ip": "203.0.113.1"},
            "bounces": {"action": "bounce", "type": "soft", "timestamp": now},
        }
        first = int(body.get("first", 0))
        for campaign in chosen:
            for name, event in kinds.items():
                for number in range(first, min(first + int(body.get(name, 0)), campaign.recipients)):
                    campaign.extra.setdefault(number, []).append((shown, event))
            for number in range(first, min(first + int(body.get("unsubscribes", 0)), campaign.recipients)):
                campaign.extra_unsubscribes.setdefault(number, (shown, moment))
        return {"campaigns": [campaign.id for campaign in chosen], "at": now}

    def unlist(self, body: Json) -> Json:
        """Contacts (`list_id`, `emails`) that listings count and never show; `listed: true` shows them again."""
        audience = self._audience(body)
        found = {audience.contacts.find(subscriber_hash(email)) for email in body["emails"]} - {None}
        for index in found:
            if index is not None:
                (audience.contacts.unlisted.discard if body.get("listed") else audience.contacts.unlisted.add)(index)
        return {"contacts": len(found)}

    def set(self, body: Json) -> Json:
        """Lay `fields` over an object: `path`, such as /campaigns/abc, or a contact's with its hash."""
        world = self.simulation.world
        operation, values = self.simulation.service.operation("GET", str(body["path"]))
        if operation.path == f"{MEMBERS}/{{subscriber_hash}}":
            audience = self._audience({"list_id": values[0]})
            index = audience.contacts.find(values[1])
            if index is None:
                raise ValueError(f"no such contact: {body['path']}")
            audience.contacts.patch(index, body["fields"])
            return {}
        table = world.table(operation.path.rpartition("/")[0], values[:-1])
        place = table.find(values[-1])
        if place is None:
            raise ValueError(f"no such object: {body['path']}")
        table.patch(place, body["fields"])
        return {}

    def delete(self, body: Json) -> Json:
        """Make an object vanish, and all that hangs on it: `path`, such as /campaigns/abc or /lists/abc."""
        world = self.simulation.world
        collection, _, value = str(body["path"]).rstrip("/").rpartition("/")
        found = world.contract.match(collection)
        if found is None or "GET" not in found[0]:
            raise ValueError(f"no such collection: {collection}")
        table = world.table(found[0]["GET"].path, found[1])
        place = table.find(value)
        if place is None:
            raise ValueError(f"no such object: {body['path']}")
        table.delete(place)
        return {}

    def _audience(self, body: Json) -> Audience:
        audience = self.simulation.world.audiences.find(body["list_id"])
        if audience is None:
            raise ValueError(f"no such audience: {body['list_id']}")
        return audience
