"""The commands, without Airbyte's CDK: that takes two seconds to import, and a quarter of a read's CPU."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from connector_cli import commands, messages
from connector_cli.arguments import Command
from connector_cli.catalogs import choose, did_you_mean, read_catalog
from connector_cli.deadline import TookTooLong, within
from connector_cli.files import read_object, read_states
from connector_cli.memory import prepare_for_many_records
from connector_cli.output import Output
from connector_cli.progress import Live, Progress
from mailchimp_api.access import open_access
from mailchimp_api.account import account_of, check_audiences
from mailchimp_api.client import MailchimpClient, RetryPolicy, Timeouts
from mailchimp_api.errors import ConfigError, MailchimpError
from mailchimp_api.explanations import NO_ANSWER, explain
from mailchimp_api.masking import mask
from mailchimp_api.options import option_schema
from source_mailchimp.config import Config, parse_config
from source_mailchimp.contact_fields import contact_fields_of
from source_mailchimp.contact_shape import ContactShape
from source_mailchimp.legacy_state import read_state
from source_mailchimp.messages import EventWriter, failure_of
from source_mailchimp.progress import ReadProgress
from source_mailchimp.reader.context import Selected
from source_mailchimp.reader.deletions import DELETED_AT
from source_mailchimp.reader.state import StreamState
from source_mailchimp.reader.sync import Sync
from source_mailchimp.saved_states import saved_states
from source_mailchimp.schemas import schema_of
from source_mailchimp.stream import Stream
from source_mailchimp.streams import STREAMS
from source_mailchimp.streams.contacts import LIST_MEMBERS
from source_mailchimp.version import VERSION

logger = logging.getLogger("airbyte.source_mailchimp")

Json = dict[str, Any]

_DOCS = "https://github.com/mailchimp-connectors/mailchimp-connectors/blob/main/docs/sources/mailchimp.md"
_USER_AGENT = f"airbyte-source-mailchimp/{VERSION}"
# Somebody waits in front of a screen: fail rather sooner than later.
_CHECK_SECONDS = 25.0
_CHECK_RETRIES = RetryPolicy(attempts=3, seconds=15.0, longest_wait=3.0)
_CHECK_TIMEOUTS = Timeouts(connect=5.0, read=30.0)
_REFRESH = "It may have been renamed: refresh the schema in the connection's settings, or take it out of the catalog."
_MEMBERS_NAMED = 5
_EXAMPLES = """examples:
  source-mailchimp check --config config.json
  source-mailchimp discover --config config.json > catalog.json
  source-mailchimp read --config config.json --catalog catalog.json > messages.jsonl
  source-mailchimp read --config config.json --streams lists,list_members > messages.jsonl
  source-mailchimp read --config config.json --streams lists,list_members --state messages.jsonl

