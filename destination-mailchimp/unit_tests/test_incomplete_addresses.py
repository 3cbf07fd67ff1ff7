"""An address without a state or a postal code is written in the fullest form that Mailchimp takes."""

from __future__ import annotations

from typing import Any

import pytest

from destination_mailchimp.audience.incomplete_addresses import IncompleteAddresses, lacking
from destination_mailchimp.contacts.contact import Json

WHOLE = {"addr1": "1 Main St", "city": "Gary", "state": "IN", "zip": "46401"}
NO_ZIP = {**WHOLE, "zip": ""}
NEITHER = {**WHOLE, "state": "", "zip": ""}


def prepared(addresses: IncompleteAddresses, address: dict[str, str]) -> Any:
    """What becomes of an address; None if it is left out."""
    merge: Json = {"ADDRESS": address}
    lost = addresses.prepare(merge)
    assert bool(lost) == ("ADDRESS" not in merge)
    return merge.get("ADDRESS")


@pytest.mark.parametrize(
    "address,parts", [(WHOLE, set()), (NO_ZIP, {"zip"}), (NEITHER, {"state", "zip"}), ("", set()), ({"zip": ""}, set())]
)
def test_what_an_address_lacks(address: object, parts: set[str]) -> None:
    assert lacking(address) == parts


class TestIncompleteAddresses:
    """Nothing is filled or left out before Mailchimp has refused something of the kind."""

    def test_it_is_sent_as_it_is_first(self) -> None:
        assert prepared(IncompleteAddresses({"zip": "-"}), NO_ZIP) == NO_ZIP

    def test_what_was_refused_is_filled_from_then_on(self, caplog: pytest.LogCaptureFixture) -> None:
        addresses = IncompleteAddresses({"zip": "0000"})

        assert addresses.refused(NO_ZIP)
        assert addresses.refused(NO_ZIP)
        assert prepared(addresses, NO_ZIP) == {**WHOLE, "zip": "0000"}
        assert prepared(addresses, WHOLE) == WHOLE
        assert caplog.text.count("postal_code_placeholder") == 1

    def test_without_a_placeholder_it_is_left_out(self, caplog: pytest.LogCaptureFixture) -> None:
        addresses = IncompleteAddresses({"state": "-"})

        assert not addresses.refused(NO_ZIP)
        assert prepared(addresses, NO_ZIP) is None
        assert "postal_code_placeholder would fill them" in caplog.text

    def test_where_some_have_been_taken_another_is_refused_for_something_else(self) -> None:
        """Its country may be none: that costs this address, and no other."""
        addresses = IncompleteAddresses({"zip": "0000"})
        addresses.taken(NO_ZIP, {**NO_ZIP, "country": "IE"})

        assert not addresses.refused({**NO_ZIP, "country": "Atlantis"})
        assert prepared(addresses, NO_ZIP) == NO_ZIP

    @pytest.mark.parametrize("shown", ["", None, {**NO_ZIP, "zip": "1"}, {**NO_ZIP, "addr1": "2 Old St"}])
    def test_an_answer_that_shows_another_value_has_taken_nothing(self, shown: object) -> None:
        addresses = IncompleteAddresses({"zip": "0000"})
        addresses.taken(NO_ZIP, shown)

        assert addresses.refused(NO_ZIP)

    def test_one_that_lacks_both_says_nothing_of_those_that_lack_one(self) -> None:
        """They may well be taken: only what was empty together was refused."""
        addresses = IncompleteAddresses({"state": "-", "zip": "0000"})

        assert addresses.refused(NEITHER)
        assert prepared(addresses, NO_ZIP) == NO_ZIP
        assert prepared(addresses, NEITHER) == {**WHOLE, "state": "-", "zip": "0000"}

    def test_of_two_empty_parts_only_the_refused_one_is_filled_first(self) -> None:
        addresses = IncompleteAddresses({"state": "-", "zip": "0000"})
        addresses.refused(NO_ZIP)

        half = prepared(addresses, NEITHER)
        assert half == {**NEITHER, "zip": "0000"}
        assert addresses.refused(half)
        assert prepared(addresses, NEITHER) == {**WHOLE, "state": "-", "zip": "0000"}

    def test_of_two_the_one_is_filled_that_can_be(self) -> None:
        addresses = IncompleteAddresses({"zip": "0000"})

        assert addresses.refused(NEITHER)
        half = prepared(addresses, NEITHER)
        assert half == {**NEITHER, "zip": "0000"}
        assert not addresses.refused(half)
        assert prepared(addresses, NEITHER) is None
