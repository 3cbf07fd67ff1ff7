"""Where rejected records go."""

from __future__ import annotations

import logging
import re
from pathlib import Path
from typing import Any, get_args

import orjson
import pytest

from destination_mailchimp.accounting.rejects import Rejects
from destination_mailchimp.failures import Reason, RecordRejected, SyncFailure


def nested(depth: int) -> Any:
    """An object within an object within …."""
    value: object = 1
    for _ in range(depth):
        value = {"x": value}
    return value


class TestRejects:
    """Each rejected record is one line in the file, or one in the log with its address masked."""

    def test_the_log_masks_and_stops_repeating_itself(self, caplog: pytest.LogCaptureFixture) -> None:
        rejects = Rejects(None)
        with caplog.at_level(logging.WARNING):
            for number in range(30):
                reject = RecordRejected("looks_fake", f"jane{number}@example.com looks fake or invalid")
                rejects.add("s", reject, address=f"jane{number}@example.com")

        assert len(caplog.records) == 21
        assert "@example" not in caplog.text
        assert "j***@e***" in caplog.text
        # The same cause, though each text quotes another address.
        assert len(rejects.causes) == 1

    def test_the_log_shows_no_telephone_number(self, caplog: pytest.LogCaptureFixture) -> None:
        rejects = Rejects(None)
        for last in range(3):
            reject = RecordRejected("field_refused", f"+49 30 1234-567{last} is no number, since 2026-11-25", "PHONE")
            rejects.add("s", reject, address="jane@example.com")

        assert "1234" not in caplog.text
        assert [cause.text for cause in rejects.causes] == ["… is no number, since 2026-11-25"]

    def test_a_bucket_url_gets_an_object_of_its_own(self) -> None:
        fsspec = pytest.importorskip("fsspec")
        rejects = Rejects("memory://bucket/rejects.jsonl")
        rejects.add("s", RecordRejected("no_address", "None."), primary_key=1, record={"id": 1})
        rejects.close()
        (name,) = fsspec.filesystem("memory").glob("/bucket/rejects-*.jsonl")

        assert orjson.loads(fsspec.filesystem("memory").cat(name))["record"] == {"id": 1}

    @pytest.mark.parametrize(
        "primary_key,record",
        [(2**64, {"id": 1}), (1, {"id": 2**64}), (1, nested(900)), (nested(5000), nested(5000)), (1, {1: {2}})],
        ids=["huge key", "huge number", "nested", "nested beyond words", "no JSON"],
    )
    def test_whatever_was_rejected_becomes_a_line(self, tmp_path: Path, primary_key: object, record: object) -> None:
        target = tmp_path / "rejects.jsonl"
        rejects = Rejects(str(target))
        rejects.add("s", RecordRejected("no_address", "None."), primary_key=primary_key, record=record)
        rejects.close()
        line = orjson.loads(target.read_bytes())

        assert (line["reason"], line["primary_key"] is None, line["record"] is None) == ("no_address", False, False)

    def test_the_file_is_for_nobody_elses_eyes(self, tmp_path: Path) -> None:
        target = tmp_path / "rejects.jsonl"
        Rejects(str(target)).close()

        assert target.stat().st_mode & 0o077 == 0

    @pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a disk that is always full")
    def test_a_disk_that_is_full_is_named(self) -> None:
        rejects = Rejects("/dev/full")

        with pytest.raises(SyncFailure, match="rejects_file can't be written"):
            rejects.add("s", RecordRejected("no_address", "None."))
        with pytest.raises(SyncFailure, match="rejects_file can't be finished"):
            rejects.close()

    def test_the_page_says_what_each_reason_means(self) -> None:
        page = (Path(__file__).parents[2] / "docs" / "destinations" / "mailchimp.md").read_text(encoding="utf-8")
        table = page.partition("| reason | means |")[2].partition("\n\n")[0]
        cells = re.findall(r"^\| ([^|]+) \|", table, flags=re.MULTILINE)
        named = [word for cell in cells for word in re.findall(r"`(\w+)`", cell)]

        assert sorted(named) == sorted(get_args(Reason))

    def test_a_file_that_can_not_be_written_ends_the_sync_before_it_begins(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")

        with pytest.raises(SyncFailure, match="rejects_file"):
            Rejects(str(tmp_path / "file" / "rejects.jsonl"))
