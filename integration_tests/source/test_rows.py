"""What is read is what the account holds: every stream, at every page border, row for row."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator, FormatChecker

from integration_tests.harness.source import SourceHarness, SourceRun
from mailchimp_simulator.client import Control
from source_mailchimp.stream import Paging, Stream
from source_mailchimp.streams import STREAMS

Json = dict[str, Any]
Whole = tuple[SourceHarness, SourceRun]
MakeSource = Callable[[Json, Path], AbstractContextManager[SourceHarness]]
# A page that is just full, and one row more. The unit tests play every other border with small pages.
COUNTS = (0, 1, 1000, 1001, *(pytest.param(count, marks=pytest.mark.nightly) for count in (999, 2500)))
MEMBERS = "/lists/{list_id}/members"
PARENTS = {parent.name for stream in STREAMS.values() for parent in stream.ancestors}
LISTINGS = [stream for stream in STREAMS.values() if stream.paging is not Paging.OBJECT]
# The rows of these are the audience's contacts: one number for all of them, and another run for those below contacts.
CONTACTS = ("list_members", "list_member_keys", "audience_contacts", "segment_members")
# A stream and its parent can't both have thousands of rows, or it would be millions: so each has its turn.
GROUPS: dict[str, list[Stream]] = {
    "streams without children": [s for s in LISTINGS if s.name not in {*PARENTS, *CONTACTS}],
    "streams between": [s for s in LISTINGS if s.name in PARENTS and s.parent and s.name not in CONTACTS],
    "streams without parents": [s for s in LISTINGS if s.name in PARENTS and not s.parent],
    "contacts": [STREAMS[name] for name in CONTACTS],
}
MOST_LANDING_PAGES = 2000  # the API has no second page, so only both ends of a longer listing can be had


@pytest.fixture(scope="module")
def account() -> Json:
    """All campaigns sent, so that each has details."""
    return {"contacts": 60, "audiences": 2, "campaigns": 6, "recipients": 5, "stores": 1, "plain": True}


def template_of(stream: Stream) -> str:
    """The stream's path as the contract has it."""
    return f"/{stream.path}"


def row_counts(group: list[Stream], count: int) -> dict[str, int | None]:
    """``count`` rows for each stream of the group, and one for whatever stands above them."""
    above = {template_of(parent): 1 for stream in group for parent in stream.ancestors}
    counts: dict[str, int | None] = {**above, **{template_of(stream): count for stream in group}}
    if group is GROUPS["contacts"]:
        counts[f"{MEMBERS}?status=archived"] = count
    if "/campaigns" in counts:
        counts["/reports"] = counts["/campaigns"]  # all are sent
    return counts


def identity_of(stream: Stream) -> tuple[str, ...]:
    """The fields that tell its rows apart, as Mailchimp names them."""
    return stream.hash_key or stream.key


def facts_of(stream: Stream, rows: list[Json]) -> Iterator[tuple[str, ...]]:
    """What identifies each of the rows that the account really holds."""
    for item in rows:
        row = {**dict(zip(stream.parameters, item["parents"], strict=True)), **item["row"]}
        if stream.name != "email_activity":
            yield tuple(str(row.get(name)) for name in identity_of(stream))
            continue
        for event in row["activity"]:
            yield event_of({**row, **event})


def event_of(event: Json) -> tuple[str, ...]:
    return tuple(
        str(event.get(name)) for name in ("campaign_id", "email_id", "action", "timestamp", "url", "type", "ip")
    )


def identities(stream: Stream, records: list[Json]) -> list[tuple[str, ...]]:
    """What identifies each of the records."""
    if stream.name == "email_activity":
        return [event_of(record) for record in records]
    return [tuple(str(record.get(name)) for name in identity_of(stream)) for record in records]


def truth_of(control: Control, stream: Stream) -> Counter[tuple[str, ...]]:
    return Counter(facts_of(stream, control.ground_truth(template_of(stream), "rows")["rows"]))


@pytest.mark.parametrize("group", GROUPS)
@pytest.mark.parametrize("count", COUNTS)
def test_every_stream_gives_exactly_the_rows_of_the_account(source: SourceHarness, group: str, count: int) -> None:
    """No row is missing, doubled or invented, whether there is none, one, or a page more or less."""
    streams = GROUPS[group]
    control = source.simulator.control
    control.rows(row_counts(streams, count))

    run = source.read([stream.name for stream in streams], mode="full_refresh")

    too_many = {"landing_pages"} if group == "streams without parents" and count > MOST_LANDING_PAGES else set()
    assert run.incomplete == too_many
    assert run.complete == {stream.name for stream in streams} - too_many
    assert run.exit_code == (1 if too_many else 0)
    for stream in streams:
        if stream.name in too_many:
            continue
        truth = truth_of(control, stream)
        found = Counter(identities(stream, run.records(stream.name)))
        assert found - truth == Counter(), stream.name
        assert truth - found == Counter(), stream.name
        assert stream.name == "email_activity" or len(truth) == expected(stream, count), stream.name
        keys = run.keys(stream.name)
        assert len(set(keys)) == len(keys), stream.name


