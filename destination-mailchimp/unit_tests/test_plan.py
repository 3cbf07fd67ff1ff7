"""What goes where is told before anything is written, from the catalog and from the records as they come."""

from __future__ import annotations

import logging

import pytest

from destination_mailchimp.accounting.ledger import StreamLedger
from destination_mailchimp.audience.fields import Audience, Interest, MergeField, Permission
from destination_mailchimp.contacts.contact import Contact, Json
from destination_mailchimp.failures import SyncFailure
from destination_mailchimp.mapping.catalog import ConfiguredStream
from destination_mailchimp.mapping.columns import Columns
from destination_mailchimp.mapping.record import RecordMapper
from unit_tests.builders import config_of

AUDIENCE = Audience(
    "abc",
    "News",
    marketing_permissions=True,
    merge_fields=[
        MergeField("FNAME", "First Name", "text"),
        MergeField("ADDRESS", "Address", "address"),
        MergeField("BIRTHDAY", "Birthday", "birthday"),
        MergeField("CUSTNO", "Customer number", "text"),
    ],
    interests=[Interest("i1", "Donating", "Help"), Interest("i2", "Events", "Help"), Interest("i3", "Events", "Fun")],
    permissions=[Permission("p1", "Email"), Permission("p2", "Ads")],
)


class Stream:
    """Maps the records of one stream; ``columns`` are those of its catalog."""

    def __init__(self, *columns: str, **options: object) -> None:
        made = config_of(**options)
        self.ledger = StreamLedger("people")
        stream = ConfiguredStream("people", None, [["id"]], [], {column: {} for column in columns})
        self.mapper = RecordMapper(stream, made, Columns(made, AUDIENCE))

    def map(self, **data: object) -> Contact:
        data.setdefault("email", "x@example.com")
        return self.mapper.map(data, self.ledger.receive()).contact


@pytest.fixture(autouse=True)
def _all_levels(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.message for record in caplog.records if record.levelname == "WARNING"]


