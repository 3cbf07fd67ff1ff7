"""Values arrive in Mailchimp as they were meant, under both readings of each open fact."""

from __future__ import annotations

from typing import Any

import pytest
import requests

from integration_tests.harness.destination import DestinationHarness

NO_STATE = {"addr1": "1 Rue X", "city": "Paris", "zip": "75001", "country": "FR"}


def post_field(destination: DestinationHarness, **body: Any) -> None:
    """Make a merge field in the audience."""
    simulator = destination.simulator
    answer = requests.post(
        f"{simulator.base_url}/3.0/lists/{destination.list_id}/merge-fields",
        json=body,
        auth=("key", simulator.api_key),
        timeout=10,
    )
    answer.raise_for_status()


@pytest.mark.parametrize("as_field_says", [False, True], ids=["month first", "as the field says"])
class TestBirthdaysOfADayFirstField:
    """Whichever order the audience takes, each birthday ends as the day that it is, or is left out and counted."""

    def stored(self, destination: DestinationHarness, address: str, *, day_first: bool) -> tuple[int, int] | None:
        """Month and day that the contact really has."""
        shown = destination.contact(address)["merge_fields"].get("DOB")
        if not shown:
            return None
        first, second = (int(part) for part in shown.split("/"))
        return (second, first) if day_first else (first, second)

    def records(self, destination: DestinationHarness, days: list[tuple[int, int]]) -> list[bytes]:
        return [
            destination.record({"id": n, "email": f"born{n}@example.com", "DOB": f"{day:02}/{month:02}/1985"})
            for n, (month, day) in enumerate(days)
        ]

    def test_all_birthdays_of_a_batch_arrive(self, destination: DestinationHarness, as_field_says: bool) -> None:  # noqa: FBT001
        destination.control.facts(birthday_as_field_says=as_field_says)
        post_field(destination, name="Born", tag="DOB", type="birthday", options={"date_format": "DD/MM"})
        days = [(month, day) for month in range(1, 13) for day in (1, 5, 12, 13, 28)]
        run = destination.write(self.records(destination, days))

        assert run.accounting() == {"received": 60, "created": 60}
        found = [self.stored(destination, f"born{n}@example.com", day_first=as_field_says) for n in range(60)]
        assert found == days
        assert "values lost" not in run.log

    def test_one_that_could_be_two_days_is_left_out_until_the_order_is_known(
        self,
        destination: DestinationHarness,
        as_field_says: bool,  # noqa: FBT001
    ) -> None:
        destination.control.facts(birthday_as_field_says=as_field_says)
        post_field(destination, name="Born", tag="DOB", type="birthday", options={"date_format": "DD/MM"})
        run = destination.write(self.records(destination, [(3, 4)]))

        assert run.accounting() == {"received": 1, "created": 1}
        assert self.stored(destination, "born0@example.com", day_first=as_field_says) is None
        assert "1 values lost: DOB was left out: it is not known yet" in run.log

        destination.write([destination.record({"id": 7, "email": "born7@example.com", "DOB": "14/03/1985"})])
        run = destination.write(self.records(destination, [(3, 4)]))

        assert self.stored(destination, "born0@example.com", day_first=as_field_says) == (3, 4)
        assert "values lost" not in run.log


class TestAddressesWithoutAState:
    """They are written where Mailchimp takes them, and it is said what was done where it does not."""

    @pytest.mark.parametrize(
        "reading,placeholder,state",
        [("accepted", None, ""), ("accepted", "-", ""), ("refused", "-", "-"), ("refused", None, None)],
    )
    def test_each_reading(
        self, destination: DestinationHarness, reading: str, placeholder: str | None, state: str | None
    ) -> None:
        destination.control.facts(empty_state=reading)
        lines = [destination.record({"id": n, "email": f"p{n}@example.com", "address": NO_STATE}) for n in range(20)]
        lines.append(destination.record({"id": 99, "email": "us@example.com", "address": {**NO_STATE, "state": "IN"}}))
        run = destination.write(lines, destination.config(state_placeholder=placeholder))
        kept = [destination.contact(f"p{n}@example.com")["merge_fields"].get("ADDRESS") for n in range(20)]

        assert run.accounting() == {"received": 21, "created": 21}
        assert [address["state"] if address else None for address in kept] == [state] * 20
        assert destination.contact("us@example.com")["merge_fields"]["ADDRESS"]["state"] == "IN"
        assert ("state_placeholder" in run.log) == (reading == "refused")
        assert ("20 addresses without a state were written with '-'" in run.log) == (state == "-")
        assert ("values lost" in run.log) == (state is None)


