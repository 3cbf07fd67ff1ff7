"""Archived contacts: what becomes of their records, who has been archived meanwhile, and who must be again."""

from __future__ import annotations

import logging

from destination_mailchimp.audience.calls import Calls
from destination_mailchimp.config import Config
from destination_mailchimp.contacts.contact import Contact
from destination_mailchimp.failures import RecordRejected, Stopped
from destination_mailchimp.writing.membership import StatusIndex
from destination_mailchimp.writing.result import FollowUp, Rejected, Result, Skipped, Step
from mailchimp_api import readers
from mailchimp_api.errors import RequestRefused, ResourceGone

logger = logging.getLogger("airbyte.destination_mailchimp")

_METHOD_NOT_ALLOWED = 405


class ArchivedPolicy:
    """Applies ``archived_contacts``. Thread-safe."""

    def __init__(self, calls: Calls, config: Config, index: StatusIndex) -> None:
        self._calls = calls
        self._config = config
        self._index = index

    @property
    def may_revive(self) -> bool:
        """Whether the user wants archived contacts back."""
        return self._config.archived_contacts == "revive"

    def apply(self, contact: Contact, result: Result) -> None:
        """The contact is archived: say what becomes of its record."""
        if contact.removed:
            result.skipped.append(Skipped(contact, "archived already"))
        elif self.may_revive:
            result.follow_ups.append(FollowUp(contact, Step.REVIVE))
        elif self._config.archived_contacts == "reject":
            reject = RecordRejected("archived", "The contact is archived, and archived_contacts is reject.")
            result.rejected.append(Rejected(contact, reject))
        else:
            result.skipped.append(Skipped(contact, "archived"))

    def undo(self, contacts: list[Contact], result: Result) -> None:
        """A call that was to make new contacts has brought these back from the archive: archive them again, at once.

        They had been archived after it was known who is. Raises what ends a call; nothing is silent about it.
        """
        if not contacts:
            return
        logger.warning(
            "Mailchimp brought %d archived contacts back, though archived_contacts is %s: they are archived again",
            len(contacts),
            self._config.archived_contacts,
        )
        failure: Exception | None = None
        for contact in contacts:
            try:
                self._archive_again(contact)
            except Stopped:
                raise
            except Exception as error:  # noqa: BLE001 - the others are archived first; it is raised below
                failure = failure or error
                continue
            self._index.add([contact.hash])
            result.skipped.append(Skipped(contact, "archived again"))
        if failure:
            raise failure

    def _archive_again(self, contact: Contact) -> None:
        # Nothing is put off here, and no contact given up: without a suspect all attempts are made.
        try:
            self._calls.send("DELETE", f"members/{contact.hash}")
        except ResourceGone:
            pass
        except RequestRefused as error:
            if error.problem.status != _METHOD_NOT_ALLOWED:
                raise
            # So answered for archived contacts as for pending ones (recorded), and archived they are where an answer
            # of ours was lost.
            present = self._calls.member(contact.hash)
            if present is None or present.status == "archived":
                return
            # Pending ones can't be archived: unsubscribed they get nothing, and can confirm nothing.
            off = {"status": "unsubscribed"}
            self._calls.send("PATCH", f"members/{contact.hash}", json=off, read=readers.member)
