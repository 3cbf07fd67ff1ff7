"""What concerns one contact costs that contact only, and is counted as what it is."""

from __future__ import annotations

from typing import Any

import pytest

from integration_tests.harness.destination import DestinationHarness


def people(destination: DestinationHarness, count: int, **more: Any) -> list[bytes]:
    return [destination.record({"id": n, "email": f"p{n}@example.com", **more}) for n in range(count)]


class TestLastingErrors:
    """Mailchimp answers some contacts with an error however often they are sent (recorded)."""

    @pytest.mark.parametrize("status,reason", [(500, "server_error"), (413, "refused")])
    @pytest.mark.parametrize("routes", [["batch", "member"], ["batch"]], ids=["every call", "batches alone"])
    def test_the_others_are_written_and_the_state_comes_out(
        self,
        destination: DestinationHarness,
        status: int,
        reason: str,
        routes: list[str],
    ) -> None:
        destination.control.contact_fault(["p77@example.com"], status=status, routes=routes)
        run = destination.write([*people(destination, 150), destination.state(150)])
        lost = len(routes) - 1

        assert run.exit_code == 0, run.log
        assert run.accounting() == {"received": 150, "created": 150 - lost} | ({"rejected": lost} if lost else {})
        assert len(run.states) == 1
        assert (f"1 rejected: {reason}" in run.log) is bool(lost)

    def test_a_lasting_error_of_tags_costs_one_contact_its_tag(self, destination: DestinationHarness) -> None:
        destination.control.contact_fault(["p7@example.com"], status=500, routes=["segment", "tags"])
        run = destination.write([*people(destination, 20), destination.state(20)], destination.config(tags="Import"))

        assert (run.exit_code, len(run.states)) == (0, 1)
        assert run.accounting() == {"received": 20, "created": 20, "tags_failed": 1}


class TestTagsOfContactsThatAreNotSubscribed:
    """A tag's own call passes over them under one reading, and takes them under the other."""

    @pytest.mark.parametrize("taken", [True, False])
    @pytest.mark.parametrize("told", [True, False])
    def test_all_are_tagged(self, destination: DestinationHarness, *, taken: bool, told: bool) -> None:
        destination.control.facts(segments_take_unsubscribed=taken, segment_totals_told=told)
        run = destination.write(
            people(destination, 60, tags=["a"]), destination.config(status_for_new="pending", tags="b")
        )
        tags = {
            tuple(sorted(tag["name"] for tag in destination.contact(f"p{n}@example.com")["tags"])) for n in range(60)
        }

        assert run.accounting() == {"received": 60, "created": 60}
        assert tags == {("a", "b")}

    @pytest.mark.parametrize("taken", [True, False])
    @pytest.mark.parametrize("status", ["pending", "unsubscribed", "subscribed"])
    def test_who_was_there_before_is_tagged_and_keeps_the_status(
        self, destination: DestinationHarness, status: str, *, taken: bool
    ) -> None:
        """Whether the tag's own call takes existing contacts that aren't subscribed is open."""
        destination.control.facts(segments_take_unsubscribed=taken)
        there = [row["email_address"] for row in destination.members() if row["status"] == status][:5]
        run = destination.write(
            [destination.record({"id": n, "email": one}) for n, one in enumerate(there)], destination.config(tags="b")
        )

        assert run.accounting() == {"received": len(there), "updated": len(there)}
        assert {address: destination.status(address) for address in there} == dict.fromkeys(there, status)
        assert [one for one in there if "b" not in {tag["name"] for tag in destination.contact(one)["tags"]}] == []

    def test_a_batch_that_a_tags_call_refuses_whole_is_not_halved(self, destination: DestinationHarness) -> None:
        destination.control.facts(segments_take_unsubscribed=False)
        destination.control.reset_stats()
        destination.write(people(destination, 100), destination.config(status_for_new="pending", tags="b"))

        assert destination.calls("POST /lists/{list_id}/segments/{segment_id}") == 1
        assert destination.calls("POST /lists/{list_id}/members/{subscriber_hash}/tags") == 100

    def test_who_has_a_tag_already_costs_no_call(self, destination: DestinationHarness) -> None:
        lines = people(destination, 40)
        destination.write(lines, destination.config(tags="b"))
        destination.control.reset_stats()
        run = destination.write(lines, destination.config(tags="b"))

        assert run.accounting() == {"received": 40, "updated": 40}
        assert destination.calls("POST /lists/{list_id}/segments/{segment_id}") == 0


class TestRefusals:
    """A person's own reason fails no sync; one for the time being is tried again."""

    def test_one_forgotten_address_alone_fails_no_sync(self, destination: DestinationHarness) -> None:
        known = destination.one_with("subscribed")
        destination.control.change("delete_permanent", emails=[known], list_id=destination.list_id)
        run = destination.write([destination.record({"id": 1, "email": known}), destination.state(1)])

        assert (run.exit_code, run.accounting()) == (0, {"received": 1, "rejected": 1})
        assert len(run.states) == 1

    def test_too_many_sign_ups_are_tried_again_within_the_sync(self, destination: DestinationHarness) -> None:
        text = "{email} has signed up to a lot of lists very recently; we're not allowing more signups for now."
        destination.control.contact_fault(["p1@example.com"], text=text, times=1)
        run = destination.write([*people(destination, 3), destination.state(3)])

        assert (run.exit_code, run.accounting()) == (0, {"received": 3, "created": 3})

    def test_refused_values_cost_the_values(self, destination: DestinationHarness) -> None:
        refused = {"language": "xx", "interests": {"nobody": True}, "ip_opt": "192.0.2.1"}
        destination.control.contact_fault(["p1@example.com"], text="Invalid.", field="ip_opt", message="No.", times=1)
        run = destination.write(people(destination, 3, **refused))

        assert run.accounting() == {"received": 3, "created": 3}
        assert "values lost" in run.log


class TestWhatAnAnswerShows:
    """200 with another status than was sent is no success."""

    def test_a_subscription_that_was_ignored_is_said_to_be_so(self, destination: DestinationHarness) -> None:
        left = destination.one_with("unsubscribed")
        destination.control.facts(resubscribe_silently_ignored=True, resubscribe_succeeds=False)
        config = destination.config(status_field="state", update_status=True, allow_resubscribe=True)
        run = destination.write([destination.record({"id": 1, "email": left, "state": "subscribed"})], config)

        assert run.accounting() == {"received": 1, "updated": 1}
        assert "written but for: status_not_taken" in run.log
        assert destination.status(left) == "unsubscribed"
