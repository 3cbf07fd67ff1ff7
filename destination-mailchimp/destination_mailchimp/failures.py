"""The ways a sync, or a part of it, ends early: drawn as a tree by what is done about it.

Exception
├── SyncFailure           the sync ends with exit code 1 and this message; carries Airbyte's failure type
│   └── NewContactLimitReached  … no new contact may be made, but calls that have begun are still carried out
├── Stopped               somebody asked the process to end (SIGTERM), or another failure is ending the sync
└── RecordRejected        this record can't become a contact; the others can
"""

from __future__ import annotations

from typing import Literal

from connector_cli.errors import CommandFailed, FailureType
from mailchimp_api.errors import (
    ConfigError,
    MailchimpError,
    RequestRefused,
    ResourceGone,
    ResourceRefused,
    TransientError,
)

Reason = Literal[
    # Found out here, before Mailchimp is asked:
    "no_data",
    "unknown_stream",
    "unreadable",
    "no_address",
    "invalid_address",  # or Mailchimp says so
    "invalid_status",
    "invalid_deletion",
    "archived",  # or Mailchimp says so
    # What Mailchimp's texts are sorted into:
    "looks_fake",
    "too_many_signups",
    "compliance_state",
    "forgotten",
    "status_refused",
    "field_refused",
    "refused",
    "server_error",  # Mailchimp's own, each time, for this contact alone
    "not_removable",
    "internal_error",  # the connector's own; such a record counts as not written
    # Beside an outcome, for a contact that was written:
    "key_not_unique",
    "vanished",
    "status_not_taken",
]
"""Why a record was rejected, or something about a contact was. The destination's page says what each means."""


class SyncFailure(CommandFailed):
    """Ends the sync. ``message`` is for a person: it names the remedy and holds no address and no secret."""

    def __init__(self, message: str, failure_type: FailureType = "config_error", internal: str = "") -> None:
        super().__init__(message, failure_type, internal)


class NewContactLimitReached(SyncFailure):
    """As many contacts have been made as the user admits. What was sent along and exists is still updated."""


class Stopped(Exception):
    """No further call may be made: the sync is ending."""


ABOUT_A_PERSON: frozenset[Reason] = frozenset(
    ["looks_fake", "too_many_signups", "compliance_state", "forgotten", "archived", "not_removable", "server_error"]
)
"""Reasons that lie with one person or address: however many share one, no option is wrong."""


class RecordRejected(Exception):
    """Why a record was refused: ``text`` is a sentence, ``field`` where it lies (empty: nowhere in particular).

    ``fields`` are all fields that were named, each with what is wrong with it.
    ``by_call``: the call as a whole was refused, rather than one row of it.
    """

    def __init__(
        self,
        reason: Reason,
        text: str,
        field: str = "",
        *,
        fields: tuple[tuple[str, str], ...] = (),
        by_call: bool = False,
    ) -> None:
        super().__init__(text)
        self.reason: Reason = reason
        self.text = text
        self.field = field
        self.fields = fields or (((field, text),) if field else ())
        self.by_call = by_call


def failure_of(error: BaseException) -> CommandFailed:
    """Translate whatever ended the sync into the failure that a person reads."""
    if isinstance(error, CommandFailed):
        return error
    failure = _translated(error)
    failure.internal = f"{type(error).__name__}: {error}"
    return failure


def _translated(error: BaseException) -> SyncFailure:
    if isinstance(error, ConfigError):
        return SyncFailure(error.message)
    if isinstance(error, ResourceRefused):
        return SyncFailure(
            f"The key's user may not do this in Mailchimp ({error.message}). "
            "Use the key of a user with at least the Manager role."
        )
    if isinstance(error, ResourceGone):
        return SyncFailure(f"The audience, or a part of it, was deleted while the sync ran ({error.message}).")
    if isinstance(error, RequestRefused):
        return SyncFailure(
            f"Mailchimp does not let us write at the moment ({error.message}). "
            "What was written stays written; the next sync goes on from there.",
            "transient_error",
        )
    if isinstance(error, TransientError):
        return SyncFailure(
            f"Mailchimp could not be reached for too long, so the sync was ended ({error.message}). "
            "What was written stays written; the next sync goes on from there.",
            "transient_error",
        )
    if isinstance(error, MailchimpError):
        return SyncFailure(error.message, "system_error")
    return SyncFailure(
        f"An error in the connector ended the sync ({type(error).__name__}). Please report it with the log.",
        "system_error",
    )
