"""Reads the configured catalog, and refuses in words what can't be synced before anything is written."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from destination_mailchimp.config import Config
from destination_mailchimp.failures import SyncFailure
from destination_mailchimp.mapping.addresses import email_column
from destination_mailchimp.mapping.named_columns import NamedByOption, has_column, some, to_be_shown

Json = dict[str, Any]


@dataclass
class ConfiguredStream:
    """One stream to be written. ``columns`` are the schema's properties; empty if it has none.

    ``sought``: columns that options name and, as the schema lists none, the first record must show.
    """

    name: str
    namespace: str | None
    primary_key: list[list[str]]
    cursor: list[str]
    columns: dict[str, Json] = field(default_factory=dict)
    generations: bool = False
    sought: list[NamedByOption] = field(default_factory=list)

    @property
    def label(self) -> str:
        """The stream as a person knows it."""
        return f"{self.namespace}.{self.name}" if self.namespace else self.name


def read_catalog(catalog: Any, config: Config) -> list[ConfiguredStream]:
    """The streams of a decoded configured catalog. Raises SyncFailure for the first that can't be written.

    Their sync mode has been looked at before (``clear.asks_to_clear``).

    One whose schema lists no columns is taken: its column of the address is looked for in the records.
    """
    streams = catalog.get("streams") if isinstance(catalog, dict) else None
    if not isinstance(streams, list):
        raise SyncFailure("The catalog holds no list of streams.", "system_error")
    read = [_read(item, config) for item in streams]
    if len({(stream.namespace, stream.name) for stream in read}) < len(read):
        raise SyncFailure("The catalog names a stream twice.", "system_error")
    sought = to_be_shown(config, {stream.label: stream.columns for stream in read})
    for stream in read:
        stream.sought = sought.get(stream.label, [])
    return read


def _read(item: Any, config: Config) -> ConfiguredStream:
    try:
        stream = item["stream"]
        name = str(stream["name"])
    except (TypeError, KeyError):
        raise SyncFailure("The catalog has a stream without a name.", "system_error") from None
    key = item.get("primary_key") or stream.get("source_defined_primary_key") or []
    if not key:
        raise SyncFailure(
            f"The stream {name} has no primary key. Choose one, so that its records can be told apart; "
            "the column of the e-mail address will do."
        )
    schema = stream.get("json_schema")
    columns = schema.get("properties") if isinstance(schema, dict) else None
    columns = columns if isinstance(columns, dict) else {}
    _check_address(name, columns, config)
    cursor = item.get("cursor_field") or stream.get("default_cursor_field") or []
    return ConfiguredStream(
        name=name,
        namespace=stream.get("namespace") or None,
        primary_key=[part if isinstance(part, list) else [str(part)] for part in key],
        cursor=[str(part) for part in cursor],
        columns={str(column): kind if isinstance(kind, dict) else {} for column, kind in columns.items()},
        generations=bool(item.get("minimum_generation_id")),
    )


def _check_address(name: str, columns: dict[str, Json], config: Config) -> None:
    # Where the schema lists no columns, as that of a stream without a fixed one, only the records show them.
    if not columns:
        return
    if config.email_field:
        if not has_column(columns, config.email_field):
            raise SyncFailure(
                f"The stream {name} has no column {config.email_field!r}, which email_field names. "
                f"It has: {some(columns)}."
            )
    elif email_column(columns) is None:
        raise SyncFailure(
            f"No column of the stream {name} looks like an e-mail address. Name it in the option email_field. "
            f"The stream has: {some(columns)}."
        )
