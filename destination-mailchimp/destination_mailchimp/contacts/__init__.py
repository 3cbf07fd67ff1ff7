"""Contacts on their way: what is known of each address, and which version of it counts."""

from __future__ import annotations
