"""What typed merge fields make of the values that Mailchimp sends."""

from __future__ import annotations

from typing import Any

import pytest

from source_mailchimp.contact_fields import AudienceFields, Interest, MergeField
from source_mailchimp.contact_shape import ContactShape
from source_mailchimp.schemas import schema_of
from source_mailchimp.streams.contacts import LIST_MEMBERS

FIELDS = (
    MergeField("FNAME", "First Name", "text"),
    MergeField("POINTS", "Points", "number"),
    MergeField("JOINED", "Joined", "date", "DD/MM/YYYY"),
    MergeField("SHOWN", "Shown", "date", "MM/DD/YYYY"),
    MergeField("ADDRESS", "Address", "address"),
    MergeField("BIRTHDAY", "Birthday", "birthday"),
)
INTERESTS = (
    Interest("i1", "Topics", "News"),
    Interest("i2", "Topics", "Events & more"),
    Interest("i3", "Topics", "news"),
)
ADDRESS = {"addr1": "1 Main St", "city": "Gary"}


def shaped(values: object, *, as_columns: bool = False, fields: tuple[MergeField, ...] = FIELDS, **rest: object) -> Any:
    """A record with these merge fields, in its new shape."""
    record = {"list_id": "a1", "merge_fields": values, **rest}
    ContactShape([AudienceFields("a1", fields, INTERESTS)], as_columns=as_columns).apply(record)
    return record


@pytest.mark.parametrize(
    "tag, sent, made",
    [
        ("FNAME", "Ada", "Ada"),
        ("FNAME", "", ""),
        ("FNAME", 7, "7"),
        ("FNAME", None, None),
        ("POINTS", 7, 7),
        ("POINTS", 7.5, 7.5),
        ("POINTS", "7", 7),
        ("POINTS", "-7.25", -7.25),
        ("POINTS", "", None),
        ("POINTS", "seven", None),
        ("POINTS", True, None),
        ("JOINED", "2026-02-03", "2026-02-03"),
        ("JOINED", "2026-02-03T04:05:06+00:00", "2026-02-03"),
        ("JOINED", "03/02/2026", "2026-02-03"),
        ("SHOWN", "02/03/2026", "2026-02-03"),
        ("JOINED", "02/31/2026", None),
        ("JOINED", "", None),
        ("ADDRESS", ADDRESS, ADDRESS),
        ("ADDRESS", "", None),
        ("ADDRESS", "1 Main St  Gary", None),
        ("BIRTHDAY", "02/03", "02/03"),
    ],
)
def test_a_value_becomes_what_its_field_is(tag: str, sent: object, made: object) -> None:
    assert shaped({tag: sent})["merge_fields"] == {tag: made}
    assert shaped({tag: sent}, as_columns=True) == {"list_id": "a1", f"merge_{tag}": made}


def test_what_could_not_be_said_is_counted() -> None:
    """A warning tells of it at the end; what is unset is no loss."""
    shape = ContactShape([AudienceFields("a1", FIELDS)], as_columns=True)
    for points in ("many", "few", "", None, 3):
        shape.apply({"list_id": "a1", "merge_fields": {"POINTS": points, "JOINED": "someday"}})

    assert shape.lost == {("merge_POINTS", "number"): 2, ("merge_JOINED", "date"): 5}


class TestDisagreement:
    """Two audiences with the same tag."""

    AUDIENCES = (
        AudienceFields("a1", (MergeField("SIZE", "Shoe size", "number"),)),
        AudienceFields("b2", (MergeField("SIZE", "T-shirt", "dropdown"),)),
    )

    def test_the_tag_is_text_in_both(self) -> None:
        shape = ContactShape(self.AUDIENCES, as_columns=True)
        schema = shape.schema(schema_of(LIST_MEMBERS))["properties"]["merge_SIZE"]
        records: list[Any] = [
            {"list_id": "a1", "merge_fields": {"SIZE": 42}},
            {"list_id": "b2", "merge_fields": {"SIZE": "XL"}},
        ]
        for record in records:
            shape.apply(record)

        assert schema["type"] == ["null", "string"]
        assert "Shoe size or T-shirt" in schema["description"]
        assert [record["merge_SIZE"] for record in records] == ["42", "XL"]

    def test_a_type_of_the_catalog_stands(self) -> None:
        """The destination's column was made by it, whatever Mailchimp says since."""
        declared = {"properties": {"merge_SIZE": {"type": ["null", "string"]}}}
        shape = ContactShape(self.AUDIENCES[:1], as_columns=True, declared=declared)
        record: dict[str, Any] = {"list_id": "a1", "merge_fields": {"SIZE": 42}}
        shape.apply(record)

        assert record["merge_SIZE"] == "42"


class TestInterests:
    """Interests by name."""

    def test_names_that_a_warehouse_can_not_tell_apart_get_their_ids(self) -> None:
        chosen = {"i1": True, "i2": False, "i3": True}

        assert shaped(None, interests=dict(chosen))["interests"] == {
            "Topics: News (i1)": True,
            "Topics: Events & more": False,
            "Topics: news (i3)": True,
        }
        assert shaped(None, as_columns=True, interests=dict(chosen)) == {
            "list_id": "a1",
            "interest_Topics_News_i1": True,
            "interest_Topics_Events_more": False,
            "interest_Topics_news_i3": True,
        }

    def test_an_interest_that_is_new_keeps_its_id(self) -> None:
        assert shaped(None, interests={"i9": True})["interests"] == {"i9": True}
        assert shaped(None, as_columns=True, interests={"i9": True})["interest_i9"] is True


class TestWhatNobodyKnew:
    """A field that is newer than the sync, and an audience without known fields."""

    def test_a_new_field_goes_out_and_is_named(self) -> None:
        shape = ContactShape([AudienceFields("a1", FIELDS)], as_columns=True)
        record: dict[str, Any] = {"list_id": "a1", "merge_fields": {"NEW": 5}}
        shape.apply(record)

        assert record == {"list_id": "a1", "merge_NEW": "5"}
        assert set(shape.unknown) == {"merge_NEW"}

    def test_an_unknown_audience_keeps_its_objects(self) -> None:
        record: dict[str, Any] = {"list_id": "zz", "merge_fields": {"A": 1}, "interests": {"i": True}}
        ContactShape([], as_columns=False).apply(record)

        assert record == {"list_id": "zz", "merge_fields": {"A": 1}, "interests": {"i": True}}

    @pytest.mark.parametrize("nothing", [None, {}])
    def test_a_contact_without_any_stays_whole(self, nothing: object) -> None:
        assert shaped(nothing, interests=nothing) == {"list_id": "a1", "merge_fields": nothing, "interests": nothing}
        assert shaped(nothing, as_columns=True, interests=nothing) == {"list_id": "a1"}


def test_a_catalog_without_columns_is_outdated() -> None:
    """It was discovered before the option was set: the destination has no column for them."""
    plain = schema_of(LIST_MEMBERS)

    assert ContactShape([], as_columns=True, declared=plain).outdated
    assert not ContactShape([], as_columns=False, declared=plain).outdated
    assert not ContactShape([], as_columns=True, declared={}).outdated
