"""Each entry of the stream table agrees with the published contract of Mailchimp's API, and with itself."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from source_mailchimp import streams
from source_mailchimp.reader.records import flattened_of
from source_mailchimp.stream import ChangedCampaigns, Filter, Paging, PerContact, Relist, Reports, Stream, Window
from source_mailchimp.streams import STREAMS, SUGGESTED
from source_mailchimp.streams.campaigns import CAMPAIGNS
from source_mailchimp.streams.contacts import LIST_MEMBERS, MEMBER_NOTES, MEMBER_TAGS
from source_mailchimp.streams.exclusions import NOT_STREAMS, SINGLE_OBJECTS
from source_mailchimp.streams.reports import REPORTS

Json = dict[str, Any]

_SIMULATOR = Path(__file__).resolve().parents[2] / "mailchimp-simulator" / "mailchimp_simulator"
_CONTRACT = _SIMULATOR / "contract" / "contract.json"
CONTRACT: Json = json.loads(_CONTRACT.read_text(encoding="utf-8"))
GETS: dict[str, Json] = {op["path"]: op for op in CONTRACT["operations"] if op["method"] == "GET"}

every_stream = pytest.mark.parametrize("stream", STREAMS.values(), ids=STREAMS)

# What the real API was seen to do beyond its documentation, or what the table does on purpose.
TAKES_COUNT_AND_OFFSET_UNDOCUMENTED = {"tags"}
READS_A_LISTING_AS_ONE_OBJECT = {"campaign_eepurl"}


def operation(stream: Stream) -> Json:
    return GETS["/" + stream.path]


def query_params(stream: Stream) -> dict[str, Json]:
    return {param["name"]: param for param in operation(stream)["query_params"]}


def resolved(node: Json) -> Json:
    while "$ref" in node:
        node = CONTRACT["$defs"][node["$ref"].rsplit("/", 1)[-1]]
    return node


def properties(node: Json) -> Iterator[tuple[str, Json]]:
    node = resolved(node)
    for part in [*node.get("allOf", ()), *node.get("oneOf", ())]:
        yield from properties(part)
    yield from node.get("properties", {}).items()


def row_fields(stream: Stream) -> set[str]:
    """The names of the fields of a row, or of the answer where that is the record."""
    node = resolved(operation(stream)["response_schema"])
    if stream.items is not None:
        node = resolved(resolved(node["properties"][stream.items])["items"])
    return {name for name, _ in properties(node)}


def record_fields(stream: Stream) -> set[str]:
    """The names of the fields of a record: the row's, the path's parameters and what the connector adds."""
    fields = row_fields(stream) | {*stream.parameters, *stream.adds}
    if flattened_of(stream):
        node = resolved(operation(stream)["response_schema"])
        row = resolved(resolved(node["properties"][stream.items])["items"])
        for _, field in properties(row):
            if "items" in resolved(field):
                fields |= {name for name, _ in properties(resolved(field)["items"])}
    return fields


class TestCoverage:
    """Nothing that the API serves is left out without a reason."""

    @pytest.mark.parametrize("path", [path for path, op in GETS.items() if op["collection"]])
    def test_every_listing_is_a_stream_or_is_left_out_with_a_reason(self, path: str) -> None:
        assert path in {"/" + stream.path for stream in STREAMS.values()} or NOT_STREAMS[path]

    @pytest.mark.parametrize("path", [path for path, op in GETS.items() if not op["collection"]])
    def test_every_object_is_a_stream_or_a_row_of_one_or_is_left_out_with_a_reason(self, path: str) -> None:
        streams_of_rows = {"/" + stream.path for stream in STREAMS.values() if stream.items is not None}
        listing, _, last = path.rpartition("/")

        assert (
            path in {"/" + stream.path for stream in STREAMS.values()}
            or (last.startswith("{") and listing in streams_of_rows)
            or NOT_STREAMS[path]
        )

    @pytest.mark.parametrize("path", [*NOT_STREAMS, *SINGLE_OBJECTS])
    def test_what_is_left_out_exists_and_is_no_stream(self, path: str) -> None:
        assert path in GETS
        assert path not in {"/" + stream.path for stream in STREAMS.values()}

    def test_the_official_connectors_streams_keep_their_names_cursors_and_keys(self) -> None:
        """So that a user of Airbyte's connector can change the image and go on."""
        official: dict[str, tuple[tuple[str, ...], str | None]] = {
            "automations": (("id",), "create_time"),
            "campaigns": (("id",), "create_time"),
            "interest_categories": (("id",), None),
            "interests": (("id",), None),
            "list_members": (("id", "list_id"), "last_changed"),
            "lists": (("id",), "date_created"),
            "reports": (("id",), "send_time"),
            "segment_members": (("id", "segment_id"), None),  # its last_changed doesn't show who joins or leaves
            "segments": (("id",), "updated_at"),
            "tags": (("id", "list_id"), None),
            "unsubscribes": (("campaign_id", "email_id", "timestamp"), "timestamp"),
            "email_activity": (("activity_id",), "timestamp"),  # theirs is the same for clicks on two links
        }

        ours = {
            name: (STREAMS[name].key, cursor.field if (cursor := STREAMS[name].cursor) else None) for name in official
        }

        assert ours == official


