"""Probes of what a write makes of values: a refused one, a birthday, two groups of which people choose one."""

from __future__ import annotations

from mailchimp_api.errors import RequestRefused
from probes.findings import Account, Finding, Probe, Unsettled

_NO_VALUE = "never"
_REFUSING = ("date", "birthday", "number", "url", "zip")
"""The types of fields that refuse it."""


def batch_row_names_field(account: Account) -> Finding:
    """Does the row of a batch answer tell which merge field was refused?"""
    scratch = account.scratch
    field = next((field for field in scratch.merge_fields() if field["type"] in _REFUSING), None)
    if field is None:
        raise Unsettled(f"the audience has no field of a type among {', '.join(_REFUSING)}")
    member = {
        "email_address": scratch.address(),
        "status": "subscribed",
        "merge_fields": {field["tag"]: _NO_VALUE},
    }
    errors = scratch.batch(member, update_existing=False).get("errors") or []
    if not errors:
        raise Unsettled(f"{_NO_VALUE!r} is taken for a {field['type']}")
    named = bool(errors[0].get("field"))
    return Finding(
        "true" if named else "false", f"{errors[0].get('error_code') or 'no error code'} of a {field['type']}"
    )


def birthday_as_field_says(account: Account) -> Finding:
    """Does a birthday field with the format DD/MM take the day first?"""
    scratch = account.scratch
    fields = [field for field in scratch.merge_fields() if field["type"] == "birthday"]
    tag = next((str(field["tag"]) for field in fields if field["options"].get("date_format") == "DD/MM"), None)
    if tag is None:
        raise Unsettled("the audience has no birthday field with the format DD/MM")
    address = scratch.add()
    try:
        scratch.put(address, merge_fields={tag: "31/12"})
    except RequestRefused as error:
        return Finding("false", error.problem.title)
    shown = (scratch.contact(address).get("merge_fields") or {}).get(tag)
    if not shown:
        return Finding("false", "without an error: it was dropped")
    return Finding("true", f"31/12 is shown as {shown}")


def one_group_of_a_choice(account: Account) -> Finding:
    """Does a group of which people choose one end a contact's other groups of that category?"""
    scratch = account.scratch
    groups = scratch.groups_of_a_choice()
    if groups is None:
        raise Unsettled("the audience has no category of the type radio or dropdown with two groups")
    first, second = groups
    address = scratch.add(interests={first: True})
    scratch.put(address, interests={second: True})
    now = scratch.contact(address).get("interests") or {}
    if not now.get(second):
        raise Unsettled("the second group does not show")
    return Finding("false" if now.get(first) else "true", "the first one stays" if now.get(first) else "")


PROBES = (
    Probe("batch_row_names_field", batch_row_names_field),
    Probe("birthday_as_field_says", birthday_as_field_says),
    Probe("one_group_of_a_choice", one_group_of_a_choice),
)
