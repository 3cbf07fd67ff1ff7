"""Every record is accounted for, whatever Mailchimp answers, and an answer that lies is not believed."""

from __future__ import annotations

import orjson
import pytest

from integration_tests.harness.destination import DestinationHarness

BATCH = "/lists/{list_id}"


class TestAnswers:
    """Created is what this sync has created, though the answer that said so was lost."""

    def test_contacts_made_by_a_call_whose_answer_was_lost_count_as_created(
        self, destination: DestinationHarness
    ) -> None:
        there = [row["email_address"] for row in destination.members() if row["status"] == "subscribed"][:40]
        destination.control.fault("lose_answer", BATCH, method="POST", times=1)
        destination.control.clock(advance=3600)
        lines = destination.new_people(60) + [
            destination.record({"id": a, "email": a, "first_name": "Z"}) for a in there
        ]
        run = destination.write(lines)

        assert run.accounting() == {"received": 100, "created": 60, "updated": 40}
        assert destination.contact(there[0])["merge_fields"]["FNAME"] == "Z"

    def test_contacts_that_existed_count_as_updated_though_an_answer_was_lost(
        self, destination: DestinationHarness
    ) -> None:
        assert destination.write(destination.new_people(50)).accounting() == {"received": 50, "created": 50}

        destination.control.clock(advance=3600)
        destination.control.fault("lose_answer", BATCH, method="POST", times=1)

        assert destination.write(destination.new_people(50)).accounting() == {"received": 50, "updated": 50}

    @pytest.mark.parametrize("times", [1, 2, 6], ids=["once", "twice", "always"])
    def test_a_batch_answer_that_forgets_a_member_is_an_error_and_not_a_success(
        self, destination: DestinationHarness, times: int
    ) -> None:
        destination.control.fault("forget_members", BATCH, method="POST", members=3, times=times)
        run = destination.write(destination.new_people(20))

        assert run.exit_code == 0
        assert run.accounting() == {"received": 20, "created": 20}
        assert all(destination.contact(f"new{n}@example.com")["merge_fields"]["FNAME"] == f"N{n}" for n in range(20))

    def test_who_is_forgotten_by_every_answer_still_gets_the_status_of_the_column(
        self, destination: DestinationHarness
    ) -> None:
        """Above all: who asked to leave, leaves."""
        destination.write(destination.new_people(3))
        destination.control.clock(advance=3600)
        destination.control.fault("forget_members", BATCH, method="POST", members=3)
        leaving = [{"id": n, "email": f"new{n}@example.com", "wish": "unsubscribed"} for n in range(3)]
        run = destination.write(
            [destination.record(person) for person in leaving],
            destination.config(status_field="wish", update_status=True),
        )

        assert run.exit_code == 0
        assert run.accounting() == {"received": 3, "updated": 3}
        assert [destination.contact(str(person["email"]))["status"] for person in leaving] == ["unsubscribed"] * 3

    def test_every_third_call_losing_its_answer_changes_nothing_about_the_outcome(
        self, destination: DestinationHarness
    ) -> None:
        # One call may well be the unlucky one several times; of every two it would always be the one behind its look.
        destination.attempts = 20
        destination.control.fault("lose_answer", regex="/lists/", every=3)
        run = destination.write(destination.new_people(700, tags=["x", "y"]), destination.config(tags="Z"))
        rows = [row for row in destination.members() if row["email_address"].startswith("new")]

        assert run.exit_code == 0, run.log
        assert run.accounting() == {"received": 700, "created": 700}
        assert {tuple(sorted(tag["name"] for tag in row["tags"])) for row in rows} == {("Z", "x", "y")}
        assert len(rows) == 700


