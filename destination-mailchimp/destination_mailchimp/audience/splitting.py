"""Makes a call smaller where Mailchimp refuses it whole, or where it fails each time."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TypeVar

from destination_mailchimp.audience.refusals import by_item, is_account_wide
from mailchimp_api.errors import Problem, RequestRefused

T = TypeVar("T")


class BatchTooLarge(Exception):
    """The call takes too long, or fails the same way each time while others go well: ask for less at a time.

    ``unproved``: nothing has been written meanwhile, so that it may as well be an outage of all writing calls.
    """

    def __init__(self, message: str = "", *, unproved: bool = False) -> None:
        super().__init__(message)
        self.unproved = unproved


def send_or_split(
    items: list[T],
    send: Callable[[list[T]], None],
    refuse: Callable[[T, Problem], None],
    unsure: Callable[[T], None],
) -> None:
    """``send`` all in one call, or in ever smaller ones where Mailchimp refuses it whole or it fails each time.

    ``refuse`` is told of each that is refused alone, ``unsure`` of each that alone fails the same way each time.
    What concerns the account is raised, like all other errors.
    """
    waiting = deque([items])
    while waiting:
        part = waiting.popleft()
        try:
            send(part)
        except RequestRefused as error:
            if is_account_wide(error.problem):
                raise
            if len(part) == 1:
                refuse(part[0], error.problem)
                continue
            if named := by_item(error.problem, len(part)):
                for place, problem in named.items():
                    refuse(part[place], problem)
                if rest := [item for place, item in enumerate(part) if place not in named]:
                    waiting.append(rest)
                continue
        except BatchTooLarge as error:
            if len(part) == 1:
                unsure(part[0])
                continue
            if error.unproved and len(part) > 2:  # noqa: PLR2004 - with two, halves are that already
                # A single one shows soonest whether anything is written at all.
                waiting.append(part[:1])
                part = part[1:]
        else:
            continue
        middle = len(part) // 2
        # At the end of the queue: the sooner others are written, the sooner it shows which contact causes it.
        waiting += [part[:middle], part[middle:]]
