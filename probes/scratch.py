"""The only place that writes: to one audience, only contacts and tags it has made up itself, until ``clean_up``."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from typing import Any

from mailchimp_api.client import MailchimpClient
from mailchimp_api.errors import MailchimpError, RequestRefused, ResourceGone, ResourceRefused
from mailchimp_api.members import subscriber_hash

Json = dict[str, Any]
_LOOKS = 4
_NO_CHECK_OF_REQUIRED_FIELDS = {"skip_merge_validation": True}


class Scratch:
    """Contacts of its own in the audience ``list_id``, at ``domain``. ``pause``: seconds between two looks.

    Every method takes an address that ``address`` has made; any other is refused with an AssertionError.
    """

    def __init__(self, client: MailchimpClient, list_id: str, domain: str, *, pause: float) -> None:
        self._client = client
        self._list = f"lists/{list_id}"
        self._domain = domain
        self._pause = pause
        # Hard to guess, so that no address is one that somebody has.
        self.prefix = f"live-test-{secrets.token_hex(4)}-"
        self._addresses: list[str] = []
        self._tags: list[str] = []
        self._absent: list[str] = []

    # -- contacts ---------------------------------------------------------------------------------------------

    def address(self) -> str:
        """A new address. It is noted before anything is sent: also a write without an answer is cleaned up."""
        self._addresses.append(f"{self.prefix}{len(self._addresses) + 1}@{self._domain}")
        return self._addresses[-1]

    def add(self, status: str = "subscribed", **fields: Any) -> str:
        """A new contact; its address."""
        address = self.address()
        self.put(address, status_if_new=status, **fields)
        return address

    def put(self, address: str, **body: Any) -> Json:
        """Create or update one contact; the contact as answered."""
        body = {"email_address": address, "status_if_new": "subscribed", **body}
        row: Json = self._client.request("PUT", self._path(address), _NO_CHECK_OF_REQUIRED_FIELDS, json=body)
        return row

    def change(self, address: str, **body: Any) -> None:
        """Update a contact that exists."""
        self._client.request("PATCH", self._path(address), _NO_CHECK_OF_REQUIRED_FIELDS, json=body)

    def archive(self, address: str) -> None:
        """Archive a contact."""
        self._client.request("DELETE", self._path(address))

    def batch(self, *members: Json, update_existing: bool) -> Json:
        """Write several contacts in one call; the answer."""
        for member in members:
            self._own(member["email_address"])
        body = {"members": list(members), "update_existing": update_existing}
        answer: Json = self._client.request("POST", self._list, _NO_CHECK_OF_REQUIRED_FIELDS, json=body)
        return answer

    def contact(self, address: str) -> Json:
        """The contact as it is now."""
        return self._client.get(self._path(address), {"exclude_fields": "_links"})

    def listed(self, address: str) -> Json:
        """The contact as the audience's listing has it."""
        wanted = {"unique_email_id": str(self.contact(address)["unique_email_id"])}
        rows: list[Json] = self._client.get(f"{self._list}/members", wanted, items="members")["members"]
        [row] = [row for row in rows if row["id"] == subscriber_hash(address)]
        return row

    def below(self, address: str, collection: str) -> list[Json]:
        """The first rows of a collection of the contact: ``notes`` or ``tags``."""
        rows: list[Json] = self._client.get(f"{self._path(address)}/{collection}", items=collection)[collection]
        return rows

    def note(self, address: str) -> None:
        """Put a note to a contact."""
        self._client.request("POST", f"{self._path(address)}/notes", json={"note": "live test"})

    # -- tags and fields --------------------------------------------------------------------------------------

    def tag(self) -> str:
        """The name of a new tag, noted for the cleaning up."""
        self._tags.append(f"{self.prefix}tag-{len(self._tags) + 1}")
        return self._tags[-1]

    def put_tag(self, address: str, tag: str) -> None:
        """Tag a contact the documented way."""
        assert tag in self._tags
        self._client.request("POST", f"{self._path(address)}/tags", json={"tags": [{"name": tag, "status": "active"}]})

    def segment(self, tag: str) -> int:
        """Make a tag; its id."""
        assert tag in self._tags
        segment: Json = self._client.request("POST", f"{self._list}/segments", json={"name": tag, "static_segment": []})
        return int(segment["id"])

    def join(self, tag: str, *addresses: str) -> Json:
        """Make a tag, and let contacts join it by one call; the answer."""
        path = f"{self._list}/segments/{self.segment(tag)}"
        body = {"members_to_add": [self._own(address) for address in addresses]}
        answer: Json = self._client.request("POST", path, json=body)
        return answer

    def shows_tag(self, address: str, tag: str) -> bool:
        """Whether a contact has a tag, sooner or later."""
        return self.seen(lambda scratch: any(row["name"] == tag for row in scratch.below(address, "tags")))

    def seen(self, look: Callable[[Scratch], bool]) -> bool:
        """Whether ``look`` says yes, if need be after a few pauses: Mailchimp may show a change with a delay."""
        for number in range(_LOOKS):
            if number:
                time.sleep(self._pause)
            if look(self):
                return True
        return False

    def audience(self) -> Json:
        """The audience itself."""
        return self._client.get(self._list, {"exclude_fields": "_links"})

    def merge_fields(self) -> list[Json]:
        """The audience's merge fields."""
        path = f"{self._list}/merge-fields"
        rows: list[Json] = self._client.get(path, {"count": 100}, items="merge_fields")["merge_fields"]
        return rows

    def address_field(self) -> str | None:
        """The merge tag of a field that holds a postal address, if the audience has one."""
        return next((str(field["tag"]) for field in self.merge_fields() if field["type"] == "address"), None)

    def groups_of_a_choice(self) -> tuple[str, str] | None:
        """Two groups of a category of which people choose one, if the audience has such a category."""
        path = f"{self._list}/interest-categories"
        for category in self._client.get(path, {"count": 100}, items="categories")["categories"]:
            if category["type"] in ("radio", "dropdown"):
                groups = self._client.get(f"{path}/{category['id']}/interests", {"count": 2}, items="interests")
                if len(groups["interests"]) > 1:
                    first, second = (str(group["id"]) for group in groups["interests"])
                    return first, second
        return None

    # -- afterwards -------------------------------------------------------------------------------------------

    def clean_up(self) -> list[str]:
        """Delete all contacts and tags made here; a line about each thing that is left. Never raises MailchimpError."""
        self._absent = []
        left = [self._failure(self._remove, address, self._name(address)) for address in self._addresses]
        if self._absent:
            # A write that was broken off may take effect a moment after it was given up.
            time.sleep(self._pause)
            left += [self._failure(self._remove, address, self._name(address)) for address in list(self._absent)]
        left += [self._failure(self._remove_tag, tag, f"the tag {tag}") for tag in self._tags]
        return [line for line in left if line]

    def _failure(self, remove: Callable[[str], None], which: str, shown: str) -> str | None:
        try:
            remove(which)
        except MailchimpError as error:
            return f"{shown} is left: {error}"
        return None

    def _name(self, address: str) -> str:
        return f"the contact {address.partition('@')[0]}"

    def _remove(self, address: str) -> None:
        try:
            self._client.request("POST", f"{self._path(address)}/actions/delete-permanent")
        except ResourceGone:
            self._absent.append(address)
        except (RequestRefused, ResourceRefused) as error:
            # Archived at least: then no campaign goes there, and it costs nothing.
            try:
                if self.contact(address).get("status") != "archived":
                    self.archive(address)
            except ResourceGone:
                self._absent.append(address)
                return
            error.message += "; it is archived"
            raise

    def _remove_tag(self, tag: str) -> None:
        found = self._client.get(f"{self._list}/tag-search", {"name": tag, "count": 100}, items="tags")["tags"]
        for row in found:
            # The search takes the beginning of a name: tag-1 finds tag-10 too.
            if str(row["name"]).lower() == tag:
                self._client.request("DELETE", f"{self._list}/segments/{row['id']}")

    def _path(self, address: str) -> str:
        return f"{self._list}/members/{subscriber_hash(self._own(address))}"

    def _own(self, address: str) -> str:
        assert address in self._addresses, "not a contact of this run"
        return address
