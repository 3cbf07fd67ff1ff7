"""What happens during a sync becomes messages that a platform and a person understand, and that tell no secrets."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import orjson
import pytest

from connector_cli.errors import FailureType
from connector_cli.output import Output
from mailchimp_api.errors import ConfigError, InvalidApiKey, ServerFault
from source_mailchimp.errors import IncompleteListing, ParentFailed, ParentsRefused
from source_mailchimp.messages import EventWriter, SyncFailed, failure_of
from source_mailchimp.reader.output import Checkpoint, Ended, Estimate, Event, Records, Started
from source_mailchimp.streams import STREAMS

LISTS = STREAMS["lists"]
TAGS = STREAMS["tags"]
ADDRESS = "someone.private@example.com"
Json = dict[str, Any]


def messages(*events: Event) -> list[Json]:
    sink = BytesIO()
    output = Output(sink=sink)
    writer = EventWriter(output, {"lists": "space", "tags": None})
    for event in events:
        writer.write(event)
    output.flush()
    return [orjson.loads(line) for line in sink.getvalue().splitlines()]


def statuses(found: list[Json]) -> list[str]:
    return [item["trace"]["stream_status"]["status"] for item in found if "stream_status" in item.get("trace", {})]


def failed(*events: Event) -> SyncFailed:
    writer = EventWriter(Output(sink=BytesIO()), {})
    for event in events:
        writer.write(event)
    with pytest.raises(SyncFailed) as caught:
        writer.raise_failures()
    return caught.value


class TestMessages:
    def test_a_stream_starts_runs_and_completes(self) -> None:
        found = messages(Started(LISTS), Records(LISTS, [{"id": "a"}]), Records(LISTS, [{"id": "b"}]), Ended(LISTS))

        assert statuses(found) == ["STARTED", "RUNNING", "COMPLETE"]

    def test_records_have_their_stream_namespace_and_data(self) -> None:
        record = messages(Records(LISTS, [{"id": "a"}]))[-1]["record"]

        assert (record["stream"], record["namespace"], record["data"]) == ("lists", "space", {"id": "a"})

    def test_a_checkpoint_is_a_state_of_its_stream(self) -> None:
        [message] = messages(Checkpoint(TAGS, {"version": 1, "cursor": "x"}))

        assert message["type"] == "STATE"
        assert message["state"]["stream"] == {
            "stream_descriptor": {"name": "tags"},
            "stream_state": {"version": 1, "cursor": "x"},
        }

    def test_a_state_counts_the_records_of_its_stream_since_the_last_one(self) -> None:
        """The platform compares: a wrong count is a sync that lost records, as far as it can see."""
        row = {"id": "a"}
        found = messages(
            Records(LISTS, [row, row]),
            Records(TAGS, [row]),
            Checkpoint(LISTS, {}),
            Records(LISTS, [row, row, row]),
            Checkpoint(LISTS, {}),
            Checkpoint(TAGS, {}),
            Checkpoint(LISTS, {}),
        )

        states = [item["state"] for item in found if item["type"] == "STATE"]
        assert [state["sourceStats"]["recordCount"] for state in states] == [2, 3, 1, 0]

    def test_an_estimate_is_told(self) -> None:
        [message] = messages(Estimate(TAGS, 50))

        assert message["trace"]["estimate"] == {"name": "tags", "type": "STREAM", "row_estimate": 50}


class TestFailures:
    def test_a_stream_that_fails_is_incomplete_and_says_why(self) -> None:
        found = messages(Ended(TAGS, ServerFault("Mailchimp answered 500")))

        assert statuses(found) == ["INCOMPLETE"]
        error = found[0]["trace"]["error"]
        assert error["message"] == "Mailchimp answered 500"
        assert error["stream_descriptor"] == {"name": "tags"}

    def test_the_sync_fails_in_the_end_and_names_each_stream(self) -> None:
        failure = failed(Ended(TAGS, ServerFault("a")), Ended(LISTS, ParentFailed("b")))

        assert failure.message == "Not complete: lists: b; tags: a"
        assert failure.failure_type == "transient_error"

    def test_a_sync_without_failures_fails_not(self) -> None:
        writer = EventWriter(Output(sink=BytesIO()), {})
        writer.write(Ended(TAGS))

        writer.raise_failures()

    def test_what_a_person_can_mend_decides_the_kind_of_failure(self) -> None:
        failure = failed(Ended(TAGS, ServerFault("a")), Ended(LISTS, InvalidApiKey("b", field="c")))

        assert failure.failure_type == "config_error"

    @pytest.mark.parametrize(
        "error, kind",
        [
            (ConfigError("x", field="y"), "config_error"),
            (ServerFault("x"), "transient_error"),
            (IncompleteListing("tags", seen=1, total=2), "transient_error"),
            (ParentFailed("x"), "transient_error"),
            (ParentsRefused("member_goals", refused=1, parents="list_members", reason="x"), "config_error"),
            (KeyError("x"), "system_error"),
        ],
        ids=lambda value: type(value).__name__,
    )
    def test_each_error_has_its_kind(self, error: Exception, kind: FailureType) -> None:
        assert failure_of(error).failure_type == kind

    @pytest.mark.parametrize("error", [KeyError(ADDRESS), ServerFault(ADDRESS), ParentFailed(f"of {ADDRESS}")])
    def test_no_address_is_shown_whole(self, error: Exception) -> None:
        def fail() -> None:
            raise error

        found: list[Any] = []
        try:
            fail()
        except Exception as caught:  # noqa: BLE001 - with the traceback that it would have
            found = messages(Ended(TAGS, caught))

        assert found
        assert ADDRESS not in str(found)
