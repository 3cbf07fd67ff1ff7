"""No sync, retry or failed look-up changes the subscription status of anybody whose status should stay.

Every start status × every value of the status column (and a deletion) × every configuration × the readings of the
open facts; and the same with every fault × every configuration, each pair under one reading of them.
What is expected is worked out here from the rules in words, not by the connector.
"""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest

from integration_tests.harness.destination import DestinationHarness
from mailchimp_simulator.client import SimulatorProcess

EXISTING = ("subscribed", "unsubscribed", "cleaned", "pending", "transactional")
STARTS = (*EXISTING, "archived", "gone", "new")
VALUES = (None, "subscribed", "unsubscribed", "cleaned", "pending", "transactional", "deleted")

MAPPED = {"status_field": "state"}
UPDATING = {**MAPPED, "update_status": True}
CONFIGURATIONS: dict[str, dict[str, Any]] = {
    "as installed": {},
    "new contacts pending": {"status_for_new": "pending"},
    "status column mapped": MAPPED,
    "status updated": UPDATING,
    "resubscribing allowed": {**UPDATING, "allow_resubscribe": True},
    "archived revived": {"archived_contacts": "revive"},
    "archived revived by column": {**UPDATING, "archived_contacts": "revive"},
    "archived rejected": {**UPDATING, "archived_contacts": "reject"},
    "update only": {"update_only": True},
    "update only, status updated": {**UPDATING, "update_only": True},
    "deletes unsubscribe": {**MAPPED, "deletes": "unsubscribe"},
    "deletes archive": {**UPDATING, "deletes": "archive", "replace_tags": True, "tags": "Newsletter"},
    "existing left": {"existing_contacts": "leave"},
    "existing left, status updated": {**UPDATING, "existing_contacts": "leave", "archived_contacts": "revive"},
    "existing left, deletes unsubscribe": {**UPDATING, "existing_contacts": "leave", "deletes": "unsubscribe"},
    "groups replaced": {
        **UPDATING,
        "replace_interests": True,
        "state_placeholder": "-",
        "postal_code_placeholder": "-",
    },
    "few new contacts": {**MAPPED, "max_new_contacts": 3},
}
FACTS = [
    {"batch_update_without_status": without, "archived_in_create": archived, "resubscribe_succeeds": resubscribe}
    for without, archived, resubscribe in itertools.product(
        (True, False), ("exists", "revives", "exists_generic"), (True, False)
    )
]
BATCH, MEMBERS, MEMBER = "/lists/{list_id}", "/lists/{list_id}/members", "/lists/{list_id}/members/{subscriber_hash}"
FAULTS: dict[str, dict[str, Any]] = {
    "every batch answer lost": {"kind": "lose_answer", "path": BATCH, "method": "POST", "every": 2},
    "first batch refused": {"kind": "status", "path": BATCH, "method": "POST", "status": 400, "times": 1},
    "second batch refused": {"kind": "status", "path": BATCH, "method": "POST", "status": 400, "skip": 1, "times": 1},
    "batches fail for good": {"kind": "status", "path": BATCH, "method": "POST", "status": 500, "body": "html"},
    "second batch fails for good": {"kind": "status", "path": BATCH, "method": "POST", "status": 500, "skip": 1},
    "batch answers forget members": {"kind": "forget_members", "path": BATCH, "method": "POST", "members": 9},
    "batch answers are no JSON": {"kind": "not_json", "path": BATCH, "method": "POST", "every": 2},
    "every single answer lost": {"kind": "lose_answer", "regex": "/members/[0-9a-f]{32}$", "every": 2},
    "single calls refused": {"kind": "status", "regex": "/members/[0-9a-f]{32}$", "status": 400},
    "look-ups fail for good": {"kind": "status", "path": MEMBERS, "method": "GET", "status": 503, "body": "none"},
    "look-ups forbidden": {"kind": "status", "path": MEMBERS, "method": "GET", "status": 403},
    "throttled": {"kind": "status", "regex": "/lists/", "status": 429, "every": 3, "body": "html"},
}
ONE_BATCH = {
    "update only",
    "update only, status updated",
    "existing left",
    "existing left, status updated",
    "existing left, deletes unsubscribe",
}
NO_SINGLE_CALLS = {
    "as installed",
    "new contacts pending",
    "status column mapped",
    "few new contacts",
    "update only",
    "resubscribing allowed",
    "existing left",
}
NOT_MET = {
    "second batch refused": ONE_BATCH,
    "second batch fails for good": ONE_BATCH,
    "every single answer lost": NO_SINGLE_CALLS,
    "single calls refused": NO_SINGLE_CALLS,
}
"""The configurations that make no call for a fault to hit (some do where a batch insists on a status)."""


