"""What can't be read is told apart: gone, refused, not in the plan, or broken; the rest is read nonetheless."""

from __future__ import annotations

from typing import Any

import pytest

from integration_tests.harness.source import SourceHarness, SourceRun
from source_mailchimp.streams import STREAMS

Json = dict[str, Any]
OF_CAMPAIGNS = ("email_activity", "sent_to", "open_details", "unsubscribes")


@pytest.fixture(scope="module")
def account() -> Json:
    return {"contacts": 60, "audiences": 2, "campaigns": 4, "recipients": 20, "plain": True, "import_size": 5}


def ids(source: SourceHarness, path: str) -> list[str]:
    return [row["row"]["id"] for row in source.simulator.control.ground_truth(path, "rows")["rows"]]


def without(run: SourceRun, stream: str, parameter: str, parent: str) -> set[Any]:
    """The keys of a stream's records, but for one parent's."""
    names = STREAMS[stream].key
    return {tuple(r.get(name) for name in names) for r in run.records(stream) if r[parameter] != parent}


def test_a_campaign_that_disappears_while_it_is_read_is_skipped_and_counted(source: SourceHarness) -> None:
    """Deleted between the listing and its turn (404): a warning, and everything else is read."""
    whole = source.read(OF_CAMPAIGNS)
    gone = ids(source, "/reports")[1]
    source.simulator.control.fault("status", regex=f"^/reports/{gone}/", status=404)

    run = source.read(OF_CAMPAIGNS)

    assert run.complete == set(OF_CAMPAIGNS)
    assert run.exit_code == 0
    for name in OF_CAMPAIGNS:
        assert set(run.keys(name)) == without(whole, name, "campaign_id", gone)
        assert f"{name}: 1 of 4 reports no longer exist; skipped" in run.logs("WARN")


def test_an_audience_that_disappears_while_it_is_read_is_skipped(source: SourceHarness) -> None:
    """The same for contacts, which are read in windows of their own."""
    whole = source.read(["list_members", "member_tags", "merge_fields"], "full_refresh")
    gone = ids(source, "/lists")[0]
    source.simulator.control.fault("status", regex=f"^/lists/{gone}/", status=404)

    run = source.read(["list_members", "member_tags", "merge_fields"], "full_refresh")

    assert run.complete == {"list_members", "member_tags", "merge_fields"}
    for name in run.complete:
        assert set(run.keys(name)) == without(whole, name, "list_id", gone)
        assert [text for text in run.logs("WARN") if name in text and "no longer exist" in text] != []


@pytest.mark.parametrize("mode", ["full_refresh", "incremental"])
def test_what_is_refused_for_one_campaign_is_read_for_the_others(source: SourceHarness, mode: str) -> None:
    """A refusal (403 problem+json) is a warning with Mailchimp's reason; only a full refresh lacks rows for it."""
    whole = source.read(OF_CAMPAIGNS, mode)
    refused = ids(source, "/reports")[2]
    source.simulator.control.fault("status", regex=f"^/reports/{refused}/", status=403, title="Forbidden")

    run = source.read(OF_CAMPAIGNS, mode)

    assert run.complete == (set(OF_CAMPAIGNS) if mode == "incremental" else set())
    assert (run.exit_code == 0) == (mode == "incremental")
    for name in OF_CAMPAIGNS:
        assert set(run.keys(name)) == without(whole, name, "campaign_id", refused)
        warnings = [text for text in run.logs("WARN") if text.startswith(f"{name}:")]
        assert any("Forbidden" in text and refused in text for text in warnings)
        assert f"{name}: 1 of 4 reports were refused and skipped" in warnings


def test_what_was_refused_is_read_whole_when_it_is_allowed_again(source: SourceHarness) -> None:
    """The cursor has not moved past what was never emitted."""
    refused = ids(source, "/reports")[2]
    audience = ids(source, "/lists")[0]
    control = source.simulator.control
    names = (*OF_CAMPAIGNS, "list_members")
    whole = source.read(names)
    control.fault("status", regex=f"^/(reports/{refused}|lists/{audience})/", status=403, title="Forbidden")
    first = source.read(names)
    control.clear_faults()
    control.clock(advance=3600)

    second = source.read(names, state=first.last_states, activity_lookback_days=0)

    assert len(first.keys("sent_to")) < len(whole.keys("sent_to"))
    assert len(first.keys("list_members")) < len(whole.keys("list_members"))
    for name in names:
        assert set(first.keys(name)) | set(second.keys(name)) == set(whole.keys(name)), name


def test_what_the_plan_lacks_is_one_clear_warning_for_each_stream(source: SourceHarness) -> None:
    """An account without stores, automations or surveys is not an error."""
    lacking = {"stores", "automations", "surveys"}
    source.simulator.control.forbid("/ecommerce", "/automations", "/reporting/surveys")

    run = source.read([*lacking, "lists", "campaigns"])

    assert (run.exit_code, run.complete) == (0, {*lacking, "lists", "campaigns"})
    assert len(run.records("lists")) == 2
    warnings = run.logs("WARN")
    for name in lacking:
        [warning] = [text for text in warnings if text.startswith(f"{name} ")]
        assert "not available to this account or user" in warning
    assert len(warnings) <= len(lacking)
    assert all(run.records(name) == [] for name in lacking)


