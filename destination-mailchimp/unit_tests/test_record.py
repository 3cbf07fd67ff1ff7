"""Columns find their fields by mapping or name; records of our own source go back as they came."""

from __future__ import annotations

from collections import Counter

import pytest
import requests_mock

from destination_mailchimp.accounting.ledger import StreamLedger
from destination_mailchimp.audience.calls import Calls
from destination_mailchimp.audience.fields import Audience, Interest, MergeField
from destination_mailchimp.audience.new_fields import NewFields, make_tag, type_of
from destination_mailchimp.contacts.contact import Contact, Json
from destination_mailchimp.failures import RecordRejected, SyncFailure
from destination_mailchimp.mapping.catalog import ConfiguredStream
from destination_mailchimp.mapping.columns import Columns
from destination_mailchimp.mapping.record import RecordMapper, RecordSkipped
from destination_mailchimp.mapping.wanted import NotMappableYet
from mailchimp_api.access import Access
from mailchimp_api.client import RetryPolicy
from unit_tests.builders import config_of

FIELDS = [
    MergeField("FNAME", "First Name", "text"),
    MergeField("LNAME", "Last Name", "text"),
    MergeField("ADDRESS", "Address", "address"),
    MergeField("PHONE", "Phone Number", "phone"),
    MergeField("BIRTHDAY", "Birthday", "birthday"),
    MergeField("MMERGE7", "Shoe Size", "number"),
]
INTERESTS = [Interest("i1", "Donating", "Help"), Interest("i2", "Events", "Help"), Interest("i3", "Events", "Fun")]
ROOT = "http://127.0.0.1:9/3.0"


class Mapping:
    """Maps records of one stream."""

    def __init__(
        self, columns: list[str] | None = None, new_fields: NewFields | None = None, **options: object
    ) -> None:
        self.config = config_of(**options)
        self.ledger = StreamLedger("people")
        stream = ConfiguredStream("people", None, [["id"]], ["updated_at"], {column: {} for column in columns or []})
        audience = Audience("abc", "News", merge_fields=list(FIELDS), interests=INTERESTS)
        self.columns = Columns(self.config, audience)
        self.mapper = RecordMapper(stream, self.config, self.columns)
        self.new_fields = new_fields
        self.lost: Counter[str] = Counter()

    def __call__(self, **data: object) -> Contact:
        data.setdefault("email", "x@example.com")
        receipt = self.ledger.receive()
        try:
            mapped = self.mapper.map(data, receipt)
        except NotMappableYet as wanted:
            assert self.new_fields is not None
            for field in wanted.fields:
                made = self.new_fields.make(field.column, field.schema, field.value, self.columns.fields)
                self.mapper.bind_made(field.column, made)
            mapped = self.mapper.map(data, receipt)
        self.lost.update(mapped.lost)
        return mapped.contact

    def fields(self, **data: object) -> Json:
        """The merge fields that a record becomes."""
        fields: Json = self(**data).body.get("merge_fields", {})
        return fields


