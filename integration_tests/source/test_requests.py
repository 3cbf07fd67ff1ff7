"""What one answer has told is not asked for again."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from integration_tests.harness.source import SourceHarness
from source_mailchimp.streams import STREAMS

Json = dict[str, Any]
INSIDE = {
    "order_lines": "/ecommerce/stores/{store_id}/orders/{order_id}/lines",
    "cart_lines": "/ecommerce/stores/{store_id}/carts/{cart_id}/lines",
    "product_variants": "/ecommerce/stores/{store_id}/products/{product_id}/variants",
    "product_images": "/ecommerce/stores/{store_id}/products/{product_id}/images",
}


@pytest.fixture(scope="module")
def account() -> Json:
    return {
        "contacts": 60,
        "audiences": 2,
        "campaigns": 16,
        "recipients": 20,
        "orders": 12,
        "products": 7,
    }


def requests(source: SourceHarness, path: str) -> int:
    """How many requests were made of an operation."""
    operations: Counter[str] = Counter(source.simulator.control.stats()["by_operation"])
    return operations[f"GET {path}"]


def true_keys(source: SourceHarness, stream: str) -> set[tuple[str, ...]]:
    """The primary keys of all rows of a stream below a store."""
    rows = source.simulator.control.ground_truth(INSIDE[stream], "rows")["rows"]
    return {(*row["parents"], str(row["row"]["id"])) for row in rows}


class TestEmbedded:
    """Orders and carts hold their lines, products their variants and images."""

    @pytest.mark.parametrize("name", INSIDE)
    def test_rows_come_from_the_pages_of_their_parents(self, source: SourceHarness, name: str) -> None:
        run = source.read([name], "full_refresh")

        assert (run.exit_code, run.complete) == (0, {name})
        assert set(run.keys(name)) == true_keys(source, name)
        assert requests(source, INSIDE[name]) == 0

    @pytest.mark.parametrize("shown", ["none", "ten"])
    @pytest.mark.parametrize("name", INSIDE)
    def test_a_parent_that_may_not_hold_all_is_asked(self, source: SourceHarness, name: str, shown: str) -> None:
        source.simulator.control.facts(embedded_children=shown)
        source.simulator.control.rows({INSIDE[name]: 13})

        run = source.read([name], "full_refresh")

        assert run.complete == {name}
        assert set(run.keys(name)) == true_keys(source, name)
        assert len(true_keys(source, name)) % 13 == 0

    @pytest.mark.parametrize("name", INSIDE)
    def test_a_record_is_what_the_path_of_its_own_would_give(self, source: SourceHarness, name: str) -> None:
        embedded = source.read([name], "full_refresh").records(name)
        source.simulator.control.facts(embedded_children="none")
        asked = source.read([name], "full_refresh").records(name)

        def by_key(records: list[Json]) -> dict[tuple[Any, ...], Json]:
            return {tuple(record[part] for part in STREAMS[name].key): record for record in records}

        assert by_key(embedded) == by_key(asked)

    def test_a_refresh_that_an_older_version_left_half_done_begins_anew(self, source: SourceHarness) -> None:
        """Its places were orders, ours are stores: all of the first store's orders would pass for done."""
        stores = sorted(
            row["row"]["id"] for row in source.simulator.control.ground_truth("/ecommerce/stores", "rows")["rows"]
        )
        run: Json = {"until": None, "after": ["", stores[-1], "zzz"], "slices": {}, "scope": None, "full_refresh": True}
        descriptor = {"name": "order_lines", "namespace": None}
        stream = {"stream_descriptor": descriptor, "stream_state": {"version": 1, "run": run}}

        ended = source.read(["order_lines"], "full_refresh", state=[{"type": "STREAM", "stream": stream}])

        assert set(ended.keys("order_lines")) == true_keys(source, "order_lines")


class TestSettled:
    """What can't change any more is not asked for with every sync."""

    BELOW = ("campaign_content", "campaign_feedback", "campaign_send_checklist")

    def test_a_second_sync_asks_only_campaigns_that_were_not_sent(self, source: SourceHarness) -> None:
        control = source.simulator.control
        first = source.read(self.BELOW)
        control.clock(advance=3 * 86_400)
        control.reset_stats()

        second = source.read(self.BELOW, state=first.last_states)

        campaigns = [entry["row"] for entry in control.ground_truth("/campaigns", "rows")["rows"]]
        drafts = {row["id"] for row in campaigns if row["status"] != "sent"}
        assert first.complete == second.complete == set(self.BELOW)
        assert {key[0] for key in first.keys("campaign_content")} == {row["id"] for row in campaigns}
        assert {key[0] for key in second.keys("campaign_content")} == drafts
        assert 0 < len(drafts) < len(campaigns)
        for name in self.BELOW:
            assert requests(source, f"/{STREAMS[name].path}") == len(drafts)

    @pytest.mark.parametrize("reading", ["summed", "own"])
    def test_split_campaigns_are_asked_for_versions_once_if_their_reports_count_them(
        self, source: SourceHarness, reading: str
    ) -> None:
        control = source.simulator.control
        control.facts(split_totals=reading)
        first = source.read(["unsubscribes"])
        reports = [entry["row"] for entry in control.ground_truth("/reports", "rows")["rows"]]
        types = [row["type"] for row in reports]
        asked = requests(source, "/reports/{campaign_id}/sub-reports")
        control.clock(advance=10 * 86_400)
        control.reset_stats()

        second = source.read(["unsubscribes"], state=first.last_states)

        assert first.complete == second.complete == {"unsubscribes"}
        assert asked == sum(kind not in {"regular", "plaintext", "automation-email"} for kind in types)
        split = types.count("variate")
        assert requests(source, "/reports/{campaign_id}/sub-reports") == (0 if reading == "summed" else split) < asked

    def test_two_streams_of_one_answer_ask_once(self, source: SourceHarness) -> None:
        both = ("campaign_eepurl", "campaign_eepurl_referrers")
        alone = {name: source.read([name], "full_refresh").records(name) for name in both}
        source.simulator.control.reset_stats()

        run = source.read(both, "full_refresh")

        assert run.complete == set(both)
        assert requests(source, "/reports/{campaign_id}/eepurl") == len(run.keys("campaign_eepurl")) > 0
        for name in both:
            assert sorted(run.records(name), key=str) == sorted(alone[name], key=str)

    def test_what_fails_for_one_of_the_two_is_asked_again_for_the_other(self, source: SourceHarness) -> None:
        both = ("campaign_eepurl", "campaign_eepurl_referrers")
        source.simulator.control.fault("missing_items", path="/reports/{campaign_id}/eepurl")

        run = source.read(both, "full_refresh", retry_seconds=1)

        assert (run.complete, run.incomplete) == ({"campaign_eepurl"}, {"campaign_eepurl_referrers"})


def test_a_stream_per_contact_says_what_it_will_cost_before_it_begins(source: SourceHarness) -> None:
    run = source.read(["member_tags", "member_goals"], "full_refresh")

    texts = run.logs("INFO")
    contacts = sum(
        entry["row"]["stats"][name]
        for entry in source.simulator.control.ground_truth("/lists", "rows")["rows"]
        for name in ("member_count", "unsubscribe_count", "cleaned_count")
    )
    pace = "under 1 min, by the fastest answer so far"
    assert f"member_goals: one request for each of about {contacts} contacts; {pace}" in texts
    assert f"member_tags: one request for each that may have any of about {contacts} contacts; {pace}" in texts
