"""What a column holds becomes what the field takes, or is left out with the reason."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable
from functools import partial
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from destination_mailchimp.audience.fields import MergeField
from destination_mailchimp.mapping.errors import BadValue
from destination_mailchimp.mapping.targets import field_put
from destination_mailchimp.mapping.values import as_flag, as_names

CHOICES = ("Free", "Paid plan")
ADDRESS = {"addr1": "1 Main St", "city": "Gary", "state": "IN", "zip": "46401"}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=8,
)
TYPES = ["text", "number", "address", "phone", "date", "url", "imageurl", "radio", "dropdown", "birthday", "zip", "new"]


def fits(kind: str, value: object, *, date_format: str = "", nested_as_json: bool = False) -> object:
    """The value as a field of that type takes it."""
    field = MergeField("TAG", "Name", kind, choices=CHOICES, date_format=date_format)
    merge: dict[str, object] = {}
    field_put(field, "column", nested_as_json=nested_as_json)(merge, value)
    return merge["TAG"]


@pytest.mark.parametrize(
    "kind,value,made",
    [
        ("text", "as it is ", "as it is "),
        ("text", 5, "5"),
        ("text", 5.0, "5"),
        ("text", 5.25, "5.25"),
        ("text", True, "true"),
        ("number", "1,234.5", 1234.5),
        ("number", " 12 ", 12),
        ("number", 3, 3),
        ("number", "1e3", 1000.0),
        ("date", "2026-11-22T23:59:59+02:00", "2026-11-22"),
        ("date", "2026-1-2", "2026-01-02"),
        ("date", "11/22/2026", "2026-11-22"),
        ("birthday", "1990-11-22", "11/22"),
        ("birthday", "2/29", "02/29"),
        ("birthday", "--11-22", "11/22"),
        ("phone", 15550139, "15550139"),
        ("zip", 4601, "04601"),
        ("zip", " 46401-1234 ", "46401-1234"),
        ("url", "example.com/a?b", "http://example.com/a?b"),
        ("url", "https://example.com", "https://example.com"),
        ("radio", "paid PLAN ", "Paid plan"),
        ("dropdown", "free", "Free"),
        ("address", {**ADDRESS, "country": "US"}, {**ADDRESS, "country": "US"}),
        ("address", {**ADDRESS, "zip": 501}, {**ADDRESS, "zip": "00501"}),
        (
            "address",
            {**ADDRESS, "zip": 501, "country": "United States"},
            {**ADDRESS, "zip": "00501", "country": "United States"},
        ),
        ("address", {**ADDRESS, "zip": 2000, "country": "AU"}, {**ADDRESS, "zip": "2000", "country": "AU"}),
        ("address", {"street": "1 Main St", "town": "Gary", "province": "IN", "postal_code": 46401}, ADDRESS),
        ("address", '{"addr1":"1 Main St","city":"Gary","state":"IN","zip":"46401"}', ADDRESS),
        (
            "address",
            {"street": "1 Rue X", "city": "Paris", "postcode": "75001", "country": "FR"},
            {"addr1": "1 Rue X", "city": "Paris", "state": "", "zip": "75001", "country": "FR"},
        ),
        *(
            # As MailChimp.Net#218 sent it, and as shops write addresses: one part under two names.
            ("address", {**ADDRESS, **dict(names)}, {**ADDRESS, "country": "United States"})
            for first in ("", "US")
            for names in permutations([("country_code", first), ("country", "United States")])
        ),
        ("address", {**ADDRESS, "country": "", "country_code": "US"}, {**ADDRESS, "country": "US"}),
        ("address", {**ADDRESS, "country": None, "country_code": "US"}, {**ADDRESS, "country": "US"}),
        ("address", {"street": "1 Main St", **ADDRESS, "addr1": " "}, ADDRESS),
        ("address", {"addr1": "", "city": ""}, ""),
        (
            "address",
            {"addr1": "1 Main St", "city": "Gary"},
            {"addr1": "1 Main St", "city": "Gary", "state": "", "zip": ""},
        ),
        *((kind, "", "") for kind in TYPES),
    ],
)
def test_a_value_becomes_what_its_field_takes(kind: str, value: object, made: object) -> None:
    assert fits(kind, value) == made


@pytest.mark.parametrize(
    "kind,value",
    [
        ("text", {"a": 1}),
        ("text", [1]),
        ("text", math.nan),
        ("phone", math.inf),
        ("zip", -math.inf),
        ("number", "twelve"),
        ("number", True),
        ("number", math.nan),
        ("number", [1]),
        ("date", "31.13.2026"),
        ("date", "03/14"),
        ("date", "2026-02-30"),
        ("date", 1_700_000_000),
        ("birthday", "13/40"),
        ("birthday", 5),
        ("url", "no address"),
        ("url", 5),
        ("radio", "Gold"),
        ("address", "1 Main St, Gary"),
        ("address", {"city": "Gary", "zip": "46401"}),
        ("address", [ADDRESS]),
    ],
)
def test_a_value_that_does_not_fit_is_left_out(kind: str, value: object) -> None:
    with pytest.raises(BadValue):
        fits(kind, value)


def test_a_date_field_that_says_the_day_comes_first_is_believed() -> None:
    assert fits("date", "05/11/2026", date_format="DD/MM/YYYY") == "2026-11-05"


def test_nested_values_become_json_if_that_is_asked_for() -> None:
    assert fits("text", {"a": [1, None]}, nested_as_json=True) == '{"a":[1,null]}'
    with pytest.raises(BadValue):
        fits("text", {"a": 2**80}, nested_as_json=True)


@given(kind=st.sampled_from(TYPES), value=JSON)
def test_no_value_whatever_breaks_the_sync(kind: str, value: object) -> None:
    """It fits, or it is left out; nothing else is ever raised."""
    readers: list[Callable[[object], object]] = [partial(fits, kind), as_flag, as_names]
    for read in readers:
        with contextlib.suppress(BadValue):
            read(value)


@pytest.mark.parametrize(
    "value,names",
    [
        ("a, b ,,c", ["a", "b", "c"]),
        (["a", 2], ["a", "2"]),
        ([{"id": 1, "name": "VIP"}], ["VIP"]),
        ('[{"id": 1, "name": "VIP"}]', ["VIP"]),
        ("", []),
    ],
)
def test_tags_come_as_an_array_as_objects_or_as_text(value: object, names: list[str]) -> None:
    assert as_names(value) == names
