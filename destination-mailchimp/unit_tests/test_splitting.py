"""A call that Mailchimp refuses whole, or that fails each time, is made smaller until it shows which item causes it."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from destination_mailchimp.audience.splitting import BatchTooLarge, send_or_split
from mailchimp_api.errors import Problem, RequestRefused


def refusal(*errors: tuple[str, str], title: str = "Invalid Resource") -> RequestRefused:
    """A refusal of a whole call."""
    return RequestRefused("refused", problem=Problem(400, title, "no", errors))


@dataclass
class Sent:
    """What has been sent, and what came of it. ``errors``: by the item that causes them."""

    errors: dict[int, Exception]
    calls: list[list[int]] = field(default_factory=list)
    taken: list[int] = field(default_factory=list)
    refused: list[int] = field(default_factory=list)
    unsure: list[int] = field(default_factory=list)

    def send(self, items: list[int]) -> None:
        self.calls.append(list(items))
        for item in items:
            if item in self.errors:
                raise self.errors[item]
        self.taken += items

    def run(self, count: int) -> None:
        """Send this many."""
        items = list(range(count))
        send_or_split(items, self.send, lambda item, _: self.refused.append(item), self.unsure.append)
        assert items == list(range(count)), "the list is the caller's"


class TestSendOrSplit:
    """Every item ends in one of three ways."""

    def test_the_one_that_is_refused_alone_is_named(self) -> None:
        sent = Sent({37: refusal()})
        sent.run(100)

        assert (sorted(sent.taken), sent.refused) == ([n for n in range(100) if n != 37], [37])
        assert len(sent.calls) < 20

    def test_those_that_a_refusal_points_at_are_not_looked_for(self) -> None:
        sent = Sent({5: refusal(("members.item:5.status", "is no status"))})
        sent.run(100)

        assert (sent.refused, len(sent.calls)) == ([5], 2)
        assert len(sent.taken) == 99

    def test_the_one_that_no_call_copes_with_is_left_open(self) -> None:
        sent = Sent({12: BatchTooLarge()})
        sent.run(50)

        assert (sent.unsure, sent.refused, len(sent.taken)) == ([12], [], 49)

    def test_where_nothing_is_written_yet_a_single_one_is_tried_early(self) -> None:
        """So that it shows soon, though one in every few causes it."""
        sent = Sent({number: BatchTooLarge(unproved=True) for number in range(1, 100, 2)})
        sent.run(100)

        assert sorted(sent.taken) == list(range(0, 100, 2))
        assert sorted(sent.unsure) == list(range(1, 100, 2))
        assert sent.calls[1] == [0]

    def test_what_concerns_the_account_is_raised(self) -> None:
        sent = Sent({3: refusal(title="Forbidden")})

        with pytest.raises(RequestRefused):
            sent.run(10)
        assert sent.refused == []
