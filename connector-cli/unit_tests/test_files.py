"""A person's mistakes with files are told as such: which file, where in it, and what to do."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from connector_cli.catalogs import choose, did_you_mean, read_catalog
from connector_cli.errors import UsageError
from connector_cli.files import read_object, read_states

LISTS: dict[str, Any] = {
    "name": "lists",
    "json_schema": {},
    "supported_sync_modes": ["full_refresh"],
    "source_defined_primary_key": [["id"]],
}
MEMBERS: dict[str, Any] = {
    "name": "list_members",
    "json_schema": {},
    "supported_sync_modes": ["full_refresh", "incremental"],
    "default_cursor_field": ["last_changed"],
    "source_defined_primary_key": [["id"], ["list_id"]],
}
STREAMS = [LISTS, MEMBERS]


def state(name: str, cursor: str) -> dict[str, Any]:
    return {
        "type": "STREAM",
        "stream": {"stream_descriptor": {"name": name}, "stream_state": {"version": 1, "cursor": cursor}},
    }


def message(name: str, cursor: str) -> dict[str, Any]:
    return {"type": "STATE", "state": state(name, cursor)}


RECORD = {"type": "RECORD", "record": {"stream": "lists", "data": {}, "emitted_at": 1}}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "file.json"


class TestObjects:
    @pytest.mark.parametrize(
        "content, words",
        [
            (b"", "is empty"),
            (b" \n", "is empty"),
            (b'{\n  "a": 1,\n}', "line 3, column 1"),
            (b"{\n  'a': 1}", "line 2, column 3"),
            (b'{"a": 1\n "b": 2}', "line 2, column 2"),
            (b"[1]", "holds a list"),
            (b"null", "holds null"),
            (b'"text"', "holds a text"),
            (b"\xff\xfe\xfd", "is not JSON"),
        ],
    )
    def test_the_place_and_the_remedy_are_named(self, file: Path, content: bytes, words: str) -> None:
        file.write_bytes(content)

        with pytest.raises(UsageError) as caught:
            read_object(str(file), "--config")

        assert caught.value.message.startswith(f"--config: {file} ")
        assert words in caught.value.message
        assert caught.value.failure_type == "config_error"

    def test_nothing_of_the_file_is_quoted(self, file: Path) -> None:
        file.write_text('{"apikey": "0123456789abcdef",}', encoding="utf-8")

        with pytest.raises(UsageError) as caught:
            read_object(str(file), "--config")

        assert "0123456789abcdef" not in caught.value.message

    def test_a_file_that_is_not_there_and_a_folder(self, file: Path) -> None:
        with pytest.raises(UsageError, match=r"there is no file .*in a container, mount"):
            read_object(str(file), "--config")
        with pytest.raises(UsageError, match="is a folder"):
            read_object(str(file.parent), "--config")

    @pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
    def test_what_editors_of_windows_write_is_read(self, file: Path, encoding: str) -> None:
        file.write_text('{"a": "é"}', encoding=encoding)

        assert read_object(str(file), "--config") == {"a": "é"}


class TestStates:
    @pytest.mark.parametrize(
        "text",
        [
            json.dumps([state("lists", "b"), state("reports", "c")]),
            json.dumps([message("lists", "b"), message("reports", "c")]),
            "\n".join(map(json.dumps, [RECORD, message("lists", "b"), RECORD, message("reports", "c")])),
        ],
        ids=["what the platform passes", "messages in a list", "a connector's output"],
    )
    def test_states_are_read_in_every_shape_people_keep_them(self, file: Path, text: str) -> None:
        file.write_text(text, encoding="utf-8")

        assert read_states(str(file)) == ([state("lists", "b"), state("reports", "c")], [])

    def test_one_state_by_itself_is_read(self, file: Path) -> None:
        file.write_text(json.dumps(message("lists", "a"), indent=1), encoding="utf-8")

        assert read_states(str(file)) == ([state("lists", "a")], [])

    @pytest.mark.parametrize("text", ["[]", "{}", "null"])
    def test_an_empty_list_is_no_state(self, file: Path, text: str) -> None:
        """The platform and PyAirbyte say so in a first sync, or may, as the CDK takes it: that is worth no warning."""
        file.write_text(text, encoding="utf-8")

        assert read_states(str(file)) == ([], [])

    @pytest.mark.parametrize("text", ["", "\n", f"{json.dumps(RECORD)}\n{json.dumps(RECORD)}", "[{}]", "[{}, {}]"])
    def test_a_file_that_holds_none_is_warned_of(self, file: Path, text: str) -> None:
        """Everything is read again, which a person who gave a state did not mean."""
        file.write_text(text, encoding="utf-8")

        states, [warning] = read_states(str(file))

        assert states == []
        assert "so everything is read" in warning

    @pytest.mark.parametrize(
        "text", ["nonsense", "[1]", '"text"', '{"cursor": "a"}', '[{"type": "STREAM"}]', "7", '{"a": 1}\n{']
    )
    def test_what_is_no_state_is_said_to_be_none(self, file: Path, text: str) -> None:
        file.write_text(text, encoding="utf-8")

        with pytest.raises(UsageError, match="--state"):
            read_states(str(file))

    @pytest.mark.parametrize("length", [1, 40, 70, len(json.dumps(message("lists", "é"), ensure_ascii=False).encode())])
    def test_a_last_line_that_is_cut_off_is_left_out(self, file: Path, length: int) -> None:
        """What a read that was killed, or whose disk was full, has written."""
        cut = json.dumps(message("lists", "é"), ensure_ascii=False).encode()[: length - 1] or b"{"
        whole = [RECORD, message("lists", "a"), RECORD, message("reports", "c")]
        file.write_bytes("".join(json.dumps(line) + "\n" for line in whole).encode() + cut)

        states, [warning] = read_states(str(file))

        assert states == [state("lists", "a"), state("reports", "c")]
        assert warning == f"--state: the last line of {file} is cut off; the state before it is used."

    def test_one_state_before_the_line_that_is_cut_off_is_enough(self, file: Path) -> None:
        file.write_text(json.dumps(message("lists", "a")) + '\n{"type":"REC', encoding="utf-8")

        assert read_states(str(file))[0] == [state("lists", "a")]

    def test_a_last_line_without_a_line_feed_that_is_whole_counts(self, file: Path) -> None:
        lines = [json.dumps(message("lists", "a")), json.dumps(message("lists", "b"))]
        file.write_text("\n".join(lines), encoding="utf-8")

        assert read_states(str(file)) == ([state("lists", "a"), state("lists", "b")], [])

    @pytest.mark.parametrize(
        "text, line",
        [
            (f'{json.dumps(message("lists", "a"))}\n{{"type":"REC\n', 2),
            (f'{json.dumps(message("lists", "a"))}\n{{"type":"REC\n{json.dumps(RECORD)}', 2),
            (f'{json.dumps(message("lists", "a"))}\n{{"type":"REC\n{{"type":"REC', 2),
            (f'{json.dumps(RECORD)}\n{json.dumps(RECORD)}\n{{"type":"REC', 3),
            (f'[\n{json.dumps(message("lists", "a"))},\n{{"type":"REC', 3),
        ],
        ids=["with a line feed", "not the last", "two of them", "no state before it", "a list"],
    )
    def test_any_other_broken_line_is_an_error(self, file: Path, text: str, line: int) -> None:
        file.write_text(text, encoding="utf-8")

        with pytest.raises(UsageError, match=rf"is not JSON: line {line}, "):
            read_states(str(file))


class TestCatalogs:
    @pytest.mark.parametrize(
        "text",
        [
            json.dumps({"streams": STREAMS}),
            json.dumps({"type": "CATALOG", "catalog": {"streams": STREAMS}}, indent=2),
            "\n".join(
                map(json.dumps, [{"type": "LOG", "log": {}}, {"type": "CATALOG", "catalog": {"streams": STREAMS}}])
            ),
            json.dumps(["lists", "list_members"]),
            json.dumps({"streams": ["lists", "list_members"]}),
        ],
        ids=["catalog", "message", "output of discover", "names", "streams by name"],
    )
    def test_what_people_have_is_a_catalog(self, file: Path, text: str) -> None:
        """Incremental where there is one, with the key and the cursor of the stream."""
        file.write_text(text, encoding="utf-8")

        lists, members = read_catalog(str(file), STREAMS)["streams"]

        assert (lists["stream"], lists["sync_mode"]) == (LISTS, "full_refresh")
        assert (members["stream"], members["sync_mode"]) == (MEMBERS, "incremental")
        assert (members["cursor_field"], members["primary_key"]) == (["last_changed"], [["id"], ["list_id"]])

    def test_a_configured_catalog_stays_as_it_is(self, file: Path) -> None:
        catalog = {"streams": [{"stream": MEMBERS, "sync_mode": "full_refresh", "destination_sync_mode": "append"}]}
        file.write_text(json.dumps(catalog), encoding="utf-8")

        assert read_catalog(str(file), STREAMS) == catalog

    @pytest.mark.parametrize("text", ["", "{}", "[1]", '{"streams": [{}]}', '{"streams": 1}', "7", '{"a":1}\n{"b":2}'])
    def test_what_is_no_catalog_is_said_to_be_none(self, file: Path, text: str) -> None:
        file.write_text(text, encoding="utf-8")

        with pytest.raises(UsageError, match="--catalog"):
            read_catalog(str(file), STREAMS)

    @pytest.mark.parametrize(
        "mode, remedy",
        [("incremantal", "Did you mean incremental?"), ("Full-Refresh", "Did you mean full_refresh?"),
         (7, "There are full_refresh and incremental.")],
    )  # fmt: skip
    def test_a_sync_mode_that_nobody_knows_is_refused(self, file: Path, mode: object, remedy: str) -> None:
        """It passed for a full refresh. One that is left out still does."""
        file.write_text(json.dumps({"streams": [{"stream": MEMBERS, "sync_mode": mode}]}), encoding="utf-8")

        with pytest.raises(UsageError) as caught:
            read_catalog(str(file), STREAMS)

        assert f"stream list_members: there is no sync_mode {mode}. {remedy}" in caught.value.message
        file.write_text(json.dumps({"streams": [{"stream": MEMBERS}]}), encoding="utf-8")
        assert read_catalog(str(file), STREAMS) == {"streams": [{"stream": MEMBERS}]}

    @pytest.mark.parametrize("text", ['{"streams": []}', "[]"])
    def test_one_that_selects_no_stream_is_warned_of(
        self, file: Path, text: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        file.write_text(text, encoding="utf-8")

        assert read_catalog(str(file), STREAMS) == {"streams": []}
        assert [record.getMessage() for record in caplog.records] == [f"--catalog: {file} selects no stream"]

    @pytest.mark.parametrize("text", ['["lists"]', "[1]", "7", '{"a": 1}\n{"b": 2}'])
    def test_it_is_told_which_forms_this_command_takes(self, file: Path, text: str) -> None:
        """Names alone say nothing where no streams are known."""
        file.write_text(text, encoding="utf-8")

        with pytest.raises(UsageError, match=r"\. It must hold this and that\.$"):
            read_catalog(str(file), forms="It must hold this and that.")

    def test_names_are_chosen(self) -> None:
        assert [item["stream"]["name"] for item in choose(" lists ,list_members,lists", STREAMS)["streams"]] == [
            "lists",
            "list_members",
        ]
        assert len(choose("*", STREAMS)["streams"]) == 2
        with pytest.raises(UsageError, match=r"no stream list_member\. Did you mean list_members\?"):
            choose("list_member", STREAMS)
        with pytest.raises(UsageError, match="names no stream"):
            choose(" , ", STREAMS)

    @pytest.mark.parametrize(
        "typed, meant",
        [("List Members", " Did you mean list_members?"), ("list-members", " Did you mean list_members?"), ("xyz", "")],
    )
    def test_what_may_be_meant_is_asked(self, typed: str, meant: str) -> None:
        assert did_you_mean(typed, ["lists", "list_members"]) == meant
