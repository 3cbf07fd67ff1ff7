"""The option ``report_deletions``: what is gone is told once, and nothing else is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema import Draft7Validator

from integration_tests.harness.catalogs import configured
from integration_tests.harness.source import SourceHarness, SourceRun
from source_mailchimp.streams import STREAMS

Json = dict[str, Any]
DELETED_AT = "_ab_cdc_deleted_at"
WATCHED = [name for name, stream in STREAMS.items() if stream.tells_deletions]


@pytest.fixture(scope="module")
def account() -> Json:
    return {"contacts": 60, "audiences": 2, "campaigns": 16, "recipients": 5}


@pytest.fixture(autouse=True)
def as_before(source: SourceHarness) -> Iterator[None]:
    """Each test finds the account whole."""
    yield
    source.simulator.control.reset()


def sync(
    source: SourceHarness, state: list[Json] | None = None, names: list[str] | None = None, **options: Any
) -> SourceRun:
    """One incremental sync with the option, by the catalog that discover shows with it."""
    config = source.config(report_deletions=True, **options)
    streams = source.in_process("discover", config).answer["streams"]
    return source.in_process("read", config, configured(streams, names or WATCHED, incremental=True), state)


def tombstones(run: SourceRun, names: list[str] | None = None) -> dict[str, list[Json]]:
    """What a run says is gone, by stream."""
    found = {name: [r for r in run.records(name) if r.get(DELETED_AT)] for name in names or WATCHED}
    return {name: records for name, records in found.items() if records}


class TestWhatIsGone:
    """Objects vanish between two syncs."""

    def test_it_is_told_once(self, source: SourceHarness) -> None:
        """A campaign, which has a cursor; a template, which has none; and a store with all that is in it."""
        first = sync(source)
        campaign, template = first.records("campaigns")[3], first.records("templates")[0]
        store = first.records("stores")[0]
        for path in (f"campaigns/{campaign['id']}", f"templates/{template['id']}", f"ecommerce/stores/{store['id']}"):
            source.simulator.control.delete(f"/{path}")

        second = sync(source, first.states)
        third = sync(source, second.states)

        assert first.exit_code == second.exit_code == third.exit_code == 0
        assert tombstones(first) == tombstones(third) == {}
        gone = tombstones(second)
        [of_campaign] = gone["campaigns"]
        when = of_campaign.pop(DELETED_AT)
        assert of_campaign == {"id": campaign["id"], "create_time": campaign["create_time"]}
        assert when > campaign["create_time"]
        assert [record["id"] for record in gone["templates"]] == [template["id"]]
        assert [record["id"] for record in gone["stores"]] == [store["id"]]
        products = {(r["store_id"], r["id"]) for r in first.records("products") if r["store_id"] == store["id"]}
        assert {(record["store_id"], record["id"]) for record in gone["products"]} == products != set()

    def test_nothing_else_is(self, source: SourceHarness) -> None:
        """Every stream that can tell; each by a page more for each thousand rows."""
        first = sync(source)
        second = sync(source, first.states)

        assert second.exit_code == 0
        assert second.complete == set(WATCHED)
        assert tombstones(second) == {}

    def test_a_row_that_the_last_sync_did_not_bring_is_told_too(self, source: SourceHarness) -> None:
        """An old campaign isn't emitted again, and is listed nevertheless."""
        first = sync(source, names=["campaigns"])
        second = sync(source, first.states, ["campaigns"], refresh_window_days=0)
        assert len(second.records("campaigns")) < len(first.records("campaigns"))
        source.simulator.control.delete(f"/campaigns/{first.records('campaigns')[0]['id']}")

        third = sync(source, second.states, ["campaigns"], refresh_window_days=0)

        assert len(tombstones(third)["campaigns"]) == 1


