"""No more contacts are made than ``max_new_contacts`` says, whatever calls are under way."""

from __future__ import annotations

import threading

from destination_mailchimp.writing.new_contact_limit import NewContactLimit


class TestNewContactLimit:
    """What may be made is reserved, and given back if it was not."""

    def test_without_a_limit_all_are_granted(self) -> None:
        assert NewContactLimit(None).reserve(500) == 500

    def test_what_is_under_way_counts(self) -> None:
        limit = NewContactLimit(10)

        assert [limit.reserve(6), limit.reserve(6), limit.reserve(1)] == [6, 4, 0]

    def test_what_was_not_made_may_be_made_by_others(self) -> None:
        limit = NewContactLimit(10)
        limit.confirm(limit.reserve(10), 7)

        assert limit.reserve(10) == 3
        limit.give_back()
        assert limit.reserve(10) == 1

    def test_one_waits_for_what_other_calls_give_back(self) -> None:
        limit = NewContactLimit(5)
        limit.reserve(5)
        threading.Timer(0.05, limit.confirm, (5, 2)).start()

        assert limit.reserve(5, wait=True) == 3
