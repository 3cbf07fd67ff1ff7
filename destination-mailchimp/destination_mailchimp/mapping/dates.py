"""Reads dates and birthdays as people write them, and never guesses silently which number is the month."""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass
from datetime import date
from typing import Any

from destination_mailchimp.audience.fields import MergeField
from destination_mailchimp.audience.forms import Birthday
from destination_mailchimp.mapping.errors import BadValue

logger = logging.getLogger("airbyte.destination_mailchimp")

_YEAR_FIRST = re.compile(r"(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})(?:[T ,].*)?", re.DOTALL)
_COMPACT = re.compile(r"(\d{4})(\d\d)(\d\d)")
_NUMBERS = re.compile(r"(\d{1,2})[/.-](\d{1,2})(?:[/.-](\d{4}|\d\d)?)?(?:[T ,].*)?", re.DOTALL)
_NO_YEAR = re.compile(r"--(\d{1,2})-?(\d{1,2})")  # as vCard has it
_WORD = re.compile(r"[^\W\d_]+|\d+")
_MONTHS = (
    "january", "february", "march", "april", "may", "june",
    "july", "august", "september", "october", "november", "december",
)  # fmt: skip
_MONTH = {name[:length]: n for n, name in enumerate(_MONTHS, 1) for length in (3, len(name))} | {"sept": 9}
_FILLING = frozenset(
    ["st", "nd", "rd", "th", "of", "the"]
    + [day[:length] for day in ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
       for length in (3, len(day))]
)  # fmt: skip
_LEAP_YEAR = 2000
_LAST_MONTH = 12
_LAST_DAY = 31
_REMEMBERED = 1000
"""Values that wait for their column's order; a batch is half as many."""


@dataclass(frozen=True)
class Day:
    """A day as it was written. ``swappable``: its two numbers could also be read the other way round."""

    year: int | None
    month: int
    day: int
    swappable: bool = False
    day_first: bool | None = None
    """The order that the writing proves; None where it proves none."""

    def swapped(self) -> Day:
        """The other reading."""
        return Day(self.year, self.day, self.month, swappable=True)

    def date(self) -> date:
        """The date, in a leap year where it has no year. Raises BadValue if there is no such day."""
        try:
            return date(_LEAP_YEAR if self.year is None else self.year, self.month, self.day)
        except ValueError:
            raise BadValue("is a date that does not exist") from None


def read_day(value: Any, *, example: str) -> Day:
    """A day from text such as ``1985-03-14``, ``14/03/1985``, ``14.3.``, ``03/14`` or ``March 14``.

    Two numbers that could both be months are read month first, and marked as ``swappable``.
    Raises BadValue with ``example`` in its message.
    """
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    text = value.strip() if isinstance(value, str) else ""
    if match := _YEAR_FIRST.fullmatch(text) or _COMPACT.fullmatch(text):
        return Day(int(match[1]), int(match[2]), int(match[3]))
    if match := _NO_YEAR.fullmatch(text):
        return Day(None, int(match[1]), int(match[2]))
    if match := _NUMBERS.fullmatch(text):
        return _two_numbers(int(match[1]), int(match[2]), match[3])
    words = [word.casefold() for word in _WORD.findall(text)]
    months = [_MONTH[word] for word in words if word in _MONTH]
    numbers = [word for word in words if word.isdecimal()]
    others = [word for word in words if not word.isdecimal() and word not in _MONTH and word not in _FILLING]
    if len(months) != 1 or others or not 1 <= len(numbers) <= 2:  # noqa: PLR2004 - day and year
        raise BadValue(f"is not {example}")
    if len(numbers) == 2 and len(numbers[0]) == 4:  # noqa: PLR2004 - a year
        numbers.reverse()
    if len(numbers[0]) > 2:  # noqa: PLR2004 - a day has two digits
        raise BadValue(f"is not {example}")
    return Day(_year(numbers[1]) if len(numbers) > 1 else None, months[0], int(numbers[0]))


def _two_numbers(first: int, second: int, year: str | None) -> Day:
    whole = _year(year) if year else None
    if first > _LAST_MONTH:
        return Day(whole, second, first, day_first=True)
    if second > _LAST_MONTH:
        return Day(whole, first, second, day_first=False)
    return Day(whole, first, second, swappable=first != second)


def _year(digits: str) -> int | None:
    """None for a year of two digits, which does not tell the century."""
    return int(digits) if len(digits) == 4 else None  # noqa: PLR2004


class DayReader:
    """Reads the days of one column for one field, in one order throughout.

    Where both numbers could be months, the order is the field's own until a value of the column proves it
    (only one of its numbers can be a month). If the column proves the other order, values that came before it and
    could be read either way are turned round, unless they were written already, and the log says so.
    If it proves both orders, such values can't be read at all.
    """

    def __init__(self, column: str, field: MergeField) -> None:
        """A birthday field gets a ``Birthday`` (``MM/DD`` so far), a date field ``YYYY-MM-DD``."""
        self._column = column
        self._tag = field.tag
        self._birthday = field.type == "birthday"
        self._field_day_first = field.day_first
        self._proved: bool | None = None
        self._both = False
        self._waiting: list[tuple[dict[str, Any], Day]] = []
        self._guessed = 0

    def put(self, merge: dict[str, Any], value: Any) -> None:
        """Read a value into its field of ``merge``. Raises BadValue."""
        if value == "":
            merge[self._tag] = ""
            return
        day = read_day(value, example="a birthday such as 11/22" if self._birthday else "a date such as 2026-11-22")
        if day.year is None and not self._birthday:
            raise BadValue("is a date without its year (four digits)")
        day.date()
        if day.day_first is not None:
            self._prove(day_first=day.day_first)
        elif day.swappable:
            if self._both:
                raise BadValue("could be two different days: its column has the day first and the month first")
            if self._proved is None:
                self._guessed += 1
                if len(self._waiting) < _REMEMBERED:
                    self._waiting.append((merge, day))
            if self._field_day_first if self._proved is None else self._proved:
                day = day.swapped()
        merge[self._tag] = self._written(day)

    def _written(self, day: Day) -> str:
        return Birthday(day.month, day.day) if self._birthday else day.date().isoformat()

    def _prove(self, *, day_first: bool) -> None:
        if self._proved == day_first or self._both:
            return
        names = ("month", "day")
        if self._proved is not None:
            self._both = True
            logger.warning(
                "The column %s has values with the day first and others with the month first: of values that could be "
                "either, those from here on are left out of %s; write them as YYYY-MM-DD",
                self._column,
                self._tag,
            )
            return
        self._proved = day_first
        if day_first != self._field_day_first:
            logger.warning(
                "The column %s has the %s first, though the field %s has the %s first: it is read so.%s",
                self._column,
                names[day_first],
                self._tag,
                names[not day_first],
                f" Values before this one that could be either: {self._guessed}; they are read so too, unless they "
                "were written already"
                if self._guessed
                else "",
            )
            for merge, day in self._waiting:
                # Whoever sends a contact has taken a copy, so this reaches only those that still wait.
                merge[self._tag] = self._written(day.swapped() if day_first else day)
        self._waiting.clear()
