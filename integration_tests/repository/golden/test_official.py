"""Somebody changes the image of Airbyte's own source-mailchimp for this one, and nothing else.

The files in ``official`` are a configuration, a catalog and states as that connector and the platform write them;
what stands in ``<…>`` depends on the account and is filled in here.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from integration_tests.harness import Installed
from mailchimp_simulator.client import SimulatorProcess

Json = dict[str, Any]
FILES = Path(__file__).parent / "official"
MEMBERS = "/lists/{list_id}/members"
SINCE = "2026-05-20T00:00:00+00:00"
STATES = ("state_by_parent.json", "state_per_partition.json", "state_global.json")


@pytest.fixture(scope="module")
def account() -> Json:
    """An account some of which is older than the saved states and some newer."""
    return {"contacts": 300, "audiences": 2, "campaigns": 12, "recipients": 30, "now": "2026-06-01T12:00:00+00:00"}


@pytest.fixture
def process(tmp_path: Path) -> Installed:
    """This connector's console script."""
    return Installed("source-mailchimp", tmp_path)


def saved(name: str, simulator: SimulatorProcess) -> Any:
    """A saved file, for this account."""
    text = (FILES / name).read_text(encoding="utf-8")
    text = text.replace("<key>", simulator.api_key).replace("<token>", simulator.oauth_token)
    return _fill(json.loads(text), ids_of(simulator))


def config_of(name: str, simulator: SimulatorProcess) -> Json:
    """A saved configuration; only tests have the address."""
    return {**saved(name, simulator), "api_url": simulator.base_url}


def ids_of(simulator: SimulatorProcess) -> dict[str, list[str]]:
    """What ``<each …>`` stands for."""
    found = {}
    for kind, path in (("list", "/lists"), ("campaign", "/campaigns"), ("segment", "/lists/{list_id}/segments")):
        found[f"<each {kind}>"] = [
            str(item["row"]["id"]) for item in simulator.control.ground_truth(path, "rows")["rows"]
        ]
    return found


def _fill(node: Any, ids: dict[str, list[str]]) -> Any:
    """One entry for each id where a key or a partition says so."""
    if isinstance(node, list):
        filled = []
        for item in node:
            partition: Json = item.get("partition", {}) if isinstance(item, dict) else {}
            each = ids.get(str(partition.get("id")))
            filled += [{**item, "partition": {**partition, "id": one}} for one in each] if each else [_fill(item, ids)]
        return filled
    if isinstance(node, dict):
        return {name: _fill(value, ids) for key, value in node.items() for name in ids.get(key, [key])}
    return node


@pytest.mark.parametrize("name", ["config_apikey.json", "config_oauth.json", "config_old.json"])
def test_every_saved_configuration_works(name: str, process: Installed, simulator: SimulatorProcess) -> None:
    """With a key, with an OAuth application, and with the key at the top level of years ago."""
    status = process.run("check", config=config_of(name, simulator)).succeeded().only("CONNECTION_STATUS")

    assert status == {"status": "SUCCEEDED"}


def test_every_saved_stream_is_read(process: Installed, simulator: SimulatorProcess) -> None:
    """All twelve streams under their names, every record with the saved keys and cursor; older lists' contacts too."""
    catalog = saved("configured_catalog.json", simulator)

    run = process.run("read", config=config_of("config_apikey.json", simulator), catalog=catalog).succeeded()

    for item in catalog["streams"]:
        name = item["stream"]["name"]
        fields = {part for path in [*item["primary_key"], item.get("cursor_field", [])] for part in path}
        assert run.statuses(name)[-1] == "COMPLETE"
        assert run.counts[name] > 0
        assert [record for record in run.records(name) if not fields <= record.keys()] == []
    assert run.counts["list_members"] == simulator.control.ground_truth(MEMBERS)["count"]


@pytest.mark.parametrize("name", STATES)
def test_every_saved_state_is_gone_on_from(name: str, process: Installed, simulator: SimulatorProcess) -> None:
    """Contacts and events since the saved dates come, earlier ones do not; then it goes on from its own states.

    Archived contacts come as well, once: that connector has never read any, so no date of its speaks for them.
    """
    catalog = saved("configured_catalog.json", simulator)
    config = {**config_of("config_apikey.json", simulator), "activity_lookback_days": 0}
    state = saved(name, simulator)
    moved = simulator.control.add_events(1, opens=3)["campaigns"]
    simulator.control.clock(advance=60)

    first = process.run("read", config=config, catalog=catalog, state=state).succeeded()

    truth = simulator.control.ground_truth(MEMBERS, "keys")["keys"]
    expected = {contact for _, contact, status, changed in truth if changed > SINCE or status == "archived"}
    assert {record["id"] for record in first.records("list_members")} == expected
    assert {status for _, contact, status, _ in truth if contact in expected} > {"archived"}
    assert len(expected) < len(truth) / 2
    # Children of A/B tests are not in /campaigns, so that connector knew nothing of them.
    known = ids_of(simulator)["<each campaign>"]
    events = [record["action"] for record in first.records("email_activity") if record["campaign_id"] in known]
    assert events == ["open"] * 3

    simulator.control.clock(advance=3600)
    [changed] = simulator.control.change("update", count=1)
    simulator.control.clock(advance=3600)
    second = process.run("read", config=config, catalog=catalog, state=first.last_states).succeeded()
    assert [record["id"] for record in second.records("list_members")] == [changed["hash"]]
    # What was asked for by its date does not tell whether all that is counted was there: once more, as a whole.
    assert {record["campaign_id"] for record in second.records("email_activity")} <= set(moved)

    simulator.control.clock(advance=3600)
    third = process.run("read", config=config, catalog=catalog, state=second.last_states).succeeded()
    assert third.counts["email_activity"] == 0


def test_segment_members_come_whole_because_changes_would_be_missed(
    process: Installed, simulator: SimulatorProcess
) -> None:
    """The one stream that is incremental there and not here: read in full, and the log says so."""
    catalog = saved("configured_catalog.json", simulator)
    catalog["streams"] = [item for item in catalog["streams"] if item["stream"]["name"] == "segment_members"]
    config = config_of("config_apikey.json", simulator)
    state = [item for item in saved(STATES[0], simulator) if "segment_members" in json.dumps(item)]

    whole = process.run("read", config=config, catalog=catalog).succeeded()
    run = process.run("read", config=config, catalog=catalog, state=state).succeeded()

    assert run.counts["segment_members"] == whole.counts["segment_members"] > 0
    assert any("segment_members: no incremental mode; reading in full" in text for text in run.logs("WARN"))