class TestMatching:
    """Case and separators don't matter; the better match wins, and an explicit one above all."""

    @pytest.mark.parametrize(
        "column,tag",
        [
            ("first_name", "FNAME"),
            ("First Name", "FNAME"),
            ("firstName", "FNAME"),
            ("FNAME", "FNAME"),
            ("surname", "LNAME"),
            ("phone", "PHONE"),
            ("mobile_phone", "PHONE"),
            ("dob", "BIRTHDAY"),
            ("shoe-size", "MMERGE7"),
            ("mmerge7", "MMERGE7"),
        ],
    )
    def test_a_column_finds_its_field(self, column: str, tag: str) -> None:
        value = "11/22" if tag == "BIRTHDAY" else "5"

        assert set(Mapping().fields(**{column: value})) == {tag}

    @pytest.mark.parametrize("column", ["id", "company", "_airbyte_raw_id", "_ab_cdc_lsn", "full_name"])
    def test_others_go_nowhere(self, column: str) -> None:
        assert Mapping().fields(**{column: "5"}) == {}

    def test_of_two_columns_for_one_field_the_better_match_is_used(self) -> None:
        mapped = Mapping(["email", "phone_number", "mobile", "PHONE"])

        assert mapped.fields(mobile="1", phone_number="2", PHONE="3") == {"PHONE": "3"}

    @pytest.mark.parametrize("backwards", [False, True])
    def test_a_column_of_its_own_is_better_than_an_object_of_fields(self, backwards: bool) -> None:  # noqa: FBT001
        row = {"first_name": "Jane", "merge_fields": {"fname": "J", "LNAME": "Doe"}}
        data = dict(reversed(row.items())) if backwards else row

        assert Mapping(list(data)).fields(**data) == {"FNAME": "Jane", "LNAME": "Doe"}
        assert Mapping().fields(**{**data, "first_name": None}) == {"FNAME": "J", "LNAME": "Doe"}

    def test_the_column_that_an_option_names_is_the_one_of_the_tags(self) -> None:
        named, unnamed = Mapping(tags_field="Shoe Size"), Mapping()

        assert (named(**{"Shoe Size": "9"}).tags, named.fields(**{"Shoe Size": "9"})) == (["9"], {})
        assert unnamed.fields(**{"Shoe Size": "9"}) == {"MMERGE7": 9}

    def test_what_goes_nowhere_is_told_but_not_what_has_another_use(self) -> None:
        columns = ["email", "state", "gone", "_airbyte_meta", "phone", "company", "first_name"]
        mapping = [{"column": "phone", "field": ""}]
        mapped = Mapping(columns, status_field="state", deleted_field="gone", field_mapping=mapping)

        assert mapped.mapper.plan.unmatched == ["company"]

    def test_the_mapping_comes_first_and_can_keep_a_column_out(self) -> None:
        mapping = [{"column": "nickname", "field": "First Name"}, {"column": "phone", "field": ""}]
        mapped = Mapping(["email", "first_name", "nickname", "phone"], field_mapping=mapping)

        assert mapped.fields(first_name="Jane", nickname="J", phone="5") == {"FNAME": "J"}

    def test_a_mapping_to_a_field_that_is_not_there_is_refused_in_words(self) -> None:
        with pytest.raises(SyncFailure, match="which the audience does not have") as failure:
            Mapping(field_mapping=[{"column": "a", "field": "NOPE"}])

        assert "FNAME" in failure.value.message
        assert "email_field" not in failure.value.message

    @pytest.mark.parametrize("target", ["EMAIL", "Email Address"])
    def test_a_mapping_to_the_address_is_told_the_option_for_it(self, target: str) -> None:
        with pytest.raises(SyncFailure, match="The column of the address is named in email_field"):
            Mapping(field_mapping={"mail_to": target})

    @pytest.mark.parametrize(
        "columns",
        [
            {"address_addr1": "1 Main", "address_city": "Gary", "address_state": "IN", "address_zip": "46401"},
            {"street": "1 Main", "city": "Gary", "state": "IN", "postal_code": 46401},
            {"address": {"addr1": "1 Main", "city": "Gary", "state": "IN", "zip": "46401"}},
        ],
    )
    def test_an_address_is_put_together_from_columns(self, columns: Json) -> None:
        made = {"addr1": "1 Main", "city": "Gary", "state": "IN", "zip": "46401"}

        assert Mapping().fields(**columns) == {"ADDRESS": made}

    def test_null_leaves_a_field_as_it_is_and_empty_text_clears_it(self) -> None:
        assert Mapping().fields(first_name=None, last_name="") == {"LNAME": ""}

    @pytest.mark.parametrize("data", [{"shoe_size": 10**309}, {"location": {"latitude": 10**309, "longitude": 1}}])
    def test_a_number_beyond_any_float_costs_that_field_only(self, data: Json) -> None:
        mapped = Mapping()

        assert mapped.fields(first_name="A", **data) == {"FNAME": "A"}
        assert mapped.lost.total() == 1

    def test_a_value_that_does_not_fit_costs_that_field_only_and_is_counted(self) -> None:
        mapped = Mapping()

        assert mapped.fields(birthday="soon", first_name="A") == {"FNAME": "A"}
        assert dict(mapped.lost) == {"BIRTHDAY is not a birthday such as 11/22": 1}


