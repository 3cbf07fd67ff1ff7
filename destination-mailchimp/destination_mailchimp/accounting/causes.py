"""Texts of Mailchimp as they are counted and shown: the same for everybody, whatever address they quote."""

from __future__ import annotations

import re

from mailchimp_api.masking import mask

_QUOTED = re.compile(r"\S?\*\*\*@\S?\*\*\*")


def anonymised(text: str) -> str:
    """The text without the address that it quotes."""
    return _QUOTED.sub("…", mask(text))
