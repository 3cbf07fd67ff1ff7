"""Probes of tags as segments: a second one of the same name, and what a call about one tells."""

from __future__ import annotations

from mailchimp_api.errors import RequestRefused
from probes.findings import Account, Finding, Probe, Unsettled


def segment_names_unique(account: Account) -> Finding:
    """Is a second tag of the same name refused?"""
    scratch = account.scratch
    tag = scratch.tag()
    first = scratch.segment(tag)
    try:
        second = scratch.segment(tag)
    except RequestRefused as error:
        return Finding("true", error.problem.title)
    return Finding("false", "it is the same one" if first == second else "there are two")


def segment_totals_told(account: Account) -> Finding:
    """Does a call about a tag tell how many contacts it added?"""
    scratch = account.scratch
    address, tag = scratch.add(), scratch.tag()
    answer = scratch.join(tag, address)
    if not scratch.shows_tag(address, tag):
        raise Unsettled("the tag does not show")
    return Finding("true" if answer.get("total_added") == 1 else "false", f"total_added: {answer.get('total_added')}")


PROBES = (
    Probe("segment_names_unique", segment_names_unique),
    Probe("segment_totals_told", segment_totals_told),
)
