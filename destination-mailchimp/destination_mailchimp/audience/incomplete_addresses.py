"""In which form the audience takes addresses that lack a state or a postal code, settled by Mailchimp's own answers.

Many countries have no states, some no postal codes. Whether Mailchimp takes either empty is *open* (mc-magento2#593
says so of the state, MailChimp.Net#260 not); its support is reported to say that any text will do in their place.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping
from typing import Any

logger = logging.getLogger("airbyte.destination_mailchimp")

_NAMES = {"state": "state", "zip": "postal code"}
_OPTIONS = {"state": "state_placeholder", "zip": "postal_code_placeholder"}


class IncompleteAddresses:
    """Sends them as they are, then with placeholders, and leaves out what is not taken even so. Not thread-safe."""

    def __init__(self, placeholders: Mapping[str, str | None]) -> None:
        """``placeholders``: what stands for an empty part (``state``, ``zip``) where Mailchimp refuses that."""
        self._placeholders = placeholders
        self._refused: set[frozenset[str]] = set()
        """Which parts were empty together in an address that was refused."""
        self._taken: set[frozenset[str]] = set()
        """Which were in one that was stored: such an address is refused for something else."""
        self._filled: Counter[str] = Counter()

    @property
    def any_refused(self) -> bool:
        """Whether there is anything to be prepared."""
        return bool(self._refused)

    def prepare(self, merge: dict[str, Any]) -> list[tuple[str, str]]:
        """Fill the addresses among merge fields, or take them away, in place; the tags of these, and why."""
        lost: list[tuple[str, str]] = []
        for tag, value in list(merge.items()):
            gap = lacking(value)
            if not self._is_refused(gap):
                continue
            filled = self._fill(gap)
            if self._is_refused(gap - filled):
                lost.append((tag, f"is an address without a {_named(gap)}, which Mailchimp does not take here"))
                del merge[tag]
                continue
            merge[tag] = {**value, **{part: self._placeholders[part] for part in filled}}
            self._filled.update(filled)
        return lost

    def refused(self, value: Any) -> bool:
        """An address was refused, or not stored: whether it has another form."""
        gap = lacking(value)
        if not gap or gap in self._taken:
            return False
        if gap not in self._refused:
            self._refused.add(gap)
            without = [part for part in sorted(gap) if not self._placeholders.get(part)]
            options = " and ".join(_OPTIONS[part] for part in (without or sorted(gap)))
            logger.warning(
                "Mailchimp takes no address without a %s here: %s",
                _named(gap),
                f"such addresses are left out; {options} would fill them"
                if without
                else f"such addresses are filled as {options} says",
            )
        return not self._is_refused(gap - self._fill(gap))

    def taken(self, value: Any, shown: Any) -> None:
        """An answer shows an address as it is stored now: with the same street, or it is an older one."""
        gap = lacking(value)
        if gap and gap == lacking(shown) and shown["addr1"] == value["addr1"]:
            self._taken.add(gap)

    def report(self) -> None:
        """Log how many were filled."""
        for part, count in sorted(self._filled.items()):
            logger.info("%d addresses without a %s were written with %r", count, _NAMES[part], self._placeholders[part])

    def _is_refused(self, gap: frozenset[str]) -> bool:
        """Whether an address that lacked this, or a part of it, was refused."""
        return any(refused <= gap for refused in self._refused)

    def _fill(self, gap: frozenset[str]) -> frozenset[str]:
        """The parts to be filled: those that were empty when something of the kind was refused, where one can."""
        empty = frozenset().union(*(refused for refused in self._refused if refused <= gap))
        return frozenset(part for part in empty if self._placeholders.get(part))


def lacking(value: Any) -> frozenset[str]:
    """The parts that are empty in an address; empty for a whole one, and for what is none."""
    if not isinstance(value, dict) or not value.get("addr1"):
        return frozenset()
    return frozenset(part for part in _NAMES if value.get(part) == "")


def _named(parts: frozenset[str]) -> str:
    return " and a ".join(_NAMES[part] for part in sorted(parts))