class TestAttributes:
    """What is not a merge field: language, VIP, location, opt-in data, groups, tags."""

    def test_they_are_taken_by_their_names(self) -> None:
        body = Mapping()(
            language="pt-BR", vip="yes", location={"latitude": 1, "longitude": "2"}, ip_opt=" 192.0.2.1 ",
            timestamp_opt="2026-11-22T12:00:00+02:00", email_type="HTML",
        ).body  # fmt: skip

        assert body == {
            "email_address": "x@example.com", "language": "pt", "vip": True,
            "location": {"latitude": 1.0, "longitude": 2.0}, "ip_opt": "192.0.2.1",
            "timestamp_opt": "2026-11-22T10:00:00+00:00", "email_type": "html",
        }  # fmt: skip

    @pytest.mark.parametrize(
        "value,made",
        [
            ({"i1": True, "i2": False}, {"i1": True, "i2": False}),
            ({"donating": "yes", "Help: Events": 0}, {"i1": True, "i2": False}),
            ("Donating, fun: events", {"i1": True, "i3": True}),
            (["Donating"], {"i1": True}),
            ('{"Donating": false}', {"i1": False}),
            (["Events", "Donating"], {"i1": True}),  # two categories have Events: only the other is sure
        ],
    )
    def test_groups_go_by_id_or_name(self, value: object, made: dict[str, bool]) -> None:
        assert Mapping()(interests=value).body["interests"] == made

    def test_a_column_may_stand_for_one_group(self) -> None:
        mapped = Mapping(field_mapping=[{"column": "donor", "field": "Donating"}])

        assert mapped(donor="t").body["interests"] == {"i1": True}

    def test_records_of_our_own_source_go_back_as_they_came(self) -> None:
        member = {
            "id": "458f", "email_address": "jane@example.com", "unique_email_id": "42d6", "full_name": "Jane Doe",
            "status": "unsubscribed", "merge_fields": {"FNAME": "Jane", "LNAME": "", "ADDRESS": "", "PHONE": None},
            "interests": {"i1": False}, "stats": {"avg_open_rate": 1}, "ip_signup": "", "ip_opt": "192.0.2.1",
            "timestamp_signup": "", "timestamp_opt": "2022-12-27T08:34:39+00:00", "language": "", "vip": False,
            "location": {"latitude": 0, "longitude": 0, "gmtoff": 0}, "tags": [{"id": 1, "name": "VIP"}],
            "email_type": "html", "list_id": "16d6", "_airbyte_meta": {"a": 1},
        }  # fmt: skip
        mapped = Mapping(list(member))
        contact = mapped.mapper.map(member, mapped.ledger.receive()).contact

        assert contact.body == {
            "email_address": "jane@example.com", "merge_fields": {"FNAME": "Jane", "LNAME": "", "ADDRESS": ""},
            "interests": {"i1": False}, "ip_opt": "192.0.2.1", "timestamp_opt": "2022-12-27T08:34:39+00:00",
            "vip": False, "email_type": "html",
        }  # fmt: skip
        assert contact.tags == ["VIP"]
        assert contact.status is None
        assert not mapped.lost