@pytest.mark.parametrize("silently", [False, True], ids=["refused", "ignored"])
@pytest.mark.parametrize(
    "reading,placeholder,postal_code",
    [("accepted", None, ""), ("accepted", "0000", ""), ("refused", "0000", "0000"), ("refused", None, None)],
)
def test_an_address_without_a_postal_code_is_written_where_mailchimp_takes_it(
    destination: DestinationHarness,
    reading: str,
    placeholder: str | None,
    postal_code: str | None,
    silently: bool,  # noqa: FBT001
) -> None:
    """Some countries have none, some of these no states either."""
    destination.control.facts(empty_zip=reading, incomplete_address="ignored" if silently else "error")
    address = {"addr1": "1 Queen's Road", "city": "Hong Kong", "country": "HK"}
    lines = [
        destination.record({"id": n, "email": f"p{n}@example.com", "first_name": "A", "address": address})
        for n in range(9)
    ]
    run = destination.write(lines, destination.config(postal_code_placeholder=placeholder))
    kept = [destination.contact(f"p{n}@example.com")["merge_fields"] for n in range(9)]

    assert run.accounting() == {"received": 9, "created": 9}
    assert {fields["FNAME"] for fields in kept} == {"A"}
    assert [fields["ADDRESS"]["zip"] if fields.get("ADDRESS") else None for fields in kept] == [postal_code] * 9
    assert ("values lost" in run.log) == (postal_code is None)


@pytest.mark.parametrize("placeholder,state", [("-", "-"), (None, None)])
def test_an_address_that_is_ignored_silently_is_not_believed_to_be_written(
    destination: DestinationHarness, placeholder: str | None, state: str | None
) -> None:
    """Where an incomplete address is answered 200 and changes nothing."""
    destination.control.facts(empty_state="refused", incomplete_address="ignored")
    lines = [destination.record({"id": n, "email": f"p{n}@example.com", "address": NO_STATE}) for n in range(9)]
    run = destination.write(lines, destination.config(state_placeholder=placeholder))
    kept = [destination.contact(f"p{n}@example.com")["merge_fields"].get("ADDRESS") for n in range(9)]

    assert run.accounting() == {"received": 9, "created": 9}
    assert [address["state"] if address else None for address in kept] == [state] * 9
    assert ("values lost" in run.log) == (state is None)


class TestPermissions:
    """A GDPR audience's permissions are named by their text, which only its contacts show."""

    def gdpr(self, destination: DestinationHarness) -> None:
        destination.list_id = destination.audiences()[1]

    def test_they_are_found_by_text(self, destination: DestinationHarness) -> None:
        self.gdpr(destination)
        shown = destination.members()[0]["marketing_permissions"]
        wanted = {shown[0]["text"].upper(): "yes", shown[1]["text"]: "no"}
        lines = [destination.record({"id": 1, "email": "jo@example.com", "Marketing Permissions": wanted})]
        run = destination.write(lines)
        enabled = {
            item["marketing_permission_id"]: item["enabled"]
            for item in destination.contact("jo@example.com")["marketing_permissions"]
        }

        assert run.accounting() == {"received": 1, "created": 1}
        assert enabled[shown[0]["marketing_permission_id"]] is True
        assert enabled[shown[1]["marketing_permission_id"]] is False

    def test_check_and_discover_list_them(self, destination: DestinationHarness) -> None:
        self.gdpr(destination)
        shown = destination.members()[0]["marketing_permissions"][0]
        message = destination.check(destination.config())["message"]
        discovered = destination.run(config=destination.config(), command="discover").output

        for part in (shown["text"], shown["marketing_permission_id"]):
            assert part in message
            assert part in discovered


def test_a_tag_is_taken_away_by_its_name(destination: DestinationHarness) -> None:
    """And one that nobody has is not made for that."""
    destination.write([destination.record({"id": 1, "email": "jo@example.com", "tags": "VIP, Old"})])
    destination.control.reset_stats()
    run = destination.write(
        [destination.record({"id": 1, "email": "jo@example.com", "tags": "remove:vip, New, remove: Never"})]
    )

    assert run.accounting() == {"received": 1, "updated": 1}
    assert sorted(tag["name"] for tag in destination.contact("jo@example.com")["tags"]) == ["New", "Old"]
    assert destination.control.stats()["writes"].get("POST /lists/{list_id}/segments") == 1


