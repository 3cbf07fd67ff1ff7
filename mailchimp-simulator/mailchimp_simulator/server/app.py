"""The HTTP application: the simulated service, and the control endpoint beside it."""

from __future__ import annotations

import traceback
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.routing import Mount

from mailchimp_simulator.server.control.endpoint import Control
from mailchimp_simulator.server.exchange import Exchange
from mailchimp_simulator.server.simulation import Simulation

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

    from mailchimp_simulator.settings import Settings


def application(settings: Settings) -> Starlette:
    """The ASGI application of a seeded account."""
    simulation = Simulation(settings)

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        try:
            await Exchange(simulation, scope, receive, send).run()
        except Exception:
            # A fault of the simulator's own: told apart from those that were asked for.
            simulation.stats.own_errors += 1
            traceback.print_exc()
            raise

    return Starlette(routes=[Mount("/__control__", Control(simulation).app()), Mount("/", serve)])
