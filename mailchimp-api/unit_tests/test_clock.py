"""Mailchimp's clock is judged by several answers and the machine's own: a time that is too late would lose rows."""

from __future__ import annotations

import time
from datetime import datetime, timedelta, timezone

import pytest

from mailchimp_api.clock import ServerClock

MINUTES = 60.0


def told(*offsets: float, clock: ServerClock | None = None) -> ServerClock:
    """A clock after answers whose ``Date`` was this many seconds ahead of the machine's own time."""
    clock = clock or ServerClock()
    for offset in offsets:
        clock.note(datetime.now(timezone.utc) + timedelta(seconds=offset))
    return clock


def ahead(moment: datetime) -> float:
    """Seconds by which ``moment`` is ahead of the machine's own time."""
    return (moment - datetime.now(timezone.utc)).total_seconds()


class TestNow:
    @pytest.mark.parametrize("before", [0, 1, 2, 3, 20])
    @pytest.mark.parametrize("after", [0, 1, 20])
    def test_one_date_that_is_ten_minutes_ahead_is_not_believed(self, before: int, after: int) -> None:
        clock = told(*[-0.4] * before, 10 * MINUTES, *[-0.4] * after)

        assert -3 < ahead(clock.now()) <= 0

    @pytest.mark.parametrize("skew", [-20 * MINUTES, 20 * MINUTES])
    def test_answers_that_agree_are_believed_though_the_machine_is_wrong(self, skew: float) -> None:
        clock = told(*[skew] * 4)

        assert ahead(clock.now()) == pytest.approx(skew, abs=1.5)
        assert clock.agreed

    @pytest.mark.parametrize("wrong", [-10 * MINUTES, 10 * MINUTES, 9e7])
    def test_a_wrong_one_among_them_changes_nothing(self, wrong: float) -> None:
        clock = told(5 * MINUTES, 5 * MINUTES, wrong, 5 * MINUTES)

        assert ahead(clock.now()) == pytest.approx(5 * MINUTES, abs=1.5)

    @pytest.mark.parametrize("offsets", [(-90.0,), (90.0,), (90.0, 30.0), (7.0, 60.0, -30.0)])
    def test_while_few_or_different_ones_are_known_the_earlier_clock_counts(self, offsets: tuple[float, ...]) -> None:
        assert ahead(told(*offsets).now()) == pytest.approx(min(0.0, *offsets), abs=1.5)

    def test_it_runs_on_between_answers(self) -> None:
        clock = told(-MINUTES)
        first = clock.now()
        time.sleep(1.1)

        assert timedelta(seconds=1) <= clock.now() - first <= timedelta(seconds=3)

    def test_an_answer_counts_from_when_its_headers_came(self) -> None:
        """A body that takes a minute does not set the clock back."""
        clock = ServerClock()
        began = datetime.now(timezone.utc)
        clock.note(began - timedelta(seconds=50), received=time.monotonic() - 50)

        assert ahead(clock.now()) == pytest.approx(0, abs=1.5)

    def test_after_a_change_of_the_servers_clock_the_new_one_counts(self) -> None:
        assert ahead(told(*[0.0] * 15, *[-5 * MINUTES] * 9).now()) == pytest.approx(-5 * MINUTES, abs=1.5)

    def test_before_any_answer_it_is_ten_minutes_early_and_nothing_is_agreed(self) -> None:
        clock = ServerClock()

        assert ahead(clock.now()) == pytest.approx(-10 * MINUTES, abs=1.5)
        assert not clock.agreed


class TestLatest:
    @pytest.mark.parametrize("skew,latest", [(-5 * MINUTES, 0.0), (5 * MINUTES, 5 * MINUTES)])
    def test_it_is_the_later_clock(self, skew: float, latest: float) -> None:
        assert ahead(told(*[skew] * 5).latest()) == pytest.approx(latest, abs=1.5)

    def test_one_wrong_date_does_not_move_it(self) -> None:
        assert ahead(told(3e7).latest()) == pytest.approx(0, abs=1.5)


class TestAgreed:
    def test_one_answer_that_agrees_with_the_machine_is_enough(self) -> None:
        assert told(-0.7).agreed

    @pytest.mark.parametrize("offsets", [(10 * MINUTES,), (10 * MINUTES, 9 * MINUTES), (5.0, 10.0, 30.0)])
    def test_a_few_that_differ_are_not(self, offsets: tuple[float, ...]) -> None:
        assert not told(*offsets).agreed
