"""Writes mobile numbers and the consent to get text messages, by the newer call for contacts."""

from __future__ import annotations

import logging
import threading
from typing import Any

from destination_mailchimp.audience.calls import Calls
from destination_mailchimp.contacts.contact import Contact
from destination_mailchimp.writing.result import Noted, Result
from mailchimp_api.client import Params
from mailchimp_api.errors import RequestRefused, ResourceGone, ResourceRefused

logger = logging.getLogger("airbyte.destination_mailchimp")

# "historical": what is brought along is no news, so that no automation answers it by a text message.
_PARAMS: Params = {"merge_field_validation_mode": "ignore_required_checks", "data_mode": "historical"}
_REFUSED_BEFORE_GIVING_UP = 5


class SmsWriter:
    """One call a contact, which must not cost anybody's consent to e-mail, whatever is not known of it (*open*).

    So the status of the first contact is looked at before and after; if it has changed, no other number is written.
    Where an audience has no SMS, a few refusals in a row are enough to stop asking. Thread-safe.
    """

    def __init__(self, calls: Calls) -> None:
        self._calls = calls
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
            self._send(contact, result)
            return
        with self._lock:
            self._first(contact, result)

    def _first(self, contact: Contact, result: Result) -> None:
        if self._safe or self._off:
            self._send(contact, result)
            return
        before = self._status(contact)
        if not self._send(contact, result):
            return
        after = self._status(contact)
        if before == after:
            self._safe = True
            return
        self._off = True
        logger.error(
            "Writing a mobile number changed the status of a contact from %s to %s, so no other number is written. "
            "Look at the newest contact with a number, and take the columns of SMS out of field_mapping",
            before,
            after,
        )

    def _send(self, contact: Contact, result: Result) -> bool:
        """Whether Mailchimp has taken it."""
        if self._off:
            result.notes.append(Noted(contact, "SMS not written"))
            return False
        assert contact.sms
        channel: dict[str, Any] = {"sms_phone": contact.sms["phone"]}
        if "consent" in contact.sms:
            channel["marketing_consent"] = {"status": contact.sms["consent"]}
        body = {"email_channel": {"email": contact.address}, "sms_channel": channel, "update_existing": True}
        path = f"audiences/{self._calls.list_id}/contacts"
        try:
            answer = self._calls.send(
                "POST", path, _PARAMS, json=body, suspect=contact.suspect, below_audience=False
            ).body
        except (RequestRefused, ResourceRefused, ResourceGone) as error:
            result.notes.append(Noted(contact, f"SMS refused by Mailchimp: {_text(error)}"))
            self._count_refusal(error)
            return False
        self._refused = 0
        shown = answer.get("sms_channel") if isinstance(answer, dict) else None
        if not isinstance(shown, dict) or not shown.get("sms_phone"):
            result.notes.append(Noted(contact, "SMS not confirmed by Mailchimp's answer"))
        return True

    def _count_refusal(self, error: RequestRefused | ResourceRefused | ResourceGone) -> None:
        self._refused += 1
        if self._refused >= _REFUSED_BEFORE_GIVING_UP and not self._off:
            self._off = True
            logger.warning(
                "Mailchimp has refused %d mobile numbers in a row, so no other is written: %s. Switch SMS on for the "
                "audience in Mailchimp, or take its columns out of field_mapping",
                self._refused,
                _text(error),
            )

    def _status(self, contact: Contact) -> str | None:
        present = self._calls.member(contact.hash)
        return present.status if present else None


def _text(error: RequestRefused | ResourceRefused | ResourceGone) -> str:
    return str(getattr(error, "problem", None) or error.message)
