"""An answer that lacks what decides decides nothing."""

from __future__ import annotations

import pytest

from mailchimp_api import readers
from mailchimp_api.readers import Lacking


class TestTotals:
    @pytest.mark.parametrize("total", [None, -1, "3", True, 1.0, []])
    def test_a_total_that_is_none_counts_nobody(self, total: object) -> None:
        with pytest.raises(Lacking, match="total_items"):
            readers.total_items({"total_items": total})

    def test_nor_does_one_that_is_missing(self) -> None:
        with pytest.raises(Lacking, match="total_items"):
            readers.total_items({})

    @pytest.mark.parametrize("total", [0, 3])
    def test_a_number_is_one(self, total: int) -> None:
        assert readers.total_items({"total_items": total}) == total


@pytest.mark.parametrize(
    "rows", [None, {}, [None], ["a"], [{}], [{"id": None}], [{"id": ""}], [{"id": "a"}, {"status": "archived"}]]
)
def test_a_page_of_contacts_names_each(rows: object) -> None:
    with pytest.raises(Lacking):
        readers.contact_page({"members": rows, "total_items": 1})


@pytest.mark.parametrize("body", [{}, {"status": None}, {"status": ""}, {"status": 400, "title": "Odd"}])
def test_a_contact_has_a_status(body: dict[str, object]) -> None:
    with pytest.raises(Lacking, match="status"):
        readers.member(body)


@pytest.mark.parametrize("body", [{}, {"id": None}, {"id": "12"}, {"id": True}])
def test_a_tag_that_was_made_has_an_id(body: dict[str, object]) -> None:
    with pytest.raises(Lacking, match="id"):
        readers.segment_id(body)


@pytest.mark.parametrize(
    "body",
    [
        {"id": "b" * 32, "status": "subscribed"},
        {"id": "a" * 32, "status": "Subscribed"},
        {"id": "a" * 32, "status": "unknown"},
    ],
    ids=["another contact", "another word", "a word of the future"],
)
def test_another_contact_or_another_status_permits_nothing(body: dict[str, object]) -> None:
    with pytest.raises(Lacking):
        readers.member(body, "a" * 32)


AUDIENCE = {"id": "a1", "name": "News", "double_optin": False, "marketing_permissions": False}


@pytest.mark.parametrize("value", [None, "", 0, {}])
@pytest.mark.parametrize("name", AUDIENCE)
def test_an_audience_says_how_it_may_be_written_to(name: str, value: object) -> None:
    """No word of double opt-in is none that there isn't."""
    assert not readers.audience(AUDIENCE).double_optin
    with pytest.raises(Lacking, match=name):
        readers.audience({**AUDIENCE, name: value})
    with pytest.raises(Lacking, match=name):
        readers.audience({key: told for key, told in AUDIENCE.items() if key != name})
