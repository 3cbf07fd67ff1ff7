"""With ``existing_contacts: leave`` nobody is touched who was there before this sync."""

from __future__ import annotations

from destination_mailchimp.writing.existing import ExistingContacts
from unit_tests.builders import people


class TestExistingContacts:
    """Whom this sync has made itself, a later record may change."""

    def test_only_strangers_to_this_sync_are_left_alone(self) -> None:
        mine, theirs = people(2)
        existing = ExistingContacts(leave=True)
        existing.made([mine])

        assert not existing.left_alone(mine)
        assert existing.left_alone(theirs)

    def test_without_the_option_everybody_is_updated(self) -> None:
        (contact,) = people(1)

        assert not ExistingContacts(leave=False).left_alone(contact)
