"""How sure it is that a column belongs to a field."""

from __future__ import annotations

import pytest

from destination_mailchimp.audience.fields import MergeField
from destination_mailchimp.mapping.targets import Rank, part_of_address, rank_of

FNAME = MergeField("FNAME", "First Name", "text")
ADDRESS = MergeField("ADDRESS", "Home address", "address")


@pytest.mark.parametrize(
    "column,rank",
    [
        ("FNAME", Rank.TAG),
        ("fname", Rank.LIKE_TAG),
        ("first-name", Rank.LIKE_NAME),
        ("given_name", Rank.SYNONYM),
        ("last_name", None),
        ("___", None),
    ],
)
def test_the_rank_of_a_name(column: str, rank: Rank | None) -> None:
    assert rank_of(column, FNAME) == rank


@pytest.mark.parametrize(
    "column,place",
    [
        ("address_city", "ADDRESS.city"),
        ("Home address postcode", "ADDRESS.zip"),
        ("city", "ADDRESS.city"),
        ("colour", None),
    ],
)
def test_a_part_of_an_address(column: str, place: str | None) -> None:
    target = part_of_address(column, [FNAME, ADDRESS])

    assert (target.field if target else None) == place


def test_an_audience_without_an_address_field_has_no_parts_of_one() -> None:
    assert part_of_address("city", [FNAME]) is None