@pytest.mark.parametrize("workers", [1, 10])
def test_people_are_asked_to_confirm_in_their_own_language(destination: DestinationHarness, workers: int) -> None:
    """By a batch, and by the single call that follows where the batch's answer does not mention somebody."""
    languages = {"a": "de", "b": "FR-ca", "c": None, "d": "de"}
    destination.control.fault("forget_members", "/lists/{list_id}", method="POST", members=1)
    lines = [
        destination.record({"id": name, "email": f"{name}@example.com", "language": language})
        for name, language in languages.items()
    ]
    run = destination.write(lines, destination.config(status_for_new="pending", num_workers=workers))
    asked = {name: destination.contact(f"{name}@example.com")["confirmation_language"] for name in languages}

    assert run.accounting() == {"received": 4, "created": 4}
    assert {name: language or None for name, language in asked.items()} == {
        "a": "de", "b": "fr-CA", "c": None, "d": "de",
    }  # fmt: skip


def test_who_is_not_asked_to_confirm_needs_no_call_of_their_language(destination: DestinationHarness) -> None:
    destination.control.reset_stats()
    lines = [
        destination.record({"id": n, "email": f"n{n}@example.com", "language": "de" if n % 2 else "fr"})
        for n in range(50)
    ]
    destination.write(lines)

    assert destination.control.stats()["writes"] == {"POST /lists/{list_id}": 1}


def test_equal_warnings_are_told_three_times_and_then_counted(destination: DestinationHarness) -> None:
    run = destination.write([b"not json"] * 40 + [destination.record({"id": 1, "email": "a@example.com"})] * 50)
    told = [line for line in run.logs("WARN") if "A line of input is not JSON" in line]

    assert len(told) == 4
    assert told[-1].startswith("37 more times: ")


def test_an_address_with_odd_characters_is_shown_nowhere(destination: DestinationHarness) -> None:
    """Neither in the lines of rejects nor in the accounting nor in what ends the sync."""
    odd = ["o'hara@example.com", "dev/nullify@example.com", "a+bcde=f@example.com"]
    destination.control.contact_fault(odd, text="{email} was previously removed from this audience.")
    run = destination.write([destination.record({"id": n, "email": address}) for n, address in enumerate(odd)])

    assert run.accounting() == {"received": 3, "rejected": 3}
    for part in ("hara", "dev", "nullify", "a+", "bcde"):
        assert part not in run.output.replace("mailchimp.dev", "")


@pytest.mark.parametrize("ended", [False, True], ids=["the others stay", "the others are ended"])
@pytest.mark.parametrize("kind,kept", [("radio", False), ("dropdown", False), ("checkboxes", True)])
def test_of_a_category_in_which_people_choose_one_a_contact_ends_with_the_new_group_alone(
    destination: DestinationHarness,
    kind: str,
    kept: bool,  # noqa: FBT001
    ended: bool,  # noqa: FBT001
) -> None:
    destination.control.facts(one_group_of_a_choice=ended)
    simulator = destination.simulator
    path = f"{simulator.base_url}/3.0/lists/{destination.list_id}/interest-categories"

    def post(path: str, **body: Any) -> str:
        answer = requests.post(path, json=body, auth=("key", simulator.api_key), timeout=10)
        answer.raise_for_status()
        return str(answer.json()["id"])

    category = post(path, title="Help by", type=kind)
    events, donating = (post(f"{path}/{category}/interests", name=name) for name in ("Events", "Donating"))
    for group in ("Help by: Events", "Help by: Donating"):
        run = destination.write([destination.record({"id": 1, "email": "new@example.com", "interests": [group]})])
        assert run.accounting()["received"] == 1

    shown = destination.contact("new@example.com")["interests"]
    assert (shown[events], shown[donating]) == (kept, True)


@pytest.mark.parametrize("columns", [["id", "email"], ["id", "email", "interests"], []], ids=" ".join)
def test_groups_are_asked_for_when_a_column_may_hold_them_or_a_record_does(
    destination: DestinationHarness, columns: list[str]
) -> None:
    """A sync without groups doesn't wait for them; a record that holds one that no schema has told of does."""
    asked = "GET /lists/{list_id}/interest-categories/{interest_category_id}/interests"
    streams = [destination.stream_of(columns=columns)]
    people = [destination.record({"id": n, "email": f"new{n}@example.com"}) for n in range(5)]

    assert destination.write(people, streams=streams).accounting() == {"received": 5, "created": 5}
    assert bool(destination.calls(asked)) is ("interests" in columns)

    path = f"{destination.simulator.base_url}/3.0/lists/{destination.list_id}/interest-categories"
    auth = ("key", destination.simulator.api_key)
    category = requests.get(path, auth=auth, timeout=10).json()["categories"][0]["id"]
    group = requests.get(f"{path}/{category}/interests", auth=auth, timeout=10).json()["interests"][0]
    last = destination.record({"id": 9, "email": "new9@example.com", "interests": {group["id"]: True}})
    assert destination.write([*people, last], streams=streams).accounting() == {
        "received": 6, "created": 1, "updated": 5
    }  # fmt: skip
    assert destination.contact("new9@example.com")["interests"][group["id"]] is True
