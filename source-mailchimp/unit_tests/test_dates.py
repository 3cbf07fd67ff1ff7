"""Dates are read whatever their form, and written as Mailchimp takes them."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from source_mailchimp.dates import format_date, parse_date
from unit_tests.mailchimp_model import date, moment, second_of


@pytest.mark.parametrize(
    "text", ["2026-01-01T00:00:05Z", "2026-01-01T00:00:05z", "2026-01-01T01:00:05+01:00", "2026-01-01T00:00:05"]
)
def test_a_date_is_read_whatever_its_offset_and_without_one_as_utc(text: str) -> None:
    assert parse_date(text) == moment(5)


@pytest.mark.parametrize(
    "text",
    [
        "",
        None,
        "x",
        5,
        "2026-13-01T00:00:00Z",
        "-001-11-30T00:00:00+00:00",
        "0000-00-00 00:00:00",
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-14:00",
    ],
)
def test_what_is_no_date_is_none(text: object) -> None:
    assert parse_date(text) is None


@given(st.timedeltas(timedelta(days=-365_000), timedelta(days=365_000)), st.integers(-14, 14))
def test_what_is_written_is_read_to_the_second_below(since: timedelta, offset: int) -> None:
    at = (moment(0) + since).astimezone(timezone(timedelta(hours=offset)))

    written = parse_date(format_date(at))

    assert written is not None
    assert written == at.astimezone(timezone.utc).replace(microsecond=0)
    assert timedelta(0) <= at - written < timedelta(seconds=1)


def test_dates_are_written_in_utc_and_whole_seconds() -> None:
    late = datetime(2026, 1, 1, 1, 0, 5, 999_999, tzinfo=timezone(timedelta(hours=1)))

    assert format_date(late) == "2026-01-01T00:00:05+00:00"


def test_the_model_tells_time_as_mailchimp_does() -> None:
    assert second_of(date(1234)) == 1234
    assert date(5) == format_date(moment(5))
