"""The first records of a simulated account that is the same every time: what ``read`` prints, field for field."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from integration_tests.harness import Installed
from integration_tests.harness.repository import ROOT
from mailchimp_simulator.client import SimulatorProcess

Json = dict[str, Any]
CONNECTOR = ROOT / "source-mailchimp" / "integration_tests"
ACCOUNT: Json = {
    "contacts": 20,
    "audiences": 2,
    "campaigns": 5,
    "recipients": 5,
    "seed": 1,
    "now": "2026-06-01T12:00:00+00:00",
}
EACH = 2


def expected_records(folder: Path) -> list[Json]:
    """Some records of each stream in the connector's configured catalog, as Airbyte's ``expected_records.jsonl``.

    In the order of the catalog and, within a stream, of their text: no stream promises an order.
    """
    catalog = json.loads((CONNECTOR / "configured_catalog.json").read_text(encoding="utf-8"))
    with SimulatorProcess(**ACCOUNT) as simulator:
        credentials = {"auth_type": "apikey", "apikey": simulator.api_key}
        config = {"credentials": credentials, "api_url": simulator.base_url}
        run = Installed("source-mailchimp", folder).run("read", config=config, catalog=catalog).succeeded()
    found = []
    for item in catalog["streams"]:
        name = item["stream"]["name"]
        records = sorted(run.records(name), key=lambda record: json.dumps(record, sort_keys=True))
        found += [{"stream": name, "data": record} for record in records[:EACH]]
    return found


def save_expected_records(folder: Path) -> None:
    """Write them to the connector's fixtures."""
    lines = [json.dumps(record, ensure_ascii=False, sort_keys=True) for record in expected_records(folder)]
    (CONNECTOR / "expected_records.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