class TestTable:
    """The table as a whole."""

    def test_names_are_unique(self) -> None:
        tables = [module.TABLE for module in vars(streams).values() if hasattr(module, "TABLE")]

        assert sum(len(table) for table in tables) == len(STREAMS)

    def test_no_two_streams_read_the_same_rows(self) -> None:
        """But for those that leave out what they don't want of them."""
        whole = [stream for stream in STREAMS.values() if "fields" not in stream.params]
        sources = [(stream.path, stream.items) for stream in whole]

        assert len(set(sources)) == len(sources)

    @every_stream
    def test_a_parent_comes_before_its_children(self, stream: Stream) -> None:
        names = list(STREAMS)

        assert all(names.index(ancestor.name) < names.index(stream.name) for ancestor in stream.ancestors)

    def test_what_is_suggested_exists(self) -> None:
        assert set(SUGGESTED) <= set(STREAMS)

    @every_stream
    def test_every_stream_has_a_family(self, stream: Stream) -> None:
        assert stream.family


@every_stream
class TestContract:
    """Every stream asks for what the API documents."""

    def test_its_path_exists(self, stream: Stream) -> None:
        assert "/" + stream.path in GETS

    def test_its_rows_are_where_the_contract_says(self, stream: Stream) -> None:
        if stream.name in READS_A_LISTING_AS_ONE_OBJECT:
            assert stream.items is None
        else:
            assert stream.items == operation(stream)["items_key"]

    def test_it_is_paged_as_the_contract_says(self, stream: Stream) -> None:
        params = query_params(stream)
        if stream.items is None:
            documented = Paging.OBJECT
        elif "cursor" in params:
            documented = Paging.CURSOR
        elif "offset" in params or stream.name in TAKES_COUNT_AND_OFFSET_UNDOCUMENTED:
            documented = Paging.OFFSET
        else:
            documented = Paging.COUNT_ONLY if "count" in params else Paging.NONE

        assert stream.paging is documented

    def test_it_trusts_no_total_that_is_not_there(self, stream: Stream) -> None:
        if stream.items is not None and stream.trust_total:
            assert operation(stream)["has_total_items"]

    def test_its_cursors_filters_and_order_exist(self, stream: Stream) -> None:
        params = query_params(stream)
        if stream.cursor is None:
            return

        assert {stream.cursor.since, stream.cursor.before} - {None} <= params.keys()
        if stream.cursor.sort is not None:
            assert stream.cursor.sort in params["sort_field"]["enum"]
            assert "ASC" in params["sort_dir"]["enum"]

    def test_its_other_parameters_exist_with_these_values(self, stream: Stream) -> None:
        params = query_params(stream)
        for name, value in stream.params.items():
            if params[name]["type"] == "boolean":
                assert value in {"true", "false"}
            else:
                assert value in params[name].get("enum", [value])

    def test_its_key_is_made_of_fields_of_its_records(self, stream: Stream) -> None:
        assert set(stream.key) <= record_fields(stream)

    def test_a_made_up_key_is_made_of_fields_of_the_row_and_named_as_added(self, stream: Stream) -> None:
        assert set(stream.hash_key) <= row_fields(stream) | set(stream.parameters)
        if stream.hash_key:
            assert stream.key[-1] in stream.adds
            assert stream.key[-1] not in row_fields(stream)

    def test_what_tells_rows_apart_is_in_the_row(self, stream: Stream) -> None:
        flattened = flattened_of(stream)

        assert flattened is None or (flattened.row_key and set(flattened.row_key) <= row_fields(stream))

    def test_what_it_adds_is_not_in_the_answer(self, stream: Stream) -> None:
        assert not set(stream.adds) & row_fields(stream)


