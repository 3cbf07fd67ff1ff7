"""Probes of what a write does. Each makes contacts of its own, looks at them before and after, and never at others."""

from __future__ import annotations

import time
from collections.abc import Callable

from mailchimp_api.errors import RequestRefused
from mailchimp_api.members import subscriber_hash
from probes.findings import Account, Finding, Probe, Unsettled
from probes.scratch import Json

_COMPLIANCE = "memberincompliancestate"
_A_SECOND = 1.1
"""Dates are whole seconds: after so long another one has begun."""


def batch_takes_tags(account: Account) -> Finding:
    """Does ``tags`` in a batch tag a contact that exists?"""
    scratch = account.scratch
    old, new, tag = scratch.add(), scratch.address(), scratch.tag()
    members = [{"email_address": address, "status": "subscribed", "tags": [tag]} for address in (old, new)]
    try:
        answer = scratch.batch(*members, update_existing=True)
    except RequestRefused as error:
        return Finding("false", f"the whole call is refused: {error.problem.title}")
    if refused := _error_for(answer, old):
        return Finding("false", f"such a contact is refused with {refused}")
    if scratch.shows_tag(old, tag):
        return Finding("true", f"for a new contact: {_text(scratch.shows_tag(new, tag))}")
    on_new = scratch.shows_tag(new, tag)
    _tags_show(account, old, tag)
    return Finding("false", f"for a new contact: {_text(on_new)}")


def put_tags_ignored_for_existing(account: Account) -> Finding:
    """Does ``tags`` in a PUT do nothing for a contact that exists?"""
    scratch = account.scratch
    old, tag = scratch.add(), scratch.tag()
    try:
        scratch.put(old, tags=[tag])
    except RequestRefused as error:
        return Finding("true", f"they are refused: {error.problem.title}")
    if scratch.shows_tag(old, tag):
        return Finding("false")
    _tags_show(account, old, tag)
    return Finding("true")


def batch_update_without_status(account: Account) -> Finding:
    """May a batch update a contact without naming its status, and does the status stay?"""
    scratch = account.scratch
    statuses = ("subscribed", "unsubscribed")
    addresses = [scratch.add(status, language="en") for status in statuses]
    members = [{"email_address": address, "language": "fr"} for address in addresses]
    try:
        answer = scratch.batch(*members, update_existing=True)
    except RequestRefused as error:
        return Finding("false", f"the whole call is refused: {error.problem.title}")
    codes = [_error_for(answer, address) for address in addresses]
    now = [scratch.contact(address) for address in addresses]
    moved = [f"{was} became {row['status']}" for was, row in zip(statuses, now, strict=True) if row["status"] != was]
    remark = f"BUT the status moved: {', '.join(moved)}" if moved else "statuses stay as they were"
    if all(codes):
        return Finding("false", f"refused with {codes[0]}; {remark}")
    if any(codes):
        raise Unsettled(f"one of two contacts was refused, with {codes[0] or codes[1]}; {remark}")
    if any(row["language"] != "fr" for row in now):
        return Finding("false", f"accepted, but nothing changed; {remark}")
    return Finding("true", remark)


def archived_in_create(account: Account) -> Finding:
    """What does ``update_existing: false`` answer for an archived contact?"""
    scratch = account.scratch
    address = _archived(account)
    answer = scratch.batch({"email_address": address, "status": "subscribed"}, update_existing=False)
    code = _error_for(answer, address)
    status = scratch.contact(address)["status"]
    if status != "archived":
        return Finding("revives", f"it is {status} now")
    readings = {"ERROR_CONTACT_EXISTS": "exists", "ERROR_GENERIC": "exists_generic"}
    if code not in readings:
        raise Unsettled(f"it stays archived, and the answer is {code or 'no error'}")
    return Finding(readings[code], f"{code}, and it stays archived")


def status_if_new_revives(account: Account) -> Finding:
    """Does ``status_if_new`` without ``status`` bring an archived contact back?"""
    scratch = account.scratch
    address = _archived(account)
    try:
        scratch.put(address)
    except RequestRefused as error:
        return Finding("false", f"refused: {error.problem.title}")
    status = scratch.contact(address)["status"]
    if status == "archived":
        return Finding("false", "accepted, and it stays archived")
    return Finding("true", f"it is {status} now")


def resubscribe_after_api(account: Account) -> Finding:
    """Does ``status: subscribed`` subscribe a contact again that was unsubscribed?"""
    scratch = account.scratch
    remark = "for one unsubscribed through the API; who left by the link in an e-mail may be treated otherwise"
    address = scratch.add()
    scratch.change(address, status="unsubscribed")
    if scratch.contact(address)["status"] != "unsubscribed":
        raise Unsettled("a contact that was unsubscribed does not show as unsubscribed")
    try:
        scratch.put(address, status="subscribed")
    except RequestRefused as error:
        title = error.problem.title
        if title.replace(" ", "").casefold() != _COMPLIANCE:
            raise Unsettled(f"refused, but not for compliance: {title}") from None
        return Finding("false", f"{title}, {remark}")
    status = scratch.contact(address)["status"]
    if status == "unsubscribed":
        return Finding("false", f"accepted, but it stays unsubscribed, {remark}")
    return Finding("true", f"it is {status} now, {remark}")


