"""The columns that options name are there, or the sync is refused before anything is written."""

from __future__ import annotations

from typing import Any

import pytest

from destination_mailchimp.accounting.ledger import StreamLedger
from destination_mailchimp.audience.fields import Audience, MergeField, Permission
from destination_mailchimp.failures import SyncFailure
from destination_mailchimp.mapping.catalog import ConfiguredStream, read_catalog
from destination_mailchimp.mapping.columns import Columns
from destination_mailchimp.mapping.record import RecordMapper
from unit_tests.builders import config_of

COLUMNS = ["id", "email", "sub_state", "gone", "labels", "first", "mobile"]
MISSPELT: list[dict[str, Any]] = [
    {"status_field": "sub_stat"},
    {"deleted_field": "gon"},
    {"tags_field": "label"},
    {"field_mapping": [{"column": "frist", "field": "FNAME"}]},
    {"field_mapping": [{"column": "moblie", "field": "sms_consent"}]},
    {"field_mapping": [{"column": "optn", "field": "By e-mail"}]},
]


def streams_of(config: dict[str, Any], **columns: list[str]) -> list[ConfiguredStream]:
    """The streams of a catalog with these columns, as they are read."""
    catalog = [
        {
            "stream": {"name": name, "json_schema": {"properties": {column: {} for column in listed}}},
            "destination_sync_mode": "append_dedup",
            "primary_key": [["id"]],
        }
        for name, listed in columns.items()
    ]
    return read_catalog({"streams": catalog}, config_of(**config))


def mapper_of(config: dict[str, Any], **columns: list[str]) -> RecordMapper:
    """Of the first of the streams."""
    audience = Audience(
        "abc", "News", merge_fields=[MergeField("FNAME", "First", "text")], permissions=[Permission("p1", "By e-mail")]
    )
    options = config_of(**config)
    return RecordMapper(streams_of(config, **columns)[0], options, Columns(options, audience))


@pytest.mark.parametrize("options", MISSPELT, ids=str)
def test_a_column_that_no_stream_lists_is_a_config_error(options: dict[str, Any]) -> None:
    (option,) = options
    with pytest.raises(SyncFailure) as failed:
        streams_of(options, people=COLUMNS)

    assert failed.value.failure_type == "config_error"
    assert "The stream people has no column" in failed.value.message
    assert f"which {option} names" in failed.value.message
    assert "sub_state" in failed.value.message


@pytest.mark.parametrize(
    "options",
    [
        {"status_field": "Sub State"},
        {"deleted_field": "GONE"},
        {"deleted_field": "_ab_cdc_deleted_at"},
        {"tags_field": "tags"},
        {"field_mapping": [{"column": "First", "field": "FNAME"}]},
        {"field_mapping": [{"column": "not there any more", "field": ""}]},
    ],
    ids=str,
)
def test_other_spellings_and_what_need_not_be_there_are_taken(options: dict[str, Any]) -> None:
    assert streams_of(options, people=COLUMNS)


def test_a_stream_without_the_status_column_of_another_needs_the_users_word() -> None:
    others = ["id", "email"]
    with pytest.raises(SyncFailure, match="status_for_new"):
        streams_of({"status_field": "sub_state"}, people=COLUMNS, shops=others)

    assert streams_of({"status_field": "sub_state", "status_for_new": "pending"}, people=COLUMNS, shops=others)
    assert streams_of({"status_field": "sub_state", "update_only": True}, people=COLUMNS, shops=others)


def test_a_stream_without_the_deleted_column_of_another_is_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    assert streams_of({"deleted_field": "gone"}, people=COLUMNS, shops=["id", "email"])
    (warned,) = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert "The stream shops has no column 'gone'" in warned


@pytest.mark.parametrize("options", [MISSPELT[n] for n in (0, 1, 4, 5)], ids=str)
def test_without_a_schema_the_first_record_must_show_a_column_of_consent(options: dict[str, Any]) -> None:
    record = {"id": 1, "email": "ann@example.com", "sub_state": "unsubscribed"}
    mapper = mapper_of(options, people=[])
    for _ in range(2):
        with pytest.raises(SyncFailure, match="Its first record has: email, id, sub_state") as failed:
            mapper.map(record, StreamLedger("people").receive())
        assert failed.value.failure_type == "config_error"


@pytest.mark.parametrize("options", [MISSPELT[n] for n in (2, 3)], ids=str)
def test_without_a_schema_another_column_is_warned_of(
    options: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    record = {"id": 1, "email": "ann@example.com"}
    mapper = mapper_of(options, people=[])
    for _ in range(2):
        mapper.map(record, StreamLedger("people").receive())
    assert [r.levelname for r in caplog.records if "has no column" in r.getMessage()] == ["WARNING"]


def test_a_later_record_without_the_column_is_read_as_one_with_null() -> None:
    mapper = mapper_of({"status_field": "sub_state"}, people=[])
    receive = StreamLedger("people").receive
    first = mapper.map({"email": "ann@example.com", "sub_state": None}, receive())
    second = mapper.map({"email": "bob@example.com"}, receive())

    assert first.contact.status is second.contact.status is None


def test_of_several_streams_one_without_a_schema_may_lack_what_another_lists() -> None:
    record = {"id": 1, "email": "ann@example.com"}
    mapper_of({"deleted_field": "gone"}, shops=[], people=COLUMNS).map(record, StreamLedger("shops").receive())
    with pytest.raises(SyncFailure, match="sub_state"):
        mapper_of({"status_field": "sub_state"}, shops=[], people=COLUMNS).map(record, StreamLedger("shops").receive())
