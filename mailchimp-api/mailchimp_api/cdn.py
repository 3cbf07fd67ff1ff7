"""What the network in front of Mailchimp (Akamai's) answers in its place."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from typing import Any

_TYPE = "akamai_error_message"
# "Reference Number: 00.54f2f33f.1529514177.af3649e" in its JSON, "Reference #18.…" on its pages.
_REFERENCE = re.compile(r"Reference\s*(?:Number:?|#)\s*(?P<number>[0-9a-f.]{8,80})", re.IGNORECASE)
_LONGEST = 16_384
"""Bytes of an answer that are looked through for the number."""


def is_its_own(body: Mapping[str, Any]) -> bool:
    """Whether a decoded answer is Akamai's own JSON: type, title, status, ref_no (mailchimp-for-wordpress#573)."""
    return body.get("type") == _TYPE


def what_it_means(body: bytes) -> str:
    """In words, with the reference number if ``body`` holds one: Mailchimp's support asks for it (spree_chimpy#91)."""
    found = _REFERENCE.search(html.unescape(body[:_LONGEST].decode(errors="replace")))
    number = f"; its reference number is {found['number']}" if found else ""
    return (
        "not Mailchimp's own answer but that of the network in front of it. It answers so when there are too many "
        "requests, or when it does not trust the address this machine asks from; if it lasts, ask from another one"
        f"{number}"
    )
