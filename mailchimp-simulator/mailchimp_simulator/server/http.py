"""The HTTP server: uvicorn, with the connection itself within reach of the application."""

from __future__ import annotations

import gc
import json
import socket
import sys
from typing import TYPE_CHECKING, Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from mailchimp_simulator.server.app import application

if TYPE_CHECKING:
    from mailchimp_simulator.settings import Settings


class Protocol(HttpToolsProtocol):
    """Hands the transport to the application, so that it can cut or reset the connection."""

    def on_message_begin(self) -> None:
        """A request begins."""
        super().on_message_begin()
        scope: dict[str, Any] = self.scope  # type: ignore[assignment]
        scope["simulator.transport"] = self.transport


class Server(uvicorn.Server):
    """Says on stdout when and where it listens."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen; print one JSON line (`port`, `url`, `api_url`)."""
        await super().startup(sockets)
        gc.collect()
        gc.freeze()
        port = self.servers[0].sockets[0].getsockname()[1]
        url = f"http://{self.config.host}:{port}"
        sys.stdout.write(json.dumps({"port": port, "url": url, "api_url": f"{url}/3.0"}) + "\n")
        sys.stdout.flush()


def run(settings: Settings, host: str, port: int) -> None:
    """Serve in this process until told to stop. Raises OSError where it can't listen there."""
    listener = socket.create_server((host, port), backlog=512)
    config = uvicorn.Config(
        application(settings), host=host, port=port, loop="uvloop", http=Protocol, ws="none", lifespan="off",
        log_level="critical", access_log=False, server_header=False, date_header=False, backlog=512,
        timeout_keep_alive=75, timeout_graceful_shutdown=1,
    )  # fmt: skip
    with listener:
        Server(config).run([listener])
