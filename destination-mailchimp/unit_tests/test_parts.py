"""The small parts: versions, states, the ledger, rejects, the configuration, and standard input."""

from __future__ import annotations

import json
import logging
import os
import random
import re
from pathlib import Path
from typing import Any, get_args

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from destination_mailchimp.accounting.ledger import Outcome, StreamLedger, report
from destination_mailchimp.accounting.rejects import Rejects
from destination_mailchimp.accounting.states import States, with_stats
from destination_mailchimp.audience.fields import Audience
from destination_mailchimp.config import Config, read_config
from destination_mailchimp.contacts.buffer import Buffer
from destination_mailchimp.contacts.contact import Contact
from destination_mailchimp.contacts.cursors import MOMENT, NONE, NUMBER, TEXT, Cursor, read_cursor
from destination_mailchimp.contacts.versions import Versions
from destination_mailchimp.failures import Reason, RecordRejected, SyncFailure
from destination_mailchimp.input.lines import decode, lines_of
from destination_mailchimp.input.messages import MessageReader
from destination_mailchimp.mapping.catalog import ConfiguredStream
from destination_mailchimp.mapping.columns import Columns
from destination_mailchimp.mapping.record import RecordMapper
from mailchimp_api.options import option_schema

KEY = "0123456789abcdef0123456789abcdef-us10"
CONFIG: dict[str, Any] = {"credentials": {"auth_type": "apikey", "apikey": KEY}, "list_id": "a1b2c3d4e5"}


class TestVersions:
    """The greatest cursor of each address is remembered, exactly and compactly."""

    @given(
        st.lists(
            st.tuples(
                st.sampled_from("abc"),
                st.integers() | st.text(max_size=4) | st.floats(allow_nan=False) | st.datetimes().map(str) | st.none(),
            )
        )
    )
    def test_it_decides_as_a_dictionary_would(self, arrivals: list[tuple[str, Any]]) -> None:
        versions = Versions(8)
        greatest: dict[str, Cursor] = {}
        for key, value in arrivals:
            cursor = read_cursor(value)
            old = greatest.get(key)
            wanted = old is None or not cursor[0] or old[0] != cursor[0] or cursor[1] >= old[1]

            assert versions.admit(key, cursor)[0] is wanted
            if wanted and cursor[0]:
                greatest[key] = cursor
        versions.close()

    def test_it_grows_and_forgets_nobody(self) -> None:
        versions = Versions(8)
        for number in range(5000):
            versions.admit(f"{number}@example.com", (NUMBER, number))

        assert len(versions) == 5000
        assert not any(versions.admit(f"{number}@example.com", (NUMBER, number - 1))[0] for number in range(5000))
        assert all(versions.admit(f"{number}@example.com", (NUMBER, number))[0] for number in range(5000))

    @pytest.mark.parametrize(
        "value,kind",
        [(5, NUMBER), ("5", NUMBER), (5.5, NUMBER), ("2026-11-22", MOMENT), ("2026-11-22 10:00:00.1+0200", MOMENT),
         ("2026-13-22", TEXT), ("abc", TEXT), ("", NONE), (None, NONE), (True, NONE), ([1], NONE)],
    )  # fmt: skip
    def test_it_knows_what_a_cursor_is(self, value: Any, kind: int) -> None:
        assert read_cursor(value)[0] == kind

    def test_a_version_that_was_sent_is_known(self) -> None:
        versions = Versions()
        versions.admit("a", (NONE, None))
        versions.sent("a")

        assert versions.admit("a", (NUMBER, 1)) == (True, True)
        assert versions.admit("a", (NUMBER, 2)) == (True, True)


def contact(ledger: StreamLedger, address: str, **body: Any) -> Contact:
    return Contact(address, {"email_address": address, **body}, ledger.receive())


class TestBuffer:
    """Never are two versions of one address on their way at once."""

    def test_a_newer_version_waits_until_the_one_before_it_is_done(self) -> None:
        ledger, buffer = StreamLedger("s"), Buffer()
        first = contact(ledger, "a@example.com")
        buffer.put(first, (NUMBER, 1))

        assert buffer.take(500) == [first]
        second, third = contact(ledger, "A@example.com"), contact(ledger, "a@example.com")
        buffer.put(second, (NUMBER, 2))
        buffer.put(third, (NUMBER, 3))
        assert buffer.take(500) == []
        assert second.receipt.outcome is Outcome.DEDUPLICATED
        buffer.free(first)
        assert buffer.take(500) == [third]
        assert third.written_before

    def test_a_state_waits_for_what_has_replaced_the_records_before_it(self) -> None:
        ledger, buffer = StreamLedger("s"), Buffer()
        emitted: list[bytes] = []
        states = States(emitted.append)
        buffer.put(contact(ledger, "a@example.com"), (NUMBER, 1))
        states.arrive(b'{"type":"STATE","state":{"n":1}}', ledger, [])
        newer = contact(ledger, "a@example.com")
        buffer.put(newer, (NUMBER, 2))
        states.emit_ready()

        assert emitted == []
        assert [segment.open for segment in newer.receipt.segments] == [1, 1]


