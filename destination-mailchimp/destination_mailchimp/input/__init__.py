"""From standard input to contacts: lines, and the messages in them."""

from __future__ import annotations
