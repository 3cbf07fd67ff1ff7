"""Control commands that tell what has happened, and what the account really holds."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from mailchimp_simulator.account.ground_truth import ground_truth

if TYPE_CHECKING:
    from collections.abc import Callable

    from mailchimp_simulator.server.simulation import Simulation

Json = dict[str, Any]


class Observation:
    """What has happened, and what the account really holds."""

    def __init__(self, simulation: Simulation) -> None:
        """Of this simulator."""
        self.simulation = simulation
        self.commands: dict[str, Callable[[Json], Any]] = {
            "stats": self.stats,
            "reset_stats": self.reset_stats,
            "log": self.log,
            "ground_truth": self.ground_truth,
            "contact": self.contact,
            "settings": self.settings,
        }

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

    def ground_truth(self, body: Json) -> Json:
        """What a collection really holds."""
        parents = body.get("parents")
        if isinstance(parents, str):
            parents = parents.split(",")
        return ground_truth(
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

    def settings(self, body: Json) -> Json:
        """What the simulator was started with, and the key."""
        del body
        return asdict(self.simulation.settings)
