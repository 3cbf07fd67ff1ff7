"""Which version of an address counts."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from destination_mailchimp.contacts.cursors import MOMENT, NONE, NUMBER, TEXT, Cursor, read_cursor
from destination_mailchimp.contacts.versions import Versions


class TestVersions:
    """The greatest cursor of each address is remembered, exactly and compactly."""

    @given(
        st.lists(
            st.tuples(
                st.sampled_from("abc"),
                st.integers() | st.text(max_size=4) | st.floats(allow_nan=False) | st.datetimes().map(str) | st.none(),
            )
        )
    )
    def test_it_decides_as_a_dictionary_would(self, arrivals: list[tuple[str, Any]]) -> None:
        versions = Versions(8)
        greatest: dict[str, Cursor] = {}
        for key, value in arrivals:
            cursor = read_cursor(value)
            old = greatest.get(key)
            wanted = old is None or not cursor[0] or old[0] != cursor[0] or cursor[1] >= old[1]

            assert versions.admit(key, cursor)[0] is wanted
            if wanted and cursor[0]:
                greatest[key] = cursor
        versions.close()

    def test_it_grows_and_forgets_nobody(self) -> None:
        versions = Versions(8)
        for number in range(5000):
            versions.admit(f"{number}@example.com", (NUMBER, number))

        assert len(versions) == 5000
        assert not any(versions.admit(f"{number}@example.com", (NUMBER, number - 1))[0] for number in range(5000))
        assert all(versions.admit(f"{number}@example.com", (NUMBER, number))[0] for number in range(5000))

    @pytest.mark.parametrize(
        "value,kind",
        [(5, NUMBER), ("5", NUMBER), (5.5, NUMBER), ("2026-11-22", MOMENT), ("2026-11-22 10:00:00.1+0200", MOMENT),
         ("2026-13-22", TEXT), ("abc", TEXT), ("", NONE), (None, NONE), (True, NONE), ([1], NONE)],
    )  # fmt: skip
    def test_it_knows_what_a_cursor_is(self, value: Any, kind: int) -> None:
        assert read_cursor(value)[0] == kind

    def test_a_version_that_was_sent_is_known(self) -> None:
        versions = Versions()
        versions.admit("a", (NONE, None))
        versions.sent("a")

        assert versions.admit("a", (NUMBER, 1)) == (True, True)
        assert versions.admit("a", (NUMBER, 2)) == (True, True)
