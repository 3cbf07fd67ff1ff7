"""Tags and notes: after the first sync only contacts whose rows tell something else are asked."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
import requests

from integration_tests.harness.source import SourceHarness, SourceRun
from integration_tests.source.test_kill import killed_after, whole_lines

Json = dict[str, Any]
NAMES = ("member_tags", "member_notes")
HOUR = 3600
CONTACTS = 300
ONE = "/lists/{list_id}/members/{subscriber_hash}"
Contact = tuple[str, str]


@pytest.fixture(scope="module")
def account() -> Json:
    return {"contacts": CONTACTS, "audiences": 2, "campaigns": 2, "recipients": 5, "segments": 4, "plain": True}


@pytest.fixture(params=[False, True], ids=["last-changed-stays", "last-changed-moves"], autouse=True)
def moves(source: SourceHarness, request: pytest.FixtureRequest) -> bool:
    """Whether tagging moves ``last_changed``: both are possible, by any way of tagging."""
    moves: bool = request.param
    source.simulator.control.facts(member_tags_move_last_changed=moves, segment_joins_move_last_changed=moves)
    return moves


def asked(source: SourceHarness, name: str) -> int:
    """How many requests were made for single contacts since the statistics began."""
    operations: Counter[str] = Counter(source.simulator.control.stats()["by_operation"])
    return operations[f"GET {ONE}/{name.removeprefix('member_')}"]


def truth(source: SourceHarness, name: str) -> set[tuple[str, ...]]:
    """Audience, contact and id of all tags or notes there are."""
    rows = source.simulator.control.ground_truth(f"{ONE}/{name.removeprefix('member_')}", "rows")["rows"]
    return {(*row["parents"], str(row["row"]["id"])) for row in rows}


def read_ids(run: SourceRun, name: str) -> set[tuple[str, ...]]:
    return {(row["list_id"], row["subscriber_hash"], str(row["id"])) for row in run.records(name)}


def call(source: SourceHarness, method: str, path: str, body: Json) -> Json:
    simulator = source.simulator
    url = f"{simulator.api_url}/{path}"
    answer = requests.request(method, url, json=body, auth=("any", simulator.api_key), timeout=10)
    assert answer.ok, answer.text
    made: Json = answer.json() if answer.content else {}
    return made


def some_contacts(source: SourceHarness) -> list[Json]:
    return source.read(["list_members"], "full_refresh").records("list_members")


def tag_alone(source: SourceHarness, contact: Json) -> None:
    body = {"tags": [{"name": "Brand new", "status": "active"}]}
    call(source, "POST", f"lists/{contact['list_id']}/members/{contact['id']}/tags", body)


def tag_by_segment(source: SourceHarness, contact: Json) -> None:
    audience = contact["list_id"]
    segment = call(source, "POST", f"lists/{audience}/segments", {"name": "Brand new", "static_segment": []})
    body = {"members_to_add": [contact["email_address"]]}
    call(source, "POST", f"lists/{audience}/segments/{segment['id']}", body)


def tag_in_batch(source: SourceHarness, contact: Json) -> None:
    source.simulator.control.facts(batch_takes_tags=True)
    member = {"email_address": contact["email_address"], "status": contact["status"], "tags": ["Brand new"]}
    answer = call(source, "POST", f"lists/{contact['list_id']}", {"members": [member], "update_existing": True})
    assert answer["error_count"] == 0


def test_the_first_sync_brings_all_and_the_next_asks_nobody(source: SourceHarness) -> None:
    first = source.read(NAMES)
    assert first.complete == set(NAMES)
    for name in NAMES:
        assert read_ids(first, name) == truth(source, name) != set()
    source.simulator.control.clock(advance=HOUR)
    source.simulator.control.reset_stats()

    second = source.read(NAMES, state=first.last_states)

    assert second.complete == set(NAMES)
    assert second.counts == {}
    assert [asked(source, name) for name in NAMES] == [0, 0]
    operations = source.simulator.control.stats()["by_operation"]
    assert operations["GET /lists/{list_id}/members"] <= 2 * 2 * 2, "two passes of two audiences for each stream"
    assert all(len(str(state)) < 20_000 for state in second.last_states)


@pytest.mark.parametrize("tag", [tag_alone, tag_by_segment, tag_in_batch])
def test_a_new_tag_is_found_whichever_way_it_came(source: SourceHarness, tag: Any) -> None:
    contact = next(row for row in some_contacts(source) if row["status"] == "subscribed" and row["tags_count"] == 1)
    first = source.read(["member_tags"])
    source.simulator.control.clock(advance=HOUR)
    tag(source, contact)
    source.simulator.control.clock(advance=60)
    source.simulator.control.reset_stats()

    second = source.read(["member_tags"], state=first.last_states)

    assert "Brand new" in {
        row["name"] for row in second.records("member_tags") if row["subscriber_hash"] == contact["id"]
    }
    assert read_ids(first, "member_tags") | read_ids(second, "member_tags") == truth(source, "member_tags")
    assert asked(source, "member_tags") <= 5


def test_the_tags_that_are_left_come_again_when_one_is_taken_away(source: SourceHarness) -> None:
    contact = next(row for row in some_contacts(source) if row["tags_count"] == 2)
    first = source.read(["member_tags"])
    source.simulator.control.clock(advance=HOUR)
    gone, left = contact["tags"]
    call(
        source,
        "POST",
        f"lists/{contact['list_id']}/members/{contact['id']}/tags",
        {"tags": [{"name": gone["name"], "status": "inactive"}]},
    )
    source.simulator.control.clock(advance=60)

    second = source.read(["member_tags"], state=first.last_states)

    theirs = {row["id"] for row in second.records("member_tags") if row["subscriber_hash"] == contact["id"]}
    assert theirs == {left["id"]}


def test_a_new_note_is_found(source: SourceHarness) -> None:
    contact = some_contacts(source)[7]
    first = source.read(["member_notes"])
    source.simulator.control.clock(advance=HOUR)
    path = f"lists/{contact['list_id']}/members/{contact['id']}/notes"
    note = call(source, "POST", path, {"note": "Called today."})
    source.simulator.control.clock(advance=60)
    source.simulator.control.reset_stats()

    second = source.read(["member_notes"], state=first.last_states)

    assert note["id"] in {row["id"] for row in second.records("member_notes")}
    assert asked(source, "member_notes") <= 5


def test_a_tag_that_comes_while_contacts_are_asked_is_in_this_sync_or_the_next(source: SourceHarness) -> None:
    """After the contact was asked, and before the sync has ended."""
    control = source.simulator.control
    contact = next(row for row in some_contacts(source) if row["status"] == "subscribed" and row["tags_count"] == 1)
    control.latency(seconds=0.02)
    process = source.open("read", source.config(num_workers=2), source.catalog(["member_tags"]))
    output = bytearray()
    for line in process.stdout:
        output += line
        if contact["id"].encode() in line:
            tag_alone(source, contact)
            break
    output += process.stdout.read()
    assert process.wait() == 0
    process.stdout.close()
    process.stderr.close()
    messages = whole_lines(bytes(output))
    states = [message["state"] for message in messages if message["type"] == "STATE"]
    control.clock(advance=60)

    second = source.read(["member_tags"], state=states[-1:])

    assert "Brand new" in {
        row["name"] for row in second.records("member_tags") if row["subscriber_hash"] == contact["id"]
    }


@pytest.mark.parametrize("records", [40, 120])
def test_a_kill_loses_nothing_and_little_is_asked_again(source: SourceHarness, records: int) -> None:
    control = source.simulator.control
    control.latency(seconds=0.02)
    config, catalog = source.config(page_size=20), source.catalog(["member_tags"])

    messages = whole_lines(killed_after(source.open("read", config, catalog), records))
    states = [message["state"] for message in messages if message["type"] == "STATE"][-1:]
    before = {
        (data["list_id"], data["subscriber_hash"], str(data["id"]))
        for data in (message["record"]["data"] for message in messages if message["type"] == "RECORD")
    }
    assert states
    tagged = next(
        row for row in some_contacts(source)
        if row["status"] == "subscribed" and row["id"] in {contact for _, contact, _ in before}
    )  # fmt: skip
    tag_alone(source, tagged)
    control.clock(advance=60)
    control.reset_stats()

    run = source.read(["member_tags"], state=states, page_size=20)

    assert run.complete == {"member_tags"}
    assert before | read_ids(run, "member_tags") == truth(source, "member_tags")
    assert len(before & read_ids(run, "member_tags")) < len(before)
    control.reset_stats()
    assert source.read(["member_tags"], state=run.last_states).counts == {}


def test_the_cost_is_said_before_it_begins(source: SourceHarness) -> None:
    run = source.read(["member_tags"])

    [said] = [text for text in run.logs("INFO") if "will be asked" in text]
    assert said.startswith(f"member_tags: {asked(source, 'member_tags')} of {CONTACTS} contacts will be asked")
    assert "by the fastest answer so far" in said
    told = [message for message in run.messages if message["type"] in {"LOG", "RECORD"}]
    first = next(number for number, message in enumerate(told) if message["type"] == "RECORD")
    assert "will be asked" in str(told[:first])
