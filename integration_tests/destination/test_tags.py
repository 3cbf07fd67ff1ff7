"""Tags are added, replaced on request, and counted where they can not be set."""

from __future__ import annotations

from integration_tests.harness.destination import DestinationHarness


class TestTags:
    """Tags are found without regard to case, made once, and given to five hundred contacts a call."""

    def test_existing_tags_are_found_and_nobody_loses_one(self, destination: DestinationHarness) -> None:
        rows = [row for row in destination.members() if row["status"] == "subscribed" and row["tags"]]
        before = {row["email_address"]: {tag["name"] for tag in row["tags"]} for row in rows}
        name = next(iter(next(iter(before.values()))))
        lines = [destination.record({"id": a, "email": a, "tags": f"{name.upper()}, Other"}) for a in before]
        run = destination.write(lines, destination.config(tags="Added"))
        after = {a: {tag["name"] for tag in destination.contact(a)["tags"]} for a in before}

        assert run.accounting() == {"received": len(before), "updated": len(before)}
        assert after == {a: names | {name, "Other", "Added"} for a, names in before.items()}

    def test_replacing_takes_away_what_the_record_does_not_have(self, destination: DestinationHarness) -> None:
        row = next(row for row in destination.members() if row["status"] == "subscribed" and row["tags"])
        other = next(
            r for r in destination.members() if r["status"] == "subscribed" and r["tags"] and r["id"] != row["id"]
        )
        lines = [
            destination.record({"id": 1, "email": row["email_address"], "tags": ["Only"]}),
            destination.record({"id": 2, "email": other["email_address"], "tags": None}),
        ]
        run = destination.write(lines, destination.config(replace_tags=True, tags="Base"))

        assert run.exit_code == 0
        assert {tag["name"] for tag in destination.contact(row["email_address"])["tags"]} == {"Only", "Base"}
        # No value means: leave as it is.
        assert {tag["name"] for tag in other["tags"]} < {
            t["name"] for t in destination.contact(other["email_address"])["tags"]
        }

    def test_calls_are_full(self, destination: DestinationHarness) -> None:
        destination.write(destination.new_people(5000, tags=["a"]), destination.config(tags="b"))

        assert destination.calls("POST /lists/{list_id}") == 10
        assert destination.calls("POST /lists/{list_id}/segments") == 2
        assert destination.calls("POST /lists/{list_id}/segments/{segment_id}") == 20

    def test_a_tag_that_exists_and_is_not_listed_is_given_contact_by_contact(
        self, destination: DestinationHarness
    ) -> None:
        """As solspace/craft-freeform#1576 met it: Mailchimp takes a name for equal to one that we see no equal of."""
        answer = {"title": "Bad Request", "detail": "Sorry, that tag already exists."}
        destination.control.fault("status", "/lists/{list_id}/segments", method="POST", status=400, **answer)
        destination.control.reset_stats()
        run = destination.write(destination.new_people(1200, tags=["Sign-Up"]))

        assert run.accounting() == {"received": 1200, "created": 1200}
        given = [row for row in destination.members() if [tag["name"] for tag in row["tags"]] == ["Sign-Up"]]
        assert len(given) == 1200
        assert destination.calls("POST /lists/{list_id}/segments") == 1
        assert "Tag Sign-Up exists, but is not listed: one call for each contact that gets it" in run.log

    def test_tags_that_can_not_be_set_are_counted_apart(self, destination: DestinationHarness) -> None:
        run = destination.write(destination.new_people(3, tags=["x" * 101, "good"]))

        assert run.accounting() == {"received": 3, "created": 3, "tags_failed": 3}
        assert [tag["name"] for tag in destination.contact("new0@example.com")["tags"]] == ["good"]
