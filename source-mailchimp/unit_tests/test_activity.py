"""Email activity becomes one record an event, each with an id of its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from source_mailchimp.streams.activity import flatten_activity

RECIPIENT: dict[str, Any] = {
    "campaign_id": "c1",
    "list_id": "l1",
    "list_is_active": True,
    "email_id": "e1",
    "email_address": "person@example.com",
    "_links": [{"rel": "self"}],
}
CLICK = {
    "action": "click",
    "timestamp": "2026-01-01T00:00:00+00:00",
    "url": "https://example.com/a",
    "ip": "192.0.2.1",
}
SLICE = {"campaign_id": "c1"}


def flattened(*events: Mapping[str, object], **recipient: object) -> list[dict[str, Any]]:
    return list(flatten_activity({**RECIPIENT, **recipient, "activity": list(events)}, SLICE))


class TestFlattenActivity:
    def test_a_record_has_the_recipients_fields_and_the_events(self) -> None:
        [record] = flattened(CLICK)

        assert {name: value for name, value in record.items() if name != "activity_id"} == {
            "campaign_id": "c1",
            "list_id": "l1",
            "list_is_active": True,
            "email_id": "e1",
            "email_address": "person@example.com",
            **CLICK,
        }

    def test_a_recipient_without_events_gives_no_record(self) -> None:
        assert flattened() == []
        assert list(flatten_activity({**RECIPIENT, "activity": None}, SLICE)) == []

    def test_two_clicks_of_one_second_on_two_links_are_two_records(self) -> None:
        first, second = flattened(CLICK, {**CLICK, "url": "https://example.com/b"})

        assert first["activity_id"] != second["activity_id"]

    def test_whatever_differs_makes_another_id(self) -> None:
        others = [
            {"action": "open"},
            {"timestamp": "2026-01-01T00:00:01+00:00"},
            {"ip": "192.0.2.2"},
            {"type": "hard"},
        ]
        ids = {record["activity_id"] for record in flattened(CLICK, *({**CLICK, **other} for other in others))}
        ids |= {flattened(CLICK, email_id="e2")[0]["activity_id"], flattened(CLICK, campaign_id="c2")[0]["activity_id"]}

        assert len(ids) == 7

    def test_the_same_event_has_the_same_id_however_it_is_written(self) -> None:
        """The order of fields and an empty field instead of a missing one say nothing."""
        first, second = flattened(CLICK, {"type": "", **dict(reversed(CLICK.items()))})

        assert first["activity_id"] == second["activity_id"]

    def test_a_value_moved_to_the_next_field_makes_another_id(self) -> None:
        first, second = flattened({**CLICK, "type": "x", "ip": ""}, {**CLICK, "type": "", "ip": "x"})

        assert first["activity_id"] != second["activity_id"]

    def test_the_campaign_is_taken_from_the_request_where_the_row_lacks_it(self) -> None:
        row = {name: value for name, value in RECIPIENT.items() if name != "campaign_id"}

        [record] = flatten_activity({**row, "activity": [CLICK]}, SLICE)

        assert record["campaign_id"] == "c1"
        assert record["activity_id"] == flattened(CLICK)[0]["activity_id"]
