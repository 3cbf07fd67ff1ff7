"""Groups and permissions are asked for only where a column may go there."""

from __future__ import annotations

import pytest

from destination_mailchimp.accounting.ledger import StreamLedger
from destination_mailchimp.audience.fields import Audience, Interest, MergeField, Permission
from destination_mailchimp.mapping.catalog import ConfiguredStream
from destination_mailchimp.mapping.columns import Columns, needs_names
from destination_mailchimp.mapping.record import RecordMapper
from destination_mailchimp.mapping.wanted import NotMappableYet
from unit_tests.builders import config_of

FIELDS = [MergeField("FNAME", "First Name", "text")]


def stream(*columns: str) -> ConfiguredStream:
    """A stream whose schema lists these columns."""
    return ConfiguredStream("s", None, [["id"]], [], {column: {} for column in columns})


class TestNeedsNames:
    """Known before the first record where the catalog or the mapping says that a column goes there."""

    @pytest.mark.parametrize(
        "columns,mapping,needed",
        [
            (["email", "first_name"], {}, False),
            (["email", "Interests"], {}, True),
            (["email", "Marketing permissions"], {}, True),
            (["email", "donor"], {"donor": "Donating"}, True),
            (["email", "first"], {"first": "first name", "vips": "VIP", "labels": "tags", "x": ""}, False),
            (["email", "mobile"], {"mobile": "sms_phone"}, False),
            (["email", "groups"], {"groups": "interests"}, True),
        ],
    )
    def test_by_column_or_target(self, columns: list[str], mapping: dict[str, str], needed: bool) -> None:  # noqa: FBT001
        assert needs_names(config_of(field_mapping=mapping), [stream(*columns)], FIELDS) is needed


class TestNamesThatAreNotKnown:
    """A record waits for them, and is mapped as any other then."""

    @pytest.mark.parametrize(
        "data,body",
        [
            ({"interests": ["Donating"]}, {"interests": {"i1": True}}),
            ({"marketing_permissions": ["Email"]}, {}),
        ],
    )
    def test_a_record_that_needs_them_can_not_be_mapped_before(
        self, data: dict[str, object], body: dict[str, object]
    ) -> None:
        config = config_of()
        columns = Columns(config, Audience("abc", "News", merge_fields=FIELDS, names_known=False))
        mapper, ledger = RecordMapper(stream(), config, columns), StreamLedger("s")
        record = {"id": 1, "email": "a@example.com", **data}

        assert mapper.map({"id": 2, "email": "b@example.com"}, ledger.receive()).contact.address == "b@example.com"
        with pytest.raises(NotMappableYet) as wanted:
            mapper.map(record, ledger.receive())
        assert wanted.value.names
        columns.learn_names([Interest("i1", "Donating", "Help")], [Permission("p1", "Email")])
        contact = mapper.map(record, ledger.receive()).contact

        assert contact.body == {"email_address": "a@example.com", **body}
        assert bool(contact.permissions) is ("marketing_permissions" in data)
