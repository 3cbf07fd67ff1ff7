"""The control endpoint itself: `/__control__/<command>`, with and answered by JSON.

It needs no key and is not counted. The package's README describes each command.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson
from starlette.responses import Response
from starlette.routing import Route, Router

from mailchimp_simulator.server.control.account_changes import AccountChanges
from mailchimp_simulator.server.control.misbehaviour import Misbehaviour
from mailchimp_simulator.server.control.observation import Observation

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request

    from mailchimp_simulator.server.simulation import Simulation

Json = dict[str, Any]


class Control:
    """All commands."""

    def __init__(self, simulation: Simulation) -> None:
        """Command this simulator."""
        self.simulation = simulation
        self.commands: dict[str, Callable[[Json], Any]] = {
            "reset": self.reset,
            **Observation(simulation).commands,
            **Misbehaviour(simulation).commands,
            **AccountChanges(simulation).commands,
        }

    def app(self) -> Router:
        """The ASGI application."""
        methods = ["GET", "POST"]
        return Router(routes=[Route("/", self.list_commands), Route("/{name}", self.serve, methods=methods)])

    async def list_commands(self, request: Request) -> Response:
        """All commands, and what each does."""
        del request
        said = {name: " ".join((command.__doc__ or "").split()) for name, command in self.commands.items()}
        return _json({"commands": said})

    async def serve(self, request: Request) -> Response:
        """One command. Its arguments: the JSON body of a POST, the query of a GET."""
        command = self.commands.get(request.path_params["name"])
        if command is None:
            return _json({"error": f"no such command; there are: {sorted(self.commands)}"}, 404)
        body = await request.body()
        try:
            arguments = orjson.loads(body) if body else dict(request.query_params)
            return _json(command(arguments))
        except KeyError as error:
            return _json({"error": f"missing or unknown: {error}"}, 400)
        except ValueError as error:
            return _json({"error": str(error)}, 400)
        except (AttributeError, TypeError) as error:
            return _json({"error": f"{type(error).__name__}: {error}"}, 400)

    def reset(self, body: Json) -> Json:
        """All as it was at the start: row counts, clock, users and facts too."""
        del body
        self.simulation.reset()
        return {}


def _json(content: Any, status: int = 200) -> Response:
    return Response(orjson.dumps(content), status, media_type="application/json")
