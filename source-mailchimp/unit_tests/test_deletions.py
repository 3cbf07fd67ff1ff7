"""What a state keeps of the rows there were."""

from __future__ import annotations

from typing import Any

import pytest

from source_mailchimp.reader.deletions import MOST_ROWS, Deletions
from source_mailchimp.streams import STREAMS

CAMPAIGNS = STREAMS["campaigns"]


def campaigns(count: int) -> list[dict[str, Any]]:
    """Rows with ids and dates as Mailchimp makes them."""
    return [
        {"id": f"{number * 2654435761 % 2**40:010x}", "create_time": f"2026-01-01T{number % 24:02d}:00:00+00:00"}
        for number in range(count)
    ]


def remembered(rows: list[dict[str, Any]]) -> Any:
    """What a state keeps of these rows."""
    deletions = Deletions(CAMPAIGNS, {}, [])
    deletions.note(rows)
    return (deletions.dump() or {})["rows"]


def looked_for(saved: object, list_ids: list[str] | None = None) -> Any:
    """What a sync that goes on from a state looks for, as it would keep it itself."""
    return (Deletions(CAMPAIGNS, saved, list_ids or []).dump() or {})["rows"]


def test_what_a_killed_sync_had_emitted_is_known_to_the_next() -> None:
    """Each checkpoint has every row before it: should one be gone by then, the next sync says so."""
    first = Deletions(CAMPAIGNS, {}, [])
    first.note(campaigns(3))
    at_a_checkpoint = first.dump()
    first.note(campaigns(5))

    assert looked_for(at_a_checkpoint) == remembered(campaigns(3))
    assert looked_for(first.dump()) == remembered(campaigns(5)) != remembered(campaigns(3))


def test_it_is_the_same_for_the_same_rows() -> None:
    """A state that hasn't changed reads so."""
    one, other = Deletions(CAMPAIGNS, {}, []), Deletions(CAMPAIGNS, {}, [])
    one.note(campaigns(50))
    other.note(reversed(campaigns(50)))

    assert one.dump() == other.dump()


def test_ten_thousand_campaigns_take_less_than_200_kilobytes() -> None:
    deletions = Deletions(CAMPAIGNS, {}, [])
    deletions.note(campaigns(10_000))
    dumped = deletions.dump()

    assert dumped is not None
    assert len(dumped["rows"]) < 200_000


def test_of_too_many_rows_none_are_kept() -> None:
    deletions = Deletions(CAMPAIGNS, {}, [])
    deletions.note(campaigns(MOST_ROWS + 1))

    assert deletions.dump() is None


@pytest.mark.parametrize("then, now", [([], ["a"]), (["a"], []), (["a", "b"], ["a"]), (["a"], ["a", "b"])])
def test_rows_of_other_audiences_do_not_count(then: list[str], now: list[str]) -> None:
    """What ``list_ids`` leaves out by now is not deleted."""
    before = Deletions(CAMPAIGNS, {}, then)
    before.note(campaigns(3))

    assert looked_for(before.dump(), now) == remembered([])
    assert looked_for(before.dump(), list(reversed(then))) == remembered(campaigns(3))


@pytest.mark.parametrize(
    "broken", [None, {}, 5, "x", {"scope": None}, {"scope": None, "rows": "é"}, {"scope": None, "rows": "eJxLBAA="}]
)
def test_what_cannot_be_read_counts_as_nothing(broken: object, caplog: pytest.LogCaptureFixture) -> None:
    """A warning says so, of a first sync, which has nothing to read, it says nothing."""
    assert looked_for(broken) == remembered([])
    assert caplog.messages == (
        ["campaigns: the state's list of rows can't be read: deletions before this sync are not reported"]
        * bool(broken)
    )
