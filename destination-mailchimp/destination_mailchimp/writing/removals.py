"""Takes contacts out of the audience whose record was deleted in the source (``deletes``)."""

from __future__ import annotations

from destination_mailchimp.accounting.ledger import Outcome
from destination_mailchimp.audience.calls import Calls
from destination_mailchimp.config import Config
from destination_mailchimp.contacts.contact import Contact
from destination_mailchimp.failures import RecordRejected
from destination_mailchimp.writing.consent import ACTIVE_STATUSES
from destination_mailchimp.writing.contact_calls import ContactCalls
from destination_mailchimp.writing.membership import StatusIndex
from destination_mailchimp.writing.result import Result, Skipped, Written
from mailchimp_api.errors import RequestRefused, ResourceGone

_METHOD_NOT_ALLOWED = 405


class Remover:
    """Unsubscribes or archives contacts one by one. Thread-safe."""

    def __init__(self, calls: Calls, contact_calls: ContactCalls, config: Config, archived: StatusIndex) -> None:
        """``archived`` is told whom this has archived, so that no later version of a record brings one back."""
        self._calls = calls
        self._contact_calls = contact_calls
        self._config = config
        self._archived = archived

    def remove(self, contact: Contact, result: Result) -> None:
        """Unsubscribe or archive; who is not there any more needs neither."""
        try:
            if self._config.deletes == "archive":
                self._archive(contact)
            else:
                self._unsubscribe(contact)
        except ResourceGone:
            result.skipped.append(Skipped(contact, "not in the audience"))
        else:
            result.written.append(Written(contact, Outcome.REMOVED))

    def _archive(self, contact: Contact) -> None:
        """Raises ResourceGone, RequestRefused, and RecordRejected for who can't be taken out of the audience."""
        try:
            self._calls.send("DELETE", f"members/{contact.hash}", suspect=contact.suspect)
        except RequestRefused as error:
            if error.problem.status != _METHOD_NOT_ALLOWED:
                raise
            # So answered for pending, bounced and archived contacts alike (recorded): only the status tells.
            present = self._calls.member(contact.hash, contact.suspect)
            status = present.status if present else None
            if present is None or status == "archived":
                self._archived.add([contact.hash])
                return
            if status not in ACTIVE_STATUSES:
                text = f"Mailchimp does not archive a contact that is {status}: {error.problem}"
                raise RecordRejected("not_removable", text, by_call=True) from None
            # Pending ones can still confirm: unsubscribed they get nothing, as if they were archived.
            self._unsubscribe(contact)
        else:
            self._archived.add([contact.hash])

    def _unsubscribe(self, contact: Contact) -> None:
        self._contact_calls.patch(contact, {"status": "unsubscribed"})
        if contact.shown_status not in (None, "unsubscribed", "archived"):
            text = f"Mailchimp did not unsubscribe the contact, which stays {contact.shown_status}."
            raise RecordRejected("not_removable", text, by_call=True)
