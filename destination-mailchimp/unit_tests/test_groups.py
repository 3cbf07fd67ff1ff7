"""Groups and marketing permissions are found by what people call them, commas and all."""

from __future__ import annotations

import pytest

from destination_mailchimp.audience.fields import Interest, Permission
from destination_mailchimp.mapping.errors import BadValue
from destination_mailchimp.mapping.groups import Interests, Permissions
from destination_mailchimp.mapping.partial_contact import PartialContact

INTERESTS = [
    Interest("i1", "Donating", "Help"),
    Interest("i2", "Food, wine and travel", "Topics"),
    Interest("i3", "Food", "Topics"),
    Interest("i4", "Arts, crafts", "Topics"),
]
PERMISSIONS = [Permission("p1", "Email"), Permission("p2", "Direct Mail, by post"), Permission("p3", "Ads")]


def groups(value: object) -> tuple[dict[str, bool], list[str]]:
    """The groups that a value names, and what was lost of it."""
    partial = PartialContact()
    Interests(INTERESTS).put(partial, value)
    return partial.interests, partial.lost or []


def permissions(value: object, known: list[Permission] = PERMISSIONS) -> tuple[dict[str, bool], list[str]]:
    """The permissions that a value gives or takes, and what was lost of it."""
    partial = PartialContact()
    Permissions(known).put(partial, value)
    return {item["marketing_permission_id"]: item["enabled"] for item in partial.permissions or ()}, partial.lost or []


@pytest.mark.parametrize(
    "value,found",
    [
        ("Food, wine and travel", {"i2"}),
        ("food,  WINE and travel , Donating", {"i2", "i1"}),
        ("Food, Donating", {"i3", "i1"}),
        ("Donating,Food, wine and travel,Arts, crafts", {"i1", "i2", "i4"}),
        ("Topics: Food, wine and travel", {"i2"}),
        (["Food, wine and travel", "Donating"], {"i2", "i1"}),
        ('["Arts, crafts"]', {"i4"}),
        ('{"Arts, crafts": "yes", "i1": 1}', {"i4", "i1"}),
        ("", set()),
    ],
)
def test_a_group_whose_name_holds_commas_is_found_in_text(value: object, found: set[str]) -> None:
    assert groups(value) == (dict.fromkeys(found, True), [])


@pytest.mark.parametrize(
    "chosen,sent",
    [
        ({"i1": True}, {"i1": True, "i2": False, "i3": False}),
        ({"i1": False}, {"i1": False}),
        ({"i1": True, "i2": True}, {"i1": True, "i2": True, "i3": False}),
        ({"i4": True}, {"i4": True}),
        ({"i1": True, "i6": True}, {"i1": True, "i2": False, "i3": False, "i6": True, "i7": False}),
        ({}, {}),
    ],
    ids=["one", "none of them", "two of one category", "of a category with checkboxes", "of two categories", "nothing"],
)
def test_a_group_of_which_people_choose_one_excludes_its_siblings(
    chosen: dict[str, bool], sent: dict[str, bool]
) -> None:
    known = [
        *(Interest(f"i{number}", f"Choice {number}", "Help", "c1") for number in (1, 2, 3)),
        *(Interest(f"i{number}", f"Box {number}", "Topics") for number in (4, 5)),
        *(Interest(f"i{number}", f"Choice {number}", "Help", "c2") for number in (6, 7)),
    ]

    assert Interests(known).without_siblings(chosen) == sent


def test_a_part_that_is_no_group_is_lost_alone() -> None:
    made, lost = groups("Food, wine, Donating")

    assert made == {"i3": True, "i1": True}
    assert lost == ["interests names a group that the audience does not have"]


@pytest.mark.parametrize(
    "value,made",
    [
        ([{"marketing_permission_id": "p1", "enabled": "no"}], {"p1": False}),
        ([{"text": "email", "enabled": True}, {"text": "Ads", "enabled": 0}], {"p1": True, "p3": False}),
        # Records of another audience: other ids, the same texts.
        ([{"marketing_permission_id": "z9", "text": "Email", "enabled": True}], {"p1": True}),
        ({"Email": True, "p3": "f", "Direct mail, by post": None}, {"p1": True, "p3": False}),
        ('{"EMAIL": "yes"}', {"p1": True}),
        ("Email, Direct Mail, by post", {"p1": True, "p2": True}),
        (["Ads"], {"p3": True}),
        ("", {}),
    ],
)
def test_permissions_are_found_by_text_and_by_id(value: object, made: dict[str, bool]) -> None:
    assert permissions(value) == (made, [])


def test_a_permission_that_the_audience_does_not_have_is_lost_alone() -> None:
    made, lost = permissions({"Email": True, "Phone": True})

    assert made == {"p1": True}
    assert lost == ["marketing_permissions names a marketing permission that the audience does not have"]


def test_a_permission_without_a_flag_is_no_consent() -> None:
    """It gives no permission, and withdraws none."""
    assert permissions([{"marketing_permission_id": "p1"}]) == ({}, ["marketing_permissions is neither true nor false"])
    assert permissions([{"marketing_permission_id": "p1", "enabled": None}]) == ({}, [])


def test_ids_pass_where_the_audience_has_nobody_yet_who_shows_them() -> None:
    assert permissions({"p7": True}, []) == ({"p7": True}, [])


@pytest.mark.parametrize("value", [5, True, "{broken"])
def test_what_is_no_list_of_names_is_left_out(value: object) -> None:
    for read in (groups, permissions):
        with pytest.raises(BadValue):
            read(value)
