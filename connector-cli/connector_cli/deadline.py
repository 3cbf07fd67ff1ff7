"""Calls that somebody waits for in front of a screen."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


class TookTooLong(Exception):
    """The call had not come back in time. It goes on in its thread, which ends with the process."""


def within(seconds: float, call: Callable[[], T]) -> T:
    """What ``call`` returns or raises; raises TookTooLong after ``seconds``, whatever it waits for.

    Time-outs of requests add up, and the look-up of a host's name has none.
    """
    results: list[T] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            results.append(call())
        except BaseException as error:  # noqa: BLE001 - raised again in the caller's thread
            errors.append(error)

    thread = threading.Thread(target=run, name="deadline", daemon=True)
    thread.start()
    thread.join(seconds)
    if errors:
        raise errors[0]
    if not results:
        raise TookTooLong
    return results[0]