class TestStatusAndDeletes:
    """A status counts only when its column is mapped, and one that can't be read risks nobody's consent."""

    def test_the_mapped_column_counts_in_any_case(self) -> None:
        assert Mapping(status_field="state")(state=" Unsubscribed ").status == "unsubscribed"

    def test_one_that_can_not_be_read_rejects_the_record(self) -> None:
        with pytest.raises(RecordRejected) as rejected:
            Mapping(status_field="state")(state="on")

        assert (rejected.value.reason, rejected.value.field) == ("invalid_status", "state")

    @pytest.mark.parametrize("status", ["archived", " Archived "])
    def test_archived_contacts_of_another_audience_are_skipped(self, status: str) -> None:
        with pytest.raises(RecordSkipped, match="archived"):
            Mapping(status_field="state")(state=status)

    @pytest.mark.parametrize(
        "data,removed",
        [
            ({"_ab_cdc_deleted_at": "2026-11-22"}, True),
            ({"_ab_cdc_deleted_at": None}, False),
            ({"_ab_cdc_deleted_at": float("nan")}, False),
            ({"gone": "true"}, True),
            ({"gone": 0}, False),
            ({"gone": "2026-11-22T00:00:00Z"}, True),
            ({"gone": 1_790_000_000}, True),
            ({"gone": 1_790_000_000_123.0}, True),
            ({"gone": float("nan")}, False),
            ({"gone": ""}, False),
        ],
    )
    def test_a_deletion_is_seen(self, data: Json, removed: bool) -> None:  # noqa: FBT001
        assert Mapping(deletes="archive", deleted_field="gone")(**data).removed is removed

    @pytest.mark.parametrize("value", ["active", "never", "null", [1], 2, -1, 0.5, float("inf"), 10**400])
    def test_a_flag_that_can_not_be_read_rejects_the_record_and_removes_nobody(self, value: object) -> None:
        with pytest.raises(RecordRejected) as rejected:
            Mapping(deletes="archive", deleted_field="gone")(gone=value)
        assert (rejected.value.reason, rejected.value.field) == ("invalid_deletion", "gone")

    def test_deletions_are_ignored_unless_asked_for(self) -> None:
        with pytest.raises(RecordSkipped):
            Mapping()(_ab_cdc_deleted_at="2026-11-22")


class TestNewFields:
    """Fields for columns that match none: the right type, a free tag, and the first record's value too."""

    @pytest.mark.parametrize(
        "name,taken,tag",
        [
            ("Company name", set(), "COMPANY_NA"),
            ("Company name", {"COMPANY_NA"}, "COMPANY_N2"),
            ("größe", set(), "GROE"),
            ("数", set(), "FIELD"),
            ("email", set(), "EMAIL2"),
            ("x", {"X", "X2"}, "X3"),
        ],
    )
    def test_tags_are_short_legal_and_free(self, name: str, taken: set[str], tag: str) -> None:
        assert make_tag(name, taken) == tag

    @pytest.mark.parametrize(
        "schema,value,kind",
        [
            ({"type": ["null", "integer"]}, "x", "number"),
            ({"type": "string", "format": "date"}, "x", "date"),
            ({"type": "string", "format": "uri"}, "x", "url"),
            ({"type": "string"}, 5, "text"),
            ({}, 5, "number"),
            ({}, True, "text"),
            ({}, "2026-11-22", "date"),
            ({}, "Gary", "text"),
        ],
    )
    def test_types_come_from_the_schema_or_the_first_value(self, schema: Json, value: object, kind: str) -> None:
        assert type_of(schema, value) == kind

    def test_the_first_value_is_written_as_well_and_the_field_made_once(self) -> None:
        with requests_mock.Mocker() as mock:
            made = mock.post(
                f"{ROOT}/lists/abc/merge-fields",
                json=lambda request, _: {**request.json(), "merge_id": 9},
            )
            mapped = Mapping(new_fields=NewFields(calls()), create_missing_merge_fields=True)
            values = [mapped.fields(company=company) for company in ("ACME", None, "Globex")]

        assert values == [{"COMPANY": "ACME"}, {}, {"COMPANY": "Globex"}]
        assert made.call_count == 1
        assert made.last_request.json()["type"] == "text"

    def test_a_field_that_mailchimp_refuses_is_not_asked_for_again(self) -> None:
        problem = {"title": "Invalid Resource", "status": 400, "detail": "A list may have 30 merge fields."}
        with requests_mock.Mocker() as mock:
            refused = mock.post(f"{ROOT}/lists/abc/merge-fields", status_code=400, json=problem)
            mock.get(f"{ROOT}/lists/abc/merge-fields", json={"merge_fields": [], "total_items": 0})
            mapped = Mapping(new_fields=NewFields(calls()), create_missing_merge_fields=True)
            values = [mapped.fields(company="ACME"), mapped.fields(company="Globex")]

        assert values == [{}, {}]
        assert refused.call_count == 1


def calls() -> Calls:
    return Calls(Access(ROOT, "Bearer x"), "abc", workers=1, retry=RetryPolicy(attempts=1))