class TestWhatIsNotGone:
    """Rows that can't be seen are not deleted."""

    def test_audiences_out_of_scope(self, source: SourceHarness) -> None:
        first = sync(source)
        [chosen, _] = [record["id"] for record in first.records("lists")]

        second = sync(source, first.states, list_ids=[chosen])

        assert tombstones(second) == {}

    def test_what_the_user_may_not_read_any_more(self, source: SourceHarness) -> None:
        """It is told when he may again."""
        names = ["campaigns", "templates", "campaign_folders"]
        first = sync(source, names=names)
        source.simulator.control.delete(f"/templates/{first.records('templates')[0]['id']}")
        source.simulator.control.forbid("/templates")

        second = sync(source, first.states, names)
        source.simulator.control.forbid()
        third = sync(source, second.states, names)

        assert tombstones(second, names) == {}
        assert len(tombstones(third, names)["templates"]) == 1

    def test_rows_that_are_counted_and_not_listed(self, source: SourceHarness) -> None:
        """One is not listed any more, and by the count it is there: it is told when the count says so, too."""
        first = sync(source, names=["templates"])
        rows = first.records("templates")
        source.simulator.control.delete(f"/templates/{rows[0]['id']}")
        source.simulator.control.fault("edit", "/templates", set={"total_items": len(rows)}, times=1000)

        second = sync(source, first.states, ["templates"])
        source.simulator.control.clear_faults()
        third = sync(source, second.states, ["templates"])

        assert tombstones(second, ["templates"]) == {}
        assert len(tombstones(third, ["templates"])["templates"]) == 1

    def test_a_listing_that_fails_fails_the_stream(self, source: SourceHarness) -> None:
        """And no row of it is called deleted."""
        first = sync(source, names=["templates", "lists"])
        source.simulator.control.fault("status", "/templates", status=500, times=1000, skip=1)

        second = sync(source, first.states, ["templates", "lists"], retry_seconds=1)

        assert tombstones(second, ["templates", "lists"]) == {}
        assert second.complete == {"lists"}

    def test_an_account_that_shows_nothing_where_there_was_much(self, source: SourceHarness) -> None:
        first = sync(source, names=["campaigns"])
        assert len(first.records("campaigns")) >= 10
        for record in first.records("campaigns"):
            source.simulator.control.delete(f"/campaigns/{record['id']}")

        second = sync(source, first.states, ["campaigns"])

        assert tombstones(second, ["campaigns"]) == {}
        assert "perhaps by mistake: deletions are not reported" in second.output


class TestTheCatalog:
    """What discover shows with the option, and without it."""

    def test_the_column_is_declared_and_a_state_can_be_kept(self, source: SourceHarness) -> None:
        streams = source.in_process("discover", source.config(report_deletions=True)).answer["streams"]

        for stream in streams:
            watched = stream["name"] in WATCHED
            assert (DELETED_AT in stream["json_schema"]["properties"]) is watched
            assert not watched or "incremental" in stream["supported_sync_modes"]

    def test_every_record_fits_it(self, source: SourceHarness) -> None:
        first = sync(source)
        source.simulator.control.delete(f"/campaigns/{first.records('campaigns')[3]['id']}")
        streams = source.in_process("discover", source.config(report_deletions=True)).answer["streams"]
        second = sync(source, first.states)

        for stream in streams:
            validator = Draft7Validator(stream["json_schema"])
            for record in second.records(stream["name"]):
                assert not list(validator.iter_errors(record))

    def test_without_the_option_nothing_changes(self, source: SourceHarness) -> None:
        """Neither the catalog, nor the requests, nor the state."""
        run = source.read(["campaigns"])

        assert not any(DELETED_AT in stream["json_schema"]["properties"] for stream in source.streams())
        assert not any("known" in state["stream"]["stream_state"] for state in run.states)
        assert not any("fields=campaigns.id" in entry[4] for entry in source.simulator.control.log())

    def test_a_full_refresh_tells_nothing(self, source: SourceHarness) -> None:
        """It replaces the table."""
        run = source.read(["campaigns"], "full_refresh", report_deletions=True)

        assert not any("known" in state["stream"]["stream_state"] for state in run.states)


class TestKeysOfContacts:
    """The stream ``list_member_keys``: who is there at all."""

    def test_it_has_every_contact_and_nothing_else_is_asked_for(self, source: SourceHarness) -> None:
        run = source.read(["list_member_keys", "list_members"], "full_refresh")

        contacts = {(r["list_id"], r["id"], r["status"]) for r in run.records("list_members")}
        keys = {(r["list_id"], r["id"], r["status"]) for r in run.records("list_member_keys")}
        assert keys == contacts
        assert {status for _, _, status in keys} > {"subscribed", "archived"}
        wanted = {"id", "list_id", "contact_id", "status", "last_changed"}
        assert all(record.keys() == wanted for record in run.records("list_member_keys"))

    def test_what_is_not_among_them_was_deleted_for_good(self, source: SourceHarness) -> None:
        before = source.read(["list_members"], "full_refresh").records("list_members")
        gone = source.simulator.control.change("delete_permanent", count=3)
        keys = source.read(["list_member_keys"], "full_refresh").records("list_member_keys")

        missing = {(r["list_id"], r["id"]) for r in before} - {(r["list_id"], r["id"]) for r in keys}
        assert len(missing) == len(gone) == 3
