"""Nothing is lost to clocks that differ, to contacts that change while they are read, or to ties."""

from __future__ import annotations

from typing import Any

import pytest

from integration_tests.harness.source import SourceHarness, SourceRun
from mailchimp_simulator.client import Control

Json = dict[str, Any]
MEMBERS = "/lists/{list_id}/members"
MINUTES = 60


@pytest.fixture(scope="module")
def account() -> Json:
    """A third of the contacts came with one import: they carry the same second."""
    return {"contacts": 600, "audiences": 2, "campaigns": 3, "recipients": 20, "plain": True, "import_size": 90}


def latest(control: Control) -> dict[tuple[str, str], tuple[str, str]]:
    """Status and date of change of every contact, by audience and id."""
    return {(key[0], key[1]): (key[2], key[3]) for key in control.ground_truth(MEMBERS, "keys")["keys"]}


def emitted(*runs: SourceRun) -> set[tuple[tuple[str, str], tuple[str, str]]]:
    """All versions of contacts that the runs have emitted."""
    return {
        ((record["list_id"], record["id"]), (record["status"], record["last_changed"]))
        for run in runs
        for record in run.records("list_members")
    }


@pytest.mark.parametrize("skew", [-5 * MINUTES, 5 * MINUTES])
def test_clocks_that_differ_lose_nothing(source: SourceHarness, skew: int) -> None:
    """Mailchimp's clock is minutes ahead or behind: what changes around a sync is in that one or in the next."""
    control = source.simulator.control
    control.clock(advance=skew)
    runs = []
    states = None

    for _ in range(6):
        control.change("update", count=7)
        control.change("archive", count=2)
        run = source.read(["list_members"], state=states, page_size=50)
        assert run.complete == {"list_members"}
        states = run.last_states
        runs.append(run)
        control.change("join", count=3)
        control.clock(advance=2)
    control.clock(advance=MINUTES)
    runs.append(source.read(["list_members"], state=states, page_size=50))

    assert set(latest(control).items()) - emitted(*runs) == set()
    # And it is not by reading everything every time.
    assert all(len(run.records("list_members")) < 150 for run in runs[1:])


@pytest.mark.parametrize("ties", ["stable", "shuffled"])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_contacts_that_change_while_they_are_read_come_with_the_next_sync(
    source: SourceHarness, ties: str, seed: int
) -> None:
    """They change, join, leave, get archived and come back; after one more sync the latest version of each is out."""
    control = source.simulator.control
    control.facts(tie_order=ties)
    control.drift(2.5, seed=seed)
    first = source.read(["list_members"], page_size=40)
    control.drift(0)
    control.clock(advance=MINUTES)

    second = source.read(["list_members"], state=first.last_states, page_size=40)

    assert (first.complete, second.complete) == ({"list_members"}, {"list_members"})
    assert set(latest(control).items()) - emitted(first, second) == set()


@pytest.mark.parametrize("ties", ["stable", "shuffled"])
@pytest.mark.parametrize("seed", [4, 5, 6])
def test_one_full_refresh_has_every_contact_that_was_there_throughout(
    source: SourceHarness, ties: str, seed: int
) -> None:
    """No later sync repairs a full refresh, so a contact that changed before its page was asked for is found again."""
    control = source.simulator.control
    control.facts(tie_order=ties)
    before = set(latest(control))
    control.drift(2.5, seed=seed)

    run = source.read(["list_members"], "full_refresh", page_size=40)

    control.drift(0)
    throughout = before & set(latest(control))
    assert run.complete == {"list_members"}
    assert throughout - {key for key, _ in emitted(run)} == set()
    assert len(throughout) > 500


def test_other_streams_do_not_mind_contacts_that_change(source: SourceHarness) -> None:
    """Segments and their members, contacts' tags and the newer API's contacts end complete during all of it."""
    control = source.simulator.control
    names = {"list_members", "segment_members", "member_tags", "audience_contacts", "lists"}
    control.drift(1.5, kinds=["update", "join", "archive", "unarchive", "unsubscribe"])

    run = source.read(names, "full_refresh", page_size=40)

    assert run.complete == names
    assert run.failures == {}
