"""The columns that options name: one that a stream does not have is a mistake, and may cost somebody's consent."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from destination_mailchimp.config import Config
from destination_mailchimp.failures import SyncFailure
from destination_mailchimp.mapping.addresses import plain

logger = logging.getLogger("airbyte.destination_mailchimp")

_CDC_DELETED = "_ab_cdc_deleted_at"
_CONSENT_TARGETS = frozenset({"smsphone", "smsconsent", "marketingpermissions"})
_SHOWN = 20


@dataclass(frozen=True)
class NamedByOption:
    """A column that ``option`` names. ``consent``: it tells who may be written to.

    ``keeps_out``: it is named so that it goes nowhere, which a stream without it fulfils.
    """

    option: str
    column: str
    consent: bool = False
    keeps_out: bool = False


def named_by_options(config: Config) -> list[NamedByOption]:
    """The columns that options name, but for that of the address, which each stream must have."""
    named = []
    if config.status_field:
        named.append(NamedByOption("status_field", config.status_field, consent=True))
    # That of change data capture is understood in any case, and is there only where that is used.
    if config.deleted_field and plain(config.deleted_field) != plain(_CDC_DELETED):
        named.append(NamedByOption("deleted_field", config.deleted_field, consent=True))
    # Forms send the default along.
    if config.tags_field.strip() and plain(config.tags_field) != plain(Config.model_fields["tags_field"].default):
        named.append(NamedByOption("tags_field", config.tags_field))
    for entry in config.field_mapping:
        target = entry.field.strip()
        named.append(
            NamedByOption(
                "field_mapping", entry.column, consent=plain(target) in _CONSENT_TARGETS, keeps_out=not target
            )
        )
    return named


def has_column(columns: Collection[str], wanted: str) -> bool:
    """Whether a column is there, without regard to case, blanks, dashes and underscores."""
    return wanted in columns or plain(wanted) in {plain(column) for column in columns}


def to_be_shown(config: Config, streams: dict[str, Collection[str]]) -> dict[str, list[NamedByOption]]:
    """Look for the named columns in those that the catalog lists for each stream (none: only its records show them).

    Returns for each stream without listed columns what its first record must show. Raises SyncFailure where a column
    is in no stream, or where the status of a stream's people would be taken for granted; warns of what else is missing.
    """
    listed = {name: columns for name, columns in streams.items() if columns}
    unlisted = [name for name in streams if name not in listed]
    sought: dict[str, list[NamedByOption]] = {name: [] for name in unlisted}
    for named in named_by_options(config):
        without = [name for name, columns in listed.items() if not has_column(columns, named.column)]
        found = len(without) < len(listed)
        if without and not found and not unlisted:
            if not named.keeps_out:
                raise SyncFailure(missing(without[0], named, listed[without[0]]))
            logger.warning("%s", missing(without[0], named, listed[without[0]]))
            continue
        for name in without:
            _passed_over(name, named, listed[name], config)
        for name in unlisted:
            if not found or (named.option == "status_field" and not _status_is_told(config)):
                sought[name].append(named)
    return sought


def missing(stream: str, named: NamedByOption, columns: Iterable[str], where: str = "It has") -> str:
    """The sentence for a stream that lacks a named column, with those that it has."""
    return f"The stream {stream} has no column {named.column!r}, which {named.option} names. {where}: {some(columns)}."


def some(columns: Iterable[str]) -> str:
    """The names of columns for a sentence, not too many of them."""
    names = sorted(columns)
    return ", ".join(names[:_SHOWN]) + (", …" if len(names) > _SHOWN else "")


def _passed_over(stream: str, named: NamedByOption, columns: Collection[str], config: Config) -> None:
    """A stream lacks a column that another one has, or may have."""
    text = missing(stream, named, columns)
    if named.option == "status_field":
        if not _status_is_told(config):
            raise SyncFailure(
                f"{text} Its people would be added whatever their status is. Add the column, make a connection of its "
                "own for the stream, or say in status_for_new what its new contacts become."
            )
        logger.warning("%s Its new contacts get the status that status_for_new says.", text)
    elif named.option == "deleted_field":
        if not has_column(columns, _CDC_DELETED):
            logger.warning("%s None of its records counts as deleted.", text)
    else:
        logger.info("%s Another stream has, or may have it.", text)


def _status_is_told(config: Config) -> bool:
    """Whether the user has said what becomes of people whose record holds no status."""
    return config.status_for_new is not None or config.update_only
