"""The forms in which people and tools write a configuration, brought into the one that the options have."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, field_validator, model_validator

from mailchimp_api.options import misspelt

_MAPPING_FORMS = (
    'must be a list such as [{"column": "firstname", "field": "FNAME"}], an object such as {"firstname": "FNAME"}, '
    "or a text such as firstname=FNAME, lastname=LNAME"
)


class AsWritten(BaseModel):
    """What the model of the options takes beside the types of its fields; it has no fields of its own."""

    @model_validator(mode="before")
    @classmethod
    def _old_key(cls, values: Any) -> Any:
        """Also take a key at the top level, as the oldest configurations of the source have it."""
        if isinstance(values, dict) and "credentials" not in values and "apikey" in values:
            return {**values, "credentials": {"auth_type": "apikey", "apikey": values["apikey"]}}
        return values

    @model_validator(mode="before")
    @classmethod
    def _null_is_unset(cls, values: Any) -> Any:
        """Tools that fill in templates write null for what is not set; in the credentials, too. Runs first."""
        if not isinstance(values, dict):
            return values
        given = {name: value for name, value in values.items() if value is not None}
        if isinstance(credentials := given.get("credentials"), dict):
            given["credentials"] = {name: value for name, value in credentials.items() if value is not None}
            if "auth_type" not in credentials and ("apikey" in credentials or misspelt("apikey", credentials)):
                given["credentials"]["auth_type"] = "apikey"
        return given

    @field_validator(
        "email_field",
        "status_field",
        "deleted_field",
        "rejects_file",
        "key_field",
        "dry_run_file",
        "state_placeholder",
        "postal_code_placeholder",
        "api_url",
        "data_center",
        check_fields=False,
    )
    @classmethod
    def _empty_is_unset(cls, value: str | None) -> str | None:
        """Airbyte's form sends an empty text for an option that was cleared."""
        return value.strip() or None if value else None

    @field_validator("tags", mode="before", check_fields=False)
    @classmethod
    def _tags_in_a_list(cls, value: Any) -> Any:
        """By hand people type a list as well."""
        return ", ".join(value) if isinstance(value, list) and all(isinstance(tag, str) for tag in value) else value

    @field_validator("field_mapping", mode="before", check_fields=False)
    @classmethod
    def _mapping_in_short(cls, value: Any) -> Any:
        """By hand people type an object, {"firstname": "FNAME"}, or a text, firstname=FNAME, lastname=LNAME."""
        if isinstance(value, str):
            pairs = [part.partition("=") for part in value.split(",") if part.strip()]
            if not all(equals and column.strip() for column, equals, _ in pairs):
                raise ValueError(_MAPPING_FORMS)
            value = {column.strip(): field.strip() for column, _, field in pairs}
        if isinstance(value, dict):
            value = [{"column": column, "field": "" if field is None else field} for column, field in value.items()]
        if not isinstance(value, list) or not all(map(_is_mapping_entry, value)):
            raise ValueError(_MAPPING_FORMS)
        return value


def _is_mapping_entry(entry: Any) -> bool:
    """Whether it names a column and a field; models come from programs."""
    if isinstance(entry, BaseModel):
        return True
    return isinstance(entry, dict) and all(isinstance(entry.get(name), str) for name in ("column", "field"))
