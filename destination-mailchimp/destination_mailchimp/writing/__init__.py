"""Writes contacts: batches, single calls and tags, within the rules of consent."""

from __future__ import annotations
