"""Tags of one contact: set by a call of their own, and compared with those that the contact has."""

from __future__ import annotations

from destination_mailchimp.audience.calls import Calls
from destination_mailchimp.config import Config
from destination_mailchimp.contacts.contact import Contact
from destination_mailchimp.writing.result import FollowUp, Result, TagFailed, Untag
from mailchimp_api.errors import ResourceGone


class ContactTags:
    """Makes these calls, from any number of threads."""

    def __init__(self, calls: Calls, config: Config) -> None:
        self._calls = calls
        self._config = config

    def compare(self, contact: Contact, result: Result) -> None:
        """Find the tags that the contact has and its record has not."""
        wanted = {name.casefold() for name in (*(contact.tags or ()), *self._config.tag_names)}
        try:
            path, params = f"members/{contact.hash}/tags", {"fields": "tags.name,total_items"}
            rows = list(self._calls.pages(path, "tags", params, "name", suspect=contact.suspect))
        except ResourceGone:
            rows = []
        result.untag += [Untag(contact, str(row["name"])) for row in rows if str(row["name"]).casefold() not in wanted]

    def write(self, follow_up: FollowUp, result: Result) -> None:
        """Works for contacts of every status (recorded: 204 for archived and unsubscribed ones)."""
        contact = follow_up.contact
        tags = [{"name": tag.name, "status": "inactive" if tag.remove else "active"} for tag in follow_up.tags]
        try:
            self._calls.send("POST", f"members/{contact.hash}/tags", json={"tags": tags}, suspect=contact.suspect)
        except ResourceGone:
            result.tags_failed += [
                TagFailed(contact, "the contact is not in the audience") for tag in follow_up.tags if not tag.remove
            ]
