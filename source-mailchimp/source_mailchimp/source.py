"""The Airbyte source: ``spec``, ``check``, ``discover`` and ``read``."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator, Mapping
from typing import Any

from airbyte_cdk.models import (
    AirbyteCatalog,
    AirbyteConnectionStatus,
    AirbyteMessage,
    AirbyteStateMessage,
    AirbyteStream,
    ConfiguredAirbyteCatalog,
    ConnectorSpecification,
    Status,
    SyncMode,
)
from airbyte_cdk.sources import Source

from mailchimp_api.access import open_access
from mailchimp_api.account import account_of, check_audiences
from mailchimp_api.client import MailchimpClient, RetryPolicy, Timeouts
from mailchimp_api.errors import ConfigError, MailchimpError
from mailchimp_api.options import option_schema
from source_mailchimp import __version__
from source_mailchimp.config import Config, parse_config
from source_mailchimp.legacy_state import read_state
from source_mailchimp.messages import MessageMaker, SyncFailed, traced
from source_mailchimp.reader.context import Selected
from source_mailchimp.reader.state import StreamState
from source_mailchimp.reader.sync import Sync
from source_mailchimp.schemas import schema_of
from source_mailchimp.state_file import read_state_file
from source_mailchimp.streams import STREAMS

_DOCS = "https://docs.airbyte.com/integrations/sources/mailchimp"
_USER_AGENT = f"airbyte-source-mailchimp/{__version__}"
# Somebody waits in front of a screen: fail rather sooner than later.
_CHECK_RETRIES = RetryPolicy(attempts=3, seconds=30.0, longest_wait=5.0)
_REFRESH = "It may have been renamed: refresh the schema in the connection's settings, or take it out of the catalog."
_CHECK_TIMEOUTS = Timeouts(read=30.0)


class SourceMailchimp(Source):
    """Reads everything a Mailchimp account holds."""

    # The CDK's own check would print the values it complains about; ``parse_config`` doesn't.
    check_config_against_spec = False

    def __init__(self) -> None:
        super().__init__()
        self._sync: Sync | None = None

    def spec(self, logger: logging.Logger) -> ConnectorSpecification:  # noqa: ARG002 - the CDK's signature
        """The options, made of the ``Config`` model."""
        return ConnectorSpecification(
            documentationUrl=_DOCS,
            connectionSpecification=option_schema(Config),
            supported_destination_sync_modes=[],
        )

    @classmethod
    def read_state(cls, state_path: str | None) -> list[AirbyteStateMessage]:
        """The states in the file; none without one. Raises AirbyteTracedException for a file that holds none."""
        try:
            return read_state_file(state_path) if state_path else []
        except ConfigError as error:
            raise traced(error) from None

    def check(self, logger: logging.Logger, config: Mapping[str, Any]) -> AirbyteConnectionStatus:  # noqa: ARG002
        """Prove the credentials, the host, and that the chosen audiences exist."""
        try:
            options = parse_config(dict(config))
            client = _client(options, retry=_CHECK_RETRIES, timeouts=_CHECK_TIMEOUTS)
            account_of(client)
            check_audiences(client, options.list_ids, field="list_ids")
        except MailchimpError as error:
            return AirbyteConnectionStatus(status=Status.FAILED, message=str(error))
        return AirbyteConnectionStatus(status=Status.SUCCEEDED)

    def discover(self, logger: logging.Logger, config: Mapping[str, Any]) -> AirbyteCatalog:  # noqa: ARG002
        """Every stream of the table. Asks nobody: what an account lacks is simply empty."""
        return AirbyteCatalog(
            streams=[
                AirbyteStream(
                    name=stream.name,
                    json_schema=schema_of(stream),
                    supported_sync_modes=[
                        SyncMode.full_refresh,
                        *([SyncMode.incremental] if stream.incremental else []),
                    ],
                    source_defined_cursor=True if stream.incremental else None,
                    default_cursor_field=[stream.cursor.field] if stream.incremental and stream.cursor else None,
                    source_defined_primary_key=[[name] for name in stream.key],
                    is_resumable=True,
                )
                for stream in STREAMS.values()
            ]
        )

    def read(
        self,
        logger: logging.Logger,
        config: Mapping[str, Any],
        catalog: ConfiguredAirbyteCatalog,
        state: list[AirbyteStateMessage] | None = None,
    ) -> Iterator[AirbyteMessage]:
        """Read the streams of ``catalog``; raise at the end if any of them is not complete.

        Raises AirbyteTracedException: of a configuration that can't work at once, of streams that failed when
        all others are done.
        """
        messages = MessageMaker({item.stream.name: item.stream.namespace for item in catalog.streams})
        try:
            options = parse_config(dict(config))
            client = _client(options)
            self._sync = Sync(options, client, _selected(catalog, state or [], logger))
            for name in _unknown(catalog):
                yield from messages.failure(
                    name, ConfigError(f"There is no stream {name}. {_REFRESH}", field="catalog")
                )
            for event in self._sync.events():
                yield from messages.of(event)
            logger.info("%s", client.usage)
            yield from messages.abandon()  # of a sync that was told to stop
            messages.raise_failures()
        except SyncFailed:
            raise
        except MailchimpError as error:
            yield from messages.abandon()
            raise traced(error) from None

    def stop(self) -> None:
        """End a ``read`` under way within moments, as after SIGTERM."""
        if self._sync:
            self._sync.stop()


def _client(options: Config, *, retry: RetryPolicy | None = None, timeouts: Timeouts | None = None) -> MailchimpClient:
    access = open_access(options.access_credentials, data_center=options.data_center, api_url=options.api_url)
    if options.request_timeout:
        timeouts = Timeouts(read=options.request_timeout)
    if options.retry_seconds and retry is None:
        retry = RetryPolicy(attempts=sys.maxsize, seconds=options.retry_seconds)
    return MailchimpClient(
        access, max_connections=options.num_workers, user_agent=_USER_AGENT, retry=retry, timeouts=timeouts
    )


def _unknown(catalog: ConfiguredAirbyteCatalog) -> list[str]:
    """The streams of ``catalog`` that the connector does not have: nobody must take them for read."""
    return [item.stream.name for item in catalog.streams if item.stream.name not in STREAMS]


def _selected(
    catalog: ConfiguredAirbyteCatalog, state: list[AirbyteStateMessage], logger: logging.Logger
) -> list[Selected]:
    states = {
        item.stream.stream_descriptor.name: item.stream.stream_state
        for item in state
        if item.stream and item.stream.stream_state
    }
    selected = []
    for configured in catalog.streams:
        stream = STREAMS.get(configured.stream.name)
        if stream is None:
            continue  # see _unknown
        incremental = configured.sync_mode == SyncMode.incremental
        if incremental and not stream.incremental:
            logger.warning("%s: what changed can't be seen, so it is read whole with every sync", stream.name)
            incremental = False
        raw = states.get(stream.name)
        known = read_state(dict(vars(raw)), stream.cursor.field if stream.cursor else None) if raw else StreamState()
        selected.append(Selected(stream, known, full_refresh=not incremental))
    return selected
