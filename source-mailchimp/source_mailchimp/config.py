"""The configuration: one model is the source of the spec, of the validation and of the table in the docs."""

from __future__ import annotations

import logging
import re
from datetime import datetime, timedelta, timezone
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from mailchimp_api.credentials import ApiKeyCredentials, Credentials, OAuthCredentials
from mailchimp_api.errors import ConfigError
from mailchimp_api.options import complaint, misspelt, unknown_options
from source_mailchimp.dates import parse_date

logger = logging.getLogger("airbyte.source_mailchimp")

# Mailchimp was founded in 2001. An older date means "everything", and as a filter it is a risk: since=1970 hung once.
_FIRST_DATE = datetime(2001, 1, 1, tzinfo=timezone.utc)
_ANCIENT = re.compile(r"0\d{3}-\d\d-\d\d(?:$|[T ])", re.ASCII)
"""Some programs write the first date they know, 0001-01-01, for "everything"."""


MIN_PAGE_SIZE = 2
"""Each page begins with the last row of the page before it. Saved configurations may have 1."""
MAX_PAGE_SIZE = 1000
"""More is answered with 1000 rows (seen on the real API)."""


class Config(BaseModel):
    """What a user types. Airbyte's own connector has the first five fields under the same names."""

    model_config = ConfigDict(extra="allow", hide_input_in_errors=True, title="Mailchimp Spec")

    credentials: Annotated[
        Credentials | None,
        Field(
            title="Authentication",
            description="How the connector signs in to Mailchimp: with an API key, or through OAuth.",
            discriminator="auth_type",
        ),
    ] = None
    start_date: Annotated[
        str | None,
        Field(
            title="Start Date",
            description="Leave out what is older than this date (UTC), such as 2020-01-01T00:00:00.000Z. "
            "Audiences and campaigns themselves are always read, however old they are. Empty: read everything.",
            examples=["2020-01-01T00:00:00.000Z"],
            json_schema_extra={"format": "date-time"},
        ),
    ] = None
    num_workers: Annotated[
        int,
        Field(
            ge=2,
            le=10,
            title="Number of concurrent requests",
            description="How many requests may be under way at once. Mailchimp allows ten for all programs that use "
            "your account: choose fewer if others need it at the same time.",
        ),
    ] = 8
    list_ids: Annotated[
        list[str],
        Field(
            title="Audience IDs",
            description="Read only these audiences (lists), and only what belongs to them. Empty: all of them. "
            "Mailchimp shows the id under Audience → Settings → Audience name and defaults.",
        ),
    ] = []
    include_archived: Annotated[
        bool,
        Field(
            title="Include archived contacts",
            description="Mailchimp hides archived contacts from its plain listing; this reads them as well.",
        ),
    ] = True
    activity_lookback_days: Annotated[
        int,
        Field(
            ge=0,
            le=365,
            title="Activity look-back (days)",
            description="How many days after a campaign was sent every sync asks for its activity. "
            "Later the connector asks again when its report shows something new, "
            "and a few times in the week after that.",
        ),
    ] = 5
    refresh_window_days: Annotated[
        int,
        Field(
            ge=0,
            le=3650,
            title="Refresh window (days)",
            description="Campaigns, reports and the like carry no date of their last change: those made or sent within "
            "this many days are read again with every sync.",
        ),
    ] = 30
    page_size: Annotated[
        int,
        Field(
            ge=1,
            le=MAX_PAGE_SIZE,
            title="Page size",
            description="Rows per request, 2 to 1000; 1 counts as 2, as each page repeats the last row of the page "
            "before it. Smaller pages help where Mailchimp is too slow with big ones; the connector asks for smaller "
            "ones itself when they time out.",
        ),
    ] = MAX_PAGE_SIZE
    report_deletions: Annotated[
        bool,
        Field(
            title="Report deletions",
            description="Small streams that are read incrementally tell what was deleted: a record with the key and "
            "the date in _ab_cdc_deleted_at, by which destinations delete the row or mark it. Their keys are kept in "
            "the state. After a change, refresh the schema.",
        ),
    ] = False
    merge_fields: Annotated[
        Literal["as_object", "typed", "columns"],
        Field(
            title="Merge fields",
            description="What list_members makes of merge fields and interests. as_object: objects, values as "
            "Mailchimp sends them. typed: the same objects, with names and types that discover asks the audiences for. "
            "columns: a column for each, merge_FNAME and the like. After a change, refresh the schema.",
        ),
    ] = "as_object"
    apikey: Annotated[
        str | None,
        Field(
            title="API Key",
            description="The API key of very old configurations; use Authentication instead.",
            json_schema_extra={"airbyte_secret": True, "airbyte_hidden": True},
        ),
    ] = None
    data_center: Annotated[
        str | None,
        Field(
            title="Data center",
            description="The account's data center, such as us10. Detected automatically.",
            json_schema_extra={"airbyte_hidden": True},
        ),
    ] = None
    api_url: Annotated[
        str | None,
        Field(
            title="API address",
            description="Another address than Mailchimp's, for tests: https, or http on this machine.",
            json_schema_extra={"airbyte_hidden": True},
        ),
    ] = None
    request_timeout: Annotated[
        float | None,
        Field(
            gt=0,
            title="Request time-out (seconds)",
            description="How many seconds to wait for an answer before it is asked for in smaller pages.",
            json_schema_extra={"airbyte_hidden": True},
        ),
    ] = None
    retry_seconds: Annotated[
        float | None,
        Field(
            gt=0,
            title="Retry time (seconds)",
            description="How many seconds a request that fails is tried again.",
            json_schema_extra={"airbyte_hidden": True},
        ),
    ] = None

    @field_validator("list_ids", mode="before")
    @classmethod
    def _names_in_a_text(cls, value: Any) -> Any:
        """By hand people type one id, or several with commas."""
        return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value

    @field_validator("start_date")
    @classmethod
    def _is_a_date(cls, value: str | None) -> str | None:
        if value and not _ANCIENT.match(value) and parse_date(value) is None:
            raise ValueError("must be a date such as 2020-01-01T00:00:00Z")
        return value or None

    @property
    def start(self) -> datetime | None:
        """``start_date`` as a moment; None where it leaves nothing out, as it lies before all that Mailchimp has."""
        start = parse_date(self.start_date)
        return start if start and start >= _FIRST_DATE else None

    @property
    def access_credentials(self) -> ApiKeyCredentials | OAuthCredentials:
        """The credentials, wherever they stand. Raises ConfigError where there are none."""
        if self.credentials:
            return self.credentials
        if self.apikey:
            return ApiKeyCredentials(apikey=self.apikey)
        raise ConfigError(
            "Credentials are missing: fill in Authentication with an API key or an access token.", field="credentials"
        )


