"""The configuration: one model is the source of the spec, the validation and the table in the documentation."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from destination_mailchimp.config_forms import AsWritten
from destination_mailchimp.failures import SyncFailure
from mailchimp_api.account import WHERE_IDS_ARE
from mailchimp_api.credentials import ApiKeyCredentials, OAuthCredentials
from mailchimp_api.masking import mask
from mailchimp_api.options import complaint, misspelt, unknown_options

logger = logging.getLogger("airbyte.destination_mailchimp")

_REMOVAL = re.compile(r"\s*remove\s*:", re.IGNORECASE)

NewStatus = Literal["subscribed", "pending", "unsubscribed", "transactional"]


class ApiKey(ApiKeyCredentials):
    """An API key of the Mailchimp account."""

    model_config = ConfigDict(title="API Key", hide_input_in_errors=True)

    apikey: Annotated[
        str,
        Field(
            title="Account level API Key",
            description="Mailchimp API key, such as 0123…-us10. "
            "You find or make one in Mailchimp under Account & billing → Extras → API keys.",
            json_schema_extra={"airbyte_secret": True},
        ),
    ]


class FieldMapping(BaseModel):
    """One column and where its values go."""

    model_config = ConfigDict(title="Field mapping", hide_input_in_errors=True)

    column: Annotated[str, Field(title="Column", description="The name of the column in your data.", min_length=1)]
    field: Annotated[
        str,
        Field(
            title="Mailchimp field",
            description="The merge tag (FNAME) or name of the audience's field, or one of: language, vip, location, "
            "email_type, ip_signup, ip_opt, timestamp_signup, timestamp_opt, interests, tags, marketing_permissions, "
            "sms_phone, sms_consent; or one group or marketing permission by its name. "
            "An empty text keeps the column out.",
        ),
    ]


def _option(title: str, description: str, **more: Any) -> Any:
    hidden = more.pop("hidden", False)
    extra: dict[str, Any] = {"airbyte_hidden": True} if hidden else {}
    return Field(title=title, description=description, json_schema_extra=extra, **more)


class Config(AsWritten):
    """What a user sets. Unknown keys are ignored, so that a newer configuration works with an older image."""

    model_config = ConfigDict(title="Mailchimp Destination Spec", hide_input_in_errors=True, extra="ignore")

    credentials: Annotated[
        ApiKey | OAuthCredentials,
        Field(
            title="Authentication",
            description="How the connector signs in to Mailchimp: with an API key, or through OAuth.",
            discriminator="auth_type",
        ),
    ]
    list_id: Annotated[
        str,
        _option(
            "List ID",
            "The id of the audience (list) that the contacts go into, a short code such as a1b2c3d4e5. "
            "Mailchimp shows it under Audience → Settings → Audience name and defaults.",
        ),
    ]
    tags: Annotated[
        str,
        _option(
            "Tags",
            "Tags that every synced contact gets, separated by commas. Missing ones are made; "
            "tags that a contact has already stay.",
        ),
    ] = ""
    email_field: Annotated[
        str | None,
        _option(
            "Email column",
            "The column that holds the e-mail address. Left empty, a column such as email_address, email or "
            "Email is found by its name.",
        ),
    ] = None
    field_mapping: Annotated[
        list[FieldMapping],
        _option(
            "Field mapping",
            "Which column goes into which field of the audience. Columns that are not listed are matched by "
            "name: first_name finds FNAME, phone finds PHONE, and any column finds the field of the same name.",
        ),
    ] = Field(default_factory=list)
    create_missing_merge_fields: Annotated[
        bool,
        _option("Create missing fields", "Create a merge field for each column that matches none."),
    ] = False
    nested_as_json: Annotated[
        bool,
        _option(
            "Nested values as JSON", "Write objects and arrays into text fields as JSON instead of reporting them."
        ),
    ] = False
    accept_missing_required: Annotated[
        bool,
        _option(
            "Accept contacts without required fields",
            "Add new contacts even if they lack a field that the audience requires. Off, they are rejected. "
            "Contacts that exist already are updated either way.",
        ),
    ] = False
    state_placeholder: Annotated[
        str | None,
        _option(
            "Placeholder for a missing state",
            "What to write as the state of an address that has none, such as -. It is used only if Mailchimp does not "
            "take an empty state. Left empty, such addresses are left out.",
        ),
    ] = None
    postal_code_placeholder: Annotated[
        str | None,
        _option(
            "Placeholder for a missing postal code",
            "What to write as the postal code of an address that has none, such as -. It is used only if Mailchimp "
            "does not take an empty one. Left empty, such addresses are left out.",
        ),
    ] = None
    key_field: Annotated[
        str | None,
        _option(
            "Field for the key of records",
            "The merge tag of a text or number field that keeps the primary key of each contact's record. With it, a "
            "record whose e-mail address has changed moves its contact to the new address, with the status it has, "
            "instead of adding a second contact. Left empty, a new address is a new contact.",
        ),
    ] = None
    tags_field: Annotated[
        str,
        _option(
            "Tags column",
            "The column that holds a contact's own tags: an array, or text separated by commas. "
            "remove:VIP takes the tag VIP away.",
        ),
    ] = "tags"
    replace_tags: Annotated[
        bool,
        _option(
            "Replace tags",
            "Take away the tags that a contact has in Mailchimp but not in its record. Off, tags are only added.",
        ),
    ] = False
    replace_interests: Annotated[
        bool,
        _option(
            "Replace groups",
            "Take contacts out of the groups that their record's groups column does not name. "
            "Off, they only join groups, and leave those that the column says no to.",
        ),
    ] = False
    status_for_new: Annotated[
        NewStatus | None,
        _option(
            "Status of new contacts",
            "What contacts become that are not in the audience yet. Left empty: subscribed, or pending (they get "
            "an e-mail to confirm) if the audience uses double opt-in.",
        ),
    ] = None
    status_field: Annotated[
        str | None,
        _option(
            "Status column",
            "The column that holds the subscription status (subscribed, unsubscribed, pending, cleaned or "
            "transactional). It sets the status of new contacts; of existing ones only with the next option.",
        ),
    ] = None
    update_status: Annotated[
        bool,
        _option("Update the status", "Also set the status of contacts that exist, to what the status column holds."),
    ] = False
    allow_resubscribe: Annotated[
        bool,
        _option(
            "Allow resubscribing",
            "Let the status column subscribe people again who have unsubscribed or whose address was cleaned. "
            "Only switch this on if they have asked for it: without their consent it is against the law in many "
            "countries, and against Mailchimp's terms.",
        ),
    ] = False
    archived_contacts: Annotated[
        Literal["leave", "revive", "reject"],
        _option(
            "Archived contacts",
            "What happens to records whose contact is archived: leave it archived, revive it (with the status of "
            "new contacts), or reject the record.",
        ),
    ] = "leave"
    deletes: Annotated[
        Literal["ignore", "unsubscribe", "archive"],
        _option(
            "Deleted records",
            "What happens to the contact of a record that was deleted in the source: nothing, it is unsubscribed, "
            "or it is archived.",
        ),
    ] = "ignore"
    deleted_field: Annotated[
        str | None,
        _option(
            "Deleted column",
            "A column that marks deleted records by holding true, 1, yes or a date, beside _ab_cdc_deleted_at, "
            "which is always understood.",
        ),
    ] = None
    existing_contacts: Annotated[
        Literal["update", "leave"],
        _option(
            "Existing contacts",
            "What happens to records whose contact is in the audience already: update it, or leave it as it is, so "
            "that only new contacts are added.",
        ),
    ] = "update"
    update_only: Annotated[
        bool,
        _option("Update only", "Never add a contact; records without a contact in the audience are skipped."),
    ] = False
    max_new_contacts: Annotated[
        int | None,
        _option(
            "Maximum new contacts",
            "Stop the sync before it adds more contacts than this, so that a mistake can't flood your plan's limit. "
            "Each sync counts anew.",
            ge=0,
        ),
    ] = None
    dry_run: Annotated[
        bool,
        _option(
            "Dry run",
            "Write nothing to Mailchimp: read the records, look up which contacts exist, and say in the log what "
            "would become of every record and every status. The source is not told to go on, so that the next sync "
            "brings the same records again.",
        ),
    ] = False
    dry_run_file: Annotated[
        str | None,
        _option(
            "Dry run file",
            "Where a dry run writes one JSON line for each contact that it would change: a path, or a bucket URL such "
            "as s3://bucket/dry-run.jsonl. It holds personal data. Left empty, there is only the log.",
        ),
    ] = None
    rejects_file: Annotated[
        str | None,
        _option(
            "Rejects file",
            "Where to write rejected records, one JSON line each with the reason: a path, or a bucket URL such as "
            "s3://bucket/rejects.jsonl. It holds personal data. Left empty, rejects are logged with masked addresses.",
        ),
    ] = None
    max_rejected_percent: Annotated[
        float,
        _option(
            "Maximum rejected records (%)",
            "Let the sync fail if more than this percentage of the records is rejected.",
            ge=0,
            le=100,
        ),
    ] = 100.0
    num_workers: Annotated[
        int,
        _option(
            "Number of concurrent requests",
            "How many requests may be under way at once. Mailchimp allows ten for all programs that use your account: "
            "choose fewer if others need it at the same time.",
            ge=1,
            le=10,
            hidden=True,
        ),
    ] = 10
    retry_seconds: Annotated[
        float,
        _option("Retry time (seconds)", "How many seconds a request that fails is tried again.", gt=0, hidden=True),
    ] = 600.0
    data_center: Annotated[
        str | None,
        _option("Data center", "The account's data center, such as us10. Detected automatically.", hidden=True),
    ] = None
    api_url: Annotated[
        str | None,
        _option(
            "API address", "Another address than Mailchimp's, for tests: https, or http on this machine.", hidden=True
        ),
    ] = None

    @field_validator("tags")
    @classmethod
    def _no_removal(cls, value: str) -> str:
        if any(_REMOVAL.match(name) for name in value.split(",")):
            raise ValueError(
                "“remove:” takes a tag away in the tags column of a record only; every contact gets these tags. "
                "Take it out here, or let the records' tags column say it."
            )
        return value

    @field_validator("list_id")
    @classmethod
    def _no_blanks(cls, value: str) -> str:
        if not value.strip():
            raise ValueError(f"it is empty. Fill in the id of the audience, such as a1b2c3d4e5; {WHERE_IDS_ARE}.")
        return value.strip()

    @model_validator(mode="after")
    def _agree(self) -> Config:
        if self.update_status and not self.status_field:
            raise ValueError("update_status needs status_field: name the column that holds the status.")
        if self.allow_resubscribe and not self.update_status:
            raise ValueError("allow_resubscribe does nothing without update_status: switch that on too, or this off.")
        if self.update_only and self.existing_contacts == "leave":
            raise ValueError("update_only adds nobody, existing_contacts: leave updates nobody: set only one of them.")
        if self.dry_run_file and not self.dry_run:
            raise ValueError("dry_run_file does nothing without dry_run: switch that on too, or leave this empty.")
        return self

    @property
    def placeholders(self) -> dict[str, str | None]:
        """What stands for the parts of an address that are empty."""
        return {"state": self.state_placeholder, "zip": self.postal_code_placeholder}

    @property
    def tag_names(self) -> list[str]:
        """The configured tags, each once, compared without case."""
        names = [name.strip() for name in self.tags.split(",") if name.strip()]
        return list({name.casefold(): name for name in reversed(names)}.values())[::-1]


def read_config(values: Any) -> Config:
    """Validate a configuration, decoded and of any shape; warns of options that do not exist.

    Raises SyncFailure if it is not valid. The message names the options and what is wrong with them, never
    their values.
    """
    try:
        config = Config.model_validate(values)
    except ValidationError as error:
        mistakes = "; ".join(
            _mistake(mistake, values) for mistake in error.errors(include_url=False, include_input=False)
        )
        raise SyncFailure(f"The configuration is not valid. {mask(mistakes)}") from None
    for sentence in unknown_options(Config, {key: value for key, value in values.items() if key != "apikey"}):
        logger.warning("%s", sentence)
    return config


def _mistake(mistake: Mapping[str, Any], values: Any) -> str:
    """The field and what it should be. Below ``credentials`` comes the name of their kind, which is no field."""
    path = [str(part) for part in mistake["loc"]]
    if path[:1] != ["credentials"] or len(path) <= 2:  # noqa: PLR2004 - credentials, kind, field
        return f"{'.'.join(path) or 'configuration'}: {complaint(mistake)}"
    meant = misspelt(path[2], values["credentials"]) if mistake["type"] == "missing" else ""
    return f"{'.'.join([path[0], *path[2:]])}: {complaint(mistake)}{meant}"