def test_what_is_below_a_refused_stream_is_not_empty(source: SourceHarness) -> None:
    """Nobody knows whether there is any, so an overwrite must not empty the tables."""
    source.simulator.control.forbid("/ecommerce")

    run = source.read(["stores", "orders", "order_lines", "lists"])

    assert (run.exit_code, run.complete, run.incomplete) == (1, {"stores", "lists"}, {"orders", "order_lines"})
    for name in run.incomplete:
        assert "stores" in run.failures[name]["message"]
        assert any(text.startswith(f"{name} is not complete") and "stores" in text for text in run.logs("WARN"))


def test_a_sync_to_which_everything_is_refused_fails(source: SourceHarness) -> None:
    """With the reason, and what to do about it."""
    source.simulator.control.fault("status", status=403, title="Forbidden", detail="User action not permitted.")

    run = source.read(["lists", "list_members", "campaigns", "member_tags", "unsubscribes"], "full_refresh")

    assert (run.exit_code, run.complete) == (1, set())
    assert "User action not permitted" in run.failures["lists"]["message"]
    assert run.failures["lists"]["failure_type"] == "config_error"
    assert "Viewer role" in run.failures["lists"]["message"]


@pytest.mark.parametrize("mode", ["full_refresh", "incremental"])
def test_one_refused_audience_is_a_warning_and_not_claimed_by_a_full_refresh(source: SourceHarness, mode: str) -> None:
    """An overwrite without its contacts would delete them."""
    refused = ids(source, "/lists")[0]
    source.simulator.control.fault("status", regex=f"^/lists/{refused}/", status=403, title="Forbidden")

    run = source.read(["lists", "list_members"], mode)

    assert ("list_members" in run.complete) == (mode == "incremental")
    assert {row["list_id"] for row in run.records("list_members")} == set(ids(source, "/lists")) - {refused}
    assert any(refused in text and "refused" in text for text in run.logs("WARN"))


def test_one_campaign_that_always_fails_costs_no_news_of_the_others(source: SourceHarness) -> None:
    """It is asked again by every sync, and the stream says so; the others are read for what is new."""
    control = source.simulator.control
    failing, other = ids(source, "/reports")[:2]
    control.fault("status", regex=f"^/reports/{failing}/unsubscribed", status=500)
    options: Json = {"activity_lookback_days": 0, "retry_seconds": 1}
    first = source.read(["unsubscribes"], **options)
    control.clock(advance=3600)
    control.add_events([other], unsubscribes=2)
    control.clock(advance=60)

    second = source.read(["unsubscribes"], state=first.last_states, **options)
    control.clear_faults()
    third = source.read(["unsubscribes"], state=second.last_states, **options)

    assert (first.incomplete, second.incomplete, third.complete) == ({"unsubscribes"},) * 3
    assert other in {row["campaign_id"] for row in second.records("unsubscribes")}
    assert any(failing in text for text in second.logs("WARN"))
    whole = source.read(["unsubscribes"], "full_refresh")
    seen = {row for run in (first, second, third) for row in run.keys("unsubscribes")}
    assert set(whole.keys("unsubscribes")) <= seen


def test_a_stream_that_fails_does_not_stop_the_others(source: SourceHarness) -> None:
    """The rest is complete; traces and the exit code say what failed, and why."""
    source.simulator.control.fault("status", "/campaigns", status=400, title="Invalid Resource", detail="No such sort.")
    names = {"lists", "list_members", "campaigns", "reports", "templates"}

    run = source.run("read", source.config(), source.catalog(names, "full_refresh"))

    assert run.incomplete == {"campaigns"}
    assert run.complete == names - {"campaigns"}
    assert run.exit_code == 1
    assert set(run.failures) == {"campaigns", None}
    assert "No such sort." in run.failures["campaigns"]["message"]
    assert "campaigns" in run.failures[None]["message"]
    assert run.statuses("campaigns")[-1] == "INCOMPLETE"
    assert run.statuses("lists") == ["STARTED", "RUNNING", "COMPLETE"]


def test_a_stream_that_does_not_exist_is_incomplete_and_the_others_are_read(source: SourceHarness) -> None:
    """A catalog of other days must not pass for read."""
    catalog = source.catalog(["lists"], "full_refresh")
    gone = {**catalog["streams"][0]["stream"], "name": "chimp_likes"}
    catalog["streams"].insert(0, {**catalog["streams"][0], "stream": gone})

    run = source.run("read", source.config(), catalog)

    assert (run.exit_code, run.complete, run.incomplete) == (1, {"lists"}, {"chimp_likes"})
    assert len(run.records("lists")) == 2
    assert run.failures["chimp_likes"]["failure_type"] == "config_error"
    assert "refresh the schema" in run.failures["chimp_likes"]["message"]


def test_a_key_that_is_revoked_meanwhile_ends_the_sync_with_the_remedy(source: SourceHarness) -> None:
    """That concerns every stream, so nothing more is tried."""
    source.simulator.control.fault("status", "/campaigns", status=401, title="API Key Invalid")

    run = source.read(["lists", "campaigns", "list_members"])

    assert run.exit_code == 1
    assert "campaigns" not in run.complete
    assert run.failures[None]["failure_type"] == "config_error"
    assert "API Key" in run.failures[None]["message"]
    assert "make a new one" in run.failures[None]["message"]