def parse_config(raw: dict[str, Any]) -> Config:
    """Validate ``raw``; warns of options that do not exist.

    Raises ConfigError that names the field and what it should be, never its value.
    """
    # Old configurations carry nulls for what was left empty, and credentials without a type.
    given = {key: value for key, value in raw.items() if value is not None}
    credentials = given.get("credentials")
    if isinstance(credentials, dict) and "auth_type" not in credentials:
        is_key = "apikey" in credentials or misspelt("apikey", credentials)
        given["credentials"] = {"auth_type": "apikey" if is_key else "oauth2.0", **credentials}
    try:
        config = Config.model_validate(given)
    except ValidationError as error:
        field, problem = _complaint(error)
        section, _, name = field.partition(".")
        if section == "credentials" and name and (meant := misspelt(name, given["credentials"])):
            raise ConfigError(f"Invalid configuration: {field}: {problem}{meant}", field=field) from None
        raise ConfigError(f"Invalid configuration: {field}: {problem}.", field=field) from None
    _ = config.access_credentials
    for sentence in unknown_options(Config, raw):
        logger.warning("%s", sentence)
    if config.start and config.start > datetime.now(timezone.utc) + timedelta(days=1):
        logger.warning("start_date lies in the future, so nothing that has a date is read: %s", config.start_date)
    if config.page_size < MIN_PAGE_SIZE:
        logger.warning("page_size: %d counts as %d, the smallest page there is", config.page_size, MIN_PAGE_SIZE)
    return config


def _complaint(error: ValidationError) -> tuple[str, str]:
    """The field of the first error, and what it should be."""
    first = error.errors(include_url=False, include_input=False)[0]
    if first["type"] == "union_tag_invalid":
        return "credentials.auth_type", "must be apikey or oauth2.0"
    # Below credentials comes the name of their kind, which is no field.
    path = [part for index, part in enumerate(first["loc"]) if index != 1 or first["loc"][0] != "credentials"]
    return ".".join(str(part) for part in path), complaint(first)