@every_stream
class TestParentsAndReading:
    """Every stream's path is filled by its parents, and its way of reading fits its cursor."""

    def test_its_parents_fill_its_path(self, stream: Stream) -> None:
        if stream.parent is None:
            assert stream.parameters == ()
        else:
            assert stream.parameters[:-1] == stream.parent.parameters
            assert "id" in row_fields(stream.parent)

    def test_it_has_a_cursor_if_and_only_if_it_is_incremental(self, stream: Stream) -> None:
        """But for contacts' keys, which need the cursor only to be read completely."""
        assert (stream.cursor is not None) == (stream.incremental or stream.name == "list_member_keys")

    def test_its_cursor_is_a_field_of_its_records(self, stream: Stream) -> None:
        if stream.cursor is not None:
            assert stream.cursor.field in record_fields(stream)

    def test_a_listing_that_is_read_whole_has_no_filters_to_send(self, stream: Stream) -> None:
        """Those on a created time would hide later changes."""
        if isinstance(stream.reading, Relist | Reports) and stream.cursor is not None:
            assert (stream.cursor.since, stream.cursor.before, stream.cursor.sort) == (None, None, None)

    def test_a_filtered_stream_can_be_closed_above(self, stream: Stream) -> None:
        """What changes while it is read belongs to the next sync."""
        if isinstance(stream.reading, Window | Filter):
            assert stream.reading.cursor.since
            assert stream.reading.cursor.before

    def test_only_children_of_reports_are_gated(self, stream: Stream) -> None:
        assert isinstance(stream.reading, ChangedCampaigns) == (REPORTS in stream.ancestors)

    def test_only_children_of_contacts_are_read_per_contact(self, stream: Stream) -> None:
        assert isinstance(stream.reading, PerContact) == (LIST_MEMBERS in stream.ancestors)


class TestChoices:
    """The functions that entries point to."""

    SINCE = datetime(2026, 5, 1, tzinfo=timezone.utc)

    @pytest.mark.parametrize(
        "campaign, changed",
        [
            ({"status": "save", "send_time": ""}, True),
            ({"status": "schedule", "send_time": None}, True),
            ({"status": "sent", "send_time": "2026-05-01T00:00:00+00:00"}, True),
            ({"status": "sent", "send_time": "2026-04-30T23:59:59+00:00"}, False),
            ({"status": "sent", "send_time": ""}, True),
        ],
    )
    def test_a_campaign_may_change_until_some_time_after_it_was_sent(
        self, campaign: dict[str, object], *, changed: bool
    ) -> None:
        assert isinstance(CAMPAIGNS.reading, Relist)
        assert CAMPAIGNS.reading.may_have_changed is not None
        assert (
            CAMPAIGNS.reading.may_have_changed({"create_time": "2020-01-01T00:00:00+00:00", **campaign}, self.SINCE)
            is changed
        )

    @pytest.mark.parametrize(
        "sent, changed", [("2026-05-02T00:00:00+00:00", True), ("2026-04-30T00:00:00+00:00", False), ("", True)]
    )
    def test_a_report_may_change_for_some_time_after_the_campaign_was_sent(self, sent: str, *, changed: bool) -> None:
        assert isinstance(REPORTS.reading, Reports)
        assert REPORTS.reading.may_have_changed({"send_time": sent}, self.SINCE) is changed

    @pytest.mark.parametrize(
        "contact, asked", [({}, False), ({"last_note": None}, False), ({"last_note": {"note_id": 7}}, True)]
    )
    def test_only_contacts_with_a_note_are_asked_for_notes(self, contact: dict[str, object], *, asked: bool) -> None:
        assert isinstance(MEMBER_NOTES.reading, PerContact)
        assert MEMBER_NOTES.reading.has_any is not None
        assert MEMBER_NOTES.reading.has_any(contact) is asked

    @pytest.mark.parametrize("contact, asked", [({"tags_count": 0}, False), ({"tags_count": 2}, True), ({}, True)])
    def test_only_contacts_that_count_no_tags_are_not_asked_for_tags(
        self, contact: dict[str, object], *, asked: bool
    ) -> None:
        assert isinstance(MEMBER_TAGS.reading, PerContact)
        assert MEMBER_TAGS.reading.has_any is not None
        assert MEMBER_TAGS.reading.has_any(contact) is asked
