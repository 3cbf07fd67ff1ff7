"""The key of a record as a field of Mailchimp holds it."""

from __future__ import annotations

from typing import Any


def key_text(key: Any) -> str:
    """A key as a text or number field holds it, the parts of one that has several separated by blanks.

    Empty where there is no key: null, an empty text, or something that is no key at all.
    """
    if isinstance(key, list):
        parts = [key_text(part) for part in key]
        return " ".join(parts) if all(parts) else ""
    if key is None or isinstance(key, bool | dict):
        return ""
    if isinstance(key, float) and key.is_integer():
        key = int(key)
    return str(key).strip()
