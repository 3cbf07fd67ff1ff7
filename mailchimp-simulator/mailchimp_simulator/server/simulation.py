"""Everything that one simulated service holds."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from mailchimp_simulator.account.drift import Drift
from mailchimp_simulator.account.world import World
from mailchimp_simulator.server.access import Access
from mailchimp_simulator.server.faults import Faults
from mailchimp_simulator.server.service import Service
from mailchimp_simulator.server.stats import Stats

if TYPE_CHECKING:
    from mailchimp_simulator.settings import Settings


class Simulation:
    """The account, who may ask for it, what goes wrong, and what has happened."""

    def __init__(self, settings: Settings) -> None:
        """Seed the account."""
        self.settings = settings
        self._first_facts = replace(settings.facts)
        self.world = World(settings)
        self.service = Service(self.world)
        self.access = Access(settings)
        self.faults = Faults()
        self.stats = Stats()
        self.drift = Drift(self.world)

    def reset(self) -> None:
        """All as it was at the start: the seeded account, row counts, clock, users and facts; no faults, no counts."""
        self.world.row_counts.clear()
        self.world.start_anew()
        self.faults.clear()
        self.drift.set({"per_request": 0})
        self.drift.made.clear()
        self.access.reset()
        self.world.clock.reset()
        self.settings.facts = replace(self._first_facts)
        self.stats.reset()
