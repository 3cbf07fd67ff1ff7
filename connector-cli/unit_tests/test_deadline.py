"""Somebody who waits in front of a screen gets an answer."""

from __future__ import annotations

import threading

import pytest

from connector_cli.deadline import TookTooLong, within


def test_a_call_that_comes_back_is_as_if_it_were_made_here() -> None:
    assert within(5, lambda: 7) == 7
    with pytest.raises(ZeroDivisionError):
        within(5, lambda: 1 / 0)


def test_one_that_hangs_is_left() -> None:
    release = threading.Event()

    with pytest.raises(TookTooLong):
        within(0.05, release.wait)
    release.set()
