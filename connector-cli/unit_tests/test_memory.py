"""A process that lets go of what it had takes less memory."""

from __future__ import annotations

import gc
import platform
from pathlib import Path

import pytest

from connector_cli.memory import prepare_for_many_records, return_freed_memory

MEGABYTE = 2**20


def resident() -> int:
    """Bytes of memory that this process has."""
    [pages] = Path("/proc/self/statm").read_text().split()[1:2]
    return int(pages) * 4096


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc keeps what is free and can be told")
def test_what_is_free_between_what_is_in_use_goes_back_to_the_system() -> None:
    blocks = [bytes(4000) for _ in range(16_000)]
    kept = blocks[::100] + blocks[-1:]
    del blocks
    before = resident()

    return_freed_memory()

    assert before - resident() > 30 * MEGABYTE
    assert len(kept) == 161


def test_garbage_is_still_collected() -> None:
    before = gc.get_threshold()
    try:
        prepare_for_many_records()
        assert gc.isenabled()
        assert all(gc.get_threshold())
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()
