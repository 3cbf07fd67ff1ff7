"""A contact in the making."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from destination_mailchimp.mapping.errors import BadValue


class PartialContact:
    """What the columns of one record have put together so far.

    ``address_parts`` are parts of postal addresses by merge tag, joined once all columns are read.
    ``all_groups`` says that a column lists all groups of the contact, each of which was found.
    ``lost`` names values that did not fit.
    """

    __slots__ = (
        "address_parts",
        "all_groups",
        "body",
        "interests",
        "lost",
        "merge",
        "permissions",
        "removed_tags",
        "sms",
        "tags",
    )

    def __init__(self) -> None:
        self.body: dict[str, Any] = {}
        self.merge: dict[str, Any] = {}
        self.interests: dict[str, bool] = {}
        self.all_groups = False
        self.address_parts: dict[str, dict[str, Any]] | None = None
        self.tags: list[str] | None = None
        self.removed_tags: list[str] | None = None
        self.permissions: list[dict[str, Any]] | None = None
        self.sms: dict[str, str] | None = None
        self.lost: list[str] | None = None

    def lose(self, field: str, bad: BadValue) -> None:
        """Note a value that is left out, by its field and what was wrong (never the value)."""
        if self.lost is None:
            self.lost = []
        self.lost.append(f"{field} {bad}")


Put = Callable[[PartialContact, Any], None]
"""Puts a value that is not null into a contact in the making; raises BadValue if it does not fit."""
