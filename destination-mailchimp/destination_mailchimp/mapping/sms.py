"""Columns of mobile numbers and of the consent to get text messages; used only where ``field_mapping`` names them."""

from __future__ import annotations

import re
from typing import Any

from destination_mailchimp.mapping.errors import BadValue
from destination_mailchimp.mapping.partial_contact import PartialContact, Put
from destination_mailchimp.mapping.values import as_flag, as_text

_PHONE = re.compile(r"\+[1-9]\d{6,14}")
_CONSENTS = ("confirmed", "consented", "unknown")
_GIVEN = frozenset({"subscribed", "optedin", "optin", "granted"})


def _put_phone(partial: PartialContact, value: Any) -> None:
    text = re.sub(r"[\s().\-/]", "", as_text(value))
    if not text:
        return
    if text.startswith("00"):
        text = f"+{text[2:]}"
    if not _PHONE.fullmatch(text):
        raise BadValue("is not a mobile number with its country code, such as +15555550100")
    partial.sms = {**(partial.sms or {}), "phone": text}


def _put_consent(partial: PartialContact, value: Any) -> None:
    """Yes becomes ``consented``. No is not sent: the API has no word for a refusal, and none is ever guessed."""
    text = value.strip().casefold() if isinstance(value, str) else ""
    if text in _CONSENTS:
        consent = text
    elif text in _GIVEN:
        consent = "consented"
    else:
        try:
            if value == "" or not as_flag(value):
                return
        except BadValue:
            raise BadValue("is no consent to text messages: confirmed, consented, unknown, yes or no") from None
        consent = "consented"
    partial.sms = {**(partial.sms or {}), "consent": consent}


SMS_COLUMNS: dict[str, tuple[str, Put]] = {
    "smsphone": ("sms_phone", _put_phone),
    "smsconsent": ("sms_consent", _put_consent),
}
"""By the plain name of the target: how it is called, and how a value gets there."""
