"""The control endpoint: how tests tell the simulator to misbehave, and ask what happened.

Every command is `/__control__/<name>`, with and answered by JSON. It needs no key and is not counted. The README
beside this file describes each.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, fields, replace
from typing import TYPE_CHECKING, Any

import orjson
from starlette.responses import Response
from starlette.routing import Route, Router

from mailchimp_simulator.account.ground import MEMBERS, SAME_ROWS
from mailchimp_simulator.account.ground_truth import truth
from mailchimp_simulator.account.people import subscriber_hash
from mailchimp_simulator.contract.times import iso
from mailchimp_simulator.settings import OpenFacts

if TYPE_CHECKING:
    from starlette.requests import Request

    from mailchimp_simulator.account.audiences import Audience
    from mailchimp_simulator.server.simulation import Simulation

Json = dict[str, Any]


class Control:
    """All commands."""

    def __init__(self, simulation: Simulation) -> None:
        """Command this simulator."""
        self.simulation = simulation
        self.first_facts = replace(simulation.settings.facts)
        self.commands: dict[str, Callable[[Json], Any]] = {
            "stats": self.stats, "reset_stats": self.reset_stats, "log": self.log, "truth": self.truth,
            "fault": self.fault, "faults": self.faults, "clear_faults": self.clear_faults, "latency": self.latency,
            "clock": self.clock, "rows": self.rows, "facts": self.facts, "drift": self.drift, "change": self.change,
            "news": self.news, "delete": self.delete, "user": self.user, "forbid": self.forbid, "limit": self.limit,
            "reset": self.reset, "settings": self.settings, "contact": self.contact,
            "contact_fault": self.contact_fault, "unlist": self.unlist, "set": self.set, "key": self.key,
            "data_center": self.data_center,
        }  # fmt: skip

    def app(self) -> Router:
        """The ASGI application."""
        return Router(routes=[Route("/{name}", self.serve, methods=["GET", "POST"])])

    async def serve(self, request: Request) -> Response:
        """One command. Its arguments: the JSON body of a POST, the query of a GET."""
        command = self.commands.get(request.path_params["name"])
        if command is None:
            return _json({"error": f"no such command; there are: {sorted(self.commands)}"}, 404)
        body = await request.body()
        arguments: Json = orjson.loads(body) if body else dict(request.query_params)
        try:
            return _json(command(arguments))
        except (ValueError, KeyError, TypeError) as error:
            return _json({"error": f"{type(error).__name__}: {error}"}, 400)

    # -- what happened -----------------------------------------------------------------------------------

    def stats(self, body: Json) -> Json:
        """Counts since the last reset."""
        del body
        return self.simulation.stats.summary()

    def reset_stats(self, body: Json) -> Json:
        """Count from zero."""
        del body
        self.simulation.stats.reset()
        return {}

    def log(self, body: Json) -> Json:
        """Requests: start, end (seconds), method, path, query, status (0: no answer), rows."""
        wanted = body.get("path")
        entries = [entry for entry in self.simulation.stats.log if not wanted or str(wanted) in entry[3]]
        return {"columns": ["start", "end", "method", "path", "query", "status", "rows"], "log": entries}

    def truth(self, body: Json) -> Json:
        """What a collection really holds."""
        parents = body.get("parents")
        if isinstance(parents, str):
            parents = parents.split(",")
        return truth(
            self.simulation.world, body["path"], body.get("detail", "count"), tuple(parents) if parents else None
        )

    def contact(self, body: Json) -> Json:
        """One contact as it really is, `status` "gone" for one that was deleted for good; {} for an unknown one.

        Who was asked to confirm has `confirmation_language`: what the call's `Accept-Language` named.
        """
        audience = self.simulation.world.audiences.find(body["list_id"])
        index = audience.contacts.find(body["hash"]) if audience else None
        if audience is None or index is None:
            return {"status": "gone"} if audience and body["hash"] in audience.contacts.forgotten else {}
        row = audience.rows.row(index, links=False)
        if index in audience.contacts.confirmations:
            row["confirmation_language"] = audience.contacts.confirmations[index]
        return row

    # -- misbehaviour ------------------------------------------------------------------------------------

    def fault(self, body: Json) -> Json:
        """Add a rule."""
        return self.simulation.faults.add(body).show()

    def latency(self, body: Json) -> Json:
        """Add a latency rule: seconds, seconds_per_row, and what `fault` takes to match."""
        return self.simulation.faults.add({**body, "kind": "latency"}).show()

    def faults(self, body: Json) -> Json:
        """All rules, with how often they matched and struck."""
        del body
        return {"faults": [rule.show() for rule in self.simulation.faults.rules]}

    def clear_faults(self, body: Json) -> Json:
        """Forget all rules (or the one with `id`)."""
        faults = self.simulation.faults
        if "id" in body:
            faults.rules = [rule for rule in faults.rules if rule.id != int(body["id"])]
        else:
            faults.clear()
            self.simulation.world.contact_faults.clear()
        return {}

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

    # -- the account -------------------------------------------------------------------------------------

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
        """Exactly so many rows per parent, by path template; null: the natural count. Starts the account anew."""
        world = self.simulation.world
        known = set(world.sources) | {
            "/lists/{list_id}/members", "/lists/{list_id}/members?status=archived",
            "/lists/{list_id}/segments/{segment_id}/members", "/audiences/{audience_id}/contacts",
        }  # fmt: skip
        unknown = set(body) - known
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

    def reset(self, body: Json) -> Json:
        """All as it was at the start: row counts, clock, users and facts too."""
        del body
        world = self.simulation.world
        world.row_counts.clear()
        world.start_anew()
        self.simulation.faults.clear()
        self.simulation.drift.set({"per_request": 0})
        self.simulation.drift.made.clear()
        self.simulation.access.reset()
        world.clock.reset()
        self.simulation.settings.facts = replace(self.first_facts)
        self.simulation.stats.reset()
        return {}

    def facts(self, body: Json) -> Json:
        """Choose readings of the open facts; tells all of them."""
        known = {field.name for field in fields(OpenFacts)}
        unknown = set(body) - known
        if unknown:
            raise ValueError(f"no such facts: {sorted(unknown)}; there are {sorted(known)}")
        for name, value in body.items():
            setattr(self.simulation.settings.facts, name, value)
        return asdict(self.simulation.settings.facts)

    def news(self, body: Json) -> Json:
        """New events in sent campaigns: `campaigns` (ids, or how many), `opens`, `clicks`, `bounces`, `unsubscribes`
        (each: how many recipients, from number `first` on). `ago`: dated so many seconds back; `rows_after`: the
        report counts them now, and their rows are listed so many seconds later.
        """  # noqa: D205
        world = self.simulation.world
        wanted = body.get("campaigns", 1)
        if isinstance(wanted, int):
            chosen = [world.campaigns.at(n) for n in world.campaigns.sent()[:wanted]]
        else:
            chosen = [found for found in map(world.campaigns.find, wanted) if found is not None]
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

    def contact_fault(self, body: Json) -> Json:
        """Addresses that the service can't take: see `contact_faults`."""
        rule = asdict(self.simulation.world.contact_faults.add(body))
        return {**rule, "hashes": sorted(rule["hashes"])}

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

    def _audience(self, body: Json) -> Audience:
        audience = self.simulation.world.audiences.find(body["list_id"])
        if audience is None:
            raise ValueError(f"no such audience: {body['list_id']}")
        return audience

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

    def user(self, body: Json) -> Json:
        """A user: `name`, `keys`, `disabled`, `forbidden` (path templates or beginnings of them)."""
        return asdict(self.simulation.access.add_user(body))

    def key(self, body: Json) -> Json:
        """A `key` that was `disabled` (401), or is good again."""
        keys = self.simulation.access.disabled_keys
        (keys.add if body.get("disabled", True) else keys.discard)(body["key"])
        return {"disabled": len(keys)}

    def data_center(self, body: Json) -> Json:
        """All keys are linked to another data center: `linked_to` (403 for everything), or null."""
        self.simulation.access.linked_to = body.get("linked_to")
        return {"linked_to": self.simulation.access.linked_to}

    def forbid(self, body: Json) -> Json:
        """`paths` (templates or beginnings of them) that the account's plan lacks: 403 problem+json."""
        self.simulation.access.forbidden = list(body.get("paths", []))
        return {"paths": self.simulation.access.forbidden}

    def limit(self, body: Json) -> Json:
        """How many connections at once (`connections`)."""
        self.simulation.access.limit = int(body["connections"])
        return {"connections": self.simulation.access.limit}

    def settings(self, body: Json) -> Json:
        """What the simulator was started with, and the key."""
        del body
        return asdict(self.simulation.settings)


def _json(content: Any, status: int = 200) -> Response:
    return Response(orjson.dumps(content), status, media_type="application/json")
