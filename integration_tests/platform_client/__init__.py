"""A client of the Airbyte protocol: starts connectors as the platform does, and reads what they say.

A connector may be a process (its console script) or a container; tests and benchmarks need not care which.
"""

from __future__ import annotations

from platform_client.catalogs import configured, configured_stream
from platform_client.connectors import Connector, Container, Installed, Running
from platform_client.messages import Messages, NotAMessage
from platform_client.runs import Run

__all__ = [
    "Connector",
    "Container",
    "Installed",
    "Messages",
    "NotAMessage",
    "Run",
    "Running",
    "configured",
    "configured_stream",
]
