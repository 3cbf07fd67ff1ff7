"""In which form the audience takes values for which the API has two, settled by Mailchimp's own answers.

Both are *open* facts: whether a birthday field whose format is DD/MM takes the day first (craft-freeform#2615) or
the month first like all others (mailchimp-for-wordpress#170), and whether an address may lack its state or postal
code (see ``incomplete_addresses``).
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from destination_mailchimp.audience.fields import MergeField
from destination_mailchimp.audience.incomplete_addresses import IncompleteAddresses, lacking

logger = logging.getLogger("airbyte.destination_mailchimp")

Merge = dict[str, Any]

_LAST_MONTH = 12
NOT_KNOWN = (
    "was left out: it is not known yet whether Mailchimp takes the day or the month first there; "
    "the first birthday after the 12th of a month will tell"
)


class Birthday(str):
    """A birthday as the API takes it, ``MM/DD`` or ``DD/MM``. Remembers which of the numbers is the month."""

    __slots__ = ("day", "month")

    month: int
    day: int

    def __new__(cls, month: int, day: int, *, day_first: bool = False) -> Birthday:  # noqa: PYI034 - no Self in 3.10
        """Written in one of the two orders."""
        made = super().__new__(cls, f"{day:02}/{month:02}" if day_first else f"{month:02}/{day:02}")
        made.month, made.day = month, day
        return made

    @property
    def tells(self) -> bool:
        """Whether only one order can be right, so that Mailchimp refuses the other."""
        return self.day > _LAST_MONTH

    @property
    def either(self) -> bool:
        """Whether the two orders are two different days, both of which Mailchimp would take."""
        return self.day <= _LAST_MONTH and self.day != self.month

    @property
    def day_first(self) -> bool:
        """The order in which it is written."""
        return self == f"{self.day:02}/{self.month:02}"

    def written(self, *, day_first: bool) -> Birthday:
        """The same day in an order."""
        return Birthday(self.month, self.day, day_first=day_first)


class _Order:
    """The order of one DD/MM field: supposed to be what the field says until Mailchimp refuses or shows a value."""

    def __init__(self) -> None:
        self.day_first = True
        self.settled = False
        self.refused: set[bool] = set()
        self.looked = False


class AcceptedForms:
    """Writes birthdays and addresses as the audience takes them. Thread-safe.

    ``existing`` gives the merge fields of some contacts of the audience; it is asked once, and only if it matters.
    ``placeholders`` stand for empty parts of an address where Mailchimp refuses these: see ``IncompleteAddresses``.
    """

    def __init__(
        self,
        fields: Iterable[MergeField] = (),
        existing: Callable[[], Iterable[Merge]] = tuple,
        placeholders: Mapping[str, str | None] | None = None,
    ) -> None:
        self._orders = {field.tag: _Order() for field in fields if field.day_first_birthday}
        self._existing = existing
        self._addresses = IncompleteAddresses(placeholders or {})
        self._lock = threading.Lock()

    def telling_first(self, merges: list[Merge]) -> list[bool]:
        """Which of a batch's contacts must be sent before the others, because their birthdays settle an order."""
        if not self._orders:
            return [False] * len(merges)
        with self._lock:
            open_tags = [tag for tag, order in self._orders.items() if not order.settled]
            waiting = [tag for tag in open_tags if any(_either(merge.get(tag)) for merge in merges)]
            if waiting:
                self._look()
            waiting = [tag for tag in waiting if not self._orders[tag].settled]
            return [any(_tells(merge.get(tag)) for tag in waiting) for merge in merges]

    def prepare(self, merge: Merge) -> list[tuple[str, str]]:
        """Bring a contact's merge fields into the form that the audience takes, in place.

        Returns the tags of values that had to be left out, and why, in words.
        """
        lost: list[tuple[str, str]] = []
        if not self._orders and not self._addresses.any_refused:
            return lost
        with self._lock:
            for tag, order in self._orders.items():
                value = merge.get(tag)
                if not isinstance(value, Birthday):
                    continue
                if value.either and not order.settled:
                    self._look()
                    if not order.settled:
                        lost.append((tag, NOT_KNOWN))
                        del merge[tag]
                        continue
                merge[tag] = value.written(day_first=order.day_first)
            if self._addresses.any_refused:
                lost += self._addresses.prepare(merge)
        return lost

    def refused(self, merge: Merge, tag: str, text: str) -> bool:
        """Mailchimp refused the value of a field: whether its other form is worth a try; ``prepare`` makes that."""
        value = merge.get(tag)
        with self._lock:
            if isinstance(value, Birthday) and tag in self._orders and value.tells and "month" in text.casefold():
                return self._refused_order(self._orders[tag], tag, day_first=value.day_first)
            return self._addresses.refused(value)

    def not_taken(self, merge: Merge, tags: list[str]) -> bool:
        """An answer shows these fields with another value: whether one of them has another form, as in ``refused``."""
        # All are told of: each settles the form of its own field.
        settled = [self.refused(merge, tag, "") for tag in tags if lacking(merge.get(tag))]
        return any(settled)

    def accepted(self, sent: Merge, shown: Any) -> None:
        """An answer shows the merge fields of a contact as Mailchimp has stored them."""
        if not isinstance(shown, dict):
            return
        addresses = [(value, shown.get(tag)) for tag, value in sent.items() if lacking(value)]
        if not self._orders and not addresses:
            return
        with self._lock:
            for value, stored in addresses:
                self._addresses.taken(value, stored)
            for tag, order in self._orders.items():
                value = sent.get(tag)
                if order.settled or not isinstance(value, Birthday) or not value.tells or shown.get(tag) != value:
                    continue
                self._settle(order, tag, "has taken", day_first=value.day_first)

    def report(self) -> None:
        """Log how many values were written in another form than they came."""
        self._addresses.report()

    def _refused_order(self, order: _Order, tag: str, *, day_first: bool) -> bool:
        order.refused.add(day_first)
        if len(order.refused) > 1:
            return False
        if not order.settled:
            self._settle(order, tag, "insists on", day_first=not day_first)
        return order.day_first != day_first

    def _look(self) -> None:
        """See how the audience's contacts show their birthdays."""
        unknown = {tag: order for tag, order in self._orders.items() if not order.settled and not order.looked}
        if not unknown:
            return
        rows = list(self._existing())
        for tag, order in unknown.items():
            order.looked = True
            shown = {_order_of(row.get(tag)) for row in rows} - {None}
            if len(shown) == 1:
                self._settle(order, tag, "shows", day_first=bool(shown.pop()))

    @staticmethod
    def _settle(order: _Order, tag: str, how: str, *, day_first: bool) -> None:
        order.day_first, order.settled = day_first, True
        logger.info("Mailchimp %s birthdays in %s as %s", how, tag, "DD/MM" if day_first else "MM/DD")


def _tells(value: Any) -> bool:
    return isinstance(value, Birthday) and value.tells


def _either(value: Any) -> bool:
    return isinstance(value, Birthday) and value.either


def _order_of(shown: Any) -> bool | None:
    """True if a shown birthday has the day first, False if the month; None if it does not tell."""
    first, slash, second = shown.partition("/") if isinstance(shown, str) else ("", "", "")
    if not slash or not first.isdecimal() or not second.isdecimal():
        return None
    if int(first) > _LAST_MONTH:
        return True
    return False if int(second) > _LAST_MONTH else None
