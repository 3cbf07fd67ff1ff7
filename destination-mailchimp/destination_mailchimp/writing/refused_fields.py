"""Leaves out what Mailchimp refuses of a contact, so that the rest of it is written."""

from __future__ import annotations

import re
from typing import Any

from destination_mailchimp.accounting.causes import without_numbers, without_value
from destination_mailchimp.audience.forms import AcceptedForms
from destination_mailchimp.contacts.contact import Contact
from destination_mailchimp.failures import RecordRejected

_SEPARATOR = re.compile(r"[.\[\]:]+")
_INTEREST = re.compile(r"invalid interest id:? *['\"]?([0-9a-z]+)", re.IGNORECASE)
_MERGE_FIELDS = "merge fields were invalid"
_OPTIONAL = frozenset(
    ["language", "vip", "location", "email_type", "ip_signup", "ip_opt", "timestamp_signup", "timestamp_opt"]
)
_OBJECTS = frozenset({"merge_fields", "interests", "location", "marketing_permissions"})


def prepare(contact: Contact, forms: AcceptedForms) -> list[str]:
    """Bring a contact into the form that the audience takes; returns what had to be left out, for the accounting.

    Its merge fields are the sender's own from now on: mapping may still turn a day and month round in what waits.
    """
    if contact.merge_fields:
        contact.body = {**contact.body, "merge_fields": dict(contact.merge_fields)}
    return [f"{tag} {why}" for tag, why in forms.prepare(contact.merge_fields)]


def has_other_form(contact: Contact, reject: RecordRejected, forms: AcceptedForms) -> bool:
    """Whether a refused value has another form, in which the contact is to be sent again."""
    named = reject.fields or ((reject.field, reject.text),)
    # All are told of: each settles the form of its own field.
    settled = [forms.refused(contact.merge_fields, field.rpartition(".")[2], text) for field, text in named]
    return any(settled)


def drop_refused(contact: Contact, reject: RecordRejected, *, exists: bool = False) -> list[str]:
    """Take away all values that ``reject`` names, whichever part of the contact they are.

    Of a contact that ``exists`` Mailchimp may refuse a merge field that isn't sent, but was kept from earlier
    (verbb/formie#2387): then all merge fields are taken away, so that its status, groups and the like are written.
    Returns how the accounting puts it, one text a value; empty if it names nothing that can be left out.
    """
    lost = []
    values = {**contact.body, **contact.merge_fields}
    for field, message in reject.fields or (("", reject.text),):
        if name := _drop(contact, [part for part in _SEPARATOR.split(field) if part], message):
            lost.append(f"{name} was refused by Mailchimp: {without_value(message, values.get(name))}")
    if not lost and (name := _drop(contact, [], reject.text)):
        lost.append(f"{name} was refused by Mailchimp: {without_value(reject.text, values.get(name))}")
    if not lost and exists and reject.field and _MERGE_FIELDS in reject.text.lower() and contact.merge_fields:
        _whole(contact, "merge_fields")
        text = without_numbers(reject.text)
        lost.append(f"merge_fields were refused by Mailchimp for the contact's own {reject.field}: {text}")
    return lost


def _drop(contact: Contact, path: list[str], message: str) -> str:
    """Take away what ``path`` points at, in a copy of the body; the name of what is gone, or nothing."""
    match = _INTEREST.search(message)
    if match and match[1] in contact.body.get("interests", {}):
        return _without(contact, "interests", match[1])
    if not path:
        return ""
    head, last = path[0], path[-1]
    merge: dict[str, Any] = contact.body.get("merge_fields") or {}
    if head not in _OBJECTS or head == "merge_fields":
        for name in dict.fromkeys(part for part in path if part in merge):
            return _without(contact, "merge_fields", name)
    if head == "interests" and "interests" in contact.body:
        return _without(contact, "interests", last) if last in contact.body["interests"] else _whole(contact, head)
    if head == "marketing_permissions" and contact.permissions:
        contact.permissions = None
        return head
    return _whole(contact, head) if head in _OPTIONAL and head in contact.body else ""


def _whole(contact: Contact, name: str) -> str:
    contact.body = {key: value for key, value in contact.body.items() if key != name}
    return name


def _without(contact: Contact, part: str, name: str) -> str:
    kept = {key: value for key, value in contact.body[part].items() if key != name}
    contact.body = {**contact.body, part: kept}
    if not kept:
        _whole(contact, part)
    return name if part == "merge_fields" else f"{part}.{name}"
