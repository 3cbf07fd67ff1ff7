"""Programs that show the connectors at work; each runs from the root of the repository."""

from __future__ import annotations
