"""A contact in the making."""

from __future__ import annotations

from typing import Any

from destination_mailchimp.mapping.errors import BadValue


class Draft:
    """What the columns of one record have put together so far. ``lost`` names values that did not fit."""

    __slots__ = ("body", "interests", "lost", "merge", "parts", "permissions", "tags")

    def __init__(self) -> None:
        self.body: dict[str, Any] = {}
        self.merge: dict[str, Any] = {}
        self.interests: dict[str, bool] = {}
        self.parts: dict[str, dict[str, Any]] | None = None
        self.tags: list[str] | None = None
        self.permissions: list[dict[str, Any]] | None = None
        self.lost: list[str] | None = None

    def lose(self, field: str, fault: BadValue) -> None:
        """Note a value that is left out, by its field and what was wrong (never the value)."""
        if self.lost is None:
            self.lost = []
        self.lost.append(f"{field} {fault}")
