"""A client of the Airbyte protocol: starts connectors as the platform does, and reads what they say.

A connector may be a process (its console script) or a container; tests and benchmarks need not care which.
"""

from __future__ import annotations

from integration_tests.harness.catalogs import configured, configured_stream
from integration_tests.harness.connectors import Connector, Container, Installed, Running
from integration_tests.harness.messages import Messages, NotAMessage
from integration_tests.harness.runs import Run

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