def expected(start: str, value: str | None, options: dict[str, Any], facts: dict[str, Any]) -> str | None:
    """The status that a contact must end with if nothing goes wrong, from the rules in the documentation."""
    new_status = options.get("status_for_new", "subscribed")
    column = value if options.get("status_field") and value != "deleted" else None
    if start == "gone":
        return None
    if value == "deleted":
        deletes = options.get("deletes", "ignore")
        if deletes == "ignore" or start not in EXISTING:
            return None if start == "new" else start
        if deletes == "archive" and start in ("pending", "cleaned"):
            # Mailchimp archives neither. Who is pending could still confirm; who is cleaned is out of reach anyway.
            return "unsubscribed" if start == "pending" else start
        return {"unsubscribe": "unsubscribed", "archive": "archived"}[deletes]
    if start == "new":
        return None if options.get("update_only") else column or new_status
    if start == "archived":
        return column or new_status if options.get("archived_contacts") == "revive" else "archived"
    if options.get("existing_contacts") == "leave" or not options.get("update_status") or column is None:
        return start
    if start in ("unsubscribed", "cleaned") and column in ("subscribed", "pending", "transactional"):
        if not options.get("allow_resubscribe"):
            return start
        return start if column == "subscribed" and not facts["resubscribe_succeeds"] else column
    return column


def before(start: str) -> str | None:
    """What the account says of a contact before the sync."""
    return None if start in ("new", "gone") else start


def people(destination: DestinationHarness) -> dict[str, tuple[str, str | None]]:
    """One contact of the seeded account for each start status and each value of the column, by address."""
    members = destination.members()
    found: dict[str, tuple[str, str | None]] = {}
    for start in STARTS:
        if start == "new":
            addresses = [f"nobody.{number}@example.com" for number in range(len(VALUES))]
        elif start == "gone":
            addresses = [row["email_address"] for row in members if row["status"] == "subscribed"][-len(VALUES) :]
        else:
            addresses = [row["email_address"] for row in members if row["status"] == start][: len(VALUES)]
        assert len(addresses) == len(VALUES)
        found |= {address: (start, value) for address, value in zip(addresses, VALUES, strict=True)}
    return found


def begin_anew(destination: DestinationHarness, who: dict[str, tuple[str, str | None]], facts: dict[str, Any]) -> None:
    """The seeded account, which is always the same, under these readings; those who are gone are deleted."""
    destination.control.reset()
    destination.control.facts(**facts)
    gone = [address for address, (start, _) in who.items() if start == "gone"]
    destination.control.change("delete_permanent", emails=gone, list_id=destination.list_id)


def lines_for(destination: DestinationHarness, who: dict[str, tuple[str, str | None]]) -> list[bytes]:
    return [
        destination.record(
            {
                "id": number,
                "email": address,
                "first_name": "Written",
                "state": value if value != "deleted" else "subscribed",
                "_ab_cdc_deleted_at": "2026-11-22T10:00:00Z" if value == "deleted" else None,
            }
        )
        for number, (address, (_, value)) in enumerate(who.items())
    ]