class TestStates:
    """The echo changes nothing but for the statistics."""

    @given(
        st.dictionaries(
            st.text(),
            st.recursive(
                st.none() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
                lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
                max_leaves=6,
            ),
        ),
        st.booleans(),
    )
    def test_any_state_comes_back_equal(self, content: dict[str, Any], ascii_only: bool) -> None:  # noqa: FBT001
        content.pop("destinationStats", None)
        message = {"a": [{"state": {}}], "state": content, "type": "STATE", "z": "{"}
        line = json.dumps(message, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")
        back = json.loads(with_stats(line, 3, 1).decode("utf-8", "surrogatepass"))
        stats = back["state"].pop("destinationStats")

        assert back == message
        assert stats == {"recordCount": 3, "rejectedRecordCount": 1}


class TestMessageReader:
    """A STATE waits for the records that came before it, whichever way their stream is named."""

    def intake(self, namespaces: list[str | None]) -> tuple[MessageReader, States, list[bytes]]:
        config = read_config(CONFIG)
        columns = Columns(config, Audience("abc", "News"))
        known = {
            (space, "people"): (
                RecordMapper(ConfiguredStream("people", space, [["id"]], []), config, columns),
                StreamLedger("people", space),
            )
            for space in namespaces
        }
        emitted: list[bytes] = []
        states = States(emitted.append)
        return MessageReader(known, states, Rejects(None), lambda _: None), states, emitted

    def record(self, namespace: str | None) -> bytes:
        data = {"id": 1, "email": f"{namespace}@example.com"}
        return orjson.dumps({"type": "RECORD", "record": {"stream": "people", "namespace": namespace, "data": data}})

    def state(self, name: str, **namespace: str | None) -> bytes:
        stream = {"stream_descriptor": {"name": name, **namespace}, "stream_state": {}}
        return orjson.dumps({"type": "STATE", "state": {"type": "STREAM", "stream": stream}})

    @pytest.mark.parametrize(
        "name,namespace", [("people", {}), ("people", {"namespace": "c"}), ("strangers", {"namespace": "a"})]
    )
    def test_one_of_an_unknown_stream_waits_for_all(self, name: str, namespace: dict[str, str | None]) -> None:
        intake, states, emitted = self.intake(["a", "b"])
        taken = [intake.take(self.record(space)) for space in ("a", "b")]
        intake.take(self.state(name, **namespace))
        for contact in (item.contact for item in taken if item):
            states.emit_ready()
            assert emitted == []
            contact.receipt.mark_durable()
        states.emit_ready()

        assert len(emitted) == 1

    def test_an_empty_namespace_is_none(self) -> None:
        intake, states, emitted = self.intake([None, "b"])
        taken = intake.take(self.record(None))
        intake.take(self.record("b"))
        intake.take(self.state("people", namespace=""))
        states.emit_ready()

        assert emitted == []
        assert taken is not None
        taken.contact.receipt.mark_durable()
        states.emit_ready()
        assert len(emitted) == 1


class TestLedger:
    """The accounting adds up, or the run fails."""

    def test_a_record_that_is_not_accounted_for_fails_the_run(self) -> None:
        ledger = StreamLedger("s")
        ledger.receive()

        with pytest.raises(SyncFailure, match="does not add up"):
            report([ledger])

    def test_the_first_outcome_counts(self) -> None:
        ledger = StreamLedger("s")
        one = contact(ledger, "a@example.com")
        one.receipt.record_outcome(Outcome.CREATED)
        one.receipt.record_outcome(Outcome.UPDATED)

        assert dict(ledger.outcomes) == {Outcome.CREATED: 1}
        report([ledger])


def nested(depth: int) -> Any:
    """An object within an object within …."""
    value: Any = 1
    for _ in range(depth):
        value = {"x": value}
    return value


class TestRejects:
    """Each rejected record is one line in the file, or one in the log with its address masked."""

    def test_the_log_masks_and_stops_repeating_itself(self, caplog: pytest.LogCaptureFixture) -> None:
        rejects = Rejects(None)
        with caplog.at_level(logging.WARNING):
            for number in range(30):
                fault = RecordRejected("looks_fake", f"jane{number}@example.com looks fake or invalid")
                rejects.add("s", fault, address=f"jane{number}@example.com")

        assert len(caplog.records) == 21
        assert "@example" not in caplog.text
        assert "j***@e***" in caplog.text
        # The same cause, though each text quotes another address.
        assert len(rejects.causes) == 1

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
    def test_whatever_was_rejected_becomes_a_line(self, tmp_path: Path, primary_key: Any, record: Any) -> None:
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


class TestConfig:
    """One model is the spec, the validation and the documentation."""

    def test_the_titles_are_what_users_know(self) -> None:
        properties = option_schema(Config)["properties"]
        key = properties["credentials"]["oneOf"][0]["properties"]["apikey"]

        assert (key["title"], key["airbyte_secret"]) == ("Account level API Key", True)
        assert (properties["list_id"]["title"], properties["tags"]["title"]) == ("List ID", "Tags")
        assert properties["api_url"]["airbyte_hidden"]
        assert properties["num_workers"]["airbyte_hidden"]
        assert option_schema(Config)["required"] == ["credentials", "list_id"]

    def test_every_option_has_a_sentence_and_a_place(self) -> None:
        properties = option_schema(Config)["properties"]

        assert all(option["description"].endswith(".") and option["title"] for option in properties.values())
        assert sorted(option["order"] for option in properties.values()) == list(range(len(properties)))
        assert "$ref" not in json.dumps(properties)

    @pytest.mark.parametrize(
        "change,words",
        [
            ({"list_id": 5}, "list_id"),
            ({"credentials": {"auth_type": "apikey"}}, "apikey"),
            ({"update_status": True}, "needs status_field"),
            ({"status_for_new": "cleaned"}, "status_for_new"),
            ({"num_workers": 11}, "num_workers"),
        ],
    )
    def test_a_mistake_is_named_and_no_value_is_shown(self, change: dict[str, Any], words: str) -> None:
        with pytest.raises(SyncFailure, match=words) as failure:
            read_config({**CONFIG, **change, "tags": "secret tag"})

        assert KEY not in failure.value.message
        assert "secret tag" not in failure.value.message

    def test_a_key_at_the_top_level_and_cleared_options_are_understood(self) -> None:
        config = read_config({"apikey": KEY, "list_id": " a1 ", "email_field": "", "tags": "a, A ,b", "new_option": 1})

        assert (config.list_id, config.email_field, config.tag_names) == ("a1", None, ["a", "b"])


class TestInput:
    """Lines come whole, however the pipe cuts them."""

    @given(st.lists(st.binary(max_size=30).map(lambda raw: raw.replace(b"\n", b"")), max_size=20), st.booleans())
    def test_lines_survive_any_cut(self, lines: list[bytes], closed: bool) -> None:  # noqa: FBT001
        content = b"\n".join(lines) + (b"\n" if closed and lines else b"")
        read, write = os.pipe()
        os.write(write, content)
        os.close(write)
        found = list(lines_of(read))
        os.close(read)
        whole = [line for chunk, complete in found if complete for line in chunk]
        tail = [line for chunk, complete in found if not complete for line in chunk]

        assert b"\n".join(whole + tail) + (b"\n" if whole and not tail else b"") == content
        assert len(tail) <= 1

    @given(st.binary(max_size=200))
    def test_no_line_whatever_breaks_it(self, line: bytes) -> None:
        try:
            message = decode(line)
        except ValueError:
            return
        assert_can_be_written(message)

    @pytest.mark.parametrize(
        "text,read",
        [
            (b"\\ud800", "\ufffd"),
            (b"\\ud83d\\ude00", "😀"),
            (b"\\\\ud800", "\\ud800"),
            (b"\xed\xa0\xbd\xed\xb8\x80", "\ufffd" * 6),
            (b"Jos\xe9", "Jos\ufffd"),
        ],
        ids=["half a pair", "a pair", "no escape at all", "a pair encoded as two", "Latin 1"],
    )
    def test_a_broken_character_costs_that_character_only(self, text: bytes, read: str) -> None:
        assert decode(b'{"name":"%s","age":5}' % text) == {"name": read, "age": 5}

    def test_random_damage_to_a_message_is_survived(self) -> None:
        message = orjson.dumps({"type": "RECORD", "record": {"stream": "s", "data": {"a": [1, "é", None]}}})
        chance = random.Random(1)  # noqa: S311 - repeatable on purpose
        for _ in range(2000):
            damaged = bytearray(message)
            for _ in range(chance.randrange(1, 4)):
                damaged[chance.randrange(len(damaged))] = chance.randrange(256)
            try:
                read = decode(bytes(damaged))
            except ValueError:
                continue
            assert_can_be_written(read)


def assert_can_be_written(message: Any) -> None:
    """Its texts are such as any encoder takes, so that it can't break the call of five hundred others."""
    json.dumps(message, ensure_ascii=False).encode()
