"""Proves that a client works, and that the audiences somebody configured exist."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from mailchimp_api import readers
from mailchimp_api.client import MailchimpClient, Reader
from mailchimp_api.errors import (
    AudienceNotFound,
    ConnectionFault,
    HostUnreachable,
    PermissionDenied,
    ResourceGone,
    ResourceRefused,
)
from mailchimp_api.readers import AudienceFacts

WHERE_IDS_ARE = "Mailchimp shows it under Audience → Settings → Audience name and defaults"


def account_of(client: MailchimpClient) -> dict[str, Any]:
    """The account's own object (``account_id``, ``account_name``, …): proves key, host and permission at once.

    Raises InvalidApiKey, InvalidAccessToken, UserDisabled, PermissionDenied, HostUnreachable (after the client's
    retries: give it few); other TransientErrors where Mailchimp itself fails.
    """
    try:
        return client.get("", {"exclude_fields": "_links"})
    except ResourceRefused as error:
        raise PermissionDenied(
            f"The key works, but its user may not read the account: {error.problem}. "
            "Use the key of a user with at least the Viewer role.",
            field="credentials",
            request_id=error.request_id,
        ) from None
    except (ConnectionFault, ResourceGone) as error:
        if client.host_field == "api_url":
            remedy = (
                "Check api_url, and that this machine reaches it, through a proxy if it needs one; "
                "in a container, 127.0.0.1 is the container itself."
            )
        else:
            remedy = (
                "Check the ending of the key, and that this machine reaches the internet, "
                "through a proxy if it needs one."
            )
        raise HostUnreachable(
            f"Mailchimp's host can't be reached, or is not Mailchimp's: {error.message}. {remedy}",
            field=client.host_field,
            request_id=error.request_id,
        ) from None


def audience_of(client: MailchimpClient, list_id: str, *, field: str) -> AudienceFacts:
    """The audience (list) ``list_id``. ``field`` is the option it was configured in, for the error.

    Raises AudienceNotFound, PermissionDenied, and UnreadableAnswer where the answer lacks what decides.
    """
    facts: AudienceFacts = _audience(client, list_id, field, readers.audience)
    return facts


def _audience(client: MailchimpClient, list_id: str, field: str, read: Reader) -> Any:
    # A slash or a blank in the id would ask for another resource altogether.
    if not (list_id.isascii() and list_id.isalnum()):
        raise _not_found(list_id, field)
    try:
        return client.request("GET", f"lists/{list_id}", {"exclude_fields": "_links"}, read=read)
    except ResourceGone as error:
        raise _not_found(list_id, field, error.request_id) from None
    except ResourceRefused as error:
        raise PermissionDenied(
            f"The key's user may not read the audience {list_id}: {error.problem}. "
            "Use the key of a user who may, or leave this audience out.",
            field=field,
            request_id=error.request_id,
        ) from None


def check_audiences(client: MailchimpClient, list_ids: Iterable[str], *, field: str) -> None:
    """Raises AudienceNotFound for the first of ``list_ids`` that the account does not have."""
    for list_id in list_ids:
        _audience(client, list_id, field, readers.identified("id"))


def _not_found(list_id: str, field: str, request_id: str | None = None) -> AudienceNotFound:
    return AudienceNotFound(
        f"List ID not found: {list_id}. {WHERE_IDS_ARE}; it is a short code such as a1b2c3d4e5, "
        "not the audience's name and not the number in the browser's address.",
        field=field,
        request_id=request_id,
    )
