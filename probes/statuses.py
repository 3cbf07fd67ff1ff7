"""Probes of what a contact's status means for a write: double opt-in, and another address for who has left."""

from __future__ import annotations

from mailchimp_api.errors import RequestRefused, ResourceGone
from probes.findings import Account, Finding, Probe, Unsettled


def double_optin_by_api(account: Account) -> Finding:
    """Does a new contact sent as subscribed become pending where the audience has double opt-in?"""
    scratch = account.scratch
    if not scratch.audience().get("double_optin"):
        raise Unsettled("the audience has no double opt-in")
    status = scratch.contact(scratch.add("subscribed"))["status"]
    if status not in ("pending", "subscribed"):
        raise Unsettled(f"it is {status}")
    return Finding("true" if status == "pending" else "false")


def email_change_of_unsubscribed(account: Account) -> Finding:
    """May the address of a contact be changed that was unsubscribed?"""
    scratch = account.scratch
    old, new = scratch.add("unsubscribed"), scratch.address()
    try:
        scratch.change(old, email_address=new)
    except RequestRefused as error:
        return Finding("false", error.problem.title)
    try:
        return Finding("true", f"it is {scratch.contact(new)['status']}")
    except ResourceGone:
        return Finding("false", "accepted, but nothing changed")


PROBES = (
    Probe("double_optin_by_api", double_optin_by_api),
    Probe("email_change_of_unsubscribed", email_change_of_unsubscribed),
)