class TestWhatTheLogTells:
    """Neither an empty schema nor a column that comes late silences it."""

    def test_a_catalog_without_columns_is_made_up_for_by_the_first_record(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        stream = Stream()
        assert caplog.text == ""
        stream.map(first_name="A", company="B", Unsubscribed="yes")
        stream.map(first_name="A", company="B", Unsubscribed="no")

        assert [record.message for record in caplog.records if record.levelname == "INFO"] == [
            "Stream people: first_name → FNAME",
            "Stream people: no field matches Unsubscribed, company",
        ]
        assert len(warnings(caplog)) == 1

    def test_a_column_that_comes_late_is_told_too(self, caplog: pytest.LogCaptureFixture) -> None:
        stream = Stream("email", "first_name")
        stream.map(first_name="A")
        caplog.clear()
        stream.map(first_name=None, birthday=None, donor=None)

        assert "birthday → BIRTHDAY" in caplog.text
        assert "no field matches donor" in caplog.text

    def test_a_stream_with_new_columns_in_every_record_does_not_flood_it(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        stream = Stream()
        for number in range(500):
            stream.map(**{f"column_{number}": 1})

        assert len(caplog.records) <= 21

    @pytest.mark.parametrize("columns", [("email", "Opt-in", "first_name"), ()])
    def test_a_column_that_looks_like_consent_and_is_not_used_is_warned_of(
        self, caplog: pytest.LogCaptureFixture, columns: tuple[str, ...]
    ) -> None:
        stream = Stream(*columns)
        stream.map(**{"Opt-in": "no", "first_name": "A"})

        assert len(warnings(caplog)) == 1
        assert "look like consent go nowhere: Opt-in." in warnings(caplog)[0]
        assert "field_mapping" in warnings(caplog)[0]

    @pytest.mark.parametrize(
        "options",
        [
            {"status_field": "STATUS"},
            {"deleted_field": "status", "deletes": "unsubscribe"},
            {"field_mapping": [{"column": "Status", "field": ""}]},
            {"field_mapping": [{"column": "status", "field": "CUSTNO"}]},
        ],
    )
    def test_one_that_is_used_or_kept_out_is_not(self, caplog: pytest.LogCaptureFixture, options: Json) -> None:
        Stream("email", "Status", **options)

        assert warnings(caplog) == []

    def test_contacts_of_an_audience_are_recognised_by_their_first_record(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        stream = Stream()
        for _ in range(3):
            stream.map(status="unsubscribed", merge_fields={}, unsubscribe_reason="", sms_subscription_status="")

        assert len(warnings(caplog)) == 1
        assert "status_field does not name their status" in warnings(caplog)[0]

    def test_consent_that_would_get_a_field_of_its_own_is_warned_of_too(self, caplog: pytest.LogCaptureFixture) -> None:
        Stream("email", "Do not email", create_missing_merge_fields=True)

        assert "go nowhere: Do not email." in caplog.text


class TestSpellings:
    """Case, blanks, dashes and underscores of a column's name do not matter, whatever the column is for."""

    @pytest.mark.parametrize("column", ["tags", "Tags", "TAGS", " tags "])
    def test_tags(self, column: str) -> None:
        assert Stream().map(**{column: "a, b"}).tags == ["a", "b"]

    @pytest.mark.parametrize(
        "column,value,body",
        [
            ("Language", "de", {"language": "de"}),
            ("language", "pt-BR", {"language": "pt"}),
            ("language", "PT_pt", {"language": "pt_PT"}),
            ("language", "EN-us", {"language": "en"}),
            ("language", "tlh", {"language": "tlh"}),
            ("VIP", "yes", {"vip": True}),
            ("E-Mail type", "text", {"email_type": "text"}),
            ("IP Signup", "192.0.2.1", {"ip_signup": "192.0.2.1"}),
            ("Timestamp-Opt", "2026-11-22T10:00:00Z", {"timestamp_opt": "2026-11-22T10:00:00+00:00"}),
            ("INTERESTS", "Donating", {"interests": {"i1": True}}),
            ("Merge Fields", {"FNAME": "A"}, {"merge_fields": {"FNAME": "A"}}),
        ],
    )
    def test_the_parts_of_a_contact(self, column: str, value: object, body: Json) -> None:
        made = dict(Stream().map(**{column: value}).body)
        del made["email_address"]

        assert made == body

    def test_permissions(self) -> None:
        contact = Stream().map(**{"Marketing permissions": {"email": "yes", "Ads": 0}})

        assert contact.permissions == [
            {"marketing_permission_id": "p1", "enabled": True},
            {"marketing_permission_id": "p2", "enabled": False},
        ]

    def test_a_permission_has_a_column_of_its_own(self) -> None:
        mapping = [{"column": "wants ads", "field": "Ads"}, {"column": "wants mail", "field": "p1"}]
        contact = Stream(field_mapping=mapping).map(wants_ads="no", wants_mail="yes")

        assert contact.permissions == [
            {"marketing_permission_id": "p2", "enabled": False},
            {"marketing_permission_id": "p1", "enabled": True},
        ]

    @pytest.mark.parametrize("column", ["status", "Status", "STATUS "])
    def test_the_column_of_the_status(self, column: str) -> None:
        assert Stream(status_field="status").map(**{column: "unsubscribed"}).status == "unsubscribed"

    def test_of_two_columns_the_one_that_is_spelt_as_the_option_says_is_meant(self) -> None:
        contact = Stream(status_field="status").map(Status="pending", status="unsubscribed")

        assert contact.status == "unsubscribed"

    def test_the_column_of_deletions_and_that_of_the_address(self) -> None:
        stream = Stream("Mail To", "Is Gone", email_field="mail_to", deleted_field="is_gone", deletes="archive")
        contact = stream.map(**{"Mail To": "y@example.com", "Is Gone": "1"})

        assert (contact.address, contact.removed) == ("y@example.com", True)

    def test_the_mapping(self) -> None:
        contact = Stream(field_mapping=[{"column": "nick_name", "field": "first name"}]).map(**{"Nick Name": "A"})

        assert contact.body["merge_fields"] == {"FNAME": "A"}


class TestTagsThatAreTakenAway:
    """By name, in two forms that no tag of today can be mistaken for."""

    @pytest.mark.parametrize(
        "value,added,removed",
        [
            ("a, remove:b, Remove: c d", ["a"], ["b", "c d"]),
            (["a", "remove:b"], ["a"], ["b"]),
            ([{"name": "a", "status": "active"}, {"name": "b", "status": "inactive"}], ["a"], ["b"]),
            ('[{"name": "b", "status": "inactive"}]', [], ["b"]),
            ("remove:A, a", ["a"], None),
            ("remove:, -b, remover: c", ["remove:", "-b", "remover: c"], None),
            ([{"id": 1, "name": "VIP"}], ["VIP"], None),
        ],
    )
    def test_forms(self, value: object, added: list[str], removed: list[str] | None) -> None:
        contact = Stream().map(tags=value)

        assert (contact.tags, contact.removed_tags) == (added, removed)


class TestGroupsThatAreReplaced:
    """With the option, a groups column names all groups; nobody leaves one because of a name that is not found."""

    @pytest.mark.parametrize(
        "value,made",
        [
            ("Donating", {"i1": True, "i2": False, "i3": False}),
            ({"Donating": False, "Fun: Events": "yes"}, {"i1": False, "i2": False, "i3": True}),
            ("", {"i1": False, "i2": False, "i3": False}),
            ("Donating, Swimming", {"i1": True}),
            ("Donating, Events", {"i1": True}),
            (None, None),
        ],
    )
    def test_the_others_are_left(self, value: object, made: dict[str, bool] | None) -> None:
        assert Stream(replace_interests=True).map(interests=value).body.get("interests") == made

    def test_without_the_option_they_stay(self) -> None:
        assert Stream().map(interests="Donating").body["interests"] == {"i1": True}

    def test_a_column_of_one_group_says_nothing_of_the_others(self) -> None:
        stream = Stream(replace_interests=True, field_mapping=[{"column": "donor", "field": "Donating"}])

        assert stream.map(donor="yes").body["interests"] == {"i1": True}


class TestKeysOfTheSource:
    """With `key_field` each contact carries the key of its record."""

    @pytest.mark.parametrize(
        "key,kept", [(7, "7"), (7.0, "7"), (" a-7 ", "a-7"), (None, None), ("", None), (True, None), ({"a": 1}, None)]
    )
    def test_a_key_is_written_as_text(self, key: object, kept: str | None) -> None:
        contact = Stream(key_field="custno").map(id=key)

        assert contact.source_key == kept
        assert contact.body.get("merge_fields", {}).get("CUSTNO") == kept

    def test_without_the_option_nothing_is_written(self) -> None:
        assert Stream().map(id=7).body.get("merge_fields") is None

    def test_a_field_that_can_not_hold_keys_is_refused(self) -> None:
        with pytest.raises(SyncFailure, match="no text or number field"):
            Stream(key_field="BIRTHDAY")


class TestTextMessages:
    """A column is one of SMS only if the mapping says so, and no consent is ever guessed."""

    def sms(self, **data: object) -> dict[str, str] | None:
        mapping = [{"column": "mobile", "field": "SMS phone"}, {"column": "ok", "field": "sms_consent"}]
        return Stream(field_mapping=mapping).map(**data).sms

    @pytest.mark.parametrize("number", ["+15555550100", "+1 (555) 555-0100", "001 555 555 01 00", "+1.555.555.0100"])
    def test_a_number_with_its_country(self, number: str) -> None:
        assert self.sms(mobile=number) == {"phone": "+15555550100"}

    @pytest.mark.parametrize("number", ["5555550100", "0555 550100", "call me", "+1", ""])
    def test_any_other_is_left_out(self, number: str) -> None:
        assert self.sms(mobile=number) is None

    @pytest.mark.parametrize(
        "value,consent",
        [("yes", "consented"), (True, "consented"), ("Confirmed", "confirmed"), ("unknown", "unknown"),
         ("opted-in", None), ("subscribed", "consented"), ("no", None), (False, None), ("", None), ("maybe", None)],
    )  # fmt: skip
    def test_consent(self, value: object, consent: str | None) -> None:
        assert (self.sms(mobile="+15555550100", ok=value) or {}).get("consent") == consent
