"""Never more requests in flight than Mailchimp allows, fewer while it throttles."""

from __future__ import annotations

import threading
import time

import pytest

from mailchimp_api.limiter import MAX_CONNECTIONS, Limiter, kind_of


class Clock:
    """Seconds that pass when told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("mailchimp_api.limiter.time.monotonic", clock)
    return clock


class Flights:
    """Threads that take a place and count each other; the first wait in theirs until ``full`` of them are in."""

    def __init__(self, limiter: Limiter, *, full: int, threads: int, rounds: int) -> None:
        self.most = self.done = self._now = 0
        self._full = full
        self._filled = threading.Event()
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._fly, args=(limiter, rounds)) for _ in range(threads)]
        for thread in self._threads:
            thread.start()

    def _fly(self, limiter: Limiter, rounds: int) -> None:
        for _ in range(rounds):
            with limiter.slot():
                with self._lock:
                    self._now += 1
                    self.most = max(self.most, self._now)
                    if self._now == self._full:
                        self._filled.set()
                self._filled.wait(5)
                time.sleep(0.001)
                with self._lock:
                    self._now -= 1
                    self.done += 1

    def join(self) -> None:
        for thread in self._threads:
            thread.join(20)


@pytest.mark.parametrize(
    "path, kind",
    [
        ("lists", "lists"),
        ("lists/abc123", "lists"),
        ("lists/abc123/members", "lists/members"),
        ("lists/abc123/members/0123/tags", "lists/members/tags"),
        ("ecommerce/stores/s1/orders/o1/lines", "stores/orders/lines"),
        ("file-manager/files", "files"),
        ("ping", "ping"),
    ],
)
def test_a_kind_is_a_path_without_ids(path: str, kind: str) -> None:
    assert kind_of(path) == kind


class TestCap:
    @pytest.mark.parametrize("limit", [1, 3, 10])
    def test_it_is_reached_and_never_passed(self, limit: int) -> None:
        limiter = Limiter(limit)
        flights = Flights(limiter, full=limit, threads=14, rounds=4)
        flights.join()

        assert (flights.most, flights.done, limiter.in_flight) == (limit, 56, 0)

    @pytest.mark.parametrize("limit", [0, -1, MAX_CONNECTIONS + 1])
    def test_it_can_be_no_more_than_mailchimp_allows(self, limit: int) -> None:
        with pytest.raises(ValueError, match="limit must be between 1 and 10"):
            Limiter(limit)

    def test_a_request_that_fails_gives_its_place_back(self) -> None:
        limiter = Limiter(1)
        with pytest.raises(KeyError), limiter.slot():
            raise KeyError

        assert limiter.in_flight == 0


class TestAbandoned:
    """A request that timed out here may still be at work there."""

    def test_it_counts_until_the_server_has_dropped_it(self, clock: Clock) -> None:
        limiter = Limiter(2, cutoff_seconds=120)
        with limiter.slot() as slot:
            clock.now += 30
            slot.abandon(sent_ago=30)

        assert limiter.in_flight == 1
        clock.now += 89.9
        assert limiter.in_flight == 1
        clock.now += 0.2
        assert limiter.in_flight == 0

    def test_it_does_not_count_once_we_have_outwaited_the_server(self, clock: Clock) -> None:
        limiter = Limiter(2, cutoff_seconds=120)
        with limiter.slot() as slot:
            clock.now += 125
            slot.abandon(sent_ago=125)

        assert limiter.in_flight == 0

    def test_nobody_takes_its_place_and_whoever_waits_for_it_wakes_by_itself(self) -> None:
        limiter = Limiter(1, cutoff_seconds=0.15)
        with limiter.slot() as slot:
            slot.abandon()
        begun = time.monotonic()
        with limiter.slot():
            waited = time.monotonic() - begun

        assert 0.1 < waited < 2


class TestThrottling:
    def test_the_cap_shrinks_once_a_second_however_many_are_refused_at_once(self, clock: Clock) -> None:
        limiter = Limiter(10)
        caps = []
        for _ in range(10):
            for _ in range(10):
                limiter.throttled()
            caps.append(limiter.cap)
            clock.now += 1.5

        assert caps == [7, 4, 3, 2, 1, 1, 1, 1, 1, 1]

    def test_it_lets_fewer_fly_at_once(self) -> None:
        limiter = Limiter(10)
        limiter.throttled()
        flights = Flights(limiter, full=7, threads=12, rounds=3)
        flights.join()

        assert (flights.most, flights.done) == (7, 36)

    def test_it_grows_back_to_the_limit_and_no_further(self, clock: Clock) -> None:
        limiter = Limiter(10)
        limiter.throttled()
        caps = []
        for _ in range(30):
            clock.now += 1.0
            limiter.succeeded()
            caps.append(limiter.cap)

        assert caps == [7] * 4 + [8] * 5 + [9] * 5 + [10] * 16

    def test_a_refusal_puts_growth_off(self, clock: Clock) -> None:
        limiter = Limiter(10)
        limiter.throttled()
        clock.now += 4.9
        limiter.throttled()
        clock.now += 4.9
        limiter.succeeded()

        assert limiter.cap == 4

    def test_what_is_throttled_alone_costs_the_others_nothing(self, clock: Clock) -> None:
        """A dozen paths are refused for ever, from the start; contacts come all the while."""
        limiter = Limiter(10)
        for _ in range(100):
            for broken in range(12):
                limiter.throttled(f"broken{broken}")
            limiter.succeeded("lists")
            limiter.succeeded("lists/members")
            clock.now += 1.5

        assert limiter.cap == 10

    def test_what_worked_before_and_is_throttled_alone_costs_the_others_little(self, clock: Clock) -> None:
        limiter = Limiter(10)
        limiter.succeeded("campaigns/content")
        caps = []
        for _ in range(100):
            limiter.throttled("campaigns/content")
            limiter.succeeded("lists/members")
            caps.append(limiter.cap)
            clock.now += 1.5

        assert (min(caps), caps[-1]) == (7, 10)

    @pytest.mark.parametrize("kinds", [["lists/members"], ["lists/members", "reports", "campaigns/content"]])
    def test_too_many_connections_show_in_all_kinds(self, kinds: list[str], clock: Clock) -> None:
        """Whichever succeed in between: half of all requests are refused."""
        limiter = Limiter(10)
        for number in range(40):
            kind = kinds[number // 2 % len(kinds)]
            if number % 2:
                limiter.succeeded(kind)
            else:
                limiter.throttled(kind)
            clock.now += 1.5

        assert limiter.cap < 4

    def test_nothing_but_refusals_lets_fewer_fly(self, clock: Clock) -> None:
        limiter = Limiter(10)
        for kind in ("lists", "reports", "campaigns") * 3:
            limiter.throttled(kind)
            clock.now += 1.5

        assert limiter.cap == 1

    def test_those_waiting_take_off_when_it_grows(self, clock: Clock) -> None:
        limiter = Limiter(2)
        limiter.throttled()
        took_off = threading.Event()

        def wait_for_a_place() -> None:
            with limiter.slot():
                took_off.set()

        with limiter.slot():
            thread = threading.Thread(target=wait_for_a_place)
            thread.start()
            assert not took_off.wait(0.05)
            clock.now += 6
            limiter.succeeded()
            assert took_off.wait(5)
        thread.join(5)