class TestCosts:
    """What exists already costs two calls per five hundred; what needs single calls says so."""

    def test_an_incremental_sync_of_existing_contacts(self, destination: DestinationHarness) -> None:
        lines = destination.new_people(2000)
        destination.write(lines)
        destination.control.reset_stats()
        run = destination.write(lines)

        assert run.accounting() == {"received": 2000, "updated": 2000}
        assert destination.calls("POST /lists/{list_id}") == 8
        assert destination.calls("PUT /lists/{list_id}/members/{subscriber_hash}") == 0

    def test_where_a_batch_insists_on_a_status_each_contact_costs_one_call(
        self, destination: DestinationHarness
    ) -> None:
        lines = destination.new_people(1500)
        destination.control.facts(batch_update_without_status=False)
        destination.write(lines)
        destination.control.reset_stats()
        # What may make contacts sends status_if_new, which no batch has been seen to refuse.
        run = destination.write(lines, destination.config(update_only=True))

        assert run.accounting() == {"received": 1500, "updated": 1500}
        assert destination.calls("PATCH /lists/{list_id}/members/{subscriber_hash}") == 1500
        assert "one call each" in run.log

    def test_marketing_permissions_are_set_by_single_calls(self, destination: DestinationHarness) -> None:
        permission = [{"marketing_permission_id": "p1", "enabled": True, "text": "Mail"}]
        known = destination.one_with("subscribed")
        lines = [
            destination.record({"id": 1, "email": "new@example.com", "marketing_permissions": permission}),
            destination.record({"id": 2, "email": known, "marketing_permissions": orjson.dumps(permission).decode()}),
        ]
        run = destination.write(lines)

        assert run.accounting() == {"received": 2, "created": 1, "updated": 1}
        for address in ("new@example.com", known):
            assert destination.contact(address)["marketing_permissions"][0]["enabled"] is True

    @pytest.mark.parametrize("archived,lookups", [(900, 0), (4500, 3)])
    def test_who_is_archived_is_asked_the_cheaper_way(
        self, destination: DestinationHarness, archived: int, lookups: int
    ) -> None:
        destination.control.rows(
            {"/lists/{list_id}/members?status=archived": archived, "/lists/{list_id}/members": 5000}
        )
        try:
            destination.control.reset_stats()
            run = destination.write(destination.new_people(3))

            assert run.accounting() == {"received": 3, "created": 3}
            assert destination.calls("GET /lists/{list_id}/members/{subscriber_hash}") == lookups
            # One call, which tells the total and, where they are few, who they are.
            assert destination.calls("GET /lists/{list_id}/members") == 1
        finally:
            destination.control.reset()


class TestLimit:
    """A sync that may add no more contacts still updates those that exist and were sent along."""

    def test_contacts_that_need_calls_of_their_own_are_updated_too(self, destination: DestinationHarness) -> None:
        there = [row["email_address"] for row in destination.members() if row["status"] == "subscribed"][:30]
        permission = [{"marketing_permission_id": "p1", "enabled": True}]
        lines = [
            *destination.new_people(5),
            *(
                destination.record({"id": a, "email": a, "first_name": "Z", "marketing_permissions": permission})
                for a in there
            ),
        ]
        run = destination.write([*lines, destination.state(1)], destination.config(max_new_contacts=2))

        assert run.exit_code == 1
        assert "max_new_contacts" in run.error_traces[0]["message"]
        assert run.accounting() == {"received": 35, "created": 2, "updated": 30, "not_written": 3}
        assert {destination.contact(address)["merge_fields"]["FNAME"] for address in there} == {"Z"}
        assert run.states == []

    def test_who_was_put_off_when_the_limit_was_reached_counts_as_not_written(
        self, destination: DestinationHarness
    ) -> None:
        """Nobody else takes its place; the next sync brings its record again, as no STATE has passed it."""
        lines = [destination.record({"id": "x", "email": "toomany@example.com"}), *destination.new_people(5)]
        run = destination.write([*lines, destination.state(6)], destination.config(max_new_contacts=2))

        assert run.accounting() == {"received": 6, "created": 1, "not_written": 5}
        assert destination.status("toomany@example.com") is None
        assert run.of("STATE") == []

    def test_those_who_were_added_before_the_limit_have_their_tags(self, destination: DestinationHarness) -> None:
        """Nobody would come back for them: no later sync need bring them again."""
        run = destination.write(destination.new_people(5), destination.config(max_new_contacts=2, tags="Import"))
        made = [row for row in destination.members() if row["email_address"].startswith("new")]

        assert run.exit_code == 1
        assert run.accounting()["created"] == len(made) == 2
        assert [[tag["name"] for tag in row["tags"]] for row in made] == [["Import"], ["Import"]]
