"""What can't be read is told apart: gone, refused, not in the plan, or broken; the rest is read all the same."""

from __future__ import annotations

from typing import Any

import pytest

from integration_tests.harness.source import SourceHarness
from source_mailchimp.streams import STREAMS

Json = dict[str, Any]
OF_CAMPAIGNS = ("email_activity", "sent_to", "open_details", "unsubscribes")


@pytest.fixture(scope="module")
def account() -> Json:
    return {"contacts": 60, "audiences": 2, "campaigns": 4, "recipients": 20, "plain": True, "import_size": 5}


def ids(source: SourceHarness, path: str) -> list[str]:
    return [row["row"]["id"] for row in source.simulator.control.truth(path, "rows")["rows"]]


def without(run: Any, stream: str, parameter: str, parent: str) -> set[Any]:
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
        assert [text for text in run.logs("WARN") if text.startswith(f"{name}: 1 of 4 parents are gone")] != []


def test_an_audience_that_disappears_while_it_is_read_is_skipped(source: SourceHarness) -> None:
    """The same for contacts, which are read in windows of their own."""
    whole = source.read(["list_members", "member_tags", "merge_fields"], "full_refresh")
    gone = ids(source, "/lists")[0]
    source.simulator.control.fault("status", regex=f"^/lists/{gone}/", status=404)

    run = source.read(["list_members", "member_tags", "merge_fields"], "full_refresh")

    assert run.complete == {"list_members", "member_tags", "merge_fields"}
    for name in run.complete:
        assert set(run.keys(name)) == without(whole, name, "list_id", gone)
        assert [text for text in run.logs("WARN") if name in text and "gone" in text] != []


@pytest.mark.parametrize("mode", ["full_refresh", "incremental"])
def test_what_is_refused_for_one_campaign_is_read_for_the_others(source: SourceHarness, mode: str) -> None:
    """A refusal (403 problem+json) is a warning with Mailchimp's reason, not the end of the stream."""
    whole = source.read(OF_CAMPAIGNS, mode)
    refused = ids(source, "/reports")[2]
    source.simulator.control.fault("status", regex=f"^/reports/{refused}/", status=403, title="Forbidden")

    run = source.read(OF_CAMPAIGNS, mode)

    assert (run.exit_code, run.complete) == (0, set(OF_CAMPAIGNS))
    for name in OF_CAMPAIGNS:
        assert set(run.keys(name)) == without(whole, name, "campaign_id", refused)
        warnings = [text for text in run.logs("WARN") if text.startswith(f"{name}:")]
        assert any("Forbidden" in text and refused in text for text in warnings)
        assert any("1 of 4 parents were refused" in text for text in warnings)


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
    lacking = {"stores", "orders", "order_lines", "automations", "automation_emails", "surveys"}
    source.simulator.control.forbid("/ecommerce", "/automations", "/reporting/surveys")

    run = source.read([*lacking, "lists", "campaigns"])

    assert (run.exit_code, run.complete) == (0, {*lacking, "lists", "campaigns"})
    assert len(run.records("lists")) == 2
    warnings = run.logs("WARN")
    for name in ("stores", "automations", "surveys"):
        [warning] = [text for text in warnings if text.startswith(f"{name} ")]
        assert "not available to this account or user" in warning
    assert len(warnings) <= len(lacking)
    assert all(run.records(name) == [] for name in lacking)


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
