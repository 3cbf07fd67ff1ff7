"""E-mail addresses are found by their column's name and checked."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from destination_mailchimp.failures import RecordRejected
from destination_mailchimp.mapping.addresses import email_column, read_address


class TestAddress:
    """The address is found by its column's name, and checked before Mailchimp sees it."""

    @pytest.mark.parametrize(
        "columns,found",
        [
            (["id", "Email"], "Email"),
            (["email", "email_address"], "email_address"),
            (["E-Mail", "name"], "E-Mail"),
            (["work_email", "contact email"], "contact email"),
            (["emails_sent", "name"], None),
        ],
    )
    def test_the_likelier_name_wins(self, columns: list[str], found: str | None) -> None:
        assert email_column(columns) == found

    @pytest.mark.parametrize(
        "value", ["a@example.com", "  First.Last+tag@Sub.Example.co.uk ", "o'hara@example.com", "ü@exämple.de"]
    )
    def test_a_good_one_is_trimmed_and_otherwise_left_alone(self, value: str) -> None:
        assert read_address(value) == value.strip()

    @pytest.mark.parametrize(
        "value",
        ["a", "a@b", "@example.com", "a@@example.com", "a b@example.com", ".a@example.com", "a..b@example.com",
         "a@-example.com", "a@example..com", "a@example.com, b@example.com", "A <a@example.com>", 5, ["a@example.com"],
         "x" * 65 + "@example.com", "a@" + "x." * 130 + "com", "a\n@example.com", "jos\ufffd@example.com"],
    )  # fmt: skip
    def test_a_bad_one_is_rejected(self, value: object) -> None:
        with pytest.raises(RecordRejected) as rejected:
            read_address(value)

        assert rejected.value.reason == "invalid_address"

    @pytest.mark.parametrize("value", [None, "", "   "])
    def test_none_at_all_is_another_reason(self, value: object) -> None:
        with pytest.raises(RecordRejected) as rejected:
            read_address(value)

        assert rejected.value.reason == "no_address"

    @given(st.text())
    def test_no_text_whatever_breaks_it(self, value: str) -> None:
        try:
            assert read_address(value) == value.strip()
        except RecordRejected:
            return