def incomplete_address(account: Account) -> Finding:
    """Is a postal address without city, state and zip an error, or a 200 that changes nothing?"""
    scratch = account.scratch
    tag = scratch.address_field()
    if tag is None:
        raise Unsettled("the audience has no field of type address")
    whole = {"addr1": "1 Test Street", "city": "Atlanta", "state": "GA", "zip": "30308", "country": "US"}
    address = scratch.add(merge_fields={tag: whole})
    if _first_line(scratch.contact(address), tag) != whole["addr1"]:
        raise Unsettled("a complete address was not kept either")
    try:
        scratch.put(address, merge_fields={tag: {"addr1": "2 Test Street"}})
    except RequestRefused as error:
        kept = _first_line(scratch.contact(address), tag) == whole["addr1"]
        return Finding("error", f"{error.problem.title}, the old one {'stays' if kept else 'is GONE'}")
    if _first_line(scratch.contact(address), tag) == whole["addr1"]:
        return Finding("ignored", "the old one stays")
    return Finding("stored", "it replaces the old one")


def empty_state(account: Account) -> Finding:
    """Is a postal address with an empty state taken, as of countries that have none?"""
    return _address_taken(account, {"city": "Paris", "state": "", "zip": "75001", "country": "FR"})


def empty_zip(account: Account) -> Finding:
    """Is a postal address with an empty postal code taken, as of countries that have none?"""
    return _address_taken(account, {"city": "Hong Kong", "state": "Kowloon", "zip": "", "country": "HK"})


def _address_taken(account: Account, place: Json) -> Finding:
    scratch = account.scratch
    tag = scratch.address_field()
    if tag is None:
        raise Unsettled("the audience has no field of type address")
    value = {"addr1": "1 Test Street", **place}
    address = scratch.add()
    try:
        scratch.put(address, merge_fields={tag: value})
    except RequestRefused as error:
        return Finding("refused", error.problem.title)
    if _first_line(scratch.contact(address), tag) != value["addr1"]:
        return Finding("refused", "without an error: it was dropped")
    return Finding("accepted")


def member_tags_move_last_changed(account: Account) -> Finding:
    """Does tagging one contact move its date of change?"""
    return _tagging_moves(account, account.scratch.put_tag)


def segment_joins_move_last_changed(account: Account) -> Finding:
    """Does joining a tag by a call about the tag move a contact's date of change?"""
    return _tagging_moves(account, lambda address, tag: account.scratch.join(tag, address))


def segments_take_unsubscribed(account: Account) -> Finding:
    """Does a call about a tag take contacts that are not subscribed?"""
    scratch = account.scratch
    subscribed, left, tag = scratch.add(), scratch.add("unsubscribed"), scratch.tag()
    scratch.join(tag, subscribed, left)
    if not scratch.shows_tag(subscribed, tag):
        raise Unsettled("a contact that is subscribed does not show the tag either")
    return Finding(_text(scratch.shows_tag(left, tag)), "for one that was unsubscribed")


def _tagging_moves(account: Account, put_tag: Callable[[str, str], object]) -> Finding:
    scratch = account.scratch
    address, tag = scratch.add(), scratch.tag()
    before = scratch.contact(address)["last_changed"]
    time.sleep(_A_SECOND)
    put_tag(address, tag)
    if not scratch.shows_tag(address, tag):
        raise Unsettled("the tag does not show")
    after = scratch.contact(address)["last_changed"]
    return Finding(_text(after != before), f"from {before} to {after}" if after != before else "")


def _first_line(contact: Json, tag: str) -> str:
    value = (contact.get("merge_fields") or {}).get(tag)
    return str(value.get("addr1", "")) if isinstance(value, dict) else ""


def _error_for(answer: Json, address: str) -> str | None:
    """The error code that a batch answer has for an address, or None. Raises Unsettled if it isn't mentioned."""
    for error in answer.get("errors") or ():
        if str(error.get("email_address", "")).lower() == address:
            return str(error.get("error_code") or "an error without a code")
    rows = [*(answer.get("new_members") or ()), *(answer.get("updated_members") or ())]
    if not any(row.get("id") == subscriber_hash(address) for row in rows):
        raise Unsettled("the answer mentions a contact neither as written nor as refused")
    return None


def _tags_show(account: Account, address: str, tag: str) -> None:
    """The counter-test of "no tag": one that is put there the documented way must be seen. Raises Unsettled."""
    account.scratch.put_tag(address, tag)
    if not account.scratch.shows_tag(address, tag):
        raise Unsettled("a tag put there the documented way does not show either")


def _archived(account: Account) -> str:
    """The address of a contact that was made and archived. Raises Unsettled."""
    address = account.scratch.add()
    account.scratch.archive(address)
    if account.scratch.contact(address)["status"] != "archived":
        raise Unsettled("a contact that was archived does not show as archived")
    return address


def _text(value: object) -> str:
    return "true" if value else "false"


PROBES = (
    Probe("batch_takes_tags", batch_takes_tags),
    Probe("batch_update_without_status", batch_update_without_status),
    Probe("archived_in_create", archived_in_create),
    Probe("status_if_new_revives", status_if_new_revives),
    Probe("put_tags_ignored_for_existing", put_tags_ignored_for_existing),
    Probe("resubscribe_after_api", resubscribe_after_api),
    Probe("incomplete_address", incomplete_address),
    Probe("empty_state", empty_state),
    Probe("empty_zip", empty_zip),
    Probe("member_tags_move_last_changed", member_tags_move_last_changed),
    Probe("segment_joins_move_last_changed", segment_joins_move_last_changed),
    Probe("segments_take_unsubscribed", segments_take_unsubscribed),
)
