"""Writes mobile numbers and the consent to get text messages, by the newer call for contacts."""

from __future__ import annotations

import contextlib
import logging
import threading
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from destination_mailchimp.accounting.causes import anonymised, without_value
from destination_mailchimp.audience.calls import Calls
from destination_mailchimp.contacts.contact import Contact
from destination_mailchimp.writing.archived import ArchivedPolicy
from destination_mailchimp.writing.batch_outcome import is_since
from destination_mailchimp.writing.consent import ACTIVE_STATUSES
from destination_mailchimp.writing.contact_calls import ContactCalls, StatusChanged
from destination_mailchimp.writing.result import Noted, Result
from mailchimp_api.client import Params
from mailchimp_api.errors import RequestRefused, ResourceGone, ResourceRefused
from mailchimp_api.readers import MemberFacts

logger = logging.getLogger("airbyte.destination_mailchimp")

# "historical": what is brought along is no news, so that no automation answers it by a text message.
_PARAMS: Params = {"merge_field_validation_mode": "ignore_required_checks", "data_mode": "historical"}
_REFUSED_BEFORE_GIVING_UP = 5


class SmsWriter:
    """Three calls a contact, which must not cost anybody's consent to e-mail, whatever is not known of it (*open*).

    Right before each attempt it is looked whether they are archived or gone: then it is not made, as it might bring
    them back. It is looked again afterwards: whom it has brought back is archived again, and as soon as it has changed
    a status no other number is written. Once a call has left a status as it was, others are made side by side.
    Where an audience has no SMS, a few refusals in a row are enough to stop asking. Thread-safe.
    """

    def __init__(self, calls: Calls, contact_calls: ContactCalls, archived: ArchivedPolicy) -> None:
        self._calls = calls
        self._contact_calls = contact_calls
        self._archived = archived
        self._lock = threading.Lock()
        self._safe = False
        self._off = False
        self._refused = 0

    def write(self, contact: Contact, result: Result) -> None:
        """Add the number and consent to a contact that exists. What is refused is noted beside its outcome."""
        if not contact.sms or "phone" not in contact.sms:
            result.notes.append(Noted(contact, "SMS consent without a number, left out"))
            return
        if self._safe:
            self._send(contact, contact.sms, result)
            return
        with self._lock:
            self._send(contact, contact.sms, result)

    def _send(self, contact: Contact, sms: dict[str, str], result: Result) -> None:
        if self._off:
            result.notes.append(Noted(contact, "SMS not written"))
            return
        channel: dict[str, Any] = {"sms_phone": sms["phone"]}
        if "consent" in sms:
            channel["marketing_consent"] = {"status": sms["consent"]}
        body = {"email_channel": {"email": contact.address}, "sms_channel": channel, "update_existing": True}
        path = f"audiences/{self._calls.list_id}/contacts"
        try:
            before = self._look(contact)
            since = self._calls.client.server_time() - timedelta(seconds=1)
            answer = self._calls.send(
                "POST",
                path,
                _PARAMS,
                json=body,
                suspect=contact.suspect,
                below_audience=False,
                before_repeat=partial(self._look, contact),
            ).body
        except StatusChanged as found:
            gone = "the contact is archived" if found.status else "the contact is gone"
            result.notes.append(Noted(contact, f"SMS not written: {gone}"))
            return
        except (RequestRefused, ResourceRefused, ResourceGone) as error:
            text = without_value(str(getattr(error, "problem", None) or error.message), sms["phone"])
            result.notes.append(Noted(contact, f"SMS refused by Mailchimp: {text}"))
            self._count_refusal(anonymised(text, contact.address))
            return
        self._refused = 0
        shown = answer.get("sms_channel") if isinstance(answer, dict) else None
        if not isinstance(shown, dict) or not shown.get("sms_phone"):
            result.notes.append(Noted(contact, "SMS not confirmed by Mailchimp's answer"))
        self._compare(contact, before, since, result)

    def _look(self, contact: Contact) -> MemberFacts:
        """The contact at this moment. Raises StatusChanged for who is archived or gone."""
        present = self._calls.member(contact.hash, contact.suspect)
        if present is None or present.status == "archived":
            raise StatusChanged(present.status if present else None)
        return present

    def _compare(self, contact: Contact, before: MemberFacts, since: datetime, result: Result) -> None:
        """Look whether the call has cost anybody's status, and undo it."""
        after = self._calls.member(contact.hash, contact.suspect)
        if after is None or after.status == "archived":
            return
        if after.status == before.status:
            if after.status == "subscribed" and after.opted != before.opted and is_since(after.opted, since):
                # Archived between the look and the call, which has brought them back: who comes back opts in anew.
                if not self._archived.may_revive:
                    self._archived.undo([contact], result)
                return
            self._safe = True
            return
        if self._safe:
            return  # such calls change nothing, so the person has
        self._off = True
        logger.error(
            "Writing a mobile number changed the status of a contact from %s to %s, so no other number is written. "
            "Look at the newest contact with a number, and take the columns of SMS out of field_mapping",
            before.status,
            after.status,
        )
        self._restore(contact, before.status, after.status)

    def _restore(self, contact: Contact, before: str, after: str) -> None:
        """Take back what gives more than the contact had: who was asked to confirm has not confirmed by this."""
        if before in ACTIVE_STATUSES and after != "subscribed":
            return
        if after in ACTIVE_STATUSES:
            wanted = before if before in ACTIVE_STATUSES else "unsubscribed"
            with contextlib.suppress(StatusChanged):  # by the person, who has the last word
                self._contact_calls.set_status(contact, wanted, lambda now: now == after)

    def _count_refusal(self, text: str) -> None:
        self._refused += 1
        if self._refused >= _REFUSED_BEFORE_GIVING_UP and not self._off:
            self._off = True
            logger.warning(
                "Mailchimp has refused %d mobile numbers in a row, so no other is written: %s. Switch SMS on for the "
                "audience in Mailchimp, or take its columns out of field_mapping",
                self._refused,
                text,
            )