@pytest.mark.parametrize("options", CONFIGURATIONS.values(), ids=CONFIGURATIONS.keys())
class TestEveryStartStatus:
    """Nobody is subscribed, unsubscribed, revived or asked to confirm who should not be."""

    def test_ends_as_the_rules_say_under_every_reading_of_the_open_facts(
        self, destination: DestinationHarness, options: dict[str, Any]
    ) -> None:
        who = people(destination)
        for facts in FACTS:
            if not facts["resubscribe_succeeds"] and not options.get("allow_resubscribe"):
                # Nobody may be resubscribed: only an account that would do it can show that somebody was.
                continue
            begin_anew(destination, who, facts)
            run = destination.write(lines_for(destination, who), destination.config(**options))
            limited = "max_new_contacts" in options
            wanted = {address: expected(start, value, options, facts) for address, (start, value) in who.items()}
            final = destination.statuses(who)

            assert run.exit_code == (1 if limited else 0), run.log
            if limited:
                made = sum(final[address] is not None for address, (start, _) in who.items() if start == "new")

                assert made == options["max_new_contacts"]
                wanted |= {address: final[address] for address, (start, _) in who.items() if start == "new"}

            assert final == wanted, facts


@pytest.mark.parametrize("name", FAULTS)
class TestEveryFault:
    """A fault leaves each contact as it was, or as the rules say; under every configuration."""

    def test_changes_no_status_that_should_stay(self, destination: DestinationHarness, name: str) -> None:
        untouched = set()
        who = people(destination)
        # Each fault meets each reading of the open facts, and each configuration another one with the next fault.
        shift = list(FAULTS).index(name)
        for number, (configuration, options) in enumerate(CONFIGURATIONS.items()):
            facts = FACTS[(number + shift) % len(FACTS)]
            begin_anew(destination, who, facts)
            destination.control.fault(**FAULTS[name])
            run = destination.write(lines_for(destination, who), destination.config(**options))
            (fault,) = destination.control.faults()
            destination.control.clear_faults()
            final = destination.statuses(who)
            wrong = {
                address: (start, value, final[address])
                for address, (start, value) in who.items()
                if final[address] not in (before(start), expected(start, value, options, facts))
            }
            # Where it can't be found out who is archived, the sync fails before the first record is read.
            accounting = run.accounting() if " received = " in run.log else {"received": 0}
            made = sum(final[address] is not None for address, (start, _) in who.items() if start == "new")
            if not fault["applied"]:
                untouched.add(configuration)

            assert wrong == {}, configuration
            assert made <= options.get("max_new_contacts", made), configuration
            assert accounting["received"] == sum(accounting.values()) - accounting["received"] - accounting.get(
                "tags_failed", 0
            ), configuration
            assert not (run.exit_code == 0 and accounting.get("not_written")), configuration

        assert untouched <= NOT_MET.get(name, set())


class TestVersionsOfOnePerson:
    """What this sync itself has just done to a contact counts when the next version of the record comes."""

    def lines(self, destination: DestinationHarness, *batches: list[dict[str, Any]]) -> list[bytes]:
        """Each batch filled up to the five hundred that make a call."""
        number = itertools.count()
        return [
            destination.record({"id": next(number), "email": f"filler.{next(number)}@example.com", **data})
            for batch in batches
            for data in [*batch, *([{}] * (500 - len(batch)))]
        ]

    def test_who_was_archived_by_this_sync_is_not_revived_by_the_next_version(
        self, destination: DestinationHarness
    ) -> None:
        destination.control.facts(archived_in_create="revives")
        address = destination.one_with("subscribed")
        gone, back = {"email": address, "_ab_cdc_deleted_at": "2026-11-22"}, {"email": address}
        run = destination.write(
            self.lines(destination, [gone], [back]), destination.config(deletes="archive", num_workers=1)
        )

        assert run.accounting() == {"received": 1000, "created": 998, "removed": 1, "skipped": 1}
        assert destination.status(address) == "archived"

    def test_who_was_made_pending_by_this_sync_is_subscribed_by_the_next_version(
        self, destination: DestinationHarness
    ) -> None:
        first = {"email": destination.one_with("pending"), "state": "subscribed"}
        signed_up, confirmed = ({"email": "jo@example.com", "state": value} for value in ("pending", "subscribed"))
        lines = self.lines(destination, [first], [signed_up], [confirmed])
        run = destination.write(lines, destination.config(**UPDATING, num_workers=1))

        assert run.exit_code == 0, run.log
        assert destination.status("jo@example.com") == "subscribed"

    @pytest.mark.parametrize("status", ["unsubscribed", "cleaned"])
    @pytest.mark.parametrize("between", ["pending", "transactional"])
    def test_who_has_left_is_not_brought_back_in_two_steps(
        self, destination: DestinationHarness, status: str, between: str
    ) -> None:
        address = destination.one_with(status)
        lines = self.lines(destination, *([{"email": address, "state": value}] for value in (between, "subscribed")))
        run = destination.write(lines, destination.config(**UPDATING, num_workers=1))

        assert run.accounting() == {"received": 1000, "created": 998, "updated": 2}
        assert destination.status(address) == status


