"""The shell that Airbyte's kit knows: a ``Destination`` with a ``discover`` command beside the usual three."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Iterable, Mapping
from io import BytesIO
from typing import Any

import orjson
from airbyte_cdk.destinations import Destination
from airbyte_cdk.models import (
    AirbyteConnectionStatus,
    AirbyteMessage,
    AirbyteMessageSerializer,
    ConfiguredAirbyteCatalog,
    ConfiguredAirbyteCatalogSerializer,
    ConnectorSpecification,
    DestinationSyncMode,
    Status,
)

from destination_mailchimp import run
from destination_mailchimp.checks import check, destination_catalog
from destination_mailchimp.config import Config, read_config
from destination_mailchimp.failures import SyncFailure, failure_of
from destination_mailchimp.output import Output
from destination_mailchimp.sync import run_sync
from mailchimp_api.errors import MailchimpError
from mailchimp_api.options import option_schema

_DOCUMENTATION = "https://docs.airbyte.com/integrations/destinations/mailchimp"


class DestinationMailchimp(Destination):
    """Writes contacts into a Mailchimp audience."""

    VALID_CMDS = {*Destination.VALID_CMDS, "discover"}  # noqa: RUF012 - as its base has it

    def spec(self, logger: logging.Logger) -> ConnectorSpecification:  # noqa: ARG002 - the kit's interface
        """The options, and that contacts are upserted."""
        return ConnectorSpecification(
            documentationUrl=_DOCUMENTATION,
            supportsIncremental=True,
            supported_destination_sync_modes=[DestinationSyncMode.append_dedup],
            connectionSpecification=option_schema(Config),
        )

    def check(self, logger: logging.Logger, config: Mapping[str, Any]) -> AirbyteConnectionStatus:  # noqa: ARG002
        """Whether the configuration works; the message says what to do if it doesn't."""
        try:
            warnings = check(read_config(config))
        except (MailchimpError, SyncFailure) as error:
            return AirbyteConnectionStatus(status=Status.FAILED, message=failure_of(error).message)
        return AirbyteConnectionStatus(status=Status.SUCCEEDED, message=" ".join(warnings) or None)

    def discover(self, config: Mapping[str, Any]) -> dict[str, Any]:
        """The DESTINATION_CATALOG message: what a contact of this audience looks like."""
        return destination_catalog(read_config(config))

    def write(
        self,
        config: Mapping[str, Any],
        configured_catalog: ConfiguredAirbyteCatalog,
        input_messages: Iterable[AirbyteMessage],
    ) -> Iterable[AirbyteMessage]:
        """For callers in the same process. The command line does not come this way: see ``run``."""
        produced = BytesIO()
        source = (([orjson.dumps(AirbyteMessageSerializer.dump(message))], True) for message in input_messages)
        catalog = orjson.loads(orjson.dumps(ConfiguredAirbyteCatalogSerializer.dump(configured_catalog)))
        failed = run_sync(read_config(config), catalog, source, Output(produced))
        for line in produced.getvalue().splitlines():
            yield AirbyteMessageSerializer.load(orjson.loads(line))
        if failed:
            raise SyncFailure("The sync failed; the trace before this says why.", "system_error")

    def parse_args(self, args: list[str]) -> argparse.Namespace:
        """As the kit does, with ``discover``."""
        return run.parse_args(args)

    def run(self, args: list[str]) -> None:
        """Carry out a command line; ends the process with its exit code."""
        sys.exit(run.run(args))
