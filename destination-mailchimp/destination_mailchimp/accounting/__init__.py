"""What became of every record: the ledger, the states that wait for it, and the rejects."""

from __future__ import annotations
