"""Control commands that make the service misbehave: faults, refusals, readings of open facts."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from mailchimp_simulator.server.access import OAUTH_METADATA

if TYPE_CHECKING:
    from collections.abc import Callable

    from mailchimp_simulator.server.simulation import Simulation

Json = dict[str, Any]


class Misbehaviour:
    """What goes wrong, and who may ask."""

    def __init__(self, simulation: Simulation) -> None:
        """Of this simulator."""
        self.simulation = simulation
        self.commands: dict[str, Callable[[Json], Any]] = {
            "fault": self.fault,
            "latency": self.latency,
            "faults": self.faults,
            "clear_faults": self.clear_faults,
            "contact_fault": self.contact_fault,
            "user": self.user,
            "key": self.key,
            "data_center": self.data_center,
            "forbid": self.forbid,
            "limit": self.limit,
            "facts": self.facts,
        }

    def fault(self, body: Json) -> Json:
        """Add a rule."""
        self._check(body.get("path"))
        return self.simulation.faults.add(body).show()

    def latency(self, body: Json) -> Json:
        """Add a latency rule: seconds, seconds_per_row, and what `fault` takes to match."""
        return self.fault({**body, "kind": "latency"})

    def _check(self, path: str | None) -> None:
        """Raises ValueError for a path that no request has: its rule would never apply, and nobody would notice."""
        if path in (None, OAUTH_METADATA):
            return
        operations, values = self.simulation.world.contract.match(path) or ({}, ())
        is_template = path in {operation.path for operation in operations.values()}
        if not operations or (not is_template and any(set("{}*") & set(value) for value in values)):
            raise ValueError(f"no request has this path: {path}; give it with ids, as /lists/{{list_id}}, or a regex")

    def faults(self, body: Json) -> Json:
        """All rules, with how often they matched and applied."""
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

    def contact_fault(self, body: Json) -> Json:
        """Addresses that the service can't take: see `contact_faults`."""
        rule = asdict(self.simulation.world.contact_faults.add(body))
        return {**rule, "hashes": sorted(rule["hashes"])}

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

    def facts(self, body: Json) -> Json:
        """Choose readings of the open facts; tells all of them."""
        facts = self.simulation.settings.facts
        for name, reading in body.items():
            facts.choose(name, reading)
        return asdict(facts)
