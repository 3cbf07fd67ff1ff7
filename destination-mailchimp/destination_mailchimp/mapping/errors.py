"""What mapping raises beside the failures of a sync."""

from __future__ import annotations


class BadValue(Exception):
    """The value does not fit its field; the message says what would."""
