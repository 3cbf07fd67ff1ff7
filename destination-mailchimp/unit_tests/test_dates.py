"""Dates and birthdays are read as people write them, and no day and month are ever swapped silently."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from destination_mailchimp.audience.fields import MergeField
from destination_mailchimp.contacts.contact import Json
from destination_mailchimp.mapping.errors import BadValue
from destination_mailchimp.mapping.targets import FieldPut, field_put


def column_into(kind: str, date_format: str = "") -> FieldPut:
    """How values of the column `dob` get into a field."""
    return field_put(MergeField("DAY", "Day", kind, date_format=date_format), "dob")


def read(kind: str, *values: object, date_format: str = "") -> list[Any]:
    """What the values of one column become, in the order in which they came."""
    put = column_into(kind, date_format)
    rows: list[Json] = []
    for value in values:
        row: Json = {}
        put(row, value)
        rows.append(row)
    return [row["DAY"] for row in rows]


@pytest.mark.parametrize(
    "text",
    ["14/03/1985", "14.03.1985", "14-03-85", "14/3", "14.3.", "3/14", "03-14-1985", "1985/03/14", "1985.3.14",
     "19850314", 19850314, "1985-03-14T00:00:00Z", "14/03/1985 00:00", "--03-14", "--0314", "March 14", "14 March 1985",
     "mar 14, 1985", "Thursday, March 14th, 1985", "14-Mar-85", "the 14th of March", " 14/03/1985 "],
)  # fmt: skip
def test_a_birthday_is_read_in_every_form_that_tells_day_from_month(text: object) -> None:
    for date_format in ("MM/DD", "DD/MM", ""):
        assert read("birthday", text, date_format=date_format) == ["03/14"]


def test_the_29th_of_february_is_a_birthday_with_and_without_its_year() -> None:
    assert read("birthday", "29/02/1988", "29/02", "Feb 29", "29.2.88") == ["02/29"] * 4


@pytest.mark.parametrize("text", ["14 March 1985", "Mar 14 1985", "1985/03/14", "14.03.1985"])
def test_a_date_takes_the_same_forms(text: str) -> None:
    assert read("date", text) == ["1985-03-14"]


@pytest.mark.parametrize(
    "kind,text",
    [("birthday", "29/02/1987"), ("birthday", "31/04"), ("birthday", "32/01"), ("birthday", "March"), ("birthday", 14),
     ("birthday", "Mar Apr 3"), ("birthday", "Märchen 14"), ("birthday", True), ("birthday", "14/03/19855"),
     ("date", "14/03"), ("date", "March 14"), ("date", "14/03/85"), ("date", "0000-00-00")],
)  # fmt: skip
def test_what_is_no_day_is_left_out(kind: str, text: object) -> None:
    with pytest.raises(BadValue):
        read(kind, text)


@pytest.mark.parametrize("date_format,made", [("MM/DD", "04/03"), ("DD/MM", "03/04"), ("", "04/03")])
def test_two_numbers_that_could_both_be_months_are_read_as_the_field_has_it(date_format: str, made: str) -> None:
    assert read("birthday", "04/03", date_format=date_format) == [made]


def test_a_column_that_has_the_day_first_is_read_so_throughout(caplog: pytest.LogCaptureFixture) -> None:
    """One value proves the order of the others; those that came before and are not written yet are turned round."""
    with caplog.at_level(logging.WARNING):
        made = read("birthday", "09/06", "25/12", "01/02", "07/08/1990")

    assert made == ["06/09", "12/25", "02/01", "08/07"]
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "dob has the day first, though the field DAY has the month first" in caplog.text
    assert "Values before this one that could be either: 1;" in caplog.text


def test_a_column_that_has_the_month_first_is_read_so_in_a_field_with_the_day_first() -> None:
    assert read("date", "12/11/2020", "03/14/1985", "04/03/1985", date_format="DD/MM/YYYY") == [
        "2020-12-11", "1985-03-14", "1985-04-03",
    ]  # fmt: skip


def test_a_column_that_has_both_orders_loses_what_could_be_either(caplog: pytest.LogCaptureFixture) -> None:
    put = column_into("birthday")
    row: Json = {}
    put(row, "25/12")
    put(row, "12/26")
    with pytest.raises(BadValue, match="could be two different days"):
        put(row, "04/03")
    put(row, "05/05")

    assert row == {"DAY": "05/05"}
    assert sum("and others with the month first" in record.message for record in caplog.records) == 1


def test_an_empty_text_clears() -> None:
    assert read("birthday", "") == [""]
