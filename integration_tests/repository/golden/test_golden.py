"""What users have saved goes on working: configurations, connections and states of earlier versions."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from integration_tests.harness.compatibility import (
    Golden,
    breaks,
    catalog_breaks,
    catalog_summary,
    current,
    may_break,
    spec_breaks,
)
from integration_tests.harness.repository import CONNECTORS

Json = dict[str, Any]


@pytest.fixture(scope="module")
def now(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Golden]:
    """A connector as it is, asked once."""
    known: dict[str, Golden] = {}

    def ask(connector: str) -> Golden:
        if connector not in known:
            known[connector] = current(connector, tmp_path_factory.mktemp(connector))
        return known[connector]

    return ask


@pytest.mark.parametrize("connector", CONNECTORS)
class TestAgainstWhatWasAgreedOn:
    """The golden files say what users have; ``make golden`` agrees on a change."""

    def test_nothing_that_was_saved_breaks(self, connector: str, now: Callable[[str], Golden]) -> None:
        """Unless the version says so: a new major version, or before 1.0 a new minor one."""
        before = Golden.load(connector)
        found = breaks(before, now(connector))

        assert found == [] or may_break(before.version, now(connector).version)

    def test_the_golden_files_are_current(self, connector: str, now: Callable[[str], Golden]) -> None:
        """If a change of the spec or the catalog is meant, ``make golden`` writes it down, to be seen in review."""
        before, after = Golden.load(connector), now(connector)

        assert (after.spec, after.catalog) == (before.spec, before.catalog)


class TestWhatCountsAsBreaking:
    """The check itself: each of these changes is noticed, on the connectors' own spec and catalog."""

    @staticmethod
    def spec(connector: str) -> tuple[Json, Json, Json]:
        before = Golden.load(connector).spec
        after = copy.deepcopy(before)
        return before, after, after["connectionSpecification"]

    @pytest.mark.parametrize("connector", CONNECTORS)
    def test_an_option_that_is_gone(self, connector: str) -> None:
        before, after, schema = self.spec(connector)
        del schema["properties"]["num_workers"]

        assert spec_breaks(before, after)

    @pytest.mark.parametrize("connector", CONNECTORS)
    def test_an_option_under_another_name(self, connector: str) -> None:
        before, after, schema = self.spec(connector)
        schema["properties"]["workers"] = schema["properties"].pop("num_workers")

        assert spec_breaks(before, after)

    @pytest.mark.parametrize("connector", CONNECTORS)
    def test_an_option_that_is_required_from_now_on(self, connector: str) -> None:
        before, after, schema = self.spec(connector)
        schema["required"] = [*schema.get("required", []), "num_workers"]

        assert spec_breaks(before, after)

    @pytest.mark.parametrize("connector", CONNECTORS)
    def test_an_option_that_takes_less(self, connector: str) -> None:
        before, after, schema = self.spec(connector)
        schema["properties"]["num_workers"]["maximum"] = 5

        assert spec_breaks(before, after)

    @pytest.mark.parametrize("connector", CONNECTORS)
    def test_a_way_to_sign_in_that_is_gone(self, connector: str) -> None:
        before, after, schema = self.spec(connector)
        schema["properties"]["credentials"]["oneOf"].pop()

        assert spec_breaks(before, after)

    @pytest.mark.parametrize("connector", CONNECTORS)
    def test_a_new_option_and_other_words_are_fine(self, connector: str) -> None:
        before, after, schema = self.spec(connector)
        schema["properties"]["something_new"] = {"type": "string", "title": "New"}
        schema["properties"]["num_workers"]["description"] = "In other words."

        assert spec_breaks(before, after) == []

    @pytest.mark.parametrize(
        "change,said",
        [
            (lambda streams: streams.pop("segments"), "segments: the stream is gone"),
            (lambda streams: streams["lists"].update(primary_key=[["name"]]), "lists: the primary key was"),
            (lambda streams: streams["list_members"].update(cursor=["timestamp_opt"]), "list_members: the cursor was"),
            (lambda streams: streams["reports"]["sync_modes"].remove("incremental"), "reports: no longer offers"),
            (lambda streams: streams["lists"]["fields"].pop("stats.member_count"), "lists.stats.member_count: the"),
            (lambda streams: streams["lists"]["fields"].update(name="integer"), "lists.name: was string"),
        ],
        ids=["stream gone", "primary key", "cursor", "sync mode", "field gone", "type"],
    )
    def test_a_change_of_the_catalog(self, change: Callable[[Json], object], said: str) -> None:
        before = Golden.load("source-mailchimp").catalog
        after = copy.deepcopy(before)
        change(after)

        [found] = catalog_breaks(before, after)

        assert found.startswith(said)

    def test_a_new_stream_and_a_new_field_are_fine(self) -> None:
        before = Golden.load("source-mailchimp").catalog
        after = copy.deepcopy(before)
        after["something_new"] = after["lists"]
        after["lists"]["fields"]["something_new"] = "string"
        after["tags"].update(cursor=["something_new"], sync_modes=["full_refresh", "incremental"])

        assert catalog_breaks(before, after) == []

    def test_a_field_inside_an_array_counts(self) -> None:
        """Fields of objects and of the items of arrays are compared as well."""
        schema = {"properties": {"a": {"type": ["null", "array"], "items": {"properties": {"b": {"type": "string"}}}}}}
        stream = {"name": "s", "json_schema": schema, "supported_sync_modes": ["full_refresh"]}

        assert catalog_summary([stream])["s"]["fields"] == {"a": "array", "a[]": "any", "a[].b": "string"}

    @pytest.mark.parametrize(
        "before,now,verdict",
        [
            ("1.4.2", "2.0.0", "may"),
            ("1.4.2", "1.5.0", "may not"),
            ("0.1.0", "0.2.0", "may"),
            ("0.1.0", "0.1.1", "may not"),
            ("0.9.0", "1.0.0", "may"),
        ],
    )
    def test_only_a_version_that_says_so_may_break(self, before: str, now: str, verdict: str) -> None:
        assert may_break(before, now) is (verdict == "may")
