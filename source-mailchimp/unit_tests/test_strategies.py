"""Below a row that shows that nothing below it changes any more, nothing is asked for again."""

from __future__ import annotations

from typing import Any

import pytest

from source_mailchimp.reader.partitions import Partition, partitions_of
from source_mailchimp.reader.places import PartitionKey
from source_mailchimp.reader.state import StreamState
from source_mailchimp.reader.strategies import Past, below_changed_parents
from source_mailchimp.stream import ChangedParents, Record
from source_mailchimp.streams import STREAMS
from unit_tests.mailchimp_model import date, moment

DAY = 86_400


def is_asked(stream: str, parent: Record, since: int | None) -> bool:
    """Whether ``stream`` asks below ``parent`` in a sync that goes on from ``since``."""
    reading = STREAMS[stream].reading
    assert isinstance(reading, ChangedParents)
    context: Any = None  # what is asked here doesn't need it
    strategy = below_changed_parents(Past(context, StreamState(), full_refresh=False), reading)
    return strategy.is_new(
        Partition(PartitionKey("a"), ("", "a"), {}, parent), None if since is None else moment(since)
    )


class TestCampaigns:
    @pytest.mark.parametrize(
        "campaign, since, asked",
        [
            ({"status": "sent", "create_time": date(0), "send_time": date(DAY)}, 3 * DAY, False),
            ({"status": "sent", "create_time": date(0), "send_time": date(DAY)}, None, True),
            ({"status": "sent", "create_time": date(0), "send_time": date(3 * DAY)}, 3 * DAY, True),
            ({"status": "sent", "create_time": date(3 * DAY), "send_time": date(DAY)}, 3 * DAY, True),
            ({"status": "sent", "create_time": date(0), "send_time": "-001-11-30T00:00:00+00:00"}, 3 * DAY, True),
            ({"status": "save", "create_time": date(0), "send_time": ""}, 3 * DAY, True),
            ({"status": "schedule", "create_time": date(0), "send_time": date(DAY)}, 3 * DAY, True),
            ({"status": "sending", "create_time": date(0), "send_time": date(DAY)}, 3 * DAY, True),
            ({}, 3 * DAY, True),
        ],
    )
    @pytest.mark.parametrize("stream", ["campaign_content", "campaign_feedback", "campaign_send_checklist"])
    def test_one_that_was_sent_before_the_last_sync_is_settled(
        self, stream: str, campaign: Record, since: int | None, *, asked: bool
    ) -> None:
        assert is_asked(stream, campaign, since) == asked

    def test_a_send_time_that_is_taken_back_moves_no_campaign_past_the_place_of_a_run(self) -> None:
        """Scheduled when a run was cut short, unscheduled when it goes on: it would pass for done."""
        stream = STREAMS["campaign_content"]

        [scheduled] = partitions_of(stream, [{"id": "a", "send_time": date(5)}])
        [unscheduled] = partitions_of(stream, [{"id": "a", "send_time": ""}])

        assert scheduled.position == unscheduled.position


class TestTemplates:
    @pytest.mark.parametrize(
        "template, asked",
        [
            ({"type": "user", "date_created": date(0), "date_edited": ""}, False),
            ({"type": "user", "date_created": date(0), "date_edited": date(4 * DAY)}, True),
            ({"type": "user", "date_created": "", "date_edited": ""}, True),
        ],
    )
    def test_one_is_asked_again_when_it_was_edited(self, template: Record, *, asked: bool) -> None:
        assert is_asked("template_default_content", template, 3 * DAY) == asked


class TestLandingPages:
    @pytest.mark.parametrize("status, asked", [("unpublished", False), ("published", True), ("draft", True)])
    def test_one_that_was_taken_down_is_settled(self, status: str, *, asked: bool) -> None:
        page = {"status": status, "created_at": date(0), "updated_at": date(DAY)}

        assert is_asked("landing_page_content", page, 3 * DAY) == asked
        assert is_asked("landing_page_content", {**page, "updated_at": date(4 * DAY)}, 3 * DAY)
