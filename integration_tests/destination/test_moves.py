"""A record whose address has changed moves its contact, with the status it has; nobody who left is added anew."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
import requests

from integration_tests.harness.destination import DestinationHarness
from mailchimp_api.members import subscriber_hash

KEY = {"key_field": "CUSTNO"}
UPDATING = {"status_field": "state", "update_status": True}
ACTIVE = ("subscribed", "pending", "transactional")
STARTS = (*ACTIVE, "unsubscribed", "cleaned", "archived")
CONFIGURATIONS: dict[str, dict[str, Any]] = {
    "as installed": {},
    "new contacts pending": {"status_for_new": "pending"},
    "status updated": UPDATING,
    "update only": {"update_only": True},
    "existing left": {"existing_contacts": "leave"},
    "archived rejected": {"archived_contacts": "reject"},
    "no new contact allowed": {"max_new_contacts": 0},
}


def keyed(destination: DestinationHarness, kind: str = "text") -> None:
    """Give the audience a field for the keys."""
    simulator = destination.simulator
    url = f"{simulator.base_url}/3.0/lists/{destination.list_id}/merge-fields"
    body = {"name": "Customer number", "tag": "CUSTNO", "type": kind}
    requests.post(url, json=body, auth=("key", simulator.api_key), timeout=10).raise_for_status()


def holders(destination: DestinationHarness) -> dict[str, str]:
    """One contact of each status that holds a key: its address by its status."""
    found = {}
    for number, start in enumerate(STARTS):
        address = next(row["email_address"] for row in destination.members() if row["status"] == start)
        destination.control.set(
            f"/lists/{destination.list_id}/members/{subscriber_hash(address)}", merge_fields={"CUSTNO": f"k{number}"}
        )
        found[start] = address
    return found


def moved(
    destination: DestinationHarness, who: dict[str, str], status: str | None = None
) -> tuple[list[bytes], dict[str, str]]:
    """Records of the same keys with new addresses, and these by the status of their contact."""
    new = {start: f"moved.{start}@example.org" for start in who}
    lines = [
        destination.record({"id": f"k{number}", "email": new[start], "first_name": "Moved", "state": status})
        for number, start in enumerate(who)
    ]
    return lines, new


@pytest.mark.parametrize("name,status", itertools.product(CONFIGURATIONS, (None, "subscribed", "unsubscribed")))
def test_a_changed_address_keeps_every_status(destination: DestinationHarness, name: str, status: str | None) -> None:
    """Whatever the configuration: the contact is the same person, and the rules for existing contacts hold."""
    options = CONFIGURATIONS[name]
    keyed(destination)
    who = holders(destination)
    lines, new = moved(destination, who, status)
    run = destination.write(lines, destination.config(**KEY, **options))
    final = destination.statuses([*who.values(), *new.values()])

    assert run.exit_code == 0, run.log
    for start in who:
        old_address, new_address = final[who[start]], final[new[start]]
        if start == "archived" or options.get("existing_contacts") == "leave":
            assert (old_address, new_address) == (start, None)
            continue
        wanted = start
        if (
            "update_status" in options
            and status
            and not (status == "subscribed" and start in ("unsubscribed", "cleaned"))
        ):
            wanted = status
        assert (old_address, new_address) == (None, wanted), start
        assert destination.contact(new[start])["merge_fields"]["FNAME"] == "Moved"
    if not options:
        assert run.accounting() == {"received": 6, "updated": 5, "skipped": 1}
        assert "5 moved from another address" in run.log


def test_the_key_is_remembered_so_that_the_next_sync_finds_its_contacts(destination: DestinationHarness) -> None:
    keyed(destination, "number")
    destination.write(
        [destination.record({"id": n, "email": f"a{n}@example.com"}) for n in range(30)], destination.config(**KEY)
    )
    run = destination.write(
        [destination.record({"id": n, "email": f"b{n}@example.com"}) for n in range(30)], destination.config(**KEY)
    )

    assert run.accounting() == {"received": 30, "updated": 30}
    assert destination.statuses(f"a{n}@example.com" for n in range(30)) == {
        f"a{n}@example.com": None for n in range(30)
    }
    assert destination.contact("b7@example.com")["merge_fields"]["CUSTNO"] == 7


def test_without_the_option_a_new_address_is_a_new_contact(destination: DestinationHarness) -> None:
    keyed(destination)
    destination.write([destination.record({"id": 1, "email": "a@example.com"})])
    run = destination.write([destination.record({"id": 1, "email": "b@example.com"})])

    assert run.accounting() == {"received": 1, "created": 1}
    assert destination.status("a@example.com") == "subscribed"


def test_an_address_that_is_a_contact_already_is_not_overwritten(destination: DestinationHarness) -> None:
    """Both stay: which of them is the person, only somebody who knows them can tell."""
    keyed(destination)
    destination.write(
        [destination.record({"id": n, "email": f"a{n}@example.com"}) for n in (1, 2)], destination.config(**KEY)
    )
    run = destination.write([destination.record({"id": 1, "email": "a2@example.com"})], destination.config(**KEY))

    assert run.accounting() == {"received": 1, "updated": 1}
    assert destination.status("a1@example.com") == "subscribed"
    assert "so both stay" in run.log


@pytest.mark.parametrize("extra", [{}, {"dry_run": True}], ids=["sync", "dry run"])
def test_a_key_with_several_addresses_makes_nobody_somebody_else(
    destination: DestinationHarness, extra: dict[str, Any]
) -> None:
    """As where all guests have the number 0: the first keeps their contact, and the others are told."""
    keyed(destination)
    destination.write([destination.record({"id": 0, "email": "a@example.com"})], destination.config(**KEY))
    lines = [destination.record({"id": 0, "email": f"{name}@example.com"}) for name in "bcd"]
    lines += [destination.record({"id": n, "email": f"fill{n}@example.com"}) for n in range(1, 600)]
    lines.append(destination.record({"id": 0, "email": "e@example.com"}))
    run = destination.write(lines, destination.config(**KEY, **extra))
    found = destination.statuses([f"{name}@example.com" for name in "abcde"])

    assert run.accounting() == {"received": 603, "updated": 1, "created": 599, "rejected": 3}
    assert "key_not_unique" in run.log
    if not extra:
        assert [status for status in found.values() if status] == ["subscribed"]


@pytest.mark.parametrize("extra", [{}, {"dry_run": True}], ids=["sync", "dry run"])
def test_a_key_that_several_contacts_hold_adds_nobody_who_may_have_left(
    destination: DestinationHarness, extra: dict[str, Any]
) -> None:
    """As after an address has changed to that of another contact: both have the key, and both may have left."""
    keyed(destination)
    first, second = [row["email_address"] for row in destination.members() if row["status"] == "unsubscribed"][:2]
    for address in (first, second):
        destination.control.set(
            f"/lists/{destination.list_id}/members/{subscriber_hash(address)}", merge_fields={"CUSTNO": "k"}
        )
    there = destination.write([destination.record({"id": "k", "email": first})], destination.config(**KEY, **extra))
    new = destination.write(
        [destination.record({"id": "k", "email": "new@example.org"})], destination.config(**KEY, **extra)
    )

    assert there.accounting() == {"received": 1, "updated": 1}
    assert new.accounting() == {"received": 1, "rejected": 1}
    assert "key_not_unique" in new.log
    assert destination.statuses([first, second, "new@example.org"]) == {
        first: "unsubscribed", second: "unsubscribed", "new@example.org": None,
    }  # fmt: skip


def test_keys_of_two_streams_are_not_mixed(destination: DestinationHarness) -> None:
    keyed(destination)
    run = destination.write(
        [], destination.config(**KEY), [destination.stream_of("people"), destination.stream_of("clients")]
    )

    assert run.exit_code == 1
    assert "key_field goes with one stream only" in run.output


def test_a_move_that_mailchimp_refuses_adds_nobody(destination: DestinationHarness) -> None:
    """Who has left under the old address must not be subscribed under the new one."""
    keyed(destination)
    destination.control.facts(email_change_of_unsubscribed=False)
    who = {"unsubscribed": holders(destination)["unsubscribed"]}
    lines = [destination.record({"id": "k3", "email": "moved@example.org"})]
    run = destination.write(lines, destination.config(**KEY))

    assert run.accounting() == {"received": 1, "rejected": 1}
    assert destination.status("moved@example.org") is None
    assert destination.status(who["unsubscribed"]) == "unsubscribed"


def test_a_lost_answer_to_the_move_is_no_loss(destination: DestinationHarness) -> None:
    keyed(destination)
    destination.write([destination.record({"id": 1, "email": "a@example.com"})], destination.config(**KEY))
    destination.control.fault("lose_answer", "/lists/{list_id}/members/{subscriber_hash}", method="PATCH", times=1)
    run = destination.write([destination.record({"id": 1, "email": "b@example.com"})], destination.config(**KEY))

    assert run.accounting() == {"received": 1, "updated": 1}
    assert destination.statuses(["a@example.com", "b@example.com"]) == {
        "a@example.com": None,
        "b@example.com": "subscribed",
    }


def test_a_key_field_that_the_audience_lacks_is_a_mistake_with_a_remedy(destination: DestinationHarness) -> None:
    run = destination.write(
        [destination.record({"id": 1, "email": "a@example.com"})], destination.config(key_field="NOPE")
    )

    assert run.exit_code == 1
    assert "key_field names 'NOPE'" in run.output
    assert destination.check(destination.config(key_field="NOPE"))["status"] == "FAILED"
