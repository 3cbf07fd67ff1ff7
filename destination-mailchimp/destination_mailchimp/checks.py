"""The check and discover commands. Neither writes anything."""

from __future__ import annotations

import logging
from typing import Any

from destination_mailchimp.accounting.lines import check_target
from destination_mailchimp.audience.calls import Calls
from destination_mailchimp.audience.fields import Audience, MergeField, read_audience
from destination_mailchimp.config import Config
from destination_mailchimp.contacts.contact import STATUSES
from destination_mailchimp.mapping.columns import Columns
from destination_mailchimp.sync import open_calls
from destination_mailchimp.writing.consent import opt_in_overridden
from destination_mailchimp.writing.tags import TagIds
from mailchimp_api.account import account_of
from mailchimp_api.client import RetryPolicy
from mailchimp_api.errors import PermissionDenied

logger = logging.getLogger("airbyte.destination_mailchimp")

Json = dict[str, Any]

_FEW_ATTEMPTS = RetryPolicy(attempts=3, seconds=15, longest_wait=3)
# Of Mailchimp's five (Owner, Admin, Manager, Author, Viewer) those that may not bring contacts in.
_READERS = frozenset({"author", "viewer"})
_TYPES = {"number": "number"}
_FORMATS = {"date": "date", "url": "uri", "imageurl": "uri"}


def check(config: Config) -> list[str]:
    """Prove key, host, audience and the user's role; returns warnings, which are logged as well. Writes nothing.

    Raises SyncFailure for options that don't go with the audience or can't be used here, ConfigErrors
    (PermissionDenied for a role that may not write), and TransientErrors if Mailchimp can't be asked.
    """
    calls = open_calls(config, _FEW_ATTEMPTS)
    _check_role(account_of(calls.client))
    audience = read_audience(calls)
    Columns(config, audience)
    warnings = _required(config, audience)
    if overridden := opt_in_overridden(config, audience):
        warnings.append(overridden)
    elif audience.double_optin and config.status_for_new is None and not config.update_only:
        warnings.append(
            "The audience uses double opt-in: new contacts become pending and get an e-mail to confirm. "
            "Set status_for_new if they have confirmed already."
        )
    if audience.marketing_permissions:
        shown = ", ".join(f"{item.text or 'without a text'} ({item.id})" for item in audience.permissions)
        warnings.append(
            "The audience asks for marketing permissions"
            + (f": {shown}. " if shown else ", which nobody in it shows yet. ")
            + "A column marketing_permissions gives them by text or id; without one, new contacts have given none."
        )
    missing = TagIds(calls).missing(config.tag_names) if config.tag_names else []
    if missing:
        warnings.append(f"The audience does not have these tags yet; the first sync makes them: {', '.join(missing)}.")
    if config.rejects_file:
        check_target(config.rejects_file, "rejects_file")
    if config.dry_run_file:
        check_target(config.dry_run_file, "dry_run_file")
    if config.dry_run:
        warnings.append("dry_run is on: a sync writes nothing to Mailchimp, it only says what it would do.")
    for warning in warnings:
        logger.warning("%s", warning)
    return warnings


def _check_role(account: Json) -> None:
    """Raises PermissionDenied. A role that is missing or that we don't know is given the benefit of the doubt."""
    role = str(account.get("role") or "").strip().lower()
    if role in _READERS:
        raise PermissionDenied(
            f"The key works, but its user has the role {role.capitalize()}, which may not write contacts. "
            "Use the key of a user with at least the Manager role.",
            field="credentials",
        )


def _required(config: Config, audience: Audience) -> list[str]:
    explicit = {entry.field.strip().casefold() for entry in config.field_mapping}
    unmapped = [
        field.tag
        for field in audience.merge_fields
        if field.required and not {field.tag.casefold(), field.name.casefold()} & explicit
    ]
    if not unmapped or config.accept_missing_required:
        return []
    text = (
        f"The audience requires {', '.join(unmapped)}, and field_mapping names no column for "
        f"{'it' if len(unmapped) == 1 else 'them'}. Unless a column matches by name, new contacts are rejected; "
        "accept_missing_required takes them anyway."
    )
    return [text]


def contact_schema(calls: Calls) -> Json:
    """The JSON schema of a contact of the audience, made of its own fields and groups."""
    audience = read_audience(calls)
    properties: Json = {
        "email_address": {"type": "string", "format": "email", "title": "E-mail address"},
        "status": {
            "type": ["null", "string"],
            "enum": [None, *sorted(STATUSES)],
            "description": "Counts only if status_field names it.",
        },
        "language": {"type": ["null", "string"]},
        "vip": {"type": ["null", "boolean"]},
        "email_type": {"type": ["null", "string"], "enum": [None, "html", "text"]},
        "ip_signup": {"type": ["null", "string"]},
        "ip_opt": {"type": ["null", "string"]},
        "timestamp_signup": {"type": ["null", "string"], "format": "date-time"},
        "timestamp_opt": {"type": ["null", "string"], "format": "date-time"},
        "location": {
            "type": ["null", "object"],
            "properties": {"latitude": {"type": "number"}, "longitude": {"type": "number"}},
        },
        "tags": {"type": ["null", "array"], "items": {"type": "string"}},
        "interests": {
            "type": ["null", "object"],
            "description": "Groups by name or id, each true or false.",
            "properties": {
                interest.id: {"type": "boolean", "title": f"{interest.category}: {interest.name}"}
                for interest in audience.interests
            },
        },
    }
    if audience.marketing_permissions:
        properties["marketing_permissions"] = {
            "type": ["null", "object", "array"],
            "description": "Permissions by text or id, each true or false; or the array that the API shows.",
            "properties": {item.id: {"type": "boolean", "title": item.text} for item in audience.permissions},
            "items": {
                "type": "object",
                "properties": {"marketing_permission_id": {"type": "string"}, "enabled": {"type": "boolean"}},
            },
        }
    properties |= {field.tag: _property(field) for field in audience.merge_fields}
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "type": "object",
        "title": audience.name or audience.id,
        "required": ["email_address"],
        "properties": properties,
        "additionalProperties": True,
    }


def destination_catalog(config: Config) -> Json:
    """The answer to ``discover`` as a message: one object, contacts, matched by their address."""
    operation = {
        "object_name": "contacts",
        "sync_mode": "append_dedup",
        "json_schema": contact_schema(open_calls(config)),
        "matching_keys": [["email_address"]],
    }
    return {"type": "DESTINATION_CATALOG", "destination_catalog": {"operations": [operation]}}


def _property(field: MergeField) -> Json:
    made: Json = {"type": ["null", _TYPES.get(field.type, "string")], "title": field.name}
    if field.type == "address":
        parts = ("addr1", "addr2", "city", "state", "zip", "country")
        made["type"] = ["null", "object"]
        made["properties"] = {part: {"type": ["null", "string"]} for part in parts}
    if field.type in _FORMATS:
        made["format"] = _FORMATS[field.type]
    if field.type == "birthday":
        made["pattern"] = r"^\d\d/\d\d$"
    if field.choices:
        made["enum"] = [None, *field.choices]
    return made
