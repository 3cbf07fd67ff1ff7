"""The configured catalog is read, and what can't be synced is refused in words."""

from __future__ import annotations

import pytest

from destination_mailchimp.contacts.contact import Json
from destination_mailchimp.failures import SyncFailure
from destination_mailchimp.mapping.catalog import read_catalog
from unit_tests.builders import config_of


class TestCatalog:
    """What can't be synced is refused before the first write, in words."""

    @pytest.mark.parametrize(
        "change,words",
        [
            ({"primary_key": []}, "has no primary key"),
            ({"stream": {"name": "s", "json_schema": {"properties": {"id": {}, "name": {}}}}}, "looks like an e-mail"),
        ],
    )
    def test_it_says_what_is_wrong(self, change: Json, words: str) -> None:
        stream = {
            "stream": {"name": "s", "json_schema": {"properties": {"email": {}}}},
            "destination_sync_mode": "append_dedup",
            "primary_key": [["id"]],
        }

        assert len(read_catalog({"streams": [stream]}, config_of())) == 1
        with pytest.raises(SyncFailure, match=words):
            read_catalog({"streams": [{**stream, **change}]}, config_of())

    def test_a_configured_column_that_is_missing_is_named(self) -> None:
        stream = {
            "stream": {"name": "s", "json_schema": {"properties": {"email": {}}}},
            "destination_sync_mode": "append_dedup",
            "primary_key": [["id"]],
        }
        with pytest.raises(SyncFailure, match="'mail_to'"):
            read_catalog({"streams": [stream]}, config_of(email_field="mail_to"))