config.json holds at least {"credentials": {"auth_type": "apikey", "apikey": "0123…-us10"}}; spec prints all options."""


_DELETED_AT_SCHEMA: Json = {
    "type": ["null", "string"],
    "format": "date-time",
    "airbyte_type": "timestamp_with_timezone",
    "description": "When the row was found to be gone; null while it is there. Only key and cursor are filled then.",
}


def specification() -> Json:
    """What ``spec`` says: the options, made of the ``Config`` model."""
    return {
        "connectionSpecification": option_schema(Config),
        "documentationUrl": _DOCS,
        "supported_destination_sync_modes": [],
        "supportsDBT": False,
        "supportsNormalization": False,
    }


def check(config: Mapping[str, Any]) -> str | None:
    """Prove the credentials, the host, and that the chosen audiences exist; returns what is wrong, if anything."""

    def prove() -> None:
        options = parse_config(dict(config))
        client = _client(options, retry=_CHECK_RETRIES, timeouts=_CHECK_TIMEOUTS)
        account_of(client)
        check_audiences(client, options.list_ids, field="list_ids")

    try:
        within(_CHECK_SECONDS, prove)
    except TookTooLong:
        return NO_ANSWER.format(seconds=_CHECK_SECONDS)
    except MailchimpError as error:
        return explain(error)
    return None


def discovered(config: Mapping[str, Any] | None = None, *, with_schemas: bool = True) -> list[Json]:
    """Every stream of the table, as a catalog has them: what an account lacks is simply empty.

    Asks nobody, unless ``config`` wants the merge fields of its audiences declared. Raises what ``read`` raises then.
    """
    deletions = bool((config or {}).get("report_deletions"))
    streams = [_discovered(stream, with_schema=with_schemas, deletions=deletions) for stream in STREAMS.values()]
    # A configuration that doesn't work is no reason to show no streams, unless it takes a working one to know them.
    if with_schemas and (config or {}).get("merge_fields") not in (None, "as_object"):
        options = parse_config(dict(config or {}))
        shape = _contact_shape(options, _client(options, retry=_CHECK_RETRIES))
        for told in streams:
            if shape and told["name"] == LIST_MEMBERS.name:
                told["json_schema"] = shape.schema(told["json_schema"])
    return streams


def _discovered(stream: Stream, *, with_schema: bool, deletions: bool) -> Json:
    """``deletions``: whether those are wanted, for which a stream without an incremental mode has to keep a state."""
    told: Json = {
        "name": stream.name,
        "json_schema": schema_of(stream) if with_schema else {},
        "supported_sync_modes": ["full_refresh", *(["incremental"] if stream.incremental else [])],
        "source_defined_primary_key": [[name] for name in stream.key],
        "is_resumable": True,
    }
    if deletions and stream.tells_deletions:
        told["supported_sync_modes"] = ["full_refresh", "incremental"]
        told["source_defined_cursor"] = True
        if with_schema:
            told["json_schema"]["properties"][DELETED_AT] = _DELETED_AT_SCHEMA
    if stream.incremental:
        told["source_defined_cursor"] = True
        if stream.cursor:
            told["default_cursor_field"] = [stream.cursor.field]
    return told


def read(
    config: Mapping[str, Any],
    catalog: Mapping[str, Any],
    states: Sequence[Json],
    output: Output,
    *,
    retry: RetryPolicy | None = None,
    on_end: Callable[[Callable[[], None]], None] | None = None,
    live: Live | None = None,
) -> Iterator[None]:
    """Read the streams of ``catalog`` into ``output``; yields after each step of it.

    ``states``: the ``state`` objects of the STATE messages to go on from. ``retry``: how often and how long a request
    is tried again, where ``retry_seconds`` of the configuration does not say it. ``on_end`` gets what ends the read
    early, safe to be called from any thread. Raises ConfigErrors of a configuration that can't work at once,
    SyncFailed of streams that failed when all others are done, and OutputLost.
    """
    configured = _streams_of(catalog)
    writer = EventWriter(output, {name: item["stream"].get("namespace") for name, item in configured.items()})
    options = parse_config(dict(config))
    client = _client(options, retry=None if options.retry_seconds else retry)
    selected = _selected(configured, states, deletions=options.report_deletions)
    shape = None
    if contacts := configured.get(LIST_MEMBERS.name):
        shape = _contact_shape(options, client, contacts["stream"].get("json_schema"))
        selected = [replace(item, shape=shape) if item.stream is LIST_MEMBERS else item for item in selected]
        if shape and shape.outdated:
            logger.warning("%s: the catalog has no columns for merge fields yet: refresh the schema", LIST_MEMBERS.name)
    sync = Sync(options, client, selected)
    if on_end:
        on_end(sync.stop)
    for name in configured.keys() - STREAMS.keys():
        remedy = did_you_mean(name, STREAMS) or f" {_REFRESH}"
        writer.fail(name, ConfigError(f"There is no stream {name}.{remedy}", field="catalog"))
    progress = ReadProgress(writer, client.usage)
    try:
        with Progress(progress.lines, progress.line, live=live):
            for event in sync.events():
                writer.write(event)
                del event  # likewise
                yield
        logger.info("%s", client.usage)
        if shape and shape.unknown:
            new = ", ".join(sorted(shape.unknown))
            logger.warning(
                "%s: merge fields that are new; refresh the schema to get their columns: %s", LIST_MEMBERS.name, new
            )
    finally:
        writer.abandon()  # those of a sync that was told to stop, or can't go on
    writer.raise_failures()


def _client(options: Config, *, retry: RetryPolicy | None = None, timeouts: Timeouts | None = None) -> MailchimpClient:
    access = open_access(options.access_credentials, data_center=options.data_center, api_url=options.api_url)
    if options.request_timeout:
        timeouts = Timeouts(read=options.request_timeout)
    if options.retry_seconds and retry is None:
        retry = RetryPolicy(attempts=sys.maxsize, seconds=options.retry_seconds)
    return MailchimpClient(
        access, max_connections=options.num_workers, user_agent=_USER_AGENT, retry=retry, timeouts=timeouts
    )


def _contact_shape(
    options: Config, client: MailchimpClient, declared: Mapping[str, Any] | None = None
) -> ContactShape | None:
    """What records of contacts look like by the option ``merge_fields``; None: as they come."""
    if options.merge_fields == "as_object":
        return None
    audiences = contact_fields_of(client, options.list_ids, workers=options.num_workers)
    return ContactShape(audiences, as_columns=options.merge_fields == "columns", declared=declared)


def _streams_of(catalog: Mapping[str, Any]) -> dict[str, Json]:
    """The configured streams by name. Raises ConfigError for a catalog that holds none."""
    try:
        return {item["stream"]["name"]: item for item in catalog["streams"]}
    except (KeyError, TypeError):
        raise ConfigError("The catalog holds a stream without a name.", field="catalog") from None


def _selected(configured: Mapping[str, Json], states: Sequence[Json], *, deletions: bool) -> list[Selected]:
    saved = saved_states(states, configured)
    selected = []
    for name, item in configured.items():
        stream = STREAMS.get(name)
        if stream is None:
            continue  # the caller says so
        incremental = item.get("sync_mode") == "incremental"
        raw = saved.get(name)
        rows = None
        if incremental and deletions and stream.tells_deletions:
            rows = (raw or {}).get("known") or {}
        if incremental and not stream.incremental and rows is None:
            logger.warning("%s: no incremental mode; reading in full", name)
        incremental = incremental and stream.incremental
        unreadable: list[str] = []
        cursor = stream.cursor.field if stream.cursor else None
        state = read_state(raw, cursor, unreadable.append) if raw else StreamState()
        if unreadable:
            logger.warning(
                "%s: cannot read from its saved state: %s%s. What that stands for is read again from the beginning",
                name, ", ".join(unreadable[:_MEMBERS_NAMED]), ", …" if len(unreadable) > _MEMBERS_NAMED else "",
            )  # fmt: skip
        selected.append(Selected(stream, state, full_refresh=not incremental, known=rows))
    return selected


def _run(parsed: argparse.Namespace, context: commands.Context, *, retry: RetryPolicy | None = None) -> None:
    output = context.output
    if parsed.command == "spec":
        output.emit(messages.dumps({"type": "SPEC", "spec": specification()}))
        return
    config = read_object(parsed.config, "--config")
    if parsed.command == "check":
        output.emit(messages.connection_status(check(config)))
    elif parsed.command == "discover":
        output.emit(messages.dumps({"type": "CATALOG", "catalog": {"streams": discovered(config)}}))
    else:
        prepare_for_many_records()
        streams = discovered(config, with_schemas=False)
        catalog = (
            choose(parsed.streams, streams) if parsed.streams is not None else read_catalog(parsed.catalog, streams)
        )
        states, warnings = read_states(parsed.state)
        for warning in warnings:
            logger.warning("%s", warning)
        for _ in read(config, catalog, states, output, retry=retry, on_end=context.on_end, live=context.live):
            pass


def connector(retry: RetryPolicy | None = None) -> commands.Connector:
    """The connector as a program. ``retry``: as in ``read``."""
    return commands.Connector(
        name="source-mailchimp",
        version=VERSION,
        about="Reads everything that a Mailchimp account holds, as Airbyte messages.",
        examples=_EXAMPLES,
        commands=[
            Command("spec", "print the options"),
            Command(
                "check", "check that the configuration works: prints SUCCEEDED or FAILED, exits 0", needs=("config",)
            ),
            Command("discover", "print the streams and their schemas", needs=("config",)),
            Command("read", "read streams to standard output", needs=("config", "catalog|streams"), takes=("state",)),
        ],
        run=partial(_run, retry=retry),
        failure_of=failure_of,
        mask=mask,
        long_running=frozenset({"read"}),
    )


CONNECTOR = connector()
"""The connector as a program, with the usual retries."""
