"""What happens during a sync becomes messages that a platform and a person understand, and that tell no secrets."""

from __future__ import annotations

from typing import Any

import pytest
from airbyte_cdk.models import AirbyteMessage, AirbyteStreamStatus, FailureType, TraceType, Type

from mailchimp_api.errors import ConfigError, InvalidApiKey, ServerFault
from source_mailchimp.errors import IncompleteListing, ParentFailed
from source_mailchimp.messages import MessageMaker, SyncFailed, traced
from source_mailchimp.reader.output import Checkpoint, Ended, Estimate, Event, Records, Started
from source_mailchimp.streams import STREAMS

LISTS = STREAMS["lists"]
TAGS = STREAMS["tags"]
ADDRESS = "someone.private@example.com"


def messages(*events: Event, maker: MessageMaker | None = None) -> list[AirbyteMessage]:
    maker = maker or MessageMaker({"lists": "space", "tags": None})
    return [message for event in events for message in maker.of(event)]


def statuses(found: list[AirbyteMessage]) -> list[AirbyteStreamStatus]:
    return [
        message.trace.stream_status.status
        for message in found
        if message.trace and message.trace.stream_status and message.trace.type is TraceType.STREAM_STATUS
    ]


class TestMessages:
    def test_a_stream_starts_runs_and_completes(self) -> None:
        found = messages(Started(LISTS), Records(LISTS, [{"id": "a"}]), Records(LISTS, [{"id": "b"}]), Ended(LISTS))

        assert statuses(found) == [
            AirbyteStreamStatus.STARTED,
            AirbyteStreamStatus.RUNNING,
            AirbyteStreamStatus.COMPLETE,
        ]

    def test_records_have_their_stream_namespace_and_data(self) -> None:
        record = messages(Records(LISTS, [{"id": "a"}]))[-1].record

        assert record
        assert (record.stream, record.namespace, record.data) == ("lists", "space", {"id": "a"})

    def test_a_checkpoint_is_a_state_of_its_stream(self) -> None:
        [message] = messages(Checkpoint(TAGS, {"version": 1, "cursor": "x"}))

        assert message.type is Type.STATE
        assert message.state
        assert message.state.stream
        assert message.state.stream.stream_descriptor.name == "tags"
        assert vars(message.state.stream.stream_state) == {"version": 1, "cursor": "x"}

    def test_an_estimate_is_told(self) -> None:
        [message] = messages(Estimate(TAGS, 50))

        assert message.trace
        assert message.trace.estimate
        assert (message.trace.estimate.name, message.trace.estimate.row_estimate) == ("tags", 50)


class TestFailures:
    def test_a_stream_that_fails_is_incomplete_and_says_why(self) -> None:
        found = messages(Ended(TAGS, ServerFault("Mailchimp answered 500")))

        assert statuses(found) == [AirbyteStreamStatus.INCOMPLETE]
        error = found[0].trace.error if found[0].trace else None
        assert error
        assert error.message == "Mailchimp answered 500"
        assert error.stream_descriptor
        assert error.stream_descriptor.name == "tags"

    def test_the_sync_fails_in_the_end_and_names_each_stream(self) -> None:
        maker = MessageMaker({})
        messages(Ended(TAGS, ServerFault("a")), Ended(LISTS, ParentFailed("b")), maker=maker)

        with pytest.raises(SyncFailed) as caught:
            maker.raise_failures()

        assert caught.value.message == "Not complete: lists, tags. lists: b; tags: a"
        assert caught.value.failure_type is FailureType.transient_error

    def test_a_sync_without_failures_fails_not(self) -> None:
        maker = MessageMaker({})
        messages(Ended(TAGS), maker=maker)

        maker.raise_failures()

    def test_what_a_person_can_mend_decides_the_kind_of_failure(self) -> None:
        maker = MessageMaker({})
        messages(Ended(TAGS, ServerFault("a")), Ended(LISTS, InvalidApiKey("b", field="c")), maker=maker)

        with pytest.raises(SyncFailed) as caught:
            maker.raise_failures()

        assert caught.value.failure_type is FailureType.config_error

    @pytest.mark.parametrize(
        "error, kind",
        [
            (ConfigError("x", field="y"), FailureType.config_error),
            (ServerFault("x"), FailureType.transient_error),
            (IncompleteListing("tags", seen=1, total=2), FailureType.transient_error),
            (ParentFailed("x"), FailureType.transient_error),
            (KeyError("x"), FailureType.system_error),
        ],
        ids=lambda value: type(value).__name__,
    )
    def test_each_error_has_its_kind(self, error: Exception, kind: FailureType) -> None:
        assert traced(error).failure_type is kind

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