def expected(stream: Stream, count: int) -> int:
    """How many rows a test that asks for ``count`` gets."""
    return 2 * count if stream.name in {"list_members", "list_member_keys", "audience_contacts"} else count


UNPAGED = [stream for stream in LISTINGS if stream.paging in {Paging.NONE, Paging.COUNT_ONLY}]


@pytest.mark.parametrize("reading", [False, True])
def test_listings_without_documented_paging_are_read_whole(source: SourceHarness, reading: bool) -> None:  # noqa: FBT001
    """Ten rows come unless more are asked for: of an automation's e-mails as reported, of all such listings perhaps."""
    count = 37
    control = source.simulator.control
    control.rows(row_counts(UNPAGED, count))
    control.facts(paging_everywhere=reading)

    run = source.read([stream.name for stream in UNPAGED], mode="full_refresh")

    assert run.complete == {stream.name for stream in UNPAGED}
    for stream in UNPAGED:
        truth = truth_of(control, stream)
        assert Counter(identities(stream, run.records(stream.name))) == truth, stream.name
        assert len(truth) % count == 0


OBJECTS = [stream for stream in STREAMS.values() if stream.paging is Paging.OBJECT and stream.parent]


@pytest.mark.parametrize("count", [0, 1, 27])
def test_every_object_of_a_parent_is_read_once(source: SourceHarness, count: int) -> None:
    """Streams of single objects have one record for each of their parents."""
    tops: dict[str, int | None] = {template_of(stream.parent): count for stream in OBJECTS if stream.parent}
    source.simulator.control.rows(tops)

    run = source.read([stream.name for stream in OBJECTS], mode="full_refresh")

    assert run.complete == {stream.name for stream in OBJECTS}
    for stream in OBJECTS:
        assert stream.parent
        rows = source.simulator.control.ground_truth(template_of(stream.parent), "rows")["rows"]
        assert {key[-1] for key in run.keys(stream.name)} == {row["row"]["id"] for row in rows}
        assert len(run.records(stream.name)) == count


class TestAwkwardAccount:
    """Drafts, empty dates, ties, cleaned and archived contacts, campaigns without activity."""

    @pytest.fixture(scope="class")
    def account(self) -> Json:
        return {"contacts": 400, "campaigns": 20, "recipients": 40, "import_size": 60}

    @pytest.fixture(scope="class")
    def whole(
        self, account: Json, tmp_path_factory: pytest.TempPathFactory, make_source: MakeSource
    ) -> Iterator[Whole]:
        with make_source(account, tmp_path_factory.mktemp("whole")) as source:
            yield source, source.run("read", source.config(), source.catalog(mode="full_refresh"))

    def test_the_whole_account_is_read_without_error_or_warning(self, whole: Whole) -> None:
        """Nothing in a healthy account is worth a warning, however odd it is."""
        _, run = whole

        assert (run.exit_code, run.stderr) == (0, "")
        assert run.complete == set(STREAMS)
        assert run.failures == {}
        assert run.logs("WARN", "ERROR", "FATAL") == []

    def test_every_stream_has_records(self, whole: Whole) -> None:
        """An account that holds everything yields something for every stream, so the tests below see all of them."""
        _, run = whole

        assert {name for name in STREAMS if not run.records(name)} == set()

    @pytest.mark.parametrize("name", STREAMS)
    def test_every_record_is_as_the_catalog_says(self, whole: Whole, name: str) -> None:
        """Each record validates against its stream's schema, dates included."""
        source, run = whole
        [schema] = [stream["json_schema"] for stream in source.streams() if stream["name"] == name]
        validator = Draft7Validator(schema, format_checker=FormatChecker())

        misfits = [error.message for record in run.records(name) for error in validator.iter_errors(record)]

        assert misfits == []

    @pytest.mark.parametrize("name", STREAMS)
    def test_primary_keys_are_unique_and_never_null(self, whole: Whole, name: str) -> None:
        """Two records of a stream never share a key, and a key is never empty."""
        _, run = whole
        keys = run.keys(name)

        assert len(set(keys)) == len(keys)
        # The API names the country and region of a place by an empty text where it doesn't know them.
        assert not any(value is None for key in keys for value in key)

    @pytest.mark.parametrize("name", [stream.name for stream in LISTINGS if stream.name != "landing_pages"])
    def test_every_row_of_the_awkward_account_is_read(self, whole: Whole, name: str) -> None:
        """Drafts, archived contacts, children of tests and the like are there, each once."""
        source, run = whole
        stream = STREAMS[name]

        assert Counter(identities(stream, run.records(name))) == truth_of(source.simulator.control, stream)
