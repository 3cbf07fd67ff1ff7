"""Between any two calls, and between any two attempts at one, a person may leave: that is never undone.

Every call that carries a status × every way in which its first attempt fails × what the person does meanwhile;
and for each configuration, what the person does before each call of a whole sync, whichever that is.
"""

from __future__ import annotations

from typing import Any

import pytest

from integration_tests.harness.destination import DestinationHarness

BATCH, MEMBER = "/lists/{list_id}", "/lists/{list_id}/members/{subscriber_hash}"
UPDATING = {"status_field": "state", "update_status": True}
LEFT = {"unsubscribe": "unsubscribed", "archive": "archived", "clean": "cleaned", "delete_permanent": "gone"}

CALLS: dict[str, dict[str, Any]] = {
    "create": {"start": "new", "path": BATCH, "method": "POST"},
    "move": {"start": "pending", "state": "subscribed", "path": MEMBER, "method": "PATCH", "options": UPDATING},
    "move by PUT": {
        "start": "pending", "state": "transactional", "path": MEMBER, "method": "PUT", "options": UPDATING,
    },
    "revive": {"start": "archived", "path": MEMBER, "method": "PUT", "options": {"archived_contacts": "revive"}},
    "update without a status": {"start": "subscribed", "path": BATCH, "method": "POST", "nth": 1},
}  # fmt: skip
FAULTS: dict[str, dict[str, Any]] = {
    "its answer is lost": {"kind": "lose_answer"},
    "503": {"kind": "status", "status": 503, "body": "none"},
    "503 with a long Retry-After": {"kind": "status", "status": 503, "body": "none", "retry_after": 1},
    "throttled": {"kind": "status", "status": 429},
    "an answer that is no JSON": {"kind": "not_json"},
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
class TestBetweenTwoAttempts:
    """The first attempt fails, the person leaves, and the call is due again."""

    def test_who_has_left_stays_out(
        self, destination: DestinationHarness, call: dict[str, Any], fault: dict[str, Any]
    ) -> None:
        start = call["start"]
        address = "somebody@example.com" if start == "new" else destination.one_with(start)
        for deed, left in LEFT.items():
            for reading in ("exists", "revives"):
                destination.control.reset()
                destination.control.facts(archived_in_create=reading, resubscribe_succeeds=True)
                where = {"path": call["path"], "method": call["method"], "skip": call.get("nth", 0), "times": 1}
                carried_out = fault["kind"] != "status"
                # What a refusal has not carried out, a person may as well have come before.
                when = "after" if carried_out else "before"
                destination.control.fault(**fault, **where)
                destination.control.person(deed, emails=[address], list_id=destination.list_id, when=when, **where)
                run = destination.write(
                    [destination.record({"id": 1, "email": address, "state": call.get("state")})],
                    destination.config(**call.get("options", {})),
                )
                after = destination.status(address)
                struck = [rule["applied"] for rule in destination.control.faults()]

                allowed = {left}
                if start == "new" and not carried_out:
                    allowed = {"subscribed"}  # nobody was there who could leave
                elif start == "archived" and deed == "archive":
                    allowed = {"subscribed"}  # as the user wants it
                assert struck == [1, 1], run.log
                assert after in allowed, (deed, reading, run.log)
                accounting = run.accounting()
                assert accounting["received"] == 1
                assert sum(accounting.values()) - accounting.get("tags_failed", 0) == 2, run.log


CONFIGURATIONS: dict[str, dict[str, Any]] = {
    "as installed": {},
    "status updated": UPDATING,
    "update only": {**UPDATING, "update_only": True},
    "archived rejected": {"archived_contacts": "reject"},
}


@pytest.mark.parametrize("options", CONFIGURATIONS.values(), ids=CONFIGURATIONS)
class TestBetweenTwoCalls:
    """The person leaves before the n-th call of a sync that goes well otherwise."""

    @pytest.mark.parametrize("deed", ["unsubscribe", "archive"])
    @pytest.mark.parametrize("start", ["subscribed", "pending"])
    def test_who_has_left_stays_out_whenever_it_was(
        self, destination: DestinationHarness, options: dict[str, Any], deed: str, start: str
    ) -> None:
        wrong = {}
        address = destination.one_with(start)
        for number in range(1, 12):
            destination.control.reset()
            destination.control.facts(archived_in_create="revives", resubscribe_succeeds=True)
            destination.control.person(deed, emails=[address], list_id=destination.list_id, skip=number - 1, times=1)
            run = destination.write(
                [destination.record({"id": 1, "email": address, "state": "subscribed"})], destination.config(**options)
            )
            if not destination.control.faults()[0]["applied"]:
                break
            if (after := destination.status(address)) != LEFT[deed]:
                wrong[number] = (after, run.log)

        assert wrong == {}
        assert number > 4


class TestRevivalsAgainstThePolicy:
    """Somebody who was archived after it was known who is, and whom a call has brought back, is archived again."""

    @pytest.mark.parametrize("policy", ["leave", "reject"])
    def test_it_is_undone_at_once_counted_and_told(self, destination: DestinationHarness, policy: str) -> None:
        destination.control.facts(archived_in_create="revives")
        address = destination.one_with("subscribed")
        destination.control.person(
            "archive", BATCH, emails=[address], list_id=destination.list_id, method="POST", times=1
        )
        lines = [destination.record({"id": n, "email": mail}) for n, mail in enumerate([address, "new@example.com"])]
        run = destination.write(lines, destination.config(archived_contacts=policy))

        assert run.exit_code == 0, run.log
        assert destination.status(address) == "archived"
        assert run.accounting() == {"received": 2, "created": 1, "skipped": 1}
        assert "Mailchimp brought 1 archived contacts back" in run.log

    def test_it_is_undone_when_the_call_was_repeated_too(self, destination: DestinationHarness) -> None:
        """The person is archived after the look that comes before the second attempt."""
        destination.control.facts(archived_in_create="revives")
        address = destination.one_with("pending")
        destination.control.fault("status", BATCH, method="POST", status=503, body="none", times=1)
        destination.control.person(
            "archive", BATCH, emails=[address], list_id=destination.list_id, method="POST", skip=1, times=1
        )
        run = destination.write([destination.record({"id": 1, "email": address})])

        assert run.exit_code == 0, run.log
        assert destination.status(address) == "archived"
        assert run.accounting() == {"received": 1, "skipped": 1}

    def test_those_whom_the_user_wants_back_count_as_new_ones(self, destination: DestinationHarness) -> None:
        addresses = [row["email_address"] for row in destination.members() if row["status"] == "archived"][:5]
        lines = [destination.record({"id": n, "email": mail}) for n, mail in enumerate(addresses)]
        run = destination.write(lines, destination.config(archived_contacts="revive", max_new_contacts=3))
        back = [address for address in addresses if destination.status(address) != "archived"]

        assert run.exit_code == 1
        assert len(back) == 3
        assert "more than 3 contacts" in run.output


REVIVING = {"archived_in_create": "revives", "sms_update_of_existing": "revives", "status_if_new_revives": True}
"""The readings of the open facts under which a call brings back whom it only was to change."""
PERMISSION = [{"marketing_permission_id": "p1", "enabled": True, "text": "Mail"}]
SMS = {"field_mapping": [{"column": "mobile", "field": "sms_phone"}]}
WAYS: dict[str, dict[str, Any]] = {
    "as installed": {},
    "single calls": {"data": {"marketing_permissions": PERMISSION}},
    "single calls with a status": {
        "data": {"marketing_permissions": PERMISSION, "state": "subscribed"},
        "options": {**UPDATING, "allow_resubscribe": True},
    },
    "resubscribed": {
        "start": "unsubscribed", "data": {"state": "subscribed"}, "options": {**UPDATING, "allow_resubscribe": True},
    },
    "resubscribed from cleaned": {
        "start": "cleaned", "data": {"state": "subscribed"}, "options": {**UPDATING, "allow_resubscribe": True},
    },
    "moved to subscribed": {"start": "pending", "data": {"state": "subscribed"}, "options": UPDATING},
    "unsubscribed by its column": {"data": {"state": "unsubscribed"}, "options": UPDATING},
    "a mobile number": {"data": {"mobile": "+15555550100"}, "options": SMS},
    "update only": {"data": {"state": "subscribed"}, "start": "pending", "options": {**UPDATING, "update_only": True}},
    "removed by archiving": {"data": {"_ab_cdc_deleted_at": "2026-11-22"}, "options": {"deletes": "archive"}},
    "removed by unsubscribing": {"data": {"_ab_cdc_deleted_at": "2026-11-22"}, "options": {"deletes": "unsubscribe"}},
}  # fmt: skip


@pytest.mark.parametrize("answer", ["comes", "is lost"])
@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
class TestEveryCallOfEveryWay:
    """Every call that carries or may change a status, whether its answer comes or not."""

    def test_who_was_archived_before_it_is_archived_afterwards(
        self, destination: DestinationHarness, way: dict[str, Any], answer: str
    ) -> None:
        """For each call of the sync in turn: right before it the person is archived, and then its answer is lost."""
        wrong = {}
        address = signed_up(destination, way.get("start", "subscribed"))
        for number in range(1, 25):
            destination.control.reset()
            destination.control.facts(**REVIVING, resubscribe_succeeds=True, audience_has_sms=True)
            person: dict[str, Any] = {
                "emails": [address],
                "list_id": destination.list_id,
                "skip": number - 1,
                "times": 1,
            }
            destination.control.person("archive", **person)
            if answer == "is lost":
                destination.control.fault("lose_answer", skip=number - 1, times=1)
            run = destination.write(
                [destination.record({"id": 1, "email": address, **way.get("data", {})})],
                destination.config(**way.get("options", {})),
            )
            if not destination.control.faults()[0]["applied"]:
                break
            after = destination.status(address)
            if after not in allowed(way):
                wrong[number] = (after, run.log)
            accounting = run.accounting()
            assert accounting["received"] == 1
            assert sum(accounting.values()) - accounting.get("tags_failed", 0) == 2, run.log

        assert wrong == {}
        assert number > 3


def signed_up(destination: DestinationHarness, status: str) -> str:
    """The address of a contact with that status that has once signed up by a form."""
    rows = (row for row in destination.members() if row["status"] == status and row["timestamp_signup"])
    address: str = next(rows)["email_address"]
    return address


def allowed(way: dict[str, Any]) -> set[str]:
    """Archived; or unsubscribed where the record asks for just that, in which nobody gets anything either."""
    return {"archived", *({"unsubscribed"} if "unsubscrib" in str(way) and "start" not in way else ())}
