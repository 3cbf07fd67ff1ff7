"""Where rejected records go."""

from __future__ import annotations

import importlib.util
import logging
import os
import re
from pathlib import Path
from typing import Any, get_args

import orjson
import pytest

from destination_mailchimp.accounting.lines import check_target
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

    @pytest.mark.parametrize(
        "key,shown",
        [
            (4711, "record 7 (primary key 4711) of"),
            ("CUST-4711", "record 7 (primary key CUST-4711) of"),
            ("6e1f2a34-0000-4000-8000-0123456789ab", "record 7 (primary key 6e1f2a34-0000-4000-8000-0123456789ab) of"),
            ("jane@example.com", "record 7 of"),
            ("Jane Doe", "record 7 of"),
            ("+4915112345678", "record 7 of"),
            (4915112345678, "record 7 of"),
            ([1, 2], "record 7 of"),
            (None, "record 7 of"),
        ],
    )
    def test_the_log_names_the_record(self, caplog: pytest.LogCaptureFixture, key: Any, shown: str) -> None:
        rejects = Rejects(None)
        reject = RecordRejected("looks_fake", "It looks fake.")
        rejects.add("people", reject, number=7, address="jane@example.com", primary_key=key)

        assert f"Stream people: {shown} j***@e*** was rejected: It looks fake." in caplog.text

    @pytest.mark.parametrize("count", [0, 3])
    def test_a_file_is_hinted_at_once_at_the_end(self, caplog: pytest.LogCaptureFixture, count: int) -> None:
        rejects = Rejects(None)
        for number in range(count):
            rejects.add("people", RecordRejected("no_address", "None."), number=number + 1)
        assert "rejects_file" not in caplog.text
        rejects.close()

        assert [r.getMessage()[:30] for r in caplog.records if "rejects_file" in r.getMessage()] == [
            "3 records were rejected. Name "
        ] * (count > 0)

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

    @pytest.mark.parametrize(
        "target,words",
        [
            ("s3://bucket/rejects.jsonl", "Install s3fs to access S3"),
            ("nope://bucket/rejects.jsonl", "begins with nope://, which nothing here can open"),
            ("s3://", "names no bucket"),
            ("{folder}", "rejects_file: {folder} is a folder. Give the path of a file in it."),
            ("{folder}/file/rejects.jsonl", "rejects_file: {folder}/file/rejects.jsonl can't be written (Not a dir"),
            ("/dev/null/rejects.jsonl", "/dev/null/rejects.jsonl"),
        ],
    )
    def test_what_can_not_be_used_is_named_with_its_remedy(self, tmp_path: Path, target: str, words: str) -> None:
        """By `check`, which opens nothing, and by a sync before it begins."""
        if target.startswith("s3://") and importlib.util.find_spec("s3fs"):
            pytest.skip("s3fs is installed here")
        (tmp_path / "file").write_text("")
        target, words = target.format(folder=tmp_path), words.format(folder=tmp_path)

        for attempt in (lambda: Rejects(target), lambda: check_target(target, "rejects_file")):
            with pytest.raises(SyncFailure) as failed:
                attempt()
            assert failed.value.failure_type == "config_error"
            assert words in failed.value.message

    @pytest.mark.skipif(not hasattr(os, "getuid") or os.getuid() == 0, reason="root may write everywhere")
    def test_a_path_that_the_user_may_not_write_is_named(self, tmp_path: Path) -> None:
        (tmp_path / "closed").mkdir(mode=0o500)
        target = str(tmp_path / "closed" / "rejects.jsonl")

        for attempt in (lambda: Rejects(target), lambda: check_target(target, "rejects_file")):
            with pytest.raises(SyncFailure, match=f"this user .uid {os.getuid()}. may not write {re.escape(target)}"):
                attempt()

    def test_a_look_at_the_target_makes_nothing(self, tmp_path: Path) -> None:
        check_target(str(tmp_path / "new" / "rejects.jsonl"), "rejects_file")

        assert list(tmp_path.iterdir()) == []

    @pytest.mark.parametrize("dry_run", [True, False])
    def test_the_lines_of_a_dry_run_are_marked(self, tmp_path: Path, *, dry_run: bool) -> None:
        target = tmp_path / "rejects.jsonl"
        rejects = Rejects(str(target), dry_run=dry_run)
        rejects.add("s", RecordRejected("no_address", "None."))
        rejects.close()

        assert orjson.loads(target.read_bytes()).get("dry_run", False) is dry_run