@pytest.mark.parametrize(
    "options,status",
    [({}, "pending"), ({"status_field": "state"}, "subscribed"), ({"status_for_new": "subscribed"}, "subscribed")],
    ids=["as installed", "the record says subscribed", "the user says subscribed"],
)
def test_whom_mailchimp_asks_to_confirm_is_subscribed_only_if_the_user_says_so(
    tmp_path: Path, options: dict[str, Any], status: str
) -> None:
    """It may ask though the audience has no double opt-in, as of accounts under review (mc-woocommerce#48).

    A second call would subscribe them (MailChimp.Net#263), before they have confirmed anything.
    """
    with SimulatorProcess(contacts=30, audiences=3, campaigns=1) as simulator:
        destination = DestinationHarness(simulator, tmp_path)
        destination.list_id = destination.audiences()[2]
        destination.control.facts(double_optin_by_api=True)
        destination.control.fault("edit", "/lists/{list_id}", method="GET", set={"double_optin": False})
        destination.control.reset_stats()
        run = destination.write(destination.new_people(20, state="subscribed"), destination.config(**options))

        assert run.accounting() == {"received": 20, "created": 20}
        assert {row["status"] for row in destination.members()} == {status}
        assert (destination.calls(f"PATCH {MEMBER}") == 0) == (status == "pending")
    assert ("20 written but for: status_not_taken" in run.log) == (status == "pending")
    assert ("Mailchimp makes new contacts pending" in run.log) == (status == "pending")


def test_columns_that_look_like_consent_are_warned_of_before_anything_is_written(
    destination: DestinationHarness,
) -> None:
    columns = {"Unsubscribed": "yes", "Do not email": "1"}
    run = destination.write(
        [destination.record({"id": 1, "email": "ann@example.com", **columns})], destination.config(tags="First write")
    )
    log = run.log.splitlines()
    (warned,) = (number for number, line in enumerate(log) if "look like consent go nowhere" in line)

    assert all(column in log[warned] for column in columns)
    assert warned < log.index("Created tag First write")


@pytest.mark.parametrize("options", [{}, {"dry_run": True}], ids=["write", "dry run"])
@pytest.mark.parametrize("columns", [["id", "email", "sub_state"], []], ids=["listed", "not listed"])
@pytest.mark.parametrize("option", ["status_field", "deleted_field"])
def test_a_misspelt_column_of_consent_subscribes_nobody(
    destination: DestinationHarness, option: str, columns: list[str], options: dict[str, Any]
) -> None:
    lines = [destination.record({"id": 1, "email": "left@example.com", "sub_state": "unsubscribed"})]
    before = len(destination.members())
    run = destination.write(
        lines, destination.config(**{option: "sub_stat"}, **options), [destination.stream_of(columns=columns)]
    )

    assert run.exit_code == 1
    assert f"The stream people has no column 'sub_stat', which {option} names." in run.error_traces[0]["message"]
    assert len(destination.members()) == before
